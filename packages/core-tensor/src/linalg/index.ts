/**
 * Dense linear algebra on matrices and stacks of them, in double precision and differentiable.
 *
 * @packageDocumentation
 */

// linear systems
export { inv, solve, triangularSolve } from "./solve.js";
export { lstsq } from "./least-squares.js";
// determinants
export { det, lu, slogdet } from "./determinant.js";
// decompositions
export { cholesky } from "./cholesky.js";
export { qr } from "./qr.js";
export { eigh, eigvalsh, type DegenerateOptions } from "./eigh.js";
export { cond, matrixRank, pinv, svd, svdvals, type RankOptions, type Svd } from "./svd.js";
// functions of matrices
export { matrixExp } from "./matrix-exp.js";
export { matrixPower, polyfit } from "./power.js";
