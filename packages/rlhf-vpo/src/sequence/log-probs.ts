/** Log-probabilities of token sequences under a model's logits. */
import {
  type ArrayInput,
  DTypeError,
  DomainError,
  type NdArray,
  ShapeError,
  array,
  customVjp,
  isNdArray,
  toTypedArray,
  zeros,
} from "@provably/core-tensor";
import {
  anyList,
  check,
  checkOptions,
  flatNumbers,
  show,
  trueOrFalse,
  within,
} from "@provably/core-tensor/internal";
import { read as readNumbers } from "../arrays.js";

/**
 * Options of {@link sequenceLogProbs}.
 * @category Sequences
 */
export interface SequenceOptions {
  /** Divide by the number of scored tokens; default false. */
  readonly average?: boolean;
  /** Position t scores the label at t + 1, as decoder models do; the mask moves along. Default true. */
  readonly shift?: boolean;
}

/**
 * Log-probabilities of a batch of sequences.
 * @category Sequences
 */
export interface SequenceLogProbs {
  /** Sum (or average) over scored tokens, float64 [B]; 0 for a row without any. */
  readonly logProbs: NdArray<"float64">;
  /** Of every position, [B, T] or, shifted, [B, T − 1]; 0 where not scored. */
  readonly perToken: NdArray<"float64">;
  /** Numbers of scored tokens, int32 [B]. */
  readonly counts: NdArray<"int32">;
  /** Which rows have no scored token. */
  readonly warnings: readonly string[];
}

const SEQUENCE = { average: trueOrFalse, shift: trueOrFalse };

/** What is scored: for row b and position t the label, or −1. */
interface Plan {
  readonly batch: number;
  readonly length: number;
  readonly vocabulary: number;
  readonly positions: number;
  readonly labels: Int32Array;
  readonly counts: Int32Array;
}

function planOf(
  fn: string,
  shape: readonly number[],
  labels: ArrayInput,
  mask: ArrayInput,
  options: SequenceOptions,
): Plan {
  const { shift = true } = options;
  const [batch, length, vocabulary] = shape;
  if (shape.length !== 3 || !(batch! > 0 && length! > 0 && vocabulary! > 0))
    throw new ShapeError(`${fn}: logits must have shape [B, T, V], got [${shape.join(", ")}]`);
  const read = (name: string, input: ArrayInput): Float64Array => {
    const x = readNumbers(fn, name, input);
    if (x.shape.join() !== [batch, length].join())
      throw new ShapeError(
        `${fn}: ${name} must have shape [${batch}, ${length}], got [${x.shape.join(", ")}]`,
      );
    return flatNumbers(x);
  };
  const [ids, scored] = [read("labels", labels), read("mask", mask)];
  const positions = shift ? length! - 1 : length!;
  const targets = new Int32Array(batch! * positions).fill(-1);
  const counts = new Int32Array(batch!);
  for (let b = 0; b < batch!; b++)
    for (let t = 0; t < positions; t++) {
      const at = b * length! + t + (shift ? 1 : 0);
      if (scored[at] === 0) continue;
      if (scored[at] !== 1)
        throw new DomainError(
          `${fn}: mask[${b}, ${at - b * length!}] must be 1 (scored) or 0, got ${scored[at]}`,
        );
      const label = ids[at]!;
      if (!Number.isInteger(label) || label < 0 || label >= vocabulary!)
        throw new DomainError(
          `${fn}: labels[${b}, ${at - b * length!}] must be a token below ${vocabulary}, got ${label}; mask what is not to be scored`,
        );
      targets[b * positions + t] = label;
      counts[b]!++;
    }
  return {
    batch: batch!,
    length: length!,
    vocabulary: vocabulary!,
    positions,
    labels: targets,
    counts,
  };
}

/** ln softmax of a row at one label, and its normaliser, without another row. */
function score(
  logits: Float32Array | Float64Array,
  at: number,
  n: number,
  label: number,
): { value: number; top: number; sum: number } {
  let top = -Infinity;
  for (let v = 0; v < n; v++) if (logits[at + v]! > top) top = logits[at + v]!;
  let sum = 0;
  for (let v = 0; v < n; v++) sum += Math.exp(logits[at + v]! - top);
  return { value: logits[at + label]! - top - Math.log(sum), top, sum };
}

