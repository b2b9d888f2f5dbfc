/** Continuous observations of discrete concepts: what concept learning has to invert. */
import { type ArrayInput, DomainError, type NdArray, ShapeError } from "@provably/core-tensor";
import {
  anyList,
  anything,
  check,
  checkOptions,
  nonNegativeNumber,
  oneOf,
  satisfying,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, normal, orthogonal, uniform } from "@provably/core-tensor/random";
import { InvalidDataError } from "../errors.js";
import { float64Of, toArray } from "../internal/arrays.js";

/**
 * Options of {@link conceptObservations}.
 * @category Concepts
 */
export interface ObservationOptions {
  /** State counts of the concepts; default one more than the greatest label of each. */
  readonly states?: readonly number[];
  /** Coordinates of each block; one number for all; default 3. */
  readonly blockDims?: number | readonly number[];
  /** Continuous nuisance coordinates of each block; default 2. */
  readonly nuisanceDims?: number | readonly number[];
  /** Smallest distance of the centres of two states, in units of the radius of the nuisance around them; default 2.5. */
  readonly separation?: number;
  /** Standard deviation of the noise on every coordinate; default 0.05. */
  readonly noise?: number;
  /** `leakyRelu`: an invertible two-layer map of each block; default `none`. */
  readonly nonlinearity?: "none" | "leakyRelu";
  /** `dense`: a random rotation of all coordinates; default `blocks`. */
  readonly mixing?: "blocks" | "dense";
}

/**
 * Observations with the coordinates of each concept.
 * @category Concepts
 */
export interface Observations {
  /** float64 [n, p]. */
  readonly x: NdArray<"float64">;
  /** Coordinates of each block (before a dense rotation). */
  readonly blocks: readonly (readonly number[])[];
}

/**
 * Continuous observations of discrete labels: block i of a row is $\mu_i[d_i] + A_i c_i + \text{noise}$ with nuisance $c_i$ uniform on a cube, so that states are
 * separated sets and no Gaussians; then, if asked for, an invertible map of each block and a rotation of everything.
 *
 * @param labels - $d$, whole numbers [n, q]
 * @param key - random key
 * @param options - see {@link ObservationOptions}
 * @returns see {@link Observations}
 * @throws `InvalidDataError` for labels that are no whole numbers
 * @throws `DomainError` for options out of range
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { conceptObservations } from "@provably/causal-latent/hierarchy";
 *
 * conceptObservations([[0, 1], [1, 0]], key(0), { blockDims: 4 }).x.shape; // => [2, 8]
 * ```
 * @category Concepts
 */
