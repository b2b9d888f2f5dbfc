/** The levels that diffusers' schedulers visit: steps of the training, or lists of σ/α made from its ends. */
import { DomainError } from "@provably/core-tensor";
import { roundHalfToEven } from "../../internal/numbers.js";
import { cosineBetas, linearBetas, scaledLinearBetas, sigmoidBetas } from "../../schedule/betas.js";
import type { Settings } from "./config.js";

/** numpy.linspace. */
export function linspace(from: number, to: number, n: number): number[] {
  return Array.from({ length: n }, (_, i) =>
    i === n - 1 && n > 1 ? to : from + i * ((to - from) / Math.max(1, n - 1)),
  );
}

/** ᾱ of every step of the training; `floor` stands for 0 where zero signal is asked for and the scheduler cannot begin there. */
export function trainedPowers(settings: Settings, floor: number): number[] {
  const n = settings.number("num_train_timesteps");
  const range = { start: settings.number("beta_start"), end: settings.number("beta_end") };
  const made = {
    linear: () => linearBetas(n, range),
    scaled_linear: () => scaledLinearBetas(n, range),
    squaredcos_cap_v2: () => cosineBetas(n),
    sigmoid: () => sigmoidBetas(n, range),
  }[settings.word("beta_schedule") as "linear"];
  let left = 1;
  const powers = (settings.list("trained_betas") ?? made()).map((beta) => (left *= 1 - beta));
  if (!settings.flag("rescale_betas_zero_snr")) return powers;
  // √ᾱ is shifted to end at 0 and stretched to begin where it did
  const roots = powers.map(Math.sqrt);
  const [first, last] = [roots[0]!, roots.at(-1)!];
  return roots.map((root, i) =>
    i === roots.length - 1 ? floor : (((root - last) * first) / (first - last)) ** 2,
  );
}

/** How a class counts when it picks steps. */
export interface Spacing {
  readonly total: number;
  readonly numSteps: number;
  readonly spacing: string;
  readonly offset: number;
  /** Whether one more step is picked and the last left out, as the solvers of higher order do. */
  readonly oneMore: boolean;
  /** Whether places between steps are taken as they are. */
  readonly fractions?: boolean;
}

/** Steps of the training, counted from 0, from the noise on. */
export function pickSteps(
  fn: string,
  { total, numSteps, spacing, offset, oneMore, fractions = false }: Spacing,
): number[] {
  if (numSteps > total)
    throw new DomainError(
      `${fn}: numSteps must be at most the ${total} steps of the training, got ${numSteps}`,
    );
  const more = oneMore ? 1 : 0;
  const round = (x: number): number => (fractions ? x : roundHalfToEven(x));
  const ascending = (): number[] => {
    switch (spacing) {
      case "linspace":
        return linspace(0, total - 1, numSteps + more).map(round);
      case "leading": {
        const ratio = Math.floor(total / (numSteps + more));
        return Array.from({ length: numSteps + more }, (_, i) => i * ratio + offset);
      }
      default: {
        const ratio = total / numSteps;
        const places = Array.from({ length: numSteps }, (_, i) => total - i * ratio);
        return places.map((place) => roundHalfToEven(place) - 1).reverse();
      }
    }
  };
  const steps = ascending().reverse();
  return spacing === "trailing" ? steps : steps.slice(0, numSteps);
}

/** A value between the entries of a list. */
export function interpolate(list: readonly number[], place: number): number {
  const below = Math.min(list.length - 1, Math.floor(place));
  const above = Math.min(list.length - 1, below + 1);
  const share = place - below;
  return share === 0 ? list[below]! : list[below]! + share * (list[above]! - list[below]!);
}

/** ρ-th roots evenly spaced. */
export function karrasList(high: number, low: number, n: number, rho = 7): number[] {
  const [from, to] = [high ** (1 / rho), low ** (1 / rho)];
  return linspace(0, 1, n).map((u) => (from + u * (to - from)) ** rho);
}

/** Logarithms evenly spaced. */
export function exponentialList(high: number, low: number, n: number): number[] {
  return linspace(Math.log(high), Math.log(low), n).map(Math.exp);
}

/** Quantiles of the beta distribution with both parameters 0.6, which lie close to both ends. */
export function betaList(high: number, low: number, n: number): number[] {
  return linspace(0, 1, n).map((u) => low + betaQuantile(1 - u) * (high - low));
}

const SHAPE = 0.6;

/** ∫ of t^(a − 1) (1 − t)^(a − 1) from 0 to x ≤ 1/2, by its power series. */
function incompleteBeta(x: number): number {
  let [term, total] = [1, 1 / SHAPE];
  for (let k = 1; k < 200 && term > 0; k++) {
    term *= ((k - SHAPE) / k) * x;
    total += term / (SHAPE + k);
  }
  return x ** SHAPE * total;
}

function betaQuantile(q: number): number {
  if (q > 0.5) return 1 - betaQuantile(1 - q);
  const goal = 2 * q * incompleteBeta(0.5);
  let [low, high] = [0, 0.5];
  for (let i = 0; i < 200; i++) {
    const middle = (low + high) / 2;
    if (incompleteBeta(middle) < goal) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** The list that the flags ask for, from the ends of another; undefined where none is asked for. */
export function listByFlags(settings: Settings, high: number, low: number, n: number) {
  if (settings.flag("use_karras_sigmas")) return karrasList(high, low, n);
  if (settings.flag("use_exponential_sigmas")) return exponentialList(high, low, n);
  if (settings.flag("use_beta_sigmas")) return betaList(high, low, n);
  return undefined;
}

/** Times of flow matching moved towards the noise by a factor. */
export function shifted(times: readonly number[], shift: number): number[] {
  return times.map((u) => (shift * u) / (1 + (shift - 1) * u));
}

/** Times stretched so that the last one is the given one. */
export function stretched(times: readonly number[], last: number): number[] {
  const scale = (1 - times.at(-1)!) / (1 - last);
  return times.map((u) => 1 - (1 - u) / scale);
}