function flatLogits(x: NdArray): Float32Array | Float64Array {
  if (x.dtype !== "float32" && x.dtype !== "float64")
    return flatNumbers(array(x, { dtype: "float64" }));
  let run = 1;
  for (let axis = x.shape.length - 1; axis >= 0; axis--) {
    if (x.stride[axis] !== run && x.shape[axis] !== 1) return toTypedArray(x) as Float32Array;
    run *= x.shape[axis]!;
  }
  return (x.data as Float32Array).subarray(x.offset, x.offset + x.size);
}

function sumUp(
  fn: string,
  logits: Float32Array | Float64Array,
  plan: Plan,
  average: boolean,
): { sums: Float64Array; perToken: Float64Array } {
  const { batch, length, vocabulary, positions, labels, counts } = plan;
  const [sums, perToken] = [new Float64Array(batch), new Float64Array(batch * positions)];
  for (let b = 0; b < batch; b++) {
    for (let t = 0; t < positions; t++) {
      const label = labels[b * positions + t]!;
      if (label < 0) continue;
      const { value } = score(logits, (b * length + t) * vocabulary, vocabulary, label);
      if (Number.isNaN(value))
        throw new DomainError(`${fn}: logits[${b}, ${t}] hold NaN, or nothing but −Infinity`);
      perToken[b * positions + t] = value;
      sums[b]! += value;
    }
    if (average) sums[b]! /= Math.max(counts[b]!, 1);
  }
  return { sums, perToken };
}

/**
 * The log-probabilities that a model gives to the scored tokens of sequences, from its logits, without a second array of their size.
 *
 * Masked positions count exactly 0, whatever their label (−100, say).
 *
 * @param logits - [B, T, V], float32 or float64
 * @param labels - token ids, [B, T]
 * @param mask - 1 where a label is scored, [B, T]; see {@link responseMask}
 * @param options - see {@link SequenceOptions}
 * @returns see {@link SequenceLogProbs}
 * @throws `ShapeError` when shapes differ
 * @throws `DomainError` for a scored label outside the vocabulary, or logits with NaN
 * @example
 * ```ts
 * import { sequenceLogProbs } from "@provably/rlhf-vpo";
 *
 * const logits = [[[0, 0], [0, 0], [0, 0]]];
 * sequenceLogProbs(logits, [[0, 1, 1]], [[0, 1, 1]]).logProbs; // => [-2 * Math.LN2]
 * ```
 * @category Sequences
 */
export function sequenceLogProbs(
  logits: ArrayInput,
  labels: ArrayInput,
  mask: ArrayInput,
  options: SequenceOptions = {},
): SequenceLogProbs {
  const fn = "sequenceLogProbs";
  const { average = false } = checkOptions<SequenceOptions>(fn, options, SEQUENCE);
  const x = within(`${fn}: logits`, () => array(logits));
  const plan = planOf(fn, x.shape, labels, mask, options);
  const { sums, perToken } = sumUp(fn, flatLogits(x), plan, average);
  const warnings: string[] = [];
  plan.counts.forEach((count, b) => {
    if (count === 0) warnings.push(`row ${b} has no scored token; its log-probability is 0`);
  });
  return {
    logProbs: array<"float64">(sums),
    perToken: array<"float64">(perToken, { shape: [plan.batch, plan.positions] }),
    counts: array(plan.counts, { dtype: "int32" }),
    warnings,
  };
}

/**
 * {@link sequenceLogProbs} as a differentiable function of the logits, for training through automatic differentiation. The gradient is
 * $\bar g\,(\mathbb 1_{\mathrm{label}} - \mathrm{softmax})$ at scored positions and 0 elsewhere.
 *
 * @param labels - token ids, [B, T]
 * @param mask - 1 where a label is scored, [B, T]
 * @param options - see {@link SequenceOptions}
 * @returns function of logits [B, T, V] to log-probabilities, float64 [B]
 * @throws `ShapeError`, `DomainError` as {@link sequenceLogProbs}, when called
 * @example
 * ```ts
 * import { array, grad, sum } from "@provably/core-tensor";
 * import { scoreSequences } from "@provably/rlhf-vpo";
 *
 * const logProbs = scoreSequences([[0, 1]], [[0, 1]]);
 * grad((logits) => sum(logProbs(logits)))(array([[[0, 0], [0, 0]]])); // => [[[-0.5, 0.5], [0, 0]]]
 * ```
 * @category Sequences
 */
