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
// raw bits by counter
export { bits } from "./threefry.js";
