/** Flows built from mixtures of sigmoids: universal among monotone maps, inverted by bisection. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  abs,
  add,
  all,
  expandDims,
  item,
  less,
  log,
  log1p,
  logSigmoid,
  logSoftmax,
  logSumExp,
  matmul,
  mul,
  neg,
  reshape,
  sigmoid,
  softmax,
  softplus,
  squeeze,
  stopGradient,
  sub,
  where,
} from "@provably/core-tensor";
import { anything, check, checkOptions, wholeNumber } from "@provably/core-tensor/internal";
import { asArray } from "../internal/arrays.js";
import { pieces } from "./bins.js";
import { type FlowValue, type ScalarFlow, checkRaw } from "./family.js";

const DELTA = 1e-6;
/** Raw number whose softplus is 1 − δ. */
const UNIT_SCALE = Math.log(Math.exp(1 - DELTA) - 1);
/** Doublings of the bracket and halvings of it; 200 halvings take any double to its last bit. */
const MAX_DOUBLINGS = 60;
const MAX_HALVINGS = 200;
const TOLERANCE = 1e-10;
/** Raw numbers of one map beyond which sizes are taken for mistakes. */
const MOST_PARAMS = 2 ** 24;

/** Options of {@link denseSigmoidalFlow}. */
export interface SigmoidalOptions {
  /** Units $H$ of a layer; default 16. */
  readonly hidden?: number;
  /** Number of layers; default 2. */
  readonly layers?: number;
}

interface LayerSize {
  readonly inputs: number;
  readonly outputs: number;
}

/** One layer on `x` `[…, in]`: its value `[…, out]` and the logarithm of its Jacobian `[…, out, in]`, all of whose entries are positive. */
function layer(
  x: NdArray,
  raw: NdArray,
  { inputs, outputs }: LayerSize,
  hidden: number,
): { value: NdArray; logJacobian: NdArray } {
  const lead = x.shape.slice(0, -1);
  const [a, b, wFlat, uFlat] = pieces(raw, [hidden, hidden, outputs * hidden, hidden * inputs]) as [
    NdArray,
    NdArray,
    NdArray,
    NdArray,
  ];
  const w = reshape(wFlat, [...lead, outputs, hidden]);
  const u = reshape(uFlat, [...lead, hidden, inputs]);
  const scale = softplus(add(a, UNIT_SCALE));
  const before = add(mul(scale, squeeze(matmul(softmax(u), expandDims(x, -1)), -1)), b);
  const p = add(
    mul(1 - DELTA, squeeze(matmul(softmax(w), expandDims(sigmoid(before), -1)), -1)),
    DELTA / 2,
  );
  const value = sub(log(p), log1p(neg(p)));
  // ln of diag((1 − δ)/(p(1 − p))) W diag(σ(1 − σ) A) U
  const inner = add(add(logSigmoid(before), logSigmoid(neg(before))), log(scale)); // […, H]
  const mixed = logProduct(add(logSoftmax(w), expandDims(inner, -2)), logSoftmax(u));
  const outer = sub(Math.log(1 - DELTA), add(log(p), log1p(neg(p))));
  return { value, logJacobian: add(mixed, expandDims(outer, -1)) };
}

/** ln(e^A e^B) for stacks of matrices. */
function logProduct(a: NdArray, b: NdArray): NdArray {
  return logSumExp(add(expandDims(a, -1), expandDims(b, -3)), { axis: -2 });
}

/**
 * Deep dense sigmoidal flows: layers $y = \operatorname{logit}\big(W\,\sigma(a \odot (U x) + b)\big)$ with rows of $W$ and $U$ on the simplex and
 * $a > 0$, so every path from input to output increases.
 *
 * Jacobians are multiplied as logarithms, so that depth does not underflow. Raw numbers of one map, layer by layer: $a$ and $b$ `[H]`,
 * $W$ `[out, H]`, $U$ `[H, in]`; widths run $1 \to H \to \dots \to H \to 1$. The inverse brackets and halves until the interval is below 1e-10;
 * it has no derivative.
 *
 * @param options - see {@link SigmoidalOptions}
 * @returns a {@link ScalarFlow}
 * @throws `DomainError` when a size is out of range, or when an element to be inverted lies outside the image (|y| beyond about 14)
 * @throws `ShapeError` when applied to raw numbers of another shape
 * @example
 * ```ts
 * import { array, item } from "@provably/core-tensor";
 * import { denseSigmoidalFlow } from "@provably/causal-latent/matte";
 *
 * const flow = denseSigmoidalFlow({ hidden: 2, layers: 1 });
 * const raw = array([0, 0, 1, -1, 0, 0, 0, 0], { dtype: "float64" });
 * const { value } = flow.forward(array(0.5, { dtype: "float64" }), raw);
 * item(flow.inverse(value, raw).value).toFixed(8); // => "0.50000000"
 * ```
 * @see Huang, Krueger, Lacoste, Courville (2018), "Neural autoregressive flows", eq. 14
 * @category Flows
 */
