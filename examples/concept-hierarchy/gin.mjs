// A rival that looks for latents in another way: generalised independent noise, for linear models whose noise is not Gaussian.
// Xie, Cai, Huang, Glymour, Hao, Zhang (2020), "Generalized independent noise condition for estimating latent variable causal graphs".
// This is our own writing of what `gin` of @kanaries/causal and causal-learn do with `hsic`; values that repeat are grouped, so that many rows of labels cost little.
import { toNested } from "@provably/core-tensor";
import { eigh } from "@provably/core-tensor/linalg";
import { chiSquareTail } from "@provably/causal-latent/hierarchy";

const range = (n) => Array.from({ length: n }, (_, i) => i);
const column = (data, j) => Float64Array.from(range(data.shape[0]), (i) => data.get(i, j));

/** Subsets of so many elements. */
function subsets([first, ...rest], size) {
  if (size === 0) return [[]];
  if (rest.length + 1 < size || first === undefined) return [];
  return [...subsets(rest, size - 1).map((set) => [first, ...set]), ...subsets(rest, size)];
}

/**
 * A column seen through a Gaussian kernel, as wide as half the median of the squared distances in the first hundred rows: its different values, how often each
 * occurs, which one each row has, the centred kernel between them, and the mean of the kernel off the diagonal.
 */
function seen(column) {
  const n = column.length;
  const index = new Map();
  const of = Int32Array.from(column, (v) => index.get(v) ?? index.set(v, index.size).get(v));
  const values = [...index.keys()];
  const counts = new Float64Array(values.length);
  for (const g of of) counts[g]++;
  const head = [...column.subarray(0, 100)];
  const distances = head.flatMap((a, i) => head.slice(i + 1).map((b) => (a - b) ** 2)).filter((d) => d > 0).sort((a, b) => a - b); // prettier-ignore
  const half = distances.length / 2;
  const width =
    distances.length === 0
      ? 1
      : 0.25 * (distances[Math.ceil(half) - 1] + distances[Math.floor(half)]);
  const gram = values.map((a) => values.map((b) => Math.exp(-((a - b) ** 2) / (2 * width))));
  const sums = gram.map((row) => row.reduce((total, k, j) => total + k * counts[j], 0));
  const all = sums.reduce((total, s, i) => total + s * counts[i], 0);
  const centred = gram.map((row, i) =>
    row.map((k, j) => k - (sums[i] + sums[j]) / n + all / n ** 2),
  );
  return { of, size: values.length, centred, off: (all - n) / (n * (n - 1)) };
}

/** p-value of independence: the Hilbert-Schmidt criterion with a gamma law. Gretton and others (2008), "A kernel statistical test of independence". */
function independence(a, b) {
  const n = a.of.length;
  const table = new Float64Array(a.size * b.size);
  for (let r = 0; r < n; r++) table[a.of[r] * b.size + b.of[r]]++;
  const cells = [...table.keys()]
    .filter((at) => table[at] > 0)
    .map((at) => [Math.floor(at / b.size), at % b.size, table[at]]);
  let [statistic, variance] = [0, 0];
  for (const [i, j, count] of cells) {
    for (const [i2, j2, other] of cells) {
      const product = a.centred[i][i2] * b.centred[j][j2];
      statistic += (count * other * product) / n;
      variance += count * other * (product / 6) ** 2;
    }
    variance -= count * ((a.centred[i][i] * b.centred[j][j]) / 6) ** 2;
  }
  variance *= (72 * (n - 4) * (n - 5)) / (n * (n - 1)) ** 2 / ((n - 2) * (n - 3));
  const mean = (1 + a.off * b.off - a.off - b.off) / n;
  if (!(variance > 0 && mean > 0)) return statistic > 0 ? 0 : 1;
  return chiSquareTail(
    Math.max(0, (2 * statistic * mean) / (variance * n)),
    (2 * mean ** 2) / variance,
  ).p;
}

/** Groups joined where they have a member in common. */
function merged(groups) {
  const out = [];
  for (const group of groups) {
    const touching = out.filter((other) => other.some((v) => group.includes(v)));
    for (const other of touching) out.splice(out.indexOf(other), 1);
    out.push([...new Set([...touching.flat(), ...group])].sort((a, b) => a - b));
  }
  return out;
}

/**
 * Clusters of observed variables that share latents, the latents in causal order where that is found, and the edges of the graph: each latent to its cluster, and to
 * every later latent; the method draws no tree of latents. Clusters up to `maxCluster` variables, as many as the search on tables looks at.
 */
export function gin({ data, names }, { alpha = 0.05, maxCluster = 3 } = {}) {
  const columns = range(data.shape[1]).map((j) => column(data, j));
  const centred = columns.map((x) => {
    const mean = x.reduce((a, b) => a + b, 0) / x.length;
    return x.map((v) => v - mean);
  });
  const covariance = centred.map((x) =>
    centred.map((y) => x.reduce((total, v, r) => total + v * y[r], 0) / (x.length - 1)),
  );
  const views = columns.map(seen);
  /** Whether the combination of `x` that is uncorrelated with `z` is independent of it: p-values combined by Fisher's method. */
  const holds = (x, z) => {
    const between = z.map((i) => x.map((j) => covariance[i][j]));
    const gram = x.map((_, i) =>
      x.map((_, j) => between.reduce((total, row) => total + row[i] * row[j], 0)),
    );
    const weights = toNested(eigh(gram).eigenvectors).map((row) => row[0]);
    const residual = seen(
      Float64Array.from(columns[0], (_, r) =>
        x.reduce((total, j, i) => total + weights[i] * columns[j][r], 0),
      ),
    );
    const logs = z.map((j) => Math.log(Math.max(1e-5, independence(views[j], residual))));
    return chiSquareTail(-2 * logs.reduce((a, b) => a + b, 0), 2 * z.length).p >= alpha;
  };

  let left = range(data.shape[1]);
  const clusters = [];
  for (let size = 2; size <= maxCluster && size < left.length; size++) {
    const accepted = subsets(left, size).filter((set) => holds(set, left.filter((j) => !set.includes(j)))); // prettier-ignore
    clusters.push(...merged(accepted));
    left = left.filter((j) => !clusters.flat().includes(j));
  }

  const halves = (cluster) => [
    cluster.slice(0, Math.ceil(cluster.length / 2)),
    cluster.slice(Math.ceil(cluster.length / 2)),
  ];
  const ordered = [];
  const open = [...clusters];
  for (;;) {
    const [above, below] = [
      ordered.flatMap((c) => halves(c)[0]),
      ordered.flatMap((c) => halves(c)[1]),
    ];
    const root = open.findIndex((cluster) => {
      const [first, second] = halves(cluster);
      return open.every(
        (other) =>
          other === cluster ||
          holds([...above, ...first, ...halves(other)[0]], [...below, ...second]),
      );
    });
    if (root < 0) break;
    ordered.push(...open.splice(root, 1));
  }
  const all = [...ordered, ...open];
  const latent = (i) => `L${i + 1}`;
  const edges = all.flatMap((cluster, i) => [
    ...range(i).map((j) => ({ from: latent(j), to: latent(i) })),
    ...cluster.map((j) => ({ from: latent(i), to: names[j] })),
  ]);
  return { clusters: all.map((cluster) => cluster.map((j) => names[j])), edges };
}
