import { type NdArray, add, matmul, matrixTranspose, mul, slice } from "@provably/core-tensor";
import * as l from "@provably/core-tensor/linalg";
import { golden } from "./cases.js";

const symmetric = (x: NdArray): NdArray => mul(0.5, add(x, matrixTranspose(x)));

golden(
  "linalg",
  {
    solve: ([a, b]) => l.solve(a!, b!),
    inv: ([a]) => l.inv(a!),
    det: ([a]) => l.det(a!),
    slogdet: ([a]) => {
      const { sign, logAbsDet } = l.slogdet(a!);
      return [sign, logAbsDet];
    },
    cholesky: ([a]) => l.cholesky(symmetric(a!)),
    triangularSolve: ([a, b], { lower }) => l.triangularSolve(a!, b!, { lower: lower as boolean }),
    lstsq: ([a, b]) => l.lstsq(a!, b!),
    eigvalsh: ([a]) => l.eigvalsh(symmetric(a!)),
    svdvals: ([a]) => l.svdvals(a!),
    pinv: ([a]) => l.pinv(a!),
    qr: ([a]) => {
      const { q, r } = l.qr(a!);
      return [q, r];
    },
    // eigenvalues, and the projector onto the two largest
    eigh: ([a]) => {
      const { eigenvalues, eigenvectors } = l.eigh(symmetric(a!));
      const top = slice(eigenvectors, [0, -2]);
      return [eigenvalues, matmul(top, matrixTranspose(top))];
    },
    matrixExp: ([a]) => l.matrixExp(a!),
  },
  { forward: 1e-9, float32: 1e-3 },
);
