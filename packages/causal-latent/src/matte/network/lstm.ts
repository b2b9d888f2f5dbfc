/**
 * An LSTM along whole sequences, several at once. What depends on the input alone is computed before, for all times; here runs only the recurrence. Its
 * pullback is written by hand: one small product a step backwards, and the gradient of the recurrent weights as one large product at the end. That is
 * about three times as fast as the tape on `lstmCell`, and gives the same numbers.
 */
import {
  type NdArray,
  ShapeError,
  add,
  array,
  customVjp,
  matmul,
  matrixTranspose,
  mul,
  sigmoid,
  slice,
  squeeze,
  tanh,
  toTypedArray,
} from "@provably/core-tensor";

type Floats = Float32Array | Float64Array;

interface Trace {
  /** Gates i, f, g, o after their non-linearities, [T, D, B, 4h]. */
  readonly gates: NdArray;
  /** Cells before every step and after the last, [T + 1, D, B, h]. */
  readonly cells: NdArray;
  /** Hidden states before every step and after the last, [T + 1, D, B, h]. */
  readonly hidden: NdArray;
}

const floats = (x: NdArray): Floats => toTypedArray(x) as Floats;
const like = (x: Floats, n: number): Floats => (x instanceof Float32Array ? new Float32Array(n) : new Float64Array(n));
const wrap = (x: Floats, shape: readonly number[]): NdArray => array(x, { shape, copy: false });

/** The gate g goes through σ with the others, as tanh(x) = 2 σ(2x) − 1; so its pre-activation is doubled here. */
function doubleCandidate(x: NdArray, h: number): NdArray {
  const scale = like(
    floats(
      slice(
        x,
        x.shape.map(() => 0),
        x.shape.map(() => 0),
      ),
    ),
    4 * h,
  )
    .fill(1)
    .fill(2, 2 * h, 3 * h);
  return mul(x, wrap(scale, [4 * h]));
}

function run(inputs: NdArray, weights: NdArray, hidden0: NdArray, cell0: NdArray): Trace {
  const [T, D, B, h4] = inputs.shape as [number, number, number, number];
  const h = h4 / 4;
  const size = D * B * h;
  const pre = doubleCandidate(inputs, h);
  const recurrent = doubleCandidate(matrixTranspose(weights), h); // [D, h, 4h]
  const first = floats(hidden0);
  const gates = like(first, T * D * B * h4);
  const cells = like(first, (T + 1) * size);
  const hidden = like(first, (T + 1) * size);
  hidden.set(first);
  cells.set(floats(cell0));
  for (let t = 0; t < T; t++) {
    const at = squeeze(slice(pre, [t], [t + 1]), 0);
    const state = wrap(hidden.slice(t * size, (t + 1) * size), [D, B, h]);
    const z = floats(sigmoid(add(at, matmul(state, recurrent))));
    const base = t * D * B * h4;
    for (let row = 0, k = 0; row < D * B; row++)
      for (let j = 0; j < h; j++, k++) {
        const p = row * h4 + j;
        const g = 2 * z[p + 2 * h]! - 1;
        z[p + 2 * h] = g;
        cells[(t + 1) * size + k] = z[p + h]! * cells[t * size + k]! + z[p]! * g;
      }
    gates.set(z, base);
    const squashed = floats(tanh(wrap(cells.slice((t + 1) * size, (t + 2) * size), [D, B, h])));
    for (let row = 0, k = 0; row < D * B; row++)
      for (let j = 0; j < h; j++, k++) hidden[(t + 1) * size + k] = z[row * h4 + 3 * h + j]! * squashed[k]!;
  }
  return {
    gates: wrap(gates, inputs.shape),
    cells: wrap(cells, [T + 1, D, B, h]),
    hidden: wrap(hidden, [T + 1, D, B, h]),
  };
}

const after = (states: NdArray): NdArray => slice(states, [1]);
const before = (states: NdArray): NdArray => slice(states, [0], [states.shape[0]! - 1]);

