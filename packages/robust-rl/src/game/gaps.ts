/** How far a joint policy is from a robust equilibrium: exact best responses of every player in the robust game. */
import {
  type ArrayInput,
  type Certificate,
  DomainError,
  type NdArray,
  ShapeError,
  array,
} from "@provably/core-tensor";
import {
  type Schema,
  anyFunction,
  certificate,
  check,
  checkOptions,
  either,
  listOf,
  nonNegativeNumber,
  oneOf,
  satisfying,
} from "@provably/core-tensor/internal";
import { largest, shaped } from "../internal/read.js";
import {
  actionOf,
  constantDeviations,
  makeGame,
  productOf,
  strideOf,
  swapDeviations,
} from "../stage/payoffs.js";
import { type UncertaintySet, checkSet } from "../uncertainty/set.js";
import { type FlatGame, type MarkovGame, flatten } from "./model.js";
import { type RowSide, sureStageValues } from "./naive.js";
import { type SetOfRadius, defaultSet, stageValues } from "./stage-q.js";

/**
 * What players may do to gain: choose a policy of their own knowing only the others' (`"nash"`, product policies; `"cce"`, any policy), or replace
 * recommended actions (`"ce"`).
 * @category Markov games
 */
export type SolutionConcept = "nash" | "ce" | "cce";

/**
 * Options of evaluations in robust games.
 * @category Markov games
 */
export interface GameOptions {
  /** The uncertainty set of a radius; default {@link totalVariation}. */
  readonly set?: (radius: number) => UncertaintySet;
}

const GAME: Schema<GameOptions> = { set: anyFunction };

/** The uncertainty set of every radius, checked: it comes from a function of the caller. */
export function setsOf(
  fn: string,
  set: SetOfRadius,
  radii: readonly number[],
  numStates: number,
): readonly UncertaintySet[] {
  return radii.map((radius) => {
    const made = checkSet(fn, set(radius), numStates);
    if (typeof made.radius !== "number")
      throw new DomainError(
        `${fn}: set must give sets with one radius for all rows of a player, got radii of shape [${made.radius.shape.join(", ")}]`,
      );
    return made;
  });
}

export const solutionConcepts = oneOf("nash", "ce", "cce");

const radiusGuard = satisfying<number>("≥ 0", (x) => typeof x === "number" && x >= 0);

/** Radii of all players, one number or one each. */
export function radiiOf(
  fn: string,
  radius: number | readonly number[],
  players: number,
): readonly number[] {
  check(fn, "radius", radius, either(radiusGuard, listOf(radiusGuard)));
  const radii = typeof radius === "number" ? new Array<number>(players).fill(radius) : radius;
  if (radii.length !== players)
    throw new ShapeError(
      `${fn}: radius must have ${players} entries, one for each player, got ${radii.length}`,
    );
  return radii;
}

/** Flat probabilities [H, S, joint] of a joint policy. */
export function jointPolicy(fn: string, policy: ArrayInput, game: FlatGame): Float64Array {
  const { horizon, numStates, actions, joint } = game;
  const data = shaped(fn, "policy", policy, [horizon, numStates, ...actions]);
  for (let cell = 0; cell < horizon * numStates; cell++) {
    let sum = 0;
    for (let a = 0; a < joint; a++) {
      const x = data[cell * joint + a]!;
      if (!(x >= 0))
        throw new DomainError(
          `${fn}: policy at step ${Math.floor(cell / numStates)}, state ${cell % numStates} has the entry ${x}; probabilities are ≥ 0`,
        );
      sum += x;
    }
    if (!(Math.abs(sum - 1) <= 1e-8))
      throw new DomainError(
        `${fn}: policy at step ${Math.floor(cell / numStates)}, state ${cell % numStates} must sum to 1, got ${sum}`,
      );
  }
  return data;
}

/** Largest difference of a stage distribution from the product of its marginals. */
function dependence(distribution: Float64Array, actions: readonly number[]): number {
  const marginals = actions.map((count, i) => {
    const stride = strideOf(actions, i);
    const m = new Float64Array(count);
    distribution.forEach((p, a) => (m[actionOf(a, stride, count)]! += p));
    return m;
  });
  return productOf(marginals).reduce(
    (worst, p, a) => Math.max(worst, Math.abs(p - distribution[a]!)),
    0,
  );
}

/** Writes what every state and joint action is worth to a player at a step, from the values after it. */
type StageValues = (step: number, player: number, after: Float64Array, q: Float64Array) => void;