export function denseSigmoidalFlow(options: SigmoidalOptions = {}): ScalarFlow {
  const { hidden = 16, layers = 2 } = checkOptions("denseSigmoidalFlow", options, {
    hidden: anything,
    layers: anything,
  });
  for (const [name, value] of Object.entries({ hidden, layers }))
    check("denseSigmoidalFlow", name, value, wholeNumber());
  if (hidden * hidden * layers > MOST_PARAMS)
    throw new DomainError(
      `denseSigmoidalFlow: hidden² × layers must be at most ${MOST_PARAMS}, got ${hidden} and ${layers}`,
    );
  const sizes = Array.from({ length: layers }, (_, i) => ({
    inputs: i === 0 ? 1 : hidden,
    outputs: i === layers - 1 ? 1 : hidden,
  }));
  const counts = sizes.map(({ inputs, outputs }) => hidden * (2 + outputs + inputs));
  const numParams = counts.reduce((n, m) => n + m, 0);

  const forward = (input: ArrayInput, rawInput: ArrayInput): FlowValue => {
    const x = asArray(input);
    const raw = asArray(rawInput);
    checkRaw("denseSigmoidalFlow", x, raw, numParams);
    let value = expandDims(x, -1);
    let logJacobian: NdArray | undefined;
    pieces(raw, counts).forEach((part, i) => {
      const step = layer(value, part, sizes[i]!, hidden);
      value = step.value;
      logJacobian =
        logJacobian === undefined ? step.logJacobian : logProduct(step.logJacobian, logJacobian);
    });
    return { value: squeeze(value, -1), logDet: reshape(logJacobian!, x.shape) };
  };

  const inverse = (input: ArrayInput, rawInput: ArrayInput): FlowValue => {
    const y = stopGradient(asArray(input));
    const raw = stopGradient(asArray(rawInput));
    checkRaw("denseSigmoidalFlow", y, raw, numParams);
    const tooLow = (x: NdArray): NdArray => less(forward(x, raw).value, y);
    let low = sub(neg(abs(y)), 1);
    let high = add(abs(y), 1);
    for (let k = 0; ; k++) {
      const [lowOk, highOk] = [tooLow(low), tooLow(high)];
      const settled = item(all(lowOk)) === 1 && item(all(less(mul(1, asFloat(highOk)), 0.5))) === 1;
      if (settled) break;
      if (k === MAX_DOUBLINGS)
        throw new DomainError(
          "denseSigmoidalFlow: y must lie in the image of the flow (|y| below about 14), got a value beyond it",
        );
      low = where(lowOk, low, mul(2, low));
      high = where(highOk, mul(2, high), high);
    }
    for (let k = 0; k < MAX_HALVINGS && item(all(less(sub(high, low), TOLERANCE))) === 0; k++) {
      const middle = mul(0.5, add(low, high));
      const below = tooLow(middle);
      const [nextLow, nextHigh] = [where(below, middle, low), where(below, high, middle)];
      if (item(all(less(sub(nextHigh, nextLow), sub(high, low)))) === 0) break; // at the resolution of the type
      [low, high] = [nextLow, nextHigh];
    }
    const value = mul(0.5, add(low, high));
    return { value, logDet: neg(forward(value, raw).logDet) };
  };
  const neutral = counts.flatMap((n) => new Array<number>(n).fill(0));
  return { numParams, neutral, forward, inverse };
}

function asFloat(mask: NdArray): NdArray {
  return where(mask, 1, 0);
}
