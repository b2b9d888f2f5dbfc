/** Splines whose pieces are ratios of linear functions: smooth, monotone, and inverted in closed form without a root. */
import {
  type ArrayInput,
  type NdArray,
  add,
  div,
  lessEqual,
  log,
  mul,
  sigmoid,
  sqrt,
  square,
  sub,
  where,
} from "@provably/core-tensor";
import { asArray } from "../internal/arrays.js";
import {
  type SplineOptions,
  UNIT_SLOPE,
  checkSpline,
  locate,
  pick,
  pieces,
  withTails,
} from "./bins.js";
import { type FlowValue, type ScalarFlow, checkRaw } from "./family.js";

/**
 * Monotone rational-linear splines on $[-B, B]$, the identity outside.
 *
 * In a bin with corners $(x_k, y_k)$ and $(x_{k+1}, y_{k+1})$, weights $w_a = 1$, $w_b = \sqrt{d_k / d_{k+1}}$ and a middle point at the share $\lambda$
 * of the bin's width, with $t = (x - x_k)/(x_{k+1} - x_k)$,
 *
 * $$y = \frac{y_k(\lambda - t) + w_c\, y_c\, t}{(\lambda - t) + w_c\, t} \quad (t \le \lambda), \qquad
 *   y = \frac{w_c\, y_c (1 - t) + w_b\, y_{k+1} (t - \lambda)}{w_c (1 - t) + w_b (t - \lambda)} \quad (t > \lambda).$$
 *
 * Raw numbers of one map, in this order: $K$ widths, $K$ heights, $K - 1$ slopes at the inner knots, $K$ middle points. Slopes at the ends are 1, so the
 * whole line is mapped with a continuous derivative.
 *
 * @param options - see {@link SplineOptions}
 * @returns a {@link ScalarFlow} with $4K - 1$ parameters
 * @throws `DomainError` when `bins` or `bound` is out of range
 * @throws `ShapeError` when applied to raw numbers of another shape
 * @example
 * ```ts
 * import { array, item } from "@provably/core-tensor";
 * import { rationalLinearSpline } from "@provably/causal-latent/matte";
 *
 * const spline = rationalLinearSpline({ bins: 4 });
 * item(spline.forward(array(1.5), array(spline.neutral)).value).toFixed(2); // => "1.50"
 * ```
 * @see Dolatabadi, Erfani, Leckie (2020), "Invertible generative modeling using linear rational splines", Algorithm 1
 * @category Flows
 */
export function rationalLinearSpline(options: SplineOptions = {}): ScalarFlow {
  const sizes = checkSpline("rationalLinearSpline", options);
  const { bins, bound } = sizes;
  const numParams = 4 * bins - 1;
  const neutral = Array.from({ length: numParams }, (_, i) =>
    i >= 2 * bins && i < 3 * bins - 1 ? UNIT_SLOPE : 0,
  );

  const apply = (input: ArrayInput, rawInput: ArrayInput, along: "x" | "y"): FlowValue => {
    const at = asArray(input);
    const raw = asArray(rawInput);
    checkRaw("rationalLinearSpline", at, raw, numParams);
    const [widths, heights, slopes, middles] = pieces(raw, [bins, bins, bins - 1, bins]);
    return withTails(at, bound, (x) => {
      const bin = locate(x, { widths: widths!, heights: heights!, slopes: slopes! }, sizes, along);
      const { x0, width, y0, y1, d0, d1 } = bin;
      const share = add(0.025, mul(0.95, sigmoid(pick(middles!, bin.index)))); // λ
      const rest = sub(1, share);
      const steepness = div(sub(y1, y0), width); // δ
      const wb = sqrt(div(d0, d1));
      const wc = div(add(mul(share, d0), mul(mul(rest, wb), d1)), steepness);
      const sb = mul(share, wb);
      const yc = div(add(mul(rest, y0), mul(sb, y1)), add(rest, sb));
      const gain = (first: NdArray): NdArray =>
        mul(wc, where(first, mul(share, sub(yc, y0)), mul(mul(wb, rest), sub(y1, yc))));
      if (along === "x") {
        const t = div(sub(x, x0), width);
        const first = lessEqual(t, share);
        const [p, q] = [sub(share, t), mul(wc, t)];
        const [r, s] = [mul(wc, sub(1, t)), mul(wb, sub(t, share))];
        const below = where(first, add(p, q), add(r, s));
        const above = where(first, add(mul(y0, p), mul(yc, q)), add(mul(yc, r), mul(y1, s)));
        return {
          value: div(above, below),
          logDet: sub(log(div(gain(first), width)), mul(2, log(below))),
        };
      }
      const first = lessEqual(x, yc);
      // t = above / below on either side of the middle point, with differences taken first so that nothing cancels near the knots
      const [rise, fall, middle] = [sub(x, y0), sub(y1, x), mul(wc, sub(yc, x))];
      const below = where(first, add(rise, middle), sub(mul(wb, fall), middle));
      const above = where(first, mul(share, rise), sub(mul(sb, fall), middle));
      return {
        value: add(x0, mul(width, div(above, below))),
        logDet: log(div(mul(gain(first), width), square(below))),
      };
    });
  };
  return {
    numParams,
    neutral,
    forward: (x, raw) => apply(x, raw, "x"),
    inverse: (y, raw) => apply(y, raw, "y"),
  };
}
