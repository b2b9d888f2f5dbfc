/** States as connected pieces of the support: neighbourhood graphs and their components. */
import type { Points } from "./mixture.js";

/**
 * Labels of the connected components of the graph that joins every point to its k nearest, after the least dense share of points has been set aside; those take the label
 * of their nearest point that was kept. Components with less than 1 % of the points join their nearest one. O(n²) distances.
 */
export function connectedComponents(
  points: Points,
  options: {
    readonly neighbours?: number;
    readonly trim?: number;
    readonly signal?: AbortSignal | undefined;
  } = {},
): { labels: Int32Array; count: number } {
  const { n, p, data } = points;
  const { neighbours = Math.ceil(Math.log(n)) + 1, trim = 0.02, signal } = options;
  const k = Math.min(neighbours, n - 1);
  const nearest = new Int32Array(n * k);
  const reach = new Float64Array(n); // distance to the k-th nearest: the inverse of density
  const row = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    signal?.throwIfAborted();
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let d = 0; d < p; d++) sum += (data[i * p + d]! - data[j * p + d]!) ** 2;
      row[j] = i === j ? Infinity : sum;
    }
    for (let m = 0; m < k; m++) {
      let best = -1;
      for (let j = 0; j < n; j++)
        if (row[j]! < Infinity && (best < 0 || row[j]! < row[best]!)) best = j;
      nearest[i * k + m] = best;
      reach[i] = row[best]!;
      row[best] = Infinity;
    }
  }
  const limit = Float64Array.from(reach).sort()[Math.min(n - 1, Math.floor((1 - trim) * n))]!;
  const kept = (i: number): boolean => reach[i]! <= limit;
  const root = Int32Array.from({ length: n }, (_, i) => i);
  const find = (i: number): number => {
    let r = i;
    while (root[r] !== r) r = root[r]!;
    for (let at = i; root[at] !== r;) [at, root[at]] = [root[at]!, r];
    return r;
  };
  for (let i = 0; i < n; i++)
    if (kept(i))
      for (let m = 0; m < k; m++)
        if (kept(nearest[i * k + m]!)) root[find(i)] = find(nearest[i * k + m]!);
  const sizes = new Map<number, number>();
  for (let i = 0; i < n; i++) if (kept(i)) sizes.set(find(i), (sizes.get(find(i)) ?? 0) + 1);
  const large = [...sizes].filter(([, size]) => size >= 0.01 * n).map(([r]) => r);
  const labelOf = new Map(
    (large.length > 0 ? large : [...sizes.keys()].slice(0, 1)).map((r, c) => [r, c]),
  );
  const own = (i: number): number | undefined => (kept(i) ? labelOf.get(find(i)) : undefined);
  const labels = Int32Array.from({ length: n }, (_, i) => {
    const direct = own(i);
    if (direct !== undefined) return direct;
    let [label, least] = [0, Infinity];
    for (let j = 0; j < n; j++) {
      const other = own(j);
      if (other === undefined) continue;
      let sum = 0;
      for (let d = 0; d < p; d++) sum += (data[i * p + d]! - data[j * p + d]!) ** 2;
      if (sum < least) [label, least] = [other, sum];
    }
    return label;
  });
  return { labels, count: labelOf.size };
}
