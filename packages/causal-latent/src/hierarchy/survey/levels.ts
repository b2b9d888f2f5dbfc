/**
 * How many latents, and which items hang on each: the rank of what items have in common, counted
 * with a price for every parameter, among the numbers for which every latent has items of its own.
 */
import { foldIn, type RngKey } from "@provably/core-tensor/random";
import { type Agreeing, splitOff, withAgreement, without } from "./agreement.js";
import { parallelAnalysis } from "./factors.js";
import { oblimin, varimax } from "./rotate.js";

/** Where agreement stands in a model: nowhere, equal on all items, or as the direction among its factors that is most like it. */
export type Form = "none" | "equal" | "direction";

/** The items in k groups. */
export interface Level {
  readonly k: number;
  /** Factors that were fitted: k, and one more for agreement that is a direction among them. */
  readonly numFactors: number;
  readonly form: Form;
  /** Mean share of a rated item's variance that is agreement. */
  readonly agreement: number;
  readonly uniquenesses: Float64Array;
  /** Pattern of loadings, [p, k], columns turned so that most of their weight is positive. */
  readonly pattern: Float64Array;
  /** Correlations of the latents, [k, k]. */
  readonly latents: Float64Array;
  /** Of every item, the latent on which it loads most. */
  readonly groupOf: Int32Array;
  /** Whether every latent has enough items that load on it most. */
  readonly measured: boolean;
  readonly cost: number;
  /** Root mean square error of approximation. */
  readonly rmsea: number;
}

export interface LevelSettings {
  /** Rows that the correlations are worth. */
  readonly size: number;
  /** What a parameter must explain at least, as a root mean square error of approximation. */
  readonly effect: number;
  readonly minItems: number;
  readonly maxGroups: number | undefined;
  /** 1 for items that are rated, so that agreement shows in them, 0 for others; absent where there is none. */
  readonly rated?: Float64Array | undefined;
  /** Variance near which agreement is looked for. */
  readonly nearAgreement?: number;
  /** Fewest groups that are looked at; default 1. */
  readonly minGroups?: number;
  /** The number of factors by parallel analysis, where it is known already. */
  readonly numFactors?: number;
  readonly key: RngKey;
  readonly signal: AbortSignal | undefined;
  readonly onLevel?: ((done: number, total: number) => void) | undefined;
}

/** Below this an item does not count as one that measures a latent. */
export const WEAK = 0.2;
/** Of all items, the share that must be reversed for agreement to be told from what groups have in common. */
const REVERSED = 0.1;

/** Loadings turned to simple structure, and where every item stands. */
type Turned = Pick<Level, "pattern" | "latents" | "groupOf"> & {
  readonly counts: Int32Array;
  /** Items against the direction of their group. */
  readonly numReversed: number;
  /** Sum of the squared loadings outside the own group. */
  readonly departure: number;
};

/**
 * One level: k factors by maximum likelihood, turned to simple structure, with agreement where that pays.
 *
 * Cost: $n F + m (\ln n + n \varepsilon^2)$ for misfit F and m free parameters. $\ln n$ is the price of the Bayesian
 * information criterion; $n\varepsilon^2$ keeps rows without end from paying for parameters that explain less
 * than $\varepsilon^2$ each.
 *
 * Agreement costs one parameter when it is equal on all items. Else it is a direction among the factors, if the structure is simpler so: if squared
 * loadings outside the own group, and squared deviations of agreement from its mean, are fewer than squared loadings outside the own group before.
 */
export function levelOf(
  s: Float64Array,
  p: number,
  k: number,
  settings: LevelSettings,
  form?: Form,
): Level {
  const { size, effect, rated, nearAgreement } = settings;
  const price = Math.log(size) + size * effect ** 2;
  const plain = without(s, p, k);
  if (rated !== undefined && form !== "none" && form !== "direction") {
    const equal = withAgreement(s, p, k, rated, nearAgreement);
    if (equal !== undefined && (form === "equal" || size * (plain.misfit - equal.misfit) > price)) {
      const turned = turn(equal.loadings, p, k);
      const plainly = (): Turned => turn(without(s, p, k + 1).loadings, p, k + 1);
      if (form === "equal" || (tells(turned, p) && isNoContrast(k, plainly)))
        return levelFrom(equal, turned, p, k, "equal", settings);
    }
  }
  const turned = turn(plain.loadings, p, k);
  const split =
    rated !== undefined && k > 1 && (form ?? "direction") === "direction"
      ? splitOff(plain.loadings, p, k, rated)
      : undefined;
  if (split === undefined) return levelFrom(plain, turned, p, k, "none", settings);
  const { rest, agreement } = split;
  const apart = turn(rest, p, k - 1);
  const numRated = rated!.reduce((sum, a) => sum + a, 0);
  const mean = agreement.reduce((sum, a, i) => sum + a * rated![i]!, 0) / numRated;
  const uneven = agreement.reduce((sum, a, i) => sum + (a - mean * rated![i]!) ** 2, 0);
  if (
    form !== "direction" &&
    !(
      isNoContrast(k - 1, () => turned) &&
      tells(apart, p) &&
      apart.departure + uneven < turned.departure
    )
  )
    return levelFrom(plain, turned, p, k, "none", settings);
  const explained = agreement.reduce((sum, a) => sum + a * a, 0) / numRated;
  return levelFrom({ ...plain, variance: explained }, apart, p, k, "direction", settings);
}

