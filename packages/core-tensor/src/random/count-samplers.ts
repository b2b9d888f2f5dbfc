/** Single counts: by inversion where the mean is small, by transformed rejection where it is not. */
import { lgamma } from "../exec/js/special.js";
import type { Stream } from "./stream.js";

/** Below this mean inversion is quicker, and the constants of the rejection do not hold. */
const SMALL_MEAN = 10;

export function poissonDraw(rate: number, source: Stream): number {
  return rate < SMALL_MEAN ? poissonByInversion(rate, source) : poissonByRejection(rate, source);
}

function poissonByInversion(rate: number, { uniform }: Stream): number {
  let left = uniform();
  let probability = Math.exp(-rate);
  let k = 0;
  // the end is where rounding has left nothing of the probability
  while (left >= probability && probability > 0) {
    left -= probability;
    probability *= rate / ++k;
  }
  return k;
}

/** PTRS: Hörmann (1993), "The transformed rejection method for generating Poisson random variables". */
function poissonByRejection(rate: number, { uniform }: Stream): number {
  const b = 0.931 + 2.53 * Math.sqrt(rate);
  const a = -0.059 + 0.02483 * b;
  const logInverseAlpha = Math.log(1.1239 + 1.1328 / (b - 3.4));
  const squeeze = 0.9277 - 3.6224 / (b - 2);
  const logRate = Math.log(rate);
  for (;;) {
    const u = uniform() - 0.5;
    const v = uniform();
    const us = 0.5 - Math.abs(u);
    const k = Math.floor(((2 * a) / us + b) * u + rate + 0.43);
    if (us >= 0.07 && v <= squeeze) return k;
    if (!(k >= 0) || (us < 0.013 && v > us)) continue;
    const height = Math.log(v) + logInverseAlpha - Math.log(a / (us * us) + b);
    if (height <= k * logRate - rate - lgamma(k + 1)) return k;
  }
}

export function binomialDraw(n: number, p: number, source: Stream): number {
  if (p > 0.5) return n - binomialDraw(n, 1 - p, source);
  if (n * p < SMALL_MEAN) return binomialByInversion(n, p, source);
  return binomialByRejection(n, p, source);
}

function binomialByInversion(n: number, p: number, { uniform }: Stream): number {
  if (n === 0 || p === 0) return 0;
  const odds = p / (1 - p);
  let left = uniform();
  let probability = Math.exp(n * Math.log1p(-p));
  let k = 0;
  while (left >= probability && probability > 0 && k < n) {
    left -= probability;
    probability *= (odds * (n - k)) / (k + 1);
    k++;
  }
  return k;
}

/** BTRS: Hörmann (1993), "The generation of binomial random variates". */
function binomialByRejection(n: number, p: number, { uniform }: Stream): number {
  const spread = Math.sqrt(n * p * (1 - p));
  const b = 1.15 + 2.53 * spread;
  const a = -0.0873 + 0.0248 * b + 0.01 * p;
  const centre = n * p + 0.5;
  const squeeze = 0.92 - 4.2 / b;
  const alpha = (2.83 + 5.1 / b) * spread;
  const logOdds = Math.log(p / (1 - p));
  const mode = Math.floor((n + 1) * p);
  const peak = lgamma(mode + 1) + lgamma(n - mode + 1);
  for (;;) {
    const u = uniform() - 0.5;
    const v = uniform();
    const us = 0.5 - Math.abs(u);
    const k = Math.floor(((2 * a) / us + b) * u + centre);
    if (!(k >= 0 && k <= n)) continue;
    if (us >= 0.07 && v <= squeeze) return k;
    const height = Math.log((v * alpha) / (a / (us * us) + b));
    if (height <= peak - lgamma(k + 1) - lgamma(n - k + 1) + (k - mode) * logOdds) return k;
  }
}