/** Robust values [H + 1, n, S] when players follow the policy, or when each deviates as well as it can by itself. */
export function robustValues(
  game: FlatGame,
  sets: readonly UncertaintySet[],
  policy: Float64Array,
  deviation: "none" | "constant" | "swap",
  stage: StageValues = (h, i, after, q) => stageValues(game, h, i, sets[i]!, after, q),
): Float64Array {
  const { players, numStates, joint, horizon, actions } = game;
  const values = new Float64Array((horizon + 1) * players * numStates);
  const q = new Float64Array(numStates * joint);
  for (let i = 0; i < players; i++)
    for (let h = horizon - 1; h >= 0; h--) {
      const after = ((h + 1) * players + i) * numStates;
      stage(h, i, values.subarray(after, after + numStates), q);
      for (let s = 0; s < numStates; s++) {
        const worth = q.subarray(s * joint, (s + 1) * joint);
        const distribution = policy.subarray(
          (h * numStates + s) * joint,
          (h * numStates + s + 1) * joint,
        );
        let value = 0;
        if (deviation === "none")
          for (let a = 0; a < joint; a++) value += distribution[a]! * worth[a]!;
        else {
          // Only this player's payoffs matter, so the stage game holds them in its place and nothing else.
          const payoffs = new Float64Array(players * joint);
          payoffs.set(worth, i * joint);
          const alone = makeGame(payoffs, actions);
          if (deviation === "constant") value = largest(constantDeviations(alone, i, distribution));
          else {
            const count = actions[i]!;
            const swaps = swapDeviations(alone, i, distribution);
            for (let a = 0; a < count; a++)
              value += largest(swaps.subarray(a * count, (a + 1) * count));
          }
        }
        values[(h * players + i) * numStates + s] = value;
      }
    }
  return values;
}

/**
 * Robust values of a joint policy: what each player gets when the kernel is the worst for that player.
 *
 * @param game - Markov game
 * @param radius - radius of each player's set, or one for all
 * @param policy - joint distribution at every step and state, [H, S, A1, …, An]
 * @param options - see {@link GameOptions}
 * @returns $V_{i,h}^{\pi,\sigma_i}(s)$, float64 [H + 1, n, S]
 * @throws `ShapeError`, `DomainError` when policy or radii do not fit
 * @example
 * ```ts
 * import { commonsGame, robustGameValues } from "@provably/robust-rl";
 *
 * const game = commonsGame(0.04);
 * const alwaysFish = [[[[1, 0], [0, 0]], [[1, 0], [0, 0]]], [[[1, 0], [0, 0]], [[1, 0], [0, 0]]]];
 * robustGameValues(game, 0, alwaysFish).get(1, 0, 0); // => 1.01
 * ```
 * @category Markov games
 */
export function robustGameValues(
  game: MarkovGame,
  radius: number | readonly number[],
  policy: ArrayInput,
  options: GameOptions = {},
): NdArray<"float64"> {
  const fn = "robustGameValues";
  const { set = defaultSet } = checkOptions<GameOptions>(fn, options, GAME);
  const flat = flatten(fn, game);
  const sets = setsOf(fn, set, radiiOf(fn, radius, flat.players), flat.numStates);
  const data = robustValues(flat, sets, jointPolicy(fn, policy, flat), "none");
  return array<"float64">(data, { shape: [flat.horizon + 1, flat.players, flat.numStates] });
}

/**
 * A robust gap and where it comes from.
 * @category Markov games
 */
export interface RobustGap {
  /** $\max_{i,s}$ of the gains: the policy is an ε-robust equilibrium for every ε at least this. */
  readonly gap: number;
  /** What player i gains from state s at the first step by deviating, float64 [n, S]. */
  readonly perPlayerState: NdArray<"float64">;
  /** Robust values of the best deviations, [H + 1, n, S]. */
  readonly deviationValues: NdArray<"float64">;
  /** The gap as a certificate. */
  readonly certificate: Certificate;
}

/**
 * Options of {@link robustGap}.
 * @category Markov games
 */
export interface GapOptions extends GameOptions {
  /** Largest gain, as a share of the range of what the player can be paid, with which the certificate holds; default 1e-6. */
  readonly tolerance?: number;
}

const GAP: Schema<GapOptions> = { ...GAME, tolerance: nonNegativeNumber };

/**
 * The gap of a joint policy to a robust equilibrium, by exact robust best responses of every player:
 * $\max_{i,s} V_{i,1}^{\star,\pi_{-i},\sigma_i}(s) - V_{i,1}^{\pi,\sigma_i}(s)$. For `"ce"` the deviations are strategy modifications.
 *
 * @param game - Markov game, the true one or a model of it
 * @param radius - radius of each player's set, or one for all
 * @param policy - joint policy, [H, S, A1, …, An]
 * @param solutionConcept - `"nash"`, `"ce"` or `"cce"`; for `"nash"` the certificate fails when the policy is not a product
 *   within 1e-9
 * @param options - see {@link GapOptions}
 * @returns gap, its parts, and the certificate
 * @throws `ShapeError`, `DomainError` when policy or radii do not fit
 * @example
 * ```ts
 * import { commonsGame, drNvi, robustGap } from "@provably/robust-rl";
 *
 * const game = commonsGame(0.04);
 * const { policy } = drNvi(game, 0.1, { solutionConcept: "nash" });
 * robustGap(game, 0.1, policy, "nash").certificate.holds; // => true
 * ```
 * @see Shi, Mazumdar, Chi, Wierman (2024), "Sample-efficient robust multi-agent reinforcement learning in the face of environmental uncertainty"
 * @category Certificates
 */
