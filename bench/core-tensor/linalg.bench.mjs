// How fast are the dense decompositions?
import { array, toTypedArray } from "@provably/core-tensor";
import { eigh, svd } from "@provably/core-tensor/linalg";
import { numbers, pytorch } from "./data.mjs";

const decomposition = (name, n, ours, matrix, theirs) => ({
  name: `${name} ${n}×${n}, float64`,
  options: { rounds: 5, seconds: 0.1, tolerance: 1e-10 },
  bars: n === 256 ? [{ peer: "ml-matrix", ratio: 3 }] : [],
  async contestants({ peers, torch }) {
    const data = matrix(numbers(n * n, 8, Float64Array), n);
    const a = array(data, { shape: [n, n] });
    const list = [
      { name: "core-tensor", run: () => ours(a), answer: () => toTypedArray(ours(a)).sort() },
    ];
    if (peers["ml-matrix"]) {
      const ml = peers["ml-matrix"];
      const m = ml.Matrix.from1DArray(n, n, data);
      list.push({
        name: "ml-matrix",
        run: () => theirs(ml, m),
        answer: () => Float64Array.from(theirs(ml, m)).sort(),
      });
    }
    return [...list, ...pytorch(torch, [name, n])];
  },
});

const symmetric = (x, n) => x.map((v, i) => v + x[(i % n) * n + Math.floor(i / n)]);

export default {
  title: "linalg: values and vectors of dense decompositions, one thread",
  cases: [64, 256].flatMap((n) => [
    decomposition(
      "svd",
      n,
      (a) => svd(a).singularValues,
      (x) => x,
      (ml, m) => new ml.SingularValueDecomposition(m).diagonal,
    ),
    decomposition(
      "eigh",
      n,
      (a) => eigh(a).eigenvalues,
      symmetric,
      (ml, m) => new ml.EigenvalueDecomposition(m, { assumeSymmetric: true }).realEigenvalues,
    ),
  ]),
};
