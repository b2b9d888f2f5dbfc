/** Discrete concepts from continuous data: which coordinates belong together, and which states each group of them has. */
import { type ArrayInput, DomainError, type NdArray, ShapeError } from "@provably/core-tensor";
import {
  anyList,
  anything,
  check,
  checkOptions,
  longWork,
  oneOf,
  show,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn } from "@provably/core-tensor/random";
import { mergeStates } from "../data/collapse.js";
import { type Rows, crossTable, rowsOfLabels } from "../data/labels.js";
import { InvalidDataError } from "../errors.js";
import { float64Of, toArray, toInts } from "../internal/arrays.js";
import { normalizedMutualInformation } from "../metrics/labels.js";
import { checkRankOptions, testCells } from "../rank/rank-test.js";
import { connectedComponents } from "./connected.js";
import { factorStates } from "./factorise.js";
import { type CovarianceKind, type Points, bestMixture, fitMixture } from "./mixture.js";

/**
 * Options of {@link learnConcepts}.
 * @category Concepts
 */
export interface LearnOptions {
  /** Columns of each concept, or `auto`. Default `auto`. */
  readonly blocks?: readonly (readonly number[])[] | "auto";
  /** How many blocks `auto` looks for; default: where the clustering has its largest gap. */
  readonly numBlocks?: number;
  /** State counts: one for all blocks or one each; default: found. */
  readonly states?: number | readonly number[];
  /** Most states looked for; default 6. */
  readonly maxStates?: number;
  /** `mixture`: Gaussian mixtures; `connected`: connected components of the support. Default `mixture`. */
  readonly method?: "mixture" | "connected";
  /** Covariances of the mixtures; default `full`. */
  readonly covariance?: CovarianceKind;
  /** `profile`: cluster too finely, then merge what depends alike on the other blocks (default from 3 blocks on); `none`: trust the mixtures' BIC. */
  readonly merge?: "profile" | "none";
  /** `joint`: cluster all columns at once into the product of `states`, and factor that, see {@link factorStates}. Default `blocks`. */
  readonly mode?: "blocks" | "joint";
  /** Stops between two iterations of a fit. */
  readonly signal?: AbortSignal;
}

/**
 * Concepts that were found.
 * @category Concepts
 */
export interface LearnedConcepts {
  /** int32 [n, q]; ready for {@link discoverHierarchy}. */
  readonly data: NdArray<"int32">;
  readonly states: readonly number[];
  /** Posterior of each concept's states, float64 [n, states]; 0 and 1 for `connected`. */
  readonly posteriors: readonly NdArray<"float64">[];
  /** Columns of each concept. */
  readonly blocks: readonly (readonly number[])[];
  /** How many components each block had before merging. */
  readonly components: readonly number[];
}

/**
 * Discrete concepts behind continuous observations, one for each block of columns.
 *
 * If observations are an invertible function of discrete concepts and continuous nuisance with connected support, the joint state of the concepts is the connected
 * component of the support that a point lies in. Blocks are found by how much the columns' one-dimensional mixtures tell of each other. Mixtures split nuisance that is
 * not Gaussian into too many components; with `merge: "profile"` those of the same concept are put together again because they depend alike on the other blocks, but
 * never into fewer states than the support has connected pieces. A
 * concept that is independent of all others cannot be told that way, and keeps its components.
 *
 * @param x - observations [n, p]
 * @param key - random key of the starts
 * @param options - see {@link LearnOptions}
 * @returns see {@link LearnedConcepts}
 * @throws `InvalidDataError` for values that are not finite, or a constant column
 * @throws `NotFactorisableError` in joint mode, when the joint states form no grid
 * @throws `DomainError` for options out of range
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { conceptObservations, labelAccuracy, learnConcepts } from "@provably/causal-latent/hierarchy";
 *
 * const d = Array.from({ length: 200 }, (_, i) => [i % 2]);
 * const { x, blocks } = conceptObservations(d, key(0), { separation: 4 });
 * const found = learnConcepts(x, key(1), { blocks, states: 2 });
 * labelAccuracy(found.data.data, d.flat()); // => 1
 * ```
 * @see Kong, Chen, Huang, Xing, Chi, Zhang (2024), "Learning discrete concepts in latent hierarchical models"
 * @category Concepts
 */
