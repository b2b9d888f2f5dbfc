/** Functions of one number with a static kernel that works on a tile in place, and the module that holds it. */
export const TILE_KERNELS = {
  exp: "exponential",
  expm1: "exponential",
  tanh: "exponential",
  sigmoid: "exponential",
  silu: "exponential",
  geluTanh: "exponential",
  log: "logarithm",
  log1p: "logarithm",
  softplus: "logarithm",
  erf: "gaussian",
  erfc: "gaussian",
  gelu: "gaussian",
  ndtr: "gaussian",
  sin: "trigonometric",
  cos: "trigonometric",
} as const;

export type TileKernel = keyof typeof TILE_KERNELS;
