import * as p from "@provably/core-tensor";
import { golden } from "./cases.js";

golden(
  "matmul",
  {
    matmul: ([a, b]) => p.matmul(a!, b!),
    einsum: (xs, { equation }) => p.einsum(equation as string, ...xs),
    quantizedMatvec: ([values, scales, x]) =>
      p.quantizedMatvec({ values: values!, scales: scales! }, x!),
  },
  { forward: 1e-11 },
);