export function learnConcepts(
  x: ArrayInput,
  key: RngKey,
  options: LearnOptions = {},
): LearnedConcepts {
  const fn = "learnConcepts";
  const { maxStates = 6, mode = "blocks" } = checkOptions(fn, options, {
    blocks: anything,
    numBlocks: anything,
    states: anything,
    maxStates: anything,
    method: anything,
    covariance: anything,
    merge: anything,
    mode: anything,
    signal: longWork.signal,
  });
  const points = standardized(x);
  check(fn, "maxStates", maxStates, wholeNumber(2));
  check(fn, "mode", mode, oneOf("blocks", "joint"));
  check(fn, "method", options.method ?? "mixture", oneOf("mixture", "connected"));
  check(fn, "covariance", options.covariance ?? "full", oneOf("full", "diag", "tied"));
  check(fn, "merge", options.merge ?? "none", oneOf("profile", "none"));
  if (options.states !== undefined)
    (typeof options.states === "number"
      ? [options.states]
      : check(fn, "states", options.states, anyList)
    ).forEach((k, i) => {
      check(fn, `states[${i}]`, k, wholeNumber(mode === "joint" ? 1 : 2));
      if (k > points.n)
        throw new DomainError(`${fn}: states[${i}] must be at most the ${points.n} rows, got ${k}`);
    });
  if (mode === "joint") return learnJointly(points, key, options);
  const { blocks: given = "auto", method = "mixture", covariance = "full", signal } = options;
  const blocks =
    given === "auto"
      ? findBlocks(points, foldIn(key, "blocks"), maxStates, options)
      : checkBlocks(given, points.p);
  const { merge = blocks.length >= 3 && method === "mixture" ? "profile" : "none" } = options;
  const wanted = (i: number): number | undefined =>
    typeof options.states === "number" ? options.states : options.states?.[i];
  const fine = blocks.map((block, i) => {
    const own = columnsOf(points, block);
    const states = wanted(i);
    if (method === "connected") {
      const { labels, count } = connectedComponents(own, { signal });
      return { labels, states: count, posteriors: indicators(labels, count) };
    }
    const blockKey = foldIn(foldIn(key, "states"), i);
    const counts = Array.from({ length: maxStates - 1 }, (_, k) => k + 2);
    const fit =
      states !== undefined && merge === "none"
        ? fitMixture(own, states, blockKey, covariance, signal)
        : bestMixture(
            own,
            counts.filter((k) => k >= (states ?? 2)),
            blockKey,
            covariance,
            signal,
          );
    return { labels: fit.labels, states: fit.k, posteriors: fit.posteriors };
  });
  const merged =
    merge === "profile"
      ? mergeProfiles(fine, wanted, (i) => piecesOf(points, blocks[i]!, signal))
      : fine;
  const q = blocks.length;
  const data = new Int32Array(points.n * q);
  merged.forEach(({ labels }, j) => labels.forEach((s, i) => (data[i * q + j] = s)));
  return {
    data: toInts(data, [points.n, q]),
    states: merged.map(({ states }) => states),
    posteriors: merged.map(({ posteriors, states }) => toArray(posteriors, [points.n, states])),
    blocks,
    components: fine.map(({ states }) => states),
  };
}

interface BlockLabels {
  readonly labels: Int32Array;
  readonly states: number;
  readonly posteriors: Float64Array;
}

