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
  anyFunction,
  anyList,
  anyRecord,
  certificate,
  check,
  show,
} from "@provably/core-tensor/internal";
import {
  constantDeviations,
  makeGame,
  productOf,
  strideOf,
  swapDeviations,
  actionOf,
} from "../stage/payoffs.js";
import { type UncertaintySet, checkSet } from "../uncertainty/set.js";
import { numbers } from "../uncertainty/worst-case.js";
import { type FlatGame, type MarkovGame, flatten } from "./model.js";
import { type SetOfRadius, defaultSet, stageValues } from "./stage-q.js";

/**
 * What players may do to gain: choose a policy of their own knowing only the others' (`"nash"`, product policies; `"cce"`, any policy), or replace
 * recommended actions (`"ce"`).
 * @category Markov games
 */
export type EquilibriumNotion = "nash" | "ce" | "cce";

/**
 * Options of evaluations in robust games.
 * @category Markov games
 */
export interface GameOptions {
  /** The uncertainty set of a radius; default {@link totalVariation}. */
  readonly set?: (radius: number) => UncertaintySet;
}

/** The uncertainty set of every radius, checked: it comes from a function of the caller. */
export function setsOf(
  fn: string,
  set: SetOfRadius,
  radii: readonly number[],
): readonly UncertaintySet[] {
  check(fn, "set", set, anyFunction);
  return radii.map((radius) => checkSet(fn, set(radius)));
}

export function checkNotion(fn: string, notion: EquilibriumNotion): void {
  if (notion !== "nash" && notion !== "ce" && notion !== "cce")
    throw new DomainError(`${fn}: notion must be "nash", "ce" or "cce", got ${show(notion)}`);
}

/** Radii of all players, one number or one each. */
export function radiiOf(
  fn: string,
  sigma: number | readonly number[],
  players: number,
): readonly number[] {
  if (typeof sigma !== "number") check(fn, "sigma", sigma, anyList);
  const radii: readonly number[] =
    typeof sigma === "number" ? new Array<number>(players).fill(sigma) : sigma;
  if (radii.length !== players)
    throw new ShapeError(
      `${fn}: sigma must have ${players} entries, one for each player, got ${radii.length}`,
    );
  radii.forEach((x, i) => {
    if (!(typeof x === "number" && x >= 0))
      throw new DomainError(`${fn}: sigma[${i}] must be ≥ 0, got ${show(x)}`);
  });
  return radii;
}

