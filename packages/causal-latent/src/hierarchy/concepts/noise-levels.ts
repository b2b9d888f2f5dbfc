/**
 * Concepts seen through noise, as the levels of a diffusion model: under strong noise only those that cover much ground can be told, under weak noise the details.
 */
import { type ArrayInput, DomainError, ShapeError } from "@provably/core-tensor";
import {
  anyList,
  anything,
  check,
  checkOptions,
  finiteNumber,
  listOf,
  satisfying,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, normal } from "@provably/core-tensor/random";
import { float64Of, toInts } from "../internal/arrays.js";
import { normalizedMutualInformation } from "../metrics/labels.js";
import { kMeans } from "./mixture.js";

/**
 * How few entries carry most of each row.
 *
 * @param attention - non-negative weights, [rows, n]
 * @param options - `topMass`, the share of a row's weight to be carried, in (0, 1]; default 0.9
 * @returns `fraction` of entries needed on average, and `hoyer`, the mean Hoyer index: 0 for equal entries, 1 for a single one
 * @throws `DomainError` for negative weights or a row of zeros
 * @example
 * ```ts
 * import { representationSparsity } from "@provably/causal-latent/hierarchy";
 *
 * representationSparsity([[1, 0, 0, 0]]).hoyer; // => 1
 * representationSparsity([[1, 1, 1, 1]]).fraction; // => 1
 * ```
 * @see Hoyer (2004), "Non-negative matrix factorization with sparseness constraints"
 * @category Concepts
 */
export function representationSparsity(
  attention: ArrayInput,
  options: { readonly topMass?: number } = {},
): { readonly fraction: number; readonly hoyer: number } {
  const { topMass = 0.9 } = checkOptions("representationSparsity", options, { topMass: anything });
  const { data, shape } = float64Of(attention);
  if (shape.length !== 2)
    throw new ShapeError(
      `representationSparsity: attention must have shape [rows, n], got [${shape.join(", ")}]`,
    );
  check(
    "representationSparsity",
    "topMass",
    topMass,
    satisfying<number>("in (0, 1]", (x) => typeof x === "number" && ((x) => x > 0 && x <= 1)(x)),
  );
  const [rows, n] = shape as [number, number];
  let [fraction, hoyer] = [0, 0];
  for (let r = 0; r < rows; r++) {
    const row = data.slice(r * n, r * n + n).sort((a, b) => b - a);
    const total = row.reduce((s, x) => s + x, 0);
    if (!(row.at(-1)! >= 0) || !(total > 0))
      throw new DomainError(
        `representationSparsity: attention must be ≥ 0 with a positive sum, not so in row ${r}`,
      );
    let [count, mass] = [0, 0];
    while (count < n && mass < topMass * total * (1 - 1e-12)) mass += row[count++]!;
    fraction += count / n / rows;
    const root = Math.sqrt(n);
    hoyer += (n === 1 ? 0 : (root - total / Math.hypot(...row)) / (root - 1)) / rows;
  }
  return { fraction, hoyer };
}

/**
 * How well clusters of noised features tell the concept of each level: for every noise level the normalised mutual information of k-means codes and labels.
 *
 * @param features - [n, p]
 * @param levels - one labelling [n] a level of the hierarchy
 * @param noises - standard deviations of the Gaussian noise that is added
 * @param key - random key
 * @returns `[level][noise]` values in [0, 1]
 * @throws `ShapeError` when lengths differ
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { noiseLevelCurve } from "@provably/causal-latent/hierarchy";
 *
 * noiseLevelCurve([[0], [0], [9], [9]], [[0, 0, 1, 1]], [0], key(0)); // => [[1]]
 * ```
 * @see Kong, Chen, Huang, Xing, Chi, Zhang (2024), "Learning discrete concepts in latent hierarchical models", on diffusion
 * @category Concepts
 */
export function noiseLevelCurve(
  features: ArrayInput,
  levels: readonly ArrayInput[],
  noises: readonly number[],
  key: RngKey,
): number[][] {
  const { data, shape } = float64Of(features);
  if (shape.length !== 2)
    throw new ShapeError(
      `noiseLevelCurve: features must have shape [n, p], got [${shape.join(", ")}]`,
    );
  const [n, p] = shape as [number, number];
  if (n === 0 || p === 0)
    throw new ShapeError(`noiseLevelCurve: features must have rows and columns, got [${n}, ${p}]`);
  if (!data.every(Number.isFinite))
    throw new DomainError("noiseLevelCurve: features must be finite, got NaN or an infinity");
  check("noiseLevelCurve", "noises", noises, listOf(finiteNumber));
  const labels = check("noiseLevelCurve", "levels", levels, anyList).map((level, l) => {
    const own = float64Of(level).data;
    if (own.length !== n)
      throw new ShapeError(
        `noiseLevelCurve: levels[${l}] must hold ${n} labels, got ${own.length}`,
      );
    return own;
  });
  return labels.map((own) =>
    noises.map((sigma, t) => {
      const noise = float64Of(normal(foldIn(key, t), [n, p], { dtype: "float64" })).data;
      const noisy = data.map((x, i) => x + sigma * noise[i]!);
      const codes = kMeans(
        { n, p, data: noisy },
        new Set(own).size,
        foldIn(foldIn(key, "codes"), t),
      );
      return normalizedMutualInformation(
        toInts(codes, [n]),
        toInts(Int32Array.from(own), [own.length]),
      );
    }),
  );
}