export function conceptObservations(
  labels: ArrayInput,
  key: RngKey,
  options: ObservationOptions = {},
): Observations {
  const fn = "conceptObservations";
  const { data, shape } = float64Of(labels);
  if (shape.length !== 2)
    throw new ShapeError(
      `conceptObservations: labels must have shape [n, q], got [${shape.join(", ")}]`,
    );
  const [n, q] = shape as [number, number];
  data.forEach((x, i) => {
    if (!(Number.isInteger(x) && x >= 0 && x < MOST_STATES))
      throw new InvalidDataError(
        `conceptObservations: labels must be whole numbers ≥ 0 and below ${MOST_STATES}, got ${x} in row ${Math.floor(i / q)}`,
      );
  });
  const {
    blockDims = 3,
    nuisanceDims = 2,
    separation = 2.5,
    noise = 0.05,
    nonlinearity = "none",
    mixing = "blocks",
  } = checkOptions(fn, options, {
    states: anything,
    blockDims: anything,
    nuisanceDims: anything,
    separation: anything,
    noise: anything,
    nonlinearity: anything,
    mixing: anything,
  });
  if (n === 0 || q === 0)
    throw new InvalidDataError(`${fn}: labels must have rows and columns, got [${n}, ${q}]`);
  check(
    fn,
    "separation",
    separation,
    satisfying<number>("positive", (x) => typeof x === "number" && ((x) => x > 0 && x < 1e12)(x)),
  );
  check(fn, "noise", noise, nonNegativeNumber);
  check(fn, "nonlinearity", nonlinearity, oneOf("none", "leakyRelu"));
  check(fn, "mixing", mixing, oneOf("blocks", "dense"));
  const per = (
    name: string,
    value: number | readonly number[],
    least: number,
  ): readonly number[] => {
    const list =
      typeof value === "number"
        ? new Array<number>(q).fill(value)
        : check(fn, name, value, anyList);
    if (list.length !== q)
      throw new ShapeError(
        `${fn}: ${name} must be one number or one for each of the ${q} concepts, got ${list.length}`,
      );
    list.forEach((x, i) => check(fn, `${name}[${i}]`, x, wholeNumber(least)));
    if (list.reduce((a, b) => a + b, 0) > MOST_STATES)
      throw new DomainError(`${fn}: ${name} must be at most ${MOST_STATES} together`);
    return list;
  };
  const [allDims, allNuisance] = [
    per("blockDims", blockDims, 1),
    per("nuisanceDims", nuisanceDims, 0),
  ];
  const given = options.states === undefined ? undefined : per("states", options.states, 1);
  const columns: Float64Array[] = [];
  const blocks: number[][] = [];
  for (let i = 0; i < q; i++) {
    const own = foldIn(key, i);
    const [dims, nuisance] = [allDims[i]!, allNuisance[i]!];
    const labelsOf = Int32Array.from({ length: n }, (_, r) => data[r * q + i]!);
    const needed = labelsOf.reduce((most, label) => Math.max(most, label + 1), 1);
    const states = given?.[i] ?? needed;
    if (states < needed)
      throw new InvalidDataError(
        `${fn}: states[${i}] must be at least ${needed}, as labels have them, got ${states}`,
      );
    const a = float64Of(normal(foldIn(own, "mixing"), [dims, nuisance], { dtype: "float64" })).data;
    let radius = 0;
    for (let d = 0; d < dims; d++)
      radius +=
        a.subarray(d * nuisance, (d + 1) * nuisance).reduce((s, x) => s + Math.abs(x), 0) ** 2;
    const centres = spreadCentres(
      foldIn(own, "centres"),
      states,
      dims,
      separation * Math.max(Math.sqrt(radius / Math.max(dims, 1)), 0.1),
    );
    const c = float64Of(
      uniform(foldIn(own, "nuisance"), [n, nuisance], { dtype: "float64", low: -1, high: 1 }),
    ).data;
    const e = float64Of(normal(foldIn(own, "noise"), [n, dims], { dtype: "float64" })).data;
    let block: Float64Array[] = Array.from({ length: dims }, (_, d) =>
      Float64Array.from({ length: n }, (_, r) => {
        let x = centres[labelsOf[r]! * dims + d]! + noise * e[r * dims + d]!;
        for (let l = 0; l < nuisance; l++) x += a[d * nuisance + l]! * c[r * nuisance + l]!;
        return x;
      }),
    );
    if (nonlinearity === "leakyRelu")
      for (let layer = 0; layer < 2; layer++) {
        const turn = float64Of(
          orthogonal(foldIn(foldIn(own, "layer"), layer), [dims, dims], { dtype: "float64" }),
        ).data;
        block = rotate(block, turn).map((column) =>
          layer === 0 ? column.map((x) => (x < 0 ? 0.2 * x : x)) : column,
        );
      }
    blocks.push(block.map((_, d) => columns.length + d));
    columns.push(...block);
  }
  const p = columns.length;
  const mixed =
    mixing === "dense"
      ? rotate(
          columns,
          float64Of(orthogonal(foldIn(key, "dense"), [p, p], { dtype: "float64" })).data,
        )
      : columns;
  const x = new Float64Array(n * p);
  mixed.forEach((column, d) => column.forEach((value, r) => (x[r * p + d] = value)));
  return { x: toArray(x, [n, p]), blocks };
}

/** States, or coordinates, beyond which numbers are taken for a mistake. */
const MOST_STATES = 1024;

/** Centres at least `distance` apart, drawn ever wider until they are. */
function spreadCentres(key: RngKey, states: number, dims: number, distance: number): Float64Array {
  for (let attempt = 0; ; attempt++) {
    const width = distance * Math.max(1 + attempt / 50, 1.1 ** (attempt - 60));
    const centres = float64Of(
      normal(foldIn(key, attempt), [states, dims], { dtype: "float64" }),
    ).data.map((x) => x * width);
    let least = Infinity;
    for (let s = 0; s < states; s++)
      for (let t = 0; t < s; t++) {
        let sum = 0;
        for (let d = 0; d < dims; d++)
          sum += (centres[s * dims + d]! - centres[t * dims + d]!) ** 2;
        least = Math.min(least, Math.sqrt(sum));
      }
    if (least >= distance) return centres;
  }
}

function rotate(columns: readonly Float64Array[], matrix: Float64Array): Float64Array[] {
  const p = columns.length;
  return columns.map((_, i) => {
    const out = new Float64Array(columns[0]!.length);
    for (let j = 0; j < p; j++)
      for (let r = 0; r < out.length; r++) out[r]! += matrix[i * p + j]! * columns[j]![r]!;
    return out;
  });
}
