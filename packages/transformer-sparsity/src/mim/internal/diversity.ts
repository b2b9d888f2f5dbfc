/** Mean distances between the rows of a map, in flat arrays. */

export type RowDistance = "cosine" | "l2" | "tv" | "jsd";

/** $1 - \cos$, $\lVert a - b \rVert_2$, $\frac12 \lVert a - b \rVert_1$ or the Jensen–Shannon divergence of two rows of `keys` numbers. */
export function rowDistance(distance: RowDistance, a: Float64Array, at: number, b: Float64Array, bt: number, keys: number): number {
  let [x, y, z] = [0, 0, 0];
  switch (distance) {
    case "cosine":
      for (let k = 0; k < keys; k++) {
        x += a[at + k]! * b[bt + k]!;
        y += a[at + k]! * a[at + k]!;
        z += b[bt + k]! * b[bt + k]!;
      }
      return 1 - x / Math.sqrt(y * z);
    case "l2":
      for (let k = 0; k < keys; k++) x += (a[at + k]! - b[bt + k]!) ** 2;
      return Math.sqrt(x);
    case "tv":
      for (let k = 0; k < keys; k++) x += Math.abs(a[at + k]! - b[bt + k]!);
      return x / 2;
    case "jsd":
      for (let k = 0; k < keys; k++) {
        const [p, q] = [a[at + k]!, b[bt + k]!];
        const middle = Math.log((p + q) / 2);
        if (p > 0) x += p * (Math.log(p) - middle);
        if (q > 0) x += q * (Math.log(q) - middle);
      }
      return Math.max(0, x / 2);
  }
}

/** Mean distance over all pairs of rows of a map, skipping nothing: every row must have mass. */
export function meanPairDistance(distance: RowDistance, map: Float64Array, queries: number, keys: number): number {
  if (queries < 2) return 0;
  if (distance === "cosine") return cosineDiversity(map, queries, keys);
  const pairs = (queries * (queries - 1)) / 2;
  if (distance === "jsd") return jensenShannonSum(map, queries, keys) / pairs;
  let total = 0;
  for (let i = 0; i < queries; i++) for (let j = i + 1; j < queries; j++) total += rowDistance(distance, map, i * keys, map, j * keys, keys);
  return total / pairs;
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

/** Entropy of the mean less the mean of the entropies, with one logarithm for each pair and key. */
function jensenShannonSum(map: Float64Array, queries: number, keys: number): number {
  const entropy = new Float64Array(queries);
  for (let i = 0; i < queries; i++)
    for (let k = 0; k < keys; k++) {
      const a = map[i * keys + k]!;
      if (a > 0) entropy[i]! -= a * Math.log(a);
    }
  let total = 0;
  for (let i = 0; i < queries; i++)
    for (let j = i + 1; j < queries; j++) {
      let mixed = 0;
      for (let k = 0; k < keys; k++) {
        const m = (map[i * keys + k]! + map[j * keys + k]!) / 2;
        if (m > 0) mixed -= m * Math.log(m);
      }
      total += Math.max(0, mixed - (entropy[i]! + entropy[j]!) / 2);
    }
  return total;
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
