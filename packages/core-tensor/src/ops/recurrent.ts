/** Recurrent cells: one step each. */
import { anything, check, optional, recordOf, recordWith, within } from "../check/index.js";
import type { NdArray } from "../array/ndarray.js";
import { formatShape } from "../array/shape.js";
import { ShapeError } from "../errors.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import { sigmoid } from "./activation.js";
import { add, mul, sub } from "./arithmetic.js";
import { split } from "./join.js";
import { matmulOf, matrixTranspose } from "./matmul.js";
import { tanh } from "./trigonometric.js";

/**
 * Weights of a recurrent cell with `g` gates: 4 for {@link lstmCell}, 3 for {@link gruCell}.
 * @category Networks
 */
export interface CellWeights {
  /** From the input, shape `[g · h, d]`. */
  readonly input: ArrayInput;
  /** From the hidden state, shape `[g · h, h]`. */
  readonly hidden: ArrayInput;
  /** Shape `[g · h]`; default 0. */
  readonly bias?: ArrayInput;
}

const cellWeights = /* @__PURE__ */ recordOf<CellWeights>({
  input: anything,
  hidden: anything,
  bias: /* @__PURE__ */ optional(anything),
});

function gates(
  fn: string,
  names: readonly [keyof CellWeights, string],
  x: NdArray,
  weights: ArrayInput,
  bias: ArrayInput | undefined,
  count: number,
): NdArray[] {
  const [name, argument] = names;
  const w = toArray(fn, weights, `weights.${name}`);
  if (w.shape.length !== 2 || w.shape[0]! % count !== 0)
    throw new ShapeError(
      `${fn}: weights.${name} must be [${count} · h, d], got ${formatShape(w.shape)}`,
    );
  const all = matmulOf(fn, x, matrixTranspose(w), [argument, `weights.${name} transposed`]);
  const b = bias === undefined ? undefined : toArray(fn, bias, "weights.bias");
  return split(b === undefined ? all : add(all, b), count, { axis: -1 });
}

/**
 * One step of a long short-term memory: gates $i, f, g, o$ in this order, $c' = \sigma(f)\,c + \sigma(i)\tanh(g)$, $h' = \sigma(o)\tanh(c')$.
 *
 * @param x - input, shape `[…, d]`
 * @param state - `hidden` and `cell`, each of shape `[…, h]`
 * @param weights - see {@link CellWeights}, with four gates
 * @returns the next state
 * @throws {@link ShapeError} when the shapes do not fit
 * @example
 * ```ts
 * import { lstmCell, zeros } from "@provably/core-tensor";
 *
 * const state = { hidden: zeros([1, 3]), cell: zeros([1, 3]) };
 * lstmCell(zeros([1, 2]), state, { input: zeros([12, 2]), hidden: zeros([12, 3]) }).hidden.shape; // => [1, 3]
 * ```
 * @see Hochreiter, Schmidhuber (1997), "Long short-term memory"
 * @category Networks
 */
export function lstmCell(
  x: ArrayInput,
  state: { readonly hidden: ArrayInput; readonly cell: ArrayInput },
  weights: CellWeights,
): { readonly hidden: NdArray; readonly cell: NdArray } {
  const fn = "lstmCell";
  check(fn, "state", state, recordWith<typeof state>({ hidden: anything, cell: anything }));
  check(fn, "weights", weights, cellWeights);
  const before = toArray(fn, state.cell, "state.cell");
  const hidden = toArray(fn, state.hidden, "state.hidden");
  return within(fn, () => {
    const fromInput = gates(fn, ["input", "x"], toArray(fn, x), weights.input, weights.bias, 4);
    const names = ["hidden", "state.hidden"] as const;
    const fromHidden = gates(fn, names, hidden, weights.hidden, undefined, 4);
    const [i, f, g, o] = fromInput.map((gate, k) => add(gate, fromHidden[k]!)) as [
      NdArray,
      NdArray,
      NdArray,
      NdArray,
    ];
    const cell = add(mul(sigmoid(f), before), mul(sigmoid(i), tanh(g)));
    return { hidden: mul(sigmoid(o), tanh(cell)), cell };
  });
}

/**
 * One step of a gated recurrent unit: gates $r, z, n$ in this order, $n = \tanh(n_x + \sigma(r)\,n_h)$, $h' = (1 - \sigma(z))\,n + \sigma(z)\,h$.
 *
 * @param x - input, shape `[…, d]`
 * @param hidden - state, shape `[…, h]`
 * @param weights - see {@link CellWeights}, with three gates
 * @returns the next state, shape `[…, h]`
 * @throws {@link ShapeError} when the shapes do not fit
 * @example
 * ```ts
 * import { gruCell, zeros } from "@provably/core-tensor";
 *
 * gruCell(zeros([1, 2]), zeros([1, 3]), { input: zeros([9, 2]), hidden: zeros([9, 3]) }).shape; // => [1, 3]
 * ```
 * @see Cho et al. (2014), "Learning phrase representations using RNN encoder-decoder"
 * @category Networks
 */
export function gruCell(x: ArrayInput, hidden: ArrayInput, weights: CellWeights): NdArray {
  const fn = "gruCell";
  const h = toArray(fn, hidden, "hidden");
  check(fn, "weights", weights, cellWeights);
  type Gates = [NdArray, NdArray, NdArray];
  return within(fn, () => {
    const { input, bias } = weights;
    const [rx, zx, nx] = gates(fn, ["input", "x"], toArray(fn, x), input, bias, 3) as Gates;
    const names = ["hidden", "hidden"] as const;
    const [rh, zh, nh] = gates(fn, names, h, weights.hidden, undefined, 3) as Gates;
    const z = sigmoid(add(zx, zh));
    const n = tanh(add(nx, mul(sigmoid(add(rx, rh)), nh)));
    return add(mul(sub(1, z), n), mul(z, h));
  });
}
