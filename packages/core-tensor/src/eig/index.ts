/**
 * Eigenvalues and eigenvectors of real matrices that need not be symmetric; complex arrays are pairs of real and imaginary parts.
 *
 * @packageDocumentation
 */

export type { Complex } from "../fft/complex.js";
export { eig, eigvals } from "./eig.js";