function standardized(x: ArrayInput): Points {
  const { data, shape } = float64Of(x);
  if (shape.length !== 2)
    throw new ShapeError(`learnConcepts: x must have shape [n, p], got [${shape.join(", ")}]`);
  const [n, p] = shape as [number, number];
  if (n < 2 || p < 1)
    throw new InvalidDataError(
      `learnConcepts: x must have at least two rows and one column, got [${n}, ${p}]`,
    );
  const out = new Float64Array(n * p);
  for (let j = 0; j < p; j++) {
    let [mean, square] = [0, 0];
    for (let i = 0; i < n; i++) {
      const value = data[i * p + j]!;
      if (!Number.isFinite(value))
        throw new InvalidDataError(
          `learnConcepts: x must be finite, got ${value} in row ${i}, column ${j}`,
        );
      mean += value / n;
    }
    for (let i = 0; i < n; i++) square += (data[i * p + j]! - mean) ** 2 / n;
    // not by the variance, which rounding keeps above 0
    const first = data[j]!;
    let constant = true;
    for (let i = 1; i < n && constant; i++) constant = data[i * p + j] === first;
    if (constant || !(square > 0))
      throw new InvalidDataError(`learnConcepts: column ${j} of x is constant; leave it out`);
    for (let i = 0; i < n; i++) out[i * p + j] = (data[i * p + j]! - mean) / Math.sqrt(square);
  }
  return { n, p, data: out };
}

function checkBlocks(
  blocks: readonly (readonly number[])[],
  p: number,
): readonly (readonly number[])[] {
  if (check("learnConcepts", "blocks", blocks, anyList).length === 0)
    throw new DomainError("learnConcepts: blocks must not be empty");
  blocks.forEach((block, i) => {
    for (const j of check("learnConcepts", `blocks[${i}]`, block, anyList))
      if (!(Number.isInteger(j) && j >= 0 && j < p))
        throw new DomainError(
          `learnConcepts: blocks[${i}] must name columns below ${p}, got ${show(j)}`,
        );
    if (block.length === 0) throw new DomainError(`learnConcepts: blocks[${i}] must not be empty`);
  });
  return blocks;
}

function columnsOf({ n, p, data }: Points, block: readonly number[]): Points {
  const out = new Float64Array(n * block.length);
  for (let i = 0; i < n; i++)
    block.forEach((j, c) => (out[i * block.length + c] = data[i * p + j]!));
  return { n, p: block.length, data: out };
}

function indicators(labels: Int32Array, count: number): Float64Array {
  const out = new Float64Array(labels.length * count);
  labels.forEach((s, i) => (out[i * count + s] = 1));
  return out;
}

/** Columns by average linkage of how much their one-dimensional mixtures tell of each other. */
function findBlocks(
  points: Points,
  key: RngKey,
  maxStates: number,
  { numBlocks, signal }: LearnOptions,
): number[][] {
  const counts = Array.from({ length: maxStates }, (_, k) => k + 1);
  const labels = Array.from(
    { length: points.p },
    (_, j) => bestMixture(columnsOf(points, [j]), counts, foldIn(key, j), "full", signal).labels,
  ).map((x) => toInts(x, [points.n]));
  const similarity = labels.map((a) => labels.map((b) => normalizedMutualInformation(a, b)));
  let blocks = labels.map((_, j) => [j]);
  const between = (a: readonly number[], b: readonly number[]): number =>
    a.reduce((s, i) => s + b.reduce((t, j) => t + similarity[i]![j]!, 0), 0) /
    (a.length * b.length);
  const history: { blocks: number[][]; height: number }[] = [];
  while (blocks.length > 1) {
    let best = { a: 0, b: 1, height: -Infinity };
    for (let a = 0; a < blocks.length; a++)
      for (let b = a + 1; b < blocks.length; b++) {
        const height = between(blocks[a]!, blocks[b]!);
        if (height > best.height) best = { a, b, height };
      }
    history.push({ blocks, height: best.height });
    blocks = blocks
      .filter((_, i) => i !== best.b)
      .map((block, i) => (i === best.a ? [...block, ...blocks[best.b]!] : block));
  }
  history.push({ blocks, height: 0 });
  if (numBlocks !== undefined) {
    const found = history.find((h) => h.blocks.length === numBlocks);
    if (found === undefined)
      throw new DomainError(
        `learnConcepts: numBlocks must lie between 1 and ${points.p}, got ${show(numBlocks)}`,
      );
    return found.blocks.map((block) => [...block].sort((i, j) => i - j));
  }
  // stop where the next merge would join blocks that tell much less of each other than those joined before
  let [at, gap] = [0, -Infinity];
  for (let i = 1; i < history.length - 1; i++) {
    const drop = history[i - 1]!.height - history[i]!.height;
    if (drop > gap) [at, gap] = [i, drop];
  }
  return history[at]!.blocks.map((block) => [...block].sort((i, j) => i - j));
}

