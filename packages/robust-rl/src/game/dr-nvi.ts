/** Distributionally robust Nash value iteration. */
import { type Certificate, type NdArray, array } from "@provably/core-tensor";
import {
  type Schema,
  anyFunction,
  anyRecord,
  check,
  checkOptions,
  listOf,
  longWork,
  nonNegativeNumber,
  positiveNumber,
  recordOf,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { largest, shaped, smallest } from "../internal/read.js";
import { SolverError } from "../lp/error.js";
import { type NashMethod, type Strategies, findNash, nashMethod } from "../stage/bimatrix.js";
import { type EquilibriumObjective, objectiveGuard, solveCorrelated } from "../stage/correlated.js";
import { searchNash } from "../stage/nash.js";
import { type Game, expectedPayoff, makeGame, productOf, regretsOf } from "../stage/payoffs.js";
import { solveZeroSum } from "../stage/zero-sum.js";
import {
  type GameOptions,
  type SolutionConcept,
  gapOf,
  radiiOf,
  setsOf,
  solutionConcepts,
} from "./gaps.js";
import { type MarkovGame, flatten } from "./model.js";
import { defaultSet, stageValues } from "./stage-q.js";

/**
 * Where a run of {@link drNvi} stands: what it has found for the last steps of the horizon; a run that goes on from it ends with the same bits.
 * @category Markov games
 */
export interface DrNviState {
  /** Steps done, counted from the end of the horizon. */
  readonly done: number;
  /** Values so far, [H + 1, n, S]; like the rest 0 for steps that are not done. */
  readonly values: NdArray<"float64">;
  /** [H, n, S, A1, …, An]. */
  readonly q: NdArray<"float64">;
  /** [H, S, A1, …, An]. */
  readonly policy: NdArray<"float64">;
  /** [H, S]. */
  readonly stageRegrets: NdArray<"float64">;
  /** int32 [H, S]. */
  readonly numStageEquilibria: NdArray;
}

/**
 * Options of {@link drNvi}.
 * @category Markov games
 */
export interface DrNviOptions extends GameOptions {
  /** Which equilibrium is wanted; default `"cce"`, which is the cheapest. */
  readonly solutionConcept?: SolutionConcept;
  /**
   * Which of many stage equilibria to take; default `"welfare"`. Different choices give different, equally valid robust equilibria. For `"nash"` it is
   * always the largest sum of payoffs, ties to the lexicographically largest strategies.
   */
  readonly select?: EquilibriumObjective;
  /** How stage games of two players are solved for `"nash"`; default `"vertex-enumeration"`. */
  readonly method?: NashMethod;
  /** Go on from here: a `state` that `onProgress` was given for the same game, radii and options. */
  readonly state?: DrNviState;
  /** Called after each step of the recursion. */
  readonly onProgress?: (progress: {
    readonly iteration: number;
    readonly total: number;
    readonly state: DrNviState;
  }) => void;
  /** Stops between two steps. */
  readonly signal?: AbortSignal;
}

const OPTIONS: Schema<DrNviOptions> = {
  solutionConcept: solutionConcepts,
  select: objectiveGuard,
  method: nashMethod,
  set: anyFunction,
  state: anyRecord,
  ...longWork,
};

/**
 * What {@link drNvi} returns.
 * @category Markov games
 */
export interface DrNviResult {
  /** $\hat V_{i,h}(s)$, float64 [H + 1, n, S]. */
  readonly values: NdArray<"float64">;
  /** $\hat Q_{i,h}(s, a)$, float64 [H, n, S, A1, …, An]. */
  readonly q: NdArray<"float64">;
  /** $\hat\pi_h(a \mid s)$, joint distributions, float64 [H, S, A1, …, An]. */
  readonly policy: NdArray<"float64">;
  /** Largest regret in each stage game, [H, S]: 0 but for rounding. */
  readonly stageRegrets: NdArray<"float64">;
  /** Number of extreme equilibria of each stage game, int32 [H, S]; 0 where they were not enumerated. */
  readonly numStageEquilibria: NdArray;
  /** The robust gap in the game that was solved. Hold the policy against the true game with {@link robustGap}. */
  readonly certificate: Certificate;
}

/** The Nash equilibrium of a stage that the selection rule takes, and how many there were to choose from. */
function stageNash(
  game: Game,
  method: NashMethod,
): { strategies: readonly Float64Array[]; count: number } {
  const { payoffs, joint, actions, players } = game;
  const range = 2 * largest(game.halfRanges);
  if (players === 1) {
    const best = payoffs.indexOf(largest(payoffs));
    return { strategies: [Float64Array.from(payoffs, (_, a) => (a === best ? 1 : 0))], count: 1 };
  }
  if (players > 2) {
    const found = searchNash("drNvi", game, { maxEquilibria: 1, numStarts: 8 });
    if (found.length === 0)
      throw new SolverError(
        'drNvi: no Nash equilibrium was found in a stage game; use solutionConcept "ce" or "cce", which always are',
      );
    return { strategies: found[0]!, count: 0 };
  }
  if (method === "lemke-howson") {
    // With payoffs that sum to a constant every equilibrium has the same values, and a linear program is surer than pivoting.
    const sums = Float64Array.from({ length: joint }, (_, a) => payoffs[a]! + payoffs[joint + a]!);
    if (largest(sums) - smallest(sums) <= 1e-12 * range) {
      const { x, y } = solveZeroSum(payoffs.slice(0, joint), actions[0]!, actions[1]!);
      return { strategies: [x, y], count: 0 };
    }
  }
  const { equilibria } = findNash(game, method);
  if (equilibria.length === 0)
    throw new SolverError("drNvi: rounding hid every equilibrium of a stage game");
  const welfare = ([x, y]: Strategies): number => {
    const distribution = productOf([x, y]);
    return expectedPayoff(game, 0, distribution) + expectedPayoff(game, 1, distribution);
  };
  // They come sorted, so the first of the best is the lexicographically largest.
  let best = equilibria[0]!;
  for (const pair of equilibria) if (welfare(pair) > welfare(best) + 1e-10 * range) best = pair;
  return { strategies: best, count: equilibria.length };
}

/**
 * A robust equilibrium of a Markov game by distributionally robust Nash value iteration (DR-NVI): backwards in time, robust action values
 * $\hat Q_{i,h}(s,a) = r_{i,h}(s,a) + \inf_{q \in \mathcal U^{\sigma_i}(\hat P_{h,s,a})} q \cdot \hat V_{i,h+1}$ of every player, then an equilibrium of
 * every stage game.
 *
 * Every player faces its own worst kernel, so stage games are general-sum even when rewards are zero-sum. With a game estimated from N samples of every
 * (h, s, a), as by {@link empiricalGame}, the gap in the true game falls like $N^{-1/2}$. Cost: H·S stage games, and H·S·ΠA worst cases a player.
 *
 * @param game - Markov game, exact or estimated
 * @param radius - radius of each player's set in total variation, [n], or one for all; 0 gives ordinary Nash value iteration
 * @param options - see {@link DrNviOptions}
 * @returns policy, values and the certified gap
 * @throws `ShapeError`, `DomainError` when radii do not fit
 * @throws `SolverError` when a stage game defeats the solver
 * @example
 * ```ts
 * import { commonsGame, drNvi } from "@provably/robust-rl";
 *
 * // Players fish until depletion is likely enough; a sense of model error changes nothing here but the values.
 * drNvi(commonsGame(0.04), 0.1, { solutionConcept: "nash" }).policy.get(0, 0, 0, 0); // => 1
 * drNvi(commonsGame(0.06), 0.1, { solutionConcept: "nash" }).policy.get(0, 0, 1, 1); // => 1
 * ```
 * @see Shi, Mazumdar, Chi, Wierman (2024), "Sample-efficient robust multi-agent reinforcement learning in the face of environmental uncertainty", DR-NVI
 * @category Markov games
 */
export function drNvi(
  game: MarkovGame,
  radius: number | readonly number[],
  options: DrNviOptions = {},
): DrNviResult {
  const fn = "drNvi";
  const {
    solutionConcept = "cce",
    select = "welfare",
    method = "vertex-enumeration",
    set = defaultSet,
    state,
    onProgress,
    signal,
  } = checkOptions<DrNviOptions>(fn, options, OPTIONS);
  const flat = flatten(fn, game);
  const { players, numStates, joint, horizon, actions } = flat;
  const radii = radiiOf(fn, radius, players);
  const sets = setsOf(fn, set, radii, numStates);
  const shapes = {
    values: [horizon + 1, players, numStates],
    q: [horizon, players, numStates, ...actions],
    policy: [horizon, numStates, ...actions],
    stageRegrets: [horizon, numStates],
    numStageEquilibria: [horizon, numStates],
  };
  const { done, ...found } = resume(state, shapes, horizon);
  const { values, q, policy, stageRegrets: regrets, numStageEquilibria: counts } = found;
  const shaped = (copy: boolean): Omit<DrNviState, "done"> => ({
    values: array<"float64">(values, { shape: shapes.values, copy }),
    q: array<"float64">(q, { shape: shapes.q, copy }),
    policy: array<"float64">(policy, { shape: shapes.policy, copy }),
    stageRegrets: array<"float64">(regrets, { shape: shapes.stageRegrets, copy }),
    numStageEquilibria: array(counts, { shape: shapes.numStageEquilibria, dtype: "int32", copy }),
  });
  for (let h = horizon - 1 - done; h >= 0; h--) {
    signal?.throwIfAborted();
    for (let i = 0; i < players; i++) {
      const after = ((h + 1) * players + i) * numStates;
      const at = (h * players + i) * numStates * joint;
      stageValues(
        flat,
        h,
        i,
        sets[i]!,
        values.subarray(after, after + numStates),
        q.subarray(at, at + numStates * joint),
      );
    }
    for (let s = 0; s < numStates; s++) {
      const payoffs = new Float64Array(players * joint);
      for (let i = 0; i < players; i++)
        payoffs.set(
          q.subarray(
            ((h * players + i) * numStates + s) * joint,
            ((h * players + i) * numStates + s + 1) * joint,
          ),
          i * joint,
        );
      const stage = makeGame(payoffs, actions);
      let distribution: Float64Array;
      if (solutionConcept === "nash") {
        const { strategies, count } = stageNash(stage, method);
        distribution = productOf(strategies);
        counts[h * numStates + s] = count;
      } else distribution = solveCorrelated(fn, stage, solutionConcept, select);
      policy.set(distribution, (h * numStates + s) * joint);
      for (let i = 0; i < players; i++)
        values[(h * players + i) * numStates + s] = expectedPayoff(stage, i, distribution);
      regrets[h * numStates + s] = Math.max(
        0,
        largest(regretsOf(stage, distribution, solutionConcept === "ce" ? "swap" : "constant")),
      );
    }
    onProgress?.({
      iteration: horizon - h,
      total: horizon,
      state: { done: horizon - h, ...shaped(true) },
    });
  }
  const result = shaped(false);
  return {
    ...result,
    certificate: gapOf(fn, game, radii, result.policy, solutionConcept, set, 1e-6).certificate,
  };
}

/** Buffers to work in: empty ones, or copies of a state's after a look at its shapes. */
function resume(
  state: DrNviState | undefined,
  shapes: Readonly<Record<keyof Omit<DrNviState, "done">, readonly number[]>>,
  horizon: number,
) {
  const size = (name: keyof typeof shapes): number => shapes[name].reduce((a, b) => a * b, 1);
  const part = (name: keyof typeof shapes): Float64Array =>
    Float64Array.from(shaped("drNvi", `state.${name}`, state![name], shapes[name]));
  const floats = (name: "values" | "q" | "policy" | "stageRegrets"): Float64Array =>
    state === undefined ? new Float64Array(size(name)) : part(name);
  const done = state === undefined ? 0 : state.done;
  check("drNvi", "state.done", done, wholeNumber(0, horizon + 1));
  return {
    done,
    values: floats("values"),
    q: floats("q"),
    policy: floats("policy"),
    stageRegrets: floats("stageRegrets"),
    numStageEquilibria:
      state === undefined
        ? new Int32Array(size("numStageEquilibria"))
        : Int32Array.from(part("numStageEquilibria")),
  };
}

/**
 * The setting of {@link sampleComplexity}.
 * @category Markov games
 */
export interface SampleComplexityOptions {
  readonly numStates: number;
  /** Of each player. */
  readonly numActions: readonly number[];
  readonly horizon: number;
  /** $\varepsilon$. */
  readonly accuracy: number;
  /** $\sigma_i$ of each player. */
  readonly radius: readonly number[];
}

const SETTING: Schema<SampleComplexityOptions> = {
  numStates: wholeNumber(),
  numActions: listOf(wholeNumber()),
  horizon: wholeNumber(),
  accuracy: positiveNumber,
  radius: listOf(nonNegativeNumber),
};

/**
 * The order of the number of samples that suffices for an ε-robust equilibrium by {@link drNvi}, without constants and logarithms:
 * $S \prod_i A_i\, H^3\, \min\lbrace H, 1/\min_i\sigma_i\rbrace / \varepsilon^2$, and the lower bound with $\max_i A_i$ in place of the product.
 *
 * Only how it grows with its arguments means anything; the number itself does not.
 *
 * @param options - see {@link SampleComplexityOptions}
 * @returns `sufficient` and `necessary`
 * @throws `DomainError` for arguments out of range
 * @example
 * ```ts
 * import { sampleComplexity } from "@provably/robust-rl";
 *
 * const of = (accuracy: number) => sampleComplexity({ numStates: 3, numActions: [2, 2], horizon: 4, accuracy, radius: [0.1, 0.1] }).sufficient;
 * of(0.05) / of(0.1); // => 4
 * ```
 * @see Shi, Mazumdar, Chi, Wierman (2024), Theorems 1 and 2
 * @category Markov games
 */
export function sampleComplexity(options: SampleComplexityOptions): {
  readonly sufficient: number;
  readonly necessary: number;
} {
  const fn = "sampleComplexity";
  const given = checkOptions<SampleComplexityOptions>(fn, options, SETTING);
  check(fn, "options", given, recordOf<SampleComplexityOptions>(SETTING));
  const { numStates, numActions, horizon, accuracy, radius } = given;
  const common =
    (numStates * horizon ** 3 * Math.min(horizon, 1 / smallest(radius))) / accuracy ** 2;
  return {
    sufficient: common * numActions.reduce((a, b) => a * b, 1),
    necessary: common * largest(numActions),
  };
}