/** Whether reversed items tell agreement from what groups have in common. */
const tells = ({ numReversed }: Turned, p: number): boolean =>
  numReversed >= Math.max(2, REVERSED * p);

/**
 * Whether items are reversed in the plain factors too, as many as one latent and agreement together: two groups without reversed items are, by
 * another name, agreement and one latent between the groups, in which half of the items look reversed. With more latents such contrasts are
 * no simple structure.
 */
const isNoContrast = (numLatents: number, plain: () => Turned): boolean =>
  numLatents > 1 || plain().numReversed > 1;

function levelFrom(
  fit: Agreeing,
  { pattern, latents, groupOf, counts }: Turned,
  p: number,
  numFactors: number,
  form: Form,
  { size, effect, minItems }: LevelSettings,
): Level {
  const k = numFactors;
  const numParameters = p * k + p - (k * (k - 1)) / 2 + (form === "equal" ? 1 : 0);
  const df = ((p - k) ** 2 - p - k) / 2 - (form === "equal" ? 1 : 0);
  return {
    k: form === "direction" ? k - 1 : k,
    numFactors,
    form,
    agreement: fit.variance,
    uniquenesses: fit.uniquenesses,
    pattern,
    latents,
    groupOf,
    measured: counts.every((c) => c >= minItems),
    cost: size * fit.misfit + numParameters * (Math.log(size) + size * effect ** 2),
    rmsea: df > 0 ? Math.sqrt(Math.max(0, fit.misfit / df - 1 / size)) : 0,
  };
}

function turn(loadings: Float64Array, p: number, k: number): Turned {
  const turned =
    k === 1
      ? { loadings, correlations: Float64Array.of(1) }
      : oblimin(varimax(loadings, p, k), p, k);
  const signs = Float64Array.from({ length: k }, (_, f) => {
    let sum = 0;
    for (let i = 0; i < p; i++) sum += turned.loadings[i * k + f]! ** 3;
    return sum < 0 ? -1 : 1;
  });
  const pattern = turned.loadings.map((x, at) => x * signs[at % k]!);
  const latents = turned.correlations.map(
    (x, at) => x * signs[Math.floor(at / k)]! * signs[at % k]!,
  );
  const counts = new Int32Array(k);
  let [numReversed, departure] = [0, 0];
  const groupOf = Int32Array.from({ length: p }, (_, i) => {
    let best = 0;
    for (let f = 0; f < k; f++) {
      departure += pattern[i * k + f]! ** 2;
      if (Math.abs(pattern[i * k + f]!) > Math.abs(pattern[i * k + best]!)) best = f;
    }
    const own = pattern[i * k + best]!;
    departure -= own ** 2;
    if (Math.abs(own) >= WEAK) counts[best]!++;
    if (own <= -WEAK) numReversed++;
    return best;
  });
  return { pattern, latents, groupOf, counts, numReversed, departure };
}

/** Levels from one latent upwards, how many factors chance alone would not give, and the level that is cheapest among those where every latent is measured; none where items are independent. */
export function levelsOf(
  s: Float64Array,
  p: number,
  settings: LevelSettings,
): {
  readonly levels: readonly Level[];
  readonly best: Level | undefined;
  readonly numFactors: number;
} {
  const { size, minItems, maxGroups, minGroups = 1, rated, key, signal, onLevel } = settings;
  const numFactors =
    settings.numFactors ??
    parallelAnalysis(s, p, Math.round(size), foldIn(key, "parallel")).numFactors;
  const most = Math.min(maxGroups ?? numFactors + 3, Math.floor(p / minItems));
  // of two models with as many groups, the one in which all are measured, then the cheaper one
  const levels = new Map<number, Level>();
  const last = rated === undefined ? most : most + 1;
  for (let k = minGroups; k <= last; k++) {
    signal?.throwIfAborted();
    if ((p - k) ** 2 < p + k) break;
    const level = levelOf(s, p, k, settings);
    const before = levels.get(level.k);
    const better =
      before === undefined ||
      (level.measured === before.measured ? level.cost < before.cost : level.measured);
    if (better && level.k >= minGroups && level.k <= most) levels.set(level.k, level);
    onLevel?.(k, last);
  }
  const sorted = [...levels.values()].sort((x, y) => x.k - y.k);
  const best = (numFactors === 0 ? [] : sorted)
    .filter((level) => level.measured)
    .reduce<Level | undefined>((x, y) => (x === undefined || y.cost < x.cost ? y : x), undefined);
  return { levels: sorted, best, numFactors };
}
