/** Processors that narrow what may be drawn: temperature, and the tokens that are likely enough. */
import {
  check,
  numberIn,
  positiveNumber,
  satisfying,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type LogitProcessor, processor } from "./processors.js";

const share = satisfying<number>("in (0, 1]", (x) => typeof x === "number" && x > 0 && x <= 1);

/**
 * Divides logits: below 1 likely tokens become likelier.
 *
 * @param temperature - above 0
 * @returns see {@link LogitProcessor}
 * @throws `DomainError` unless `temperature` is above 0
 * @example
 * ```ts
 * import { scaleTemperature } from "@provably/transformer-sparsity/griffin";
 *
 * scaleTemperature(0.5)(Float64Array.of(1, 2), { ids: [], promptLength: 0 }); // => Float64Array.of(2, 4)
 * ```
 * @category Text
 */
export function scaleTemperature(temperature: number): LogitProcessor {
  check("scaleTemperature", "temperature", temperature, positiveNumber);
  return processor("scaleTemperature", (logits) => logits.map((z) => z / temperature));
}

/**
 * Keeps logits at or above the k-th largest.
 *
 * @param k - an integer ≥ 1
 * @returns see {@link LogitProcessor}
 * @throws `DomainError` unless `k` is an integer ≥ 1
 * @example
 * ```ts
 * import { keepTopK } from "@provably/transformer-sparsity/griffin";
 *
 * keepTopK(1)(Float64Array.of(1, 2), { ids: [], promptLength: 0 }); // => Float64Array.of(-Infinity, 2)
 * ```
 * @category Text
 */
export function keepTopK(k: number): LogitProcessor {
  check("keepTopK", "k", k, wholeNumber(1));
  return processor("keepTopK", (logits) => {
    if (k >= logits.length) return logits;
    const least = logits.slice().sort()[logits.length - k]!;
    return logits.map((z) => (z < least ? -Infinity : z));
  });
}

/**
 * Keeps the most likely tokens that together have at least a probability.
 *
 * @param mass - in (0, 1]
 * @returns see {@link LogitProcessor}
 * @throws `DomainError` for a mass out of range
 * @example
 * ```ts
 * import { keepTopP } from "@provably/transformer-sparsity/griffin";
 *
 * keepTopP(0.5)(Float64Array.of(1, 2), { ids: [], promptLength: 0 }); // => Float64Array.of(-Infinity, 2)
 * ```
 * @see Holtzman et al. (2020), "The curious case of neural text degeneration", section 3.1
 * @category Text
 */
export function keepTopP(mass: number): LogitProcessor {
  check("keepTopP", "mass", mass, share);
  return processor("keepTopP", (logits) => {
    const p = probabilities(logits);
    const ascending = Array.from(p.keys()).sort((a, b) => logits[a]! - logits[b]! || a - b);
    const z = logits.slice();
    let dropped = 0;
    for (const i of ascending.slice(0, -1)) {
      dropped += p[i]!;
      if (dropped > 1 - mass) break;
      z[i] = -Infinity;
    }
    return z;
  });
}

/**
 * Keeps tokens with at least this share of the greatest probability.
 *
 * @param least - in [0, 1]
 * @returns see {@link LogitProcessor}
 * @throws `DomainError` for a share out of range
 * @example
 * ```ts
 * import { keepMinP } from "@provably/transformer-sparsity/griffin";
 *
 * keepMinP(0.5)(Float64Array.of(1, 2), { ids: [], promptLength: 0 }); // => Float64Array.of(-Infinity, 2)
 * ```
 * @category Text
 */
export function keepMinP(least: number): LogitProcessor {
  check("keepMinP", "least", least, numberIn(0, 1));
  return processor("keepMinP", (logits) => {
    const p = probabilities(logits);
    const bar = least * p.reduce((a, b) => Math.max(a, b), 0);
    return logits.map((z, i) => (p[i]! < bar ? -Infinity : z));
  });
}

/**
 * Keeps the tokens whose information is nearest to the entropy until they have a probability together; those as near as the last are kept too.
 *
 * @param mass - in (0, 1]
 * @returns see {@link LogitProcessor}
 * @throws `DomainError` for a mass out of range
 * @example
 * ```ts
 * import { keepTypical } from "@provably/transformer-sparsity/griffin";
 *
 * keepTypical(0.2)(Float64Array.of(3, 1, 1, -9), { ids: [], promptLength: 0 }); // => Float64Array.of(3, -Infinity, -Infinity, -Infinity)
 * ```
 * @see Meister et al. (2023), "Locally typical sampling"
 * @category Text
 */
export function keepTypical(mass: number): LogitProcessor {
  check("keepTypical", "mass", mass, share);
  return processor("keepTypical", (logits) => {
    const p = probabilities(logits);
    const information = p.map((v) => -Math.log(v));
    const entropy = p.reduce((sum, v, i) => (v === 0 ? sum : sum + v * information[i]!), 0);
    const distance = information.map((v) => Math.abs(v - entropy));
    const nearest = Array.from(p.keys()).sort((a, b) => distance[a]! - distance[b]! || a - b);
    let sum = 0;
    const last = nearest.find((i) => (sum += p[i]!) >= mass) ?? nearest[nearest.length - 1]!;
    return logits.map((z, i) => (distance[i]! > distance[last]! ? -Infinity : z));
  });
}

function probabilities(z: Float64Array): Float64Array {
  const peak = z.reduce((a, b) => Math.max(a, b), -Infinity);
  const p = z.map((v) => Math.exp(v - peak));
  const total = p.reduce((a, b) => a + b, 0);
  return p.map((v) => v / total);
}
