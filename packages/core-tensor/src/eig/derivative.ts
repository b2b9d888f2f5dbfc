/**
 * How eigenvalues and eigenvectors move with the matrix: with $P = V^{-1}\, dA\, V$, $d\lambda = \operatorname{diag} P$ and
 * $dV = V (F \circ P) - V \operatorname{diag}(c)$, where $F_{jk} = 1/(\lambda_k - \lambda_j)$ off the diagonal and c keeps length and phase.
 */
import type { NdArray } from "../array/ndarray.js";
import { add, div, mul, neg, square, sub } from "../ops/arithmetic.js";
import { equal, where } from "../ops/comparison.js";
import { eye } from "../ops/create.js";
import { argmax } from "../ops/extremum.js";
import { takeAlongAxis } from "../ops/gather.js";
import { concat, split } from "../ops/join.js";
import { matmul } from "../ops/matmul.js";
import { sum } from "../ops/reduce.js";
import { expandDims } from "../ops/reshape.js";
import { diagonal } from "../ops/triangle.js";
import { solve } from "../linalg/solve.js";

/** Real and imaginary part. */
export type Parts = readonly [NdArray, NdArray];
/** Eigenvalues and eigenvectors, both as real and imaginary part. */
type Outputs = readonly NdArray[];

/** $P = V^{-1}\, dA\, V$, by one real system of twice the side. */
export function directionIn([, , vr, vi]: Outputs, da: NdArray): Parts {
  const system = concat([concat([vr!, neg(vi!)], { axis: -1 }), concat([vi!, vr!], { axis: -1 })], {
    axis: -2,
  });
  const right = concat([matmul(da, vr!), matmul(da, vi!)], { axis: -2 });
  const [re, im] = split(solve(system, right), 2, { axis: -2 });
  return [re!, im!];
}

export function changeOfValues([re, im]: Parts): Parts {
  return [diagonal(re), diagonal(im)];
}

/** $dV$, with the length kept at 1 and the greatest component kept real. */
export function changeOfVectors([re, im, vr, vi]: Outputs, p: Parts): Parts {
  const moved = times([vr!, vi!], divided(p, re!, im!));
  const along = sum(add(mul(vr!, moved[0]), mul(vi!, moved[1])), { axis: -2, keepDims: true });
  const at = expandDims(argmax(add(square(vr!), square(vi!)), { axis: -2 }), -2);
  const pick = (x: NdArray): NdArray => takeAlongAxis(x, at, { axis: -2 });
  // the greatest component is real, so the turn is the imaginary part of its change over it
  const turn = div(pick(moved[1]), pick(vr!));
  return [
    sub(moved[0], sub(mul(vr!, along), mul(vi!, turn))),
    sub(moved[1], add(mul(vi!, along), mul(vr!, turn))),
  ];
}

/** $F \circ P$. */
function divided([pr, pi]: Parts, re: NdArray, im: NdArray): Parts {
  const gap = (x: NdArray): NdArray => sub(expandDims(x, -2), expandDims(x, -1));
  const onDiagonal = equal(eye(re.shape[re.shape.length - 1]!), 1);
  const [gr, gi] = [where(onDiagonal, 1, gap(re)), where(onDiagonal, 0, gap(im))];
  const size = add(square(gr), square(gi));
  const over = (x: NdArray): NdArray => where(onDiagonal, 0, div(x, size));
  return [over(add(mul(pr, gr), mul(pi, gi))), over(sub(mul(pi, gr), mul(pr, gi)))];
}

function times([ar, ai]: Parts, [br, bi]: Parts): Parts {
  return [sub(matmul(ar, br), matmul(ai, bi)), add(matmul(ar, bi), matmul(ai, br))];
}