export function robustGap(
  game: MarkovGame,
  radius: number | readonly number[],
  policy: ArrayInput,
  solutionConcept: SolutionConcept,
  options: GapOptions = {},
): RobustGap {
  const fn = "robustGap";
  const { set = defaultSet, tolerance = 1e-6 } = checkOptions<GapOptions>(fn, options, GAP);
  check(fn, "solutionConcept", solutionConcept, solutionConcepts);
  return gapOf(fn, game, radius, policy, solutionConcept, set, tolerance);
}

export function gapOf(
  fn: string,
  game: MarkovGame,
  radius: number | readonly number[],
  policy: ArrayInput,
  solutionConcept: SolutionConcept,
  set: SetOfRadius,
  tolerance: number,
): RobustGap {
  const flat = flatten(fn, game);
  const { players, numStates, horizon, joint, actions } = flat;
  const sets = setsOf(fn, set, radiiOf(fn, radius, players), numStates);
  const p = jointPolicy(fn, policy, flat);
  const deviation = solutionConcept === "ce" ? "swap" : "constant";
  const followed = robustValues(flat, sets, p, "none");
  const deviated = robustValues(flat, sets, p, deviation);
  const first = Array.from({ length: players * numStates }, (_, k) => k);
  const gains = Float64Array.from(first, (k) => deviated[k]! - followed[k]!);
  // the same once more on the game as given: at least so much by following, at most so much by deviating
  const sure = (side: RowSide, way: "none" | "constant" | "swap"): Float64Array =>
    robustValues(flat, sets, p, way, sureStageValues(game, sets, side));
  const [least, most] = [sure("low", "none"), sure("high", deviation)];
  const ranges = rangesOf(flat);
  const relative = first.map((k) => {
    const range = ranges[Math.floor(k / numStates)]!;
    return range > 0 ? Math.max(0, most[k]! - least[k]!) / range : 0;
  });
  const value = largest(relative);
  const tied = solutionConcept === "nash" ? mostDependent(p, flat) : undefined;
  const apart = tied === undefined || tied.off <= 1e-9;
  return {
    gap: Math.max(0, largest(gains)),
    perPlayerState: array<"float64">(gains, { shape: [players, numStates] }),
    deviationValues: array<"float64">(deviated, { shape: [horizon + 1, players, numStates] }),
    certificate: certificate({
      claim: `largest gain of a player by deviating, in the robust game (${solutionConcept}), as a share of the range of what the player can be paid`,
      kind: "bound",
      value,
      expected: 0,
      tolerance,
      verdict: value <= tolerance && apart,
      note: apart
        ? sets.every(({ bounds }) => bounds)
          ? "robust best responses from above, by kernels that lie in the set, against what is sure to be paid for following, by dual variables, in the game that was passed"
          : "the set brings no bounds, so its worst case is taken at its word: best responses against what is paid for following, in the game that was passed"
        : `a Nash policy is a product of independent strategies; at step ${Math.floor(tied.cell / numStates)}, state ${tied.cell % numStates} it is off by ${tied.off} (${actions.join(" × ")} actions, ${joint} joint)`,
    }),
  };
}

/** The stage whose distribution is farthest from a product. */
function mostDependent(
  policy: Float64Array,
  { horizon, numStates, joint, actions }: FlatGame,
): { readonly off: number; readonly cell: number } {
  let worst = { off: 0, cell: 0 };
  for (let cell = 0; cell < horizon * numStates; cell++) {
    const off = dependence(policy.subarray(cell * joint, (cell + 1) * joint), actions);
    if (off > worst.off) worst = { off, cell };
  }
  return worst;
}

/** The largest less the smallest sum of rewards that the steps allow each player. */
function rangesOf({ players, horizon, numStates, joint, rewards, rewardsAt }: FlatGame): number[] {
  return Array.from({ length: players }, (_, i) => {
    let range = 0;
    for (let h = 0; h < horizon; h++) {
      const at = rewardsAt(h) + i * numStates * joint;
      const own = rewards.subarray(at, at + numStates * joint);
      range += largest(own) - own.reduce((m, x) => Math.min(m, x), Infinity);
    }
    return range;
  });
}