/** Flat probabilities [H, S, joint] of a joint policy. */
export function jointPolicy(fn: string, policy: ArrayInput, game: FlatGame): Float64Array {
  const { horizon, numStates, actions, joint } = game;
  const p = array(policy, { dtype: "float64" });
  const want = [horizon, numStates, ...actions];
  if (p.shape.join() !== want.join())
    throw new ShapeError(
      `${fn}: policy must have shape [${want.join(", ")}], got [${p.shape.join(", ")}]`,
    );
  const data = numbers(p);
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

/** Robust values [H + 1, n, S] when players follow the policy, or when each deviates as well as it can by itself. */
export function robustValues(
  game: FlatGame,
  sets: readonly UncertaintySet[],
  policy: Float64Array,
  deviation: "none" | "constant" | "swap",
): Float64Array {
  const { players, numStates, joint, horizon, actions } = game;
  const values = new Float64Array((horizon + 1) * players * numStates);
  const q = new Float64Array(numStates * joint);
  for (let i = 0; i < players; i++)
    for (let h = horizon - 1; h >= 0; h--) {
      const after = ((h + 1) * players + i) * numStates;
      stageValues(game, h, i, sets[i]!, values.subarray(after, after + numStates), q);
      for (let s = 0; s < numStates; s++) {
        const stage = q.subarray(s * joint, (s + 1) * joint);
        const distribution = policy.subarray(
          (h * numStates + s) * joint,
          (h * numStates + s + 1) * joint,
        );
        let value = 0;
        if (deviation === "none")
          for (let a = 0; a < joint; a++) value += distribution[a]! * stage[a]!;
        else {
          // Only this player's payoffs matter, so the stage game holds them in its place and nothing else.
          const payoffs = new Float64Array(players * joint);
          payoffs.set(stage, i * joint);
          const alone = makeGame(payoffs, actions);
          if (deviation === "constant")
            value = Math.max(...constantDeviations(alone, i, distribution));
          else {
            const count = actions[i]!;
            const swaps = swapDeviations(alone, i, distribution);
            for (let a = 0; a < count; a++)
              value += Math.max(...swaps.subarray(a * count, (a + 1) * count));
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
 * @param sigma - radius of each player's set, or one for all
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
  sigma: number | readonly number[],
  policy: ArrayInput,
  options: GameOptions = {},
): NdArray<"float64"> {
  const { set: setOf = defaultSet } = check("robustGameValues", "options", options, anyRecord);
  const flat = flatten("robustGameValues", game);
  const sets = setsOf("robustGameValues", setOf, radiiOf("robustGameValues", sigma, flat.players));
  const data = robustValues(flat, sets, jointPolicy("robustGameValues", policy, flat), "none");
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
 * The gap of a joint policy to a robust equilibrium, by exact robust best responses of every player:
 * $\max_{i,s} V_{i,1}^{\star,\pi_{-i},\sigma_i}(s) - V_{i,1}^{\pi,\sigma_i}(s)$. For `"ce"` the deviations are strategy modifications.
 *
 * @param game - Markov game, the true one or a model of it
 * @param sigma - radius of each player's set, or one for all
 * @param policy - joint policy, [H, S, A1, …, An]
 * @param notion - `"nash"` (the policy must be a product), `"ce"` or `"cce"`
 * @param options - see {@link GameOptions}; `tolerance` up to which the certificate holds, default 1e-6
 * @returns gap, its parts, and the certificate
 * @throws `ShapeError`, `DomainError` when policy or radii do not fit, or a policy for `"nash"` is not a product within 1e-9
 * @example
 * ```ts
 * import { commonsGame, drNvi, robustGap } from "@provably/robust-rl";
 *
 * const game = commonsGame(0.04);
 * const { policy } = drNvi(game, 0.1, { notion: "nash" });
 * robustGap(game, 0.1, policy, "nash").certificate.holds; // => true
 * ```
 * @see Shi, Mazumdar, Chi, Wierman (2024), "Sample-efficient robust multi-agent reinforcement learning in the face of environmental uncertainty"
 * @category Certificates
 */
export function robustGap(
  game: MarkovGame,
  sigma: number | readonly number[],
  policy: ArrayInput,
  notion: EquilibriumNotion,
  options: GameOptions & { readonly tolerance?: number } = {},
): RobustGap {
  const { set = defaultSet, tolerance = 1e-6 } = check("robustGap", "options", options, anyRecord);
  checkNotion("robustGap", notion);
  if (!(typeof tolerance === "number" && tolerance >= 0))
    throw new DomainError(`robustGap: tolerance must be ≥ 0, got ${show(tolerance)}`);
  const flat = flatten("robustGap", game);
  const { players, numStates, horizon, joint, actions } = flat;
  const sets = setsOf("robustGap", set, radiiOf("robustGap", sigma, players));
  const p = jointPolicy("robustGap", policy, flat);
  if (notion === "nash")
    for (let cell = 0; cell < horizon * numStates; cell++) {
      const off = dependence(p.subarray(cell * joint, (cell + 1) * joint), actions);
      if (off > 1e-9)
        throw new DomainError(
          `robustGap: a Nash policy is a product of independent strategies; at step ${Math.floor(cell / numStates)}, state ${cell % numStates} it is off by ${off}`,
        );
    }
  const followed = robustValues(flat, sets, p, "none");
  const deviated = robustValues(flat, sets, p, notion === "ce" ? "swap" : "constant");
  const gains = Float64Array.from(
    { length: players * numStates },
    (_, k) => deviated[k]! - followed[k]!,
  );
  const gap = gains.reduce((a, b) => Math.max(a, b), 0);
  return {
    gap,
    perPlayerState: array<"float64">(gains, { shape: [players, numStates] }),
    deviationValues: array<"float64">(deviated, { shape: [horizon + 1, players, numStates] }),
    certificate: certificate({
      claim: `largest gain of a player by deviating, in the robust game (${notion})`,
      kind: "exact",
      value: gap,
      expected: 0,
      tolerance,
      verdict: gap <= tolerance,
      note: "exact robust best responses in the game that was passed",
    }),
  };
}
