/**
 * An LSTM along whole sequences, several at once. What depends on the input alone is computed before, for all times; here runs only the recurrence, one
 * product a step for all sequences and members. Training compiles it together with everything around it.
 */
import {
  type NdArray,
  ShapeError,
  add,
  matmul,
  matrixTranspose,
  mul,
  sigmoid,
  slice,
  split,
  squeeze,
  stack,
  tanh,
} from "@provably/core-tensor";
import { anyRecord, check, tensor } from "@provably/core-tensor/internal";

/**
 * Hidden states of `D` LSTMs on sequences of `T` steps, after every step.
 *
 * $$c_t = \sigma(f)\, c_{t-1} + \sigma(i) \tanh(g), \qquad h_t = \sigma(o) \tanh(c_t), \qquad [i, f, g, o] = x_t + W h_{t-1}.$$
 *
 * Equal to `lstmCell` step by step.
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
export function lstmSequence(
  inputs: NdArray,
  weights: NdArray,
  state: { readonly hidden: NdArray; readonly cell: NdArray },
): NdArray {
  checkShapes(inputs, weights, state);
  const recurrent = matrixTranspose(weights);
  const states: NdArray[] = [];
  let { hidden, cell } = state;
  for (let t = 0; t < inputs.shape[0]!; t++) {
    const gates = add(squeeze(slice(inputs, [t], [t + 1]), 0), matmul(hidden, recurrent));
    const [i, f, g, o] = split(gates, 4, { axis: -1 }) as [NdArray, NdArray, NdArray, NdArray];
    cell = add(mul(sigmoid(f), cell), mul(sigmoid(i), tanh(g)));
    hidden = mul(sigmoid(o), tanh(cell));
    states.push(hidden);
  }
  return stack(states);
}

function checkShapes(
  inputs: NdArray,
  weights: NdArray,
  state: { readonly hidden: NdArray; readonly cell: NdArray },
): void {
  const { hidden, cell } = check("lstmSequence", "state", state, anyRecord);
  for (const [name, x] of Object.entries({
    inputs,
    weights,
    "state.hidden": hidden,
    "state.cell": cell,
  }))
    check("lstmSequence", name, x, tensor);
  const [T, D, B, h4] = inputs.shape as [number, number, number, number];
  const h = weights.shape[2] ?? 0;
  const seen = [weights.shape, state.hidden.shape, state.cell.shape];
  const wanted = [
    [D, 4 * h, h],
    [D, B, h],
    [D, B, h],
  ];
  if (
    inputs.shape.length !== 4 ||
    T < 1 ||
    h4 !== 4 * h ||
    JSON.stringify(seen) !== JSON.stringify(wanted)
  )
    throw new ShapeError(
      `lstmSequence: inputs [T, D, B, 4h], weights [D, 4h, h] and states [D, B, h] must fit, got ${[inputs.shape, ...seen].map((s) => `[${s.join(", ")}]`).join(", ")}`,
    );
}