export function scoreSequences(
  labels: ArrayInput,
  mask: ArrayInput,
  options: SequenceOptions = {},
): (logits: NdArray) => NdArray {
  const fn = "scoreSequences";
  const { average = false } = checkOptions<SequenceOptions>(fn, options, SEQUENCE);
  const value = (logits: NdArray): NdArray => {
    if (!isNdArray(logits))
      throw new DTypeError(`${fn}: logits must be an array, got ${show(logits)}`);
    return array(
      sumUp(fn, flatLogits(logits), planOf(fn, logits.shape, labels, mask, options), average).sums,
      { dtype: "float64" },
    );
  };
  return customVjp(
    value,
    (logits: NdArray): [NdArray, NdArray] => [value(logits), logits],
    (logits: NdArray, cotangent: NdArray): NdArray[] => {
      const plan = planOf(fn, logits.shape, labels, mask, options);
      const { batch, length, vocabulary, positions, labels: targets, counts } = plan;
      const x = flatLogits(logits);
      const gradient = new (x.constructor as Float64ArrayConstructor)(x.length);
      for (let b = 0; b < batch; b++) {
        const g = cotangent.get(b) / (average ? Math.max(counts[b]!, 1) : 1);
        for (let t = 0; t < positions; t++) {
          const label = targets[b * positions + t]!;
          if (label < 0 || g === 0) continue;
          const at = (b * length + t) * vocabulary;
          const { top, sum } = score(x, at, vocabulary, label);
          for (let v = 0; v < vocabulary; v++)
            gradient[at + v] = (-g * Math.exp(x[at + v]! - top)) / sum;
          gradient[at + label]! += g;
        }
      }
      return [array(gradient, { shape: logits.shape })];
    },
  );
}

/**
 * The mask that scores responses and not prompts: 1 at positions from the prompt's length up to the total length.
 *
 * @param promptLengths - tokens of each prompt, [B]
 * @param totalLengths - tokens of prompt and response, [B]
 * @param length - $T$; default the largest total
 * @returns uint8 [B, T]
 * @throws `ShapeError`, `DomainError` when lengths do not fit
 * @example
 * ```ts
 * import { responseMask } from "@provably/rlhf-vpo";
 *
 * responseMask([1, 2], [3, 4]); // => [[0, 1, 1, 0], [0, 0, 1, 1]]
 * ```
 * @category Sequences
 */
export function responseMask(
  promptLengths: readonly number[],
  totalLengths: readonly number[],
  length?: number,
): NdArray {
  check("responseMask", "promptLengths", promptLengths, anyList);
  check("responseMask", "totalLengths", totalLengths, anyList);
  if (promptLengths.length === 0 || promptLengths.length !== totalLengths.length)
    throw new ShapeError(
      `responseMask: promptLengths and totalLengths must have one length, got ${promptLengths.length} and ${totalLengths.length}`,
    );
  promptLengths.forEach((from, b) => {
    const to = totalLengths[b]!;
    if (!(Number.isInteger(from) && Number.isInteger(to) && from >= 0 && from <= to))
      throw new DomainError(
        `responseMask: row ${b} needs integers 0 ≤ prompt ≤ total, got ${show(from)} and ${show(to)}`,
      );
  });
  const longest = totalLengths.reduce((most, n) => Math.max(most, n), 0);
  const width = length ?? longest;
  if (!(Number.isInteger(width) && width >= longest))
    throw new DomainError(
      `responseMask: length must be an integer of at least ${longest}, the longest total, got ${show(width)}`,
    );
  const shape = [promptLengths.length, width];
  const mask = toTypedArray(zeros(shape, { dtype: "uint8" }));
  promptLengths.forEach((from, b) => mask.fill(1, b * width + from, b * width + totalLengths[b]!));
  return array(mask, { dtype: "uint8", shape });
}
