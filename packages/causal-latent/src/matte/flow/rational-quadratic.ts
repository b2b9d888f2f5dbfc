/** Splines whose pieces are ratios of quadratics: the flow most used elsewhere; its inverse takes a square root. */
import { type ArrayInput, add, div, log, mul, neg, sqrt, square, sub } from "@provably/core-tensor";
import { asArray } from "../internal/arrays.js";
import { type SplineOptions, UNIT_SLOPE, checkSpline, locate, pieces, withTails } from "./bins.js";
import { type FlowValue, type ScalarFlow, checkRaw } from "./family.js";

/**
 * Monotone rational-quadratic splines on $[-B, B]$, the identity outside.
 *
 * With $s = (y_{k+1} - y_k)/(x_{k+1} - x_k)$ and $t$ the place within the bin,
 *
 * $$y = y_k + \frac{(y_{k+1} - y_k)\,[s t^2 + d_k t (1 - t)]}{s + (d_{k+1} + d_k - 2 s)\, t (1 - t)}.$$
 *
 * Raw numbers of one map, in this order: $K$ widths, $K$ heights, $K - 1$ slopes at the inner knots. Slopes at the ends are 1.
 *
 * @param options - see {@link SplineOptions}
 * @returns a {@link ScalarFlow} with $3K - 1$ parameters
 * @throws `DomainError` when `bins` or `bound` is out of range
 * @throws `ShapeError` when applied to raw numbers of another shape
 * @example
 * ```ts
 * import { array, item } from "@provably/core-tensor";
 * import { rationalQuadraticSpline } from "@provably/causal-latent/matte";
 *
 * const spline = rationalQuadraticSpline({ bins: 4 });
 * item(spline.forward(array(1.5), array(spline.neutral)).value).toFixed(2); // => "1.50"
 * ```
 * @see Durkan, Bekasov, Murray, Papamakarios (2019), "Neural spline flows", eq. 4 to 8
 * @category Flows
 */
export function rationalQuadraticSpline(options: SplineOptions = {}): ScalarFlow {
  const sizes = checkSpline("rationalQuadraticSpline", options);
  const { bins, bound } = sizes;
  const numParams = 3 * bins - 1;
  const neutral = Array.from({ length: numParams }, (_, i) => (i >= 2 * bins ? UNIT_SLOPE : 0));

  const apply = (input: ArrayInput, rawInput: ArrayInput, along: "x" | "y"): FlowValue => {
    const at = asArray(input);
    const raw = asArray(rawInput);
    checkRaw("rationalQuadraticSpline", at, raw, numParams);
    const [widths, heights, slopes] = pieces(raw, [bins, bins, bins - 1]);
    return withTails(at, bound, (x) => {
      const { x0, width, y0, y1, d0, d1 } = locate(
        x,
        { widths: widths!, heights: heights!, slopes: slopes! },
        sizes,
        along,
      );
      const height = sub(y1, y0);
      const steepness = div(height, width); // s
      const bend = sub(add(d0, d1), mul(2, steepness));
      let t;
      if (along === "x") t = div(sub(x, x0), width);
      else {
        // the root in [0, 1] of a t² + b t + c, written so that nothing cancels
        const rise = sub(x, y0);
        const a = add(mul(height, sub(steepness, d0)), mul(rise, bend));
        const b = sub(mul(height, d0), mul(rise, bend));
        const c = neg(mul(steepness, rise));
        t = div(mul(2, c), sub(neg(b), sqrt(sub(square(b), mul(4, mul(a, c))))));
      }
      const left = sub(1, t);
      const both = mul(t, left);
      const below = add(steepness, mul(bend, both));
      const slope = add(
        mul(d1, square(t)),
        add(mul(mul(2, steepness), both), mul(d0, square(left))),
      );
      const logDet = sub(add(mul(2, log(steepness)), log(slope)), mul(2, log(below)));
      if (along === "y") return { value: add(x0, mul(width, t)), logDet: neg(logDet) };
      return {
        value: add(y0, div(mul(height, add(mul(steepness, square(t)), mul(d0, both))), below)),
        logDet,
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