function pullBack({ weights, trace }: { weights: NdArray; trace: Trace }, cotangent: NdArray): NdArray[] {
  const [T, D, B, h4] = trace.gates.shape as [number, number, number, number];
  const h = h4 / 4;
  const size = D * B * h;
  const gates = floats(trace.gates);
  const cells = floats(trace.cells);
  const squashed = floats(tanh(trace.cells));
  const ct = floats(cotangent);
  const dGates = like(ct, T * D * B * h4);
  const dCell = like(ct, size);
  let dHidden = like(ct, size);
  for (let t = T - 1; t >= 0; t--) {
    const base = t * D * B * h4;
    for (let row = 0, k = 0; row < D * B; row++)
      for (let j = 0; j < h; j++, k++) {
        const p = base + row * h4 + j;
        const [i, f, g, o] = [gates[p]!, gates[p + h]!, gates[p + 2 * h]!, gates[p + 3 * h]!];
        const s = squashed[(t + 1) * size + k]!;
        const dh = ct[t * size + k]! + dHidden[k]!;
        const dc = dCell[k]! + dh * o * (1 - s * s);
        dGates[p] = dc * g * i * (1 - i);
        dGates[p + h] = dc * cells[t * size + k]! * f * (1 - f);
        dGates[p + 2 * h] = dc * i * (1 - g * g);
        dGates[p + 3 * h] = dh * s * o * (1 - o);
        dCell[k] = dc * f;
      }
    const step = wrap(dGates.slice(base, base + D * B * h4), [D, B, h4]);
    dHidden = floats(matmul(step, weights));
  }
  const all = wrap(dGates, [T, D, B, h4]);
  const byWeights = perMember(all); // [D, T·B, 4h]
  const states = perMember(before(trace.hidden)); // [D, T·B, h]
  return [all, matmul(matrixTranspose(byWeights), states), wrap(dHidden, [D, B, h]), wrap(dCell, [D, B, h])];
}

/** [T, D, B, n] as [D, T·B, n]. */
function perMember(x: NdArray): NdArray {
  const [T, D, B, n] = x.shape as [number, number, number, number];
  if (D === 1) return wrap(floats(x), [1, T * B, n]);
  const from = floats(x);
  const to = like(from, from.length);
  for (let t = 0; t < T; t++) for (let d = 0; d < D; d++) to.set(from.subarray((t * D + d) * B * n, (t * D + d + 1) * B * n), (d * T + t) * B * n);
  return wrap(to, [D, T * B, n]);
}

const sequence = customVjp<[NdArray, NdArray, NdArray, NdArray], NdArray, { weights: NdArray; trace: Trace }>(
  (...args) => after(run(...args).hidden),
  (inputs, weights, hidden, cell) => {
    const trace = run(inputs, weights, hidden, cell);
    return [after(trace.hidden), { weights, trace }];
  },
  pullBack,
);

/**
 * Hidden states of `D` LSTMs on sequences of `T` steps, after every step.
 *
 * $$c_t = \sigma(f)\, c_{t-1} + \sigma(i) \tanh(g), \qquad h_t = \sigma(o) \tanh(c_t), \qquad [i, f, g, o] = x_t + W h_{t-1}.$$
 *
 * Equal to `lstmCell` step by step. Reverse mode only.
 *
 * @param inputs - the inputs' share of the gates $x_t$, bias included, shape `[T, D, B, 4h]`
 * @param weights - recurrent weights $W$, shape `[D, 4h, h]`
 * @param state - `hidden` and `cell` before the first step, each `[D, B, h]`
 * @returns hidden states, shape `[T, D, B, h]`
 * @throws `ShapeError` when the shapes do not fit
 * @example
 * ```ts
 * import { zeros } from "@provably/core-tensor";
 * import { lstmSequence } from "@provably/causal-latent/matte";
 *
 * const state = { hidden: zeros([1, 2, 3]), cell: zeros([1, 2, 3]) };
 * lstmSequence(zeros([5, 1, 2, 12]), zeros([1, 12, 3]), state).shape; // => [5, 1, 2, 3]
 * ```
 * @see Hochreiter, Schmidhuber (1997), "Long short-term memory"
 * @category Networks
 */
export function lstmSequence(inputs: NdArray, weights: NdArray, state: { readonly hidden: NdArray; readonly cell: NdArray }): NdArray {
  const [T, D, B, h4] = inputs.shape as [number, number, number, number];
  const h = weights.shape[2] ?? 0;
  const [seen, wanted] = [
    [weights.shape, state.hidden.shape, state.cell.shape],
    [
      [D, 4 * h, h],
      [D, B, h],
      [D, B, h],
    ],
  ];
  if (inputs.shape.length !== 4 || T < 1 || h4 !== 4 * h || JSON.stringify(seen) !== JSON.stringify(wanted))
    throw new ShapeError(
      `lstmSequence: inputs [T, D, B, 4h], weights [D, 4h, h] and states [D, B, h] must fit, got ${[inputs.shape, ...seen].map((s) => `[${s.join(", ")}]`).join(", ")}`,
    );
  return sequence(inputs, weights, state.hidden, state.cell);
}
