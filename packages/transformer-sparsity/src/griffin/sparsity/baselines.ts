/** Training-free relatives of GRIFFIN, for comparison: Wanda with the prompt as calibration, CATS and TEAL. */
import {
  type NdArray,
  DomainError,
  ShapeError,
  array,
  toTypedArray,
  transpose,
} from "@provably/core-tensor";
import { check, numberList, show, tensor } from "@provably/core-tensor/internal";
import { pinMatrix, unpinned } from "@provably/core-tensor/pinned";

import {
  type FeedForward,
  combineNeurons,
  denseFeedForward,
  linearRows,
  neuronRows,
} from "../runtime/feed-forward.js";
import type { LanguageModel, PinnedLinear } from "../runtime/model.js";
import { activateRows, multiplyRows } from "../runtime/rows.js";
import type { LayerActivations, Prompt } from "./prompt.js";

/**
 * A matrix with the weights of each row that matter least for given inputs set to zero: those with the smallest $|W_{ij}|\,\lVert X_{\cdot j}\rVert_2$.
 *
 * @param weights - $W$, `[out, in]`
 * @param inputNorms - $\lVert X_{\cdot j}\rVert_2$ over the tokens, `[in]`
 * @param density - share of each row to keep, in (0, 1]; $\lfloor\rho\cdot\text{in}\rfloor$ weights
 * @returns array like `weights`; of equal scores the first stays
 * @throws `DomainError` when the lengths differ or `density` is out of range
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { wandaPrune } from "@provably/transformer-sparsity/griffin";
 *
 * toNested(wandaPrune(array([[3, -2]]), [1, 2], 0.5)); // => [[0, -2]]
 * ```
 * @see Sun, Liu, Bair, Kolter (2024), "A simple and effective pruning approach for large language models", eq. 1
 * @category Baselines
 */
export function wandaPrune(
  weights: NdArray,
  inputNorms: ArrayLike<number>,
  density: number,
): NdArray {
  check("wandaPrune", "weights", weights, tensor);
  check("wandaPrune", "inputNorms", inputNorms, numberList);
  if (weights.shape.length !== 2)
    throw new ShapeError(
      `wandaPrune: weights must be [out, in], got [${weights.shape.join(", ")}]`,
    );
  const m = weights.shape[1]!;
  if (inputNorms.length !== m)
    throw new DomainError(
      `wandaPrune: inputNorms must hold ${m} numbers, got ${inputNorms.length}`,
    );
  checkDensity("wandaPrune", density);
  return pruneRows(weights, inputNorms, density);
}

function pruneRows(weights: NdArray, inputNorms: ArrayLike<number>, density: number): NdArray {
  const [n, m] = weights.shape as [number, number];
  const w = toTypedArray(weights);
  const out = w.slice();
  const drop = m - Math.floor(density * m);
  const scores = new Float64Array(m);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < m; j++) scores[j] = Math.abs(w[i * m + j]!) * inputNorms[j]!;
    const order = Array.from(scores.keys()).sort((a, b) => scores[a]! - scores[b]! || b - a);
    for (const j of order.slice(0, drop)) out[i * m + j] = 0;
  }
  return array(out, { shape: [n, m], copy: false });
}

/** Feed-forward blocks with every matrix pruned by {@link wandaPrune} on the prompt's own inputs. No faster: zeros are multiplied too. */
export function wandaFeedForward(
  fn: string,
  model: LanguageModel,
  prompt: Prompt,
  density: number,
): FeedForward {
  checkDensity(fn, density);
  const layers = model.layers.map(({ feedForward: { gate, up, down } }, i) => {
    const { inputs, activations } = calibration(fn, "wanda", prompt, i);
    const [ofInputs, ofActivations] = [
      columnNorms(inputs, model.config.hiddenSize),
      columnNorms(activations, model.config.ffSize),
    ];
    const prune = (linear: PinnedLinear, norms: Float64Array): PinnedLinear => ({
      ...linear,
      weight: pinMatrix(pruneRows(unpinned(linear.weight), norms, density)),
    });
    // down is stored transposed: what Wanda calls a row is a column here
    const pruned = transpose(pruneRows(transpose(unpinned(down.weight)), ofActivations, density));
    return {
      ...(gate && { gate: prune(gate, ofInputs) }),
      up: prune(up, ofInputs),
      down: { ...down, weight: pinMatrix(pruned) },
    };
  });
  return (block, x) => denseFeedForward({ ...block, weights: layers[block.layer]! }, x);
}

function columnNorms(rows: Float32Array, width: number): Float64Array {
  const squares = new Float64Array(width);
  rows.forEach((v, i) => (squares[i % width]! += v * v));
  return squares.map(Math.sqrt);
}

