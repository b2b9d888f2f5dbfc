/**
 * Random numbers from explicit keys: a key goes in, an array comes out, and the same key gives the same array everywhere.
 *
 * @packageDocumentation
 */

// keys
export { foldIn, key, split, type RngKey } from "./key.js";
// real numbers
export {
  beta,
  dirichlet,
  exponential,
  gamma,
  gumbel,
  normal,
  normalRows,
  truncatedNormal,
  uniform,
} from "./continuous.js";
export type { DrawOptions } from "./stream.js";
// real numbers in rows, with parameters of their own
export { laplace, logistic, studentT, type LocationScaleOptions } from "./location-scale.js";
export { multivariateNormal } from "./multivariate-normal.js";
export type { RealRowOptions, RowOptions } from "./rows.js";
// counts in rows
export { binomial, geometric, multinomial, poisson } from "./counts.js";
// whole numbers, choices and orders
export {
  bernoulli,
  categorical,
  choice,
  orthogonal,
  permutation,
  randint,
  type ChoiceOptions,
} from "./discrete.js";
// layers that drop numbers
export { dropout, keyWords } from "./dropout.js";
// raw bits by counter
export { bits } from "./threefry.js";