/** Puts components together that depend alike on the other blocks: into the wanted number of states, or until the profiles differ. */
function mergeProfiles(
  fine: readonly BlockLabels[],
  wanted: (i: number) => number | undefined,
  pieces: (i: number) => number,
): BlockLabels[] {
  const n = fine[0]!.labels.length;
  const q = fine.length;
  const data = new Float64Array(n * q);
  fine.forEach(({ labels }, j) => labels.forEach((s, i) => (data[i * q + j] = s)));
  const rows = rowsOfLabels(
    "learnConcepts",
    { data: toArray(data, [n, q]), states: fine.map(({ states }) => states) },
    { allowConstant: true },
  );
  return fine.map((block, j) => {
    if (!dependsOnOthers(rows, j)) return block;
    const target = wanted(j) ?? Math.max(smallestCount(rows, j), pieces(j));
    if (target >= block.states) return block;
    const { map } = mergeStates(rows, j, target);
    const posteriors = new Float64Array(n * target);
    for (let i = 0; i < n; i++)
      for (let s = 0; s < block.states; s++)
        posteriors[i * target + map[s]!]! += block.posteriors[i * block.states + s]!;
    return { labels: block.labels.map((s) => map[s]!), states: target, posteriors };
  });
}

function dependsOnOthers(rows: Rows, column: number): boolean {
  const others = rows.names.length - 1;
  const settings = checkRankOptions("learnConcepts", { method: "pearson" });
  return rows.names.some(
    (_, i) =>
      i !== column && testCells(crossTable(rows, [column], [i]), settings).pValue < 0.01 / others,
  );
}

/** Connected pieces of a block's support, counted on at most 1500 points: states that are apart are different, even where they depend alike on everything else. */
function piecesOf(
  points: Points,
  block: readonly number[],
  signal: AbortSignal | undefined,
): number {
  const own = columnsOf(points, block);
  const n = Math.min(own.n, 1500);
  return connectedComponents({ n, p: own.p, data: own.data.subarray(0, n * own.p) }, { signal })
    .count;
}

/** The fewest states of which one more would lower the scatter of the profiles by less than 5 % of the whole. */
function smallestCount(rows: Rows, column: number): number {
  const states = rows.states[column]!;
  let loss = 1;
  for (let m = 2; m <= states; m++) {
    const next = m === states ? 0 : mergeStates(rows, column, m).loss;
    if (loss - next < 0.05) return Math.max(2, m - 1);
    loss = next;
  }
  return states;
}

function learnJointly(points: Points, key: RngKey, options: LearnOptions): LearnedConcepts {
  const { states, covariance = "full", signal } = options;
  if (states === undefined || typeof states === "number" || states.length < 2)
    throw new DomainError(
      'learnConcepts: mode "joint" needs states, a list of at least two counts',
    );
  const count = states.reduce((m, s) => m * s, 1);
  const { labels, centres, posteriors } = fitMixture(
    points,
    count,
    foldIn(key, "joint"),
    covariance,
    signal,
  );
  const codes = factorStates(toArray(centres, [count, points.p]), states);
  const q = states.length;
  const data = new Int32Array(points.n * q);
  labels.forEach((c, i) => codes[c]!.forEach((s, j) => (data[i * q + j] = s)));
  return {
    data: toInts(data, [points.n, q]),
    states,
    posteriors: states.map((m, j) => {
      const out = new Float64Array(points.n * m);
      for (let i = 0; i < points.n; i++)
        for (let c = 0; c < count; c++) out[i * m + codes[c]![j]!]! += posteriors[i * count + c]!;
      return toArray(out, [points.n, m]);
    }),
    blocks: states.map(() => Array.from({ length: points.p }, (_, j) => j)),
    components: states.map(() => count),
  };
}