/**
 * The threshold that `sparsity` of the magnitudes do not exceed: the smallest value whose empirical distribution function is at least `sparsity`.
 *
 * @param values - numbers of either sign
 * @param sparsity - share to drop, in [0, 1)
 * @returns threshold $t$; entries with $|v| > t$ stay
 * @throws `DomainError` for no values, or a sparsity out of range
 * @example
 * ```ts
 * import { magnitudeThreshold } from "@provably/transformer-sparsity/griffin";
 *
 * magnitudeThreshold([3, -1, 2, -4], 0.5); // => 2
 * ```
 * @see Lee et al. (2024), "CATS: contextually-aware thresholding for sparsity", section 4; Liu et al. (2024), "Training-free activation sparsity in large language models", section 4
 * @category Baselines
 */
export function magnitudeThreshold(values: ArrayLike<number>, sparsity: number): number {
  check("magnitudeThreshold", "values", values, numberList);
  if (!Number.isFinite(sparsity) || sparsity < 0 || sparsity >= 1)
    throw new DomainError(`magnitudeThreshold: sparsity must be in [0, 1), got ${show(sparsity)}`);
  if (values.length === 0) throw new DomainError("magnitudeThreshold: values must not be empty");
  if (sparsity === 0) return -Infinity;
  const sorted = Float64Array.from(values, Math.abs).sort();
  return sorted[Math.ceil(sparsity * sorted.length - 1e-9) - 1]!;
}

/** Places of the entries whose magnitude exceeds the threshold. */
export function above(values: ArrayLike<number>, threshold: number): Int32Array {
  const kept: number[] = [];
  for (let i = 0; i < values.length; i++) if (Math.abs(values[i]!) > threshold) kept.push(i);
  return Int32Array.from(kept);
}

/** CATS: the gate is computed in full, and of each token only neurons whose gate exceeds the layer's threshold go on. Gated models only. */
export function catsFeedForward(
  fn: string,
  model: LanguageModel,
  prompt: Prompt,
  density: number,
): FeedForward {
  checkDensity(fn, density);
  if (!model.config.gated)
    throw new DomainError(`${fn}: method cats needs a model with gated feed-forward blocks`);
  const gateOf = (layer: number, x: Float32Array): Float32Array =>
    activateRows(model.config.activation, linearRows(model.layers[layer]!.feedForward.gate!, x));
  const thresholds = model.layers.map((_, i) =>
    magnitudeThreshold(gateOf(i, calibration(fn, "cats", prompt, i).inputs), 1 - density),
  );
  return perToken((block, x) => {
    const gate = gateOf(block.layer, x);
    const rows = above(gate, thresholds[block.layer]!);
    const up = linearRows(block.weights.up, x, rows);
    return combineNeurons(
      block,
      multiplyRows(
        Float32Array.from(rows, (j) => gate[j]!),
        up,
      ),
      rows,
    );
  });
}

/**
 * TEAL in the feed-forward blocks: entries of the input, and of the activations, below their thresholds count as zero. Rows of `down` that meet a zero are
 * skipped; in the other two matrices zeros are multiplied, since their columns do not lie together.
 */
export function tealFeedForward(
  fn: string,
  model: LanguageModel,
  prompt: Prompt,
  density: number,
): FeedForward {
  checkDensity(fn, density);
  const thresholds = model.layers.map((_, i) => {
    const { inputs, activations } = calibration(fn, "teal", prompt, i);
    return {
      input: magnitudeThreshold(inputs, 1 - density),
      activation: magnitudeThreshold(activations, 1 - density),
    };
  });
  return perToken((block, x) => {
    const { input, activation } = thresholds[block.layer]!;
    const z = neuronRows(
      block,
      x.map((v) => (Math.abs(v) > input ? v : 0)),
    );
    const rows = above(z, activation);
    return combineNeurons(
      block,
      Float32Array.from(rows, (j) => z[j]!),
      rows,
    );
  });
}

/** A method for one token, for any number of them. */
function perToken(one: FeedForward): FeedForward {
  return (block, x) => {
    const d = block.weights.up.weight.shape[1];
    if (x.length === d) return one(block, x);
    const out = new Float32Array(x.length);
    for (let at = 0; at < x.length; at += d) out.set(one(block, x.subarray(at, at + d)), at);
    return out;
  };
}

function calibration(fn: string, method: string, prompt: Prompt, layer: number): LayerActivations {
  const kept = prompt.activations?.[layer];
  if (!kept)
    throw new DomainError(
      `${fn}: method ${method} calibrates on activations; read the prompt with keepActivations: true`,
    );
  return kept;
}

function checkDensity(what: string, density: number): void {
  if (!Number.isFinite(density) || density <= 0 || density > 1)
    throw new DomainError(`${what}: density must be in (0, 1], got ${show(density)}`);
}
