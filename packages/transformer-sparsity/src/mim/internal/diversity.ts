/** Mean distances between the rows of a map, in flat arrays. */
import { emptyRow, fastEntropy } from "./entropy.js";

export type RowDistance = "cosine" | "l2" | "tv" | "jsd";

/** The distance between the rows that begin at two places of `data`, which holds rows of `keys` numbers. */
export function rowDistance(
  distance: RowDistance,
  data: Float64Array,
  keys: number,
): (at: number, bt: number) => number {
  switch (distance) {
    case "cosine": {
      const norms = squaredNorms(data, keys);
      return (at, bt) => {
        let dot = 0;
        for (let k = 0; k < keys; k++) dot += data[at + k]! * data[bt + k]!;
        return 1 - dot / Math.sqrt(norms[at / keys]! * norms[bt / keys]!);
      };
    }
    case "l2":
      return (at, bt) => {
        let square = 0;
        for (let k = 0; k < keys; k++) square += (data[at + k]! - data[bt + k]!) ** 2;
        return Math.sqrt(square);
      };
    case "tv":
      return (at, bt) => {
        let total = 0;
        for (let k = 0; k < keys; k++) total += Math.abs(data[at + k]! - data[bt + k]!);
        return total / 2;
      };
    case "jsd": {
      // entropy of the mean less the mean of the entropies: one logarithm for each key
      const mixed = emptyRow(keys);
      const entropies = new Float64Array(data.length / keys);
      for (let r = 0; r < entropies.length; r++) {
        mix(data, r * keys, r * keys, mixed.values);
        entropies[r] = fastEntropy(mixed);
      }
      return (at, bt) => {
        mix(data, at, bt, mixed.values);
        return Math.max(
          0,
          fastEntropy(mixed) - (entropies[at / keys]! + entropies[bt / keys]!) / 2,
        );
      };
    }
  }
}

/** The mean of two rows. */
function mix(data: Float64Array, at: number, bt: number, out: Float64Array): void {
  for (let k = 0; k < out.length; k++) out[k] = (data[at + k]! + data[bt + k]!) / 2;
}

function squaredNorms(data: Float64Array, keys: number): Float64Array {
  const out = new Float64Array(data.length / keys);
  for (let r = 0, i = 0; r < out.length; r++)
    for (let k = 0; k < keys; k++) out[r]! += data[i++]! ** 2;
  return out;
}

/** Mean distance over all pairs of rows of a map; every row must have mass. */
export function meanPairDistance(
  distance: RowDistance,
  map: Float64Array,
  queries: number,
  keys: number,
): number {
  if (queries < 2) return 0;
  if (distance === "cosine") return cosineDiversity(map, queries, keys);
  const between = rowDistance(distance, map, keys);
  let total = 0;
  for (let i = 0; i < queries; i++)
    for (let j = i + 1; j < queries; j++) total += between(i * keys, j * keys);
  return total / ((queries * (queries - 1)) / 2);
}

/** $|\sum_i r_i|^2$ of unit rows holds every pair's cosine: one pass instead of a loop over pairs. */
export function cosineDiversity(map: Float64Array, queries: number, keys: number): number {
  const sum = new Float64Array(keys);
  for (let i = 0; i < queries; i++) {
    let norm = 0;
    for (let k = 0; k < keys; k++) norm += map[i * keys + k]! ** 2;
    const scale = 1 / Math.sqrt(norm);
    for (let k = 0; k < keys; k++) sum[k]! += map[i * keys + k]! * scale;
  }
  let square = 0;
  for (const s of sum) square += s * s;
  const mean = (square - queries) / (queries * (queries - 1));
  return Math.max(0, 1 - mean);
}

/** $I(q; k) / \sqrt{H_q H_k}$ with queries equally likely; 0 where a marginal has no entropy. */
export function mutualInformation(map: Float64Array, queries: number, keys: number): number {
  const marginal = new Float64Array(keys);
  let conditional = 0;
  for (let i = 0; i < queries; i++)
    for (let k = 0; k < keys; k++) {
      const a = map[i * keys + k]!;
      marginal[k]! += a / queries;
      if (a > 0) conditional -= (a * Math.log(a)) / queries;
    }
  let entropy = 0;
  for (const m of marginal) if (m > 0) entropy -= m * Math.log(m);
  const information = Math.max(0, entropy - conditional);
  const scale = Math.sqrt(Math.log(queries) * entropy);
  return scale > 0 ? information / scale : 0;
}
