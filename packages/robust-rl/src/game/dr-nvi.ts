/** Distributionally robust Nash value iteration. */
import {
  type Certificate,
  DomainError,
  type NdArray,
  ShapeError,
  array,
} from "@provably/core-tensor";
import { anyList, anyRecord, check, checkHooks, show } from "@provably/core-tensor/internal";
import { SolverError } from "../lp/error.js";
import { type NashMethod, type Strategies, checkMethod, findNash } from "../stage/bimatrix.js";
import { type EquilibriumObjective, solveCorrelated } from "../stage/correlated.js";
import { searchNash } from "../stage/nash.js";
import { type Game, expectedPayoff, makeGame, productOf, regretsOf } from "../stage/payoffs.js";
import { solveZeroSum } from "../stage/zero-sum.js";
import {
  type EquilibriumNotion,
  type GameOptions,
  checkNotion,
  radiiOf,
  robustGap,
  setsOf,
} from "./gaps.js";
import { numbers } from "../uncertainty/worst-case.js";
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
  readonly stageEquilibria: NdArray;
}

/**
 * Options of {@link drNvi}.
 * @category Markov games
 */
export interface DrNviOptions extends GameOptions {
  /** Which equilibrium is wanted; default `"cce"`, which is the cheapest. */
  readonly notion?: EquilibriumNotion;
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
  readonly stageEquilibria: NdArray;
  /** The robust gap in the game that was solved. Hold the policy against the true game with {@link robustGap}. */
  readonly certificate: Certificate;
}

/** The Nash equilibrium of a stage that the selection rule takes, and how many there were to choose from. */
function stageNash(
  game: Game,
  method: NashMethod,
): { strategies: readonly Float64Array[]; count: number } {
  const { payoffs, joint, actions, players } = game;
  if (players === 1) {
    const best = payoffs.indexOf(Math.max(...payoffs));
    return { strategies: [Float64Array.from(payoffs, (_, a) => (a === best ? 1 : 0))], count: 1 };
  }
  if (players > 2) {
    const found = searchNash(game, { limit: 1, starts: 8 });
    if (found.length === 0)
      throw new SolverError(
        'drNvi: no Nash equilibrium was found in a stage game; use notion "ce" or "cce", which always are',
      );
    return { strategies: found[0]!, count: 0 };
  }
  if (method === "lemke-howson") {
    // With payoffs that sum to a constant every equilibrium has the same values, and a linear program is surer than pivoting.
    const sums = Float64Array.from({ length: joint }, (_, a) => payoffs[a]! + payoffs[joint + a]!);
    if (Math.max(...sums) - Math.min(...sums) <= 1e-12 * game.range) {
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
  for (const pair of equilibria)
    if (welfare(pair) > welfare(best) + 1e-10 * game.range) best = pair;
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
 * @param sigma - radius of each player's set in total variation, [n], or one for all; 0 gives ordinary Nash value iteration
 * @param options - see {@link DrNviOptions}
 * @returns policy, values and the certified gap
 * @throws `ShapeError`, `DomainError` when radii do not fit
 * @throws `SolverError` when a stage game defeats the solver
 * @example
 * ```ts
 * import { commonsGame, drNvi } from "@provably/robust-rl";
 *
 * // Players fish until depletion is likely enough; a sense of model error changes nothing here but the values.
 * drNvi(commonsGame(0.04), 0.1, { notion: "nash" }).policy.get(0, 0, 0, 0); // => 1
 * drNvi(commonsGame(0.06), 0.1, { notion: "nash" }).policy.get(0, 0, 1, 1); // => 1
 * ```
 * @see Shi, Mazumdar, Chi, Wierman (2024), "Sample-efficient robust multi-agent reinforcement learning in the face of environmental uncertainty", DR-NVI
 * @category Markov games
 */
export function drNvi(
  game: MarkovGame,
  sigma: number | readonly number[],
  options: DrNviOptions = {},
): DrNviResult {
  const {
    notion = "cce",
    select = "welfare",
    method = "vertex-enumeration",
    set = defaultSet,
  } = check("drNvi", "options", options, anyRecord);
  checkHooks("drNvi", options);
  checkNotion("drNvi", notion);
  const flat = flatten("drNvi", game);
  const { players, numStates, joint, horizon, actions } = flat;
  checkMethod("drNvi", method);
  const radii = radiiOf("drNvi", sigma, players);
  const sets = setsOf("drNvi", set, radii);
  const shapes = {
    values: [horizon + 1, players, numStates],
    q: [horizon, players, numStates, ...actions],
    policy: [horizon, numStates, ...actions],
    stageRegrets: [horizon, numStates],
    stageEquilibria: [horizon, numStates],
  };
  const { done, ...found } = resume(options.state, shapes, horizon);
  const { values, q, policy, stageRegrets: regrets, stageEquilibria: counts } = found;
  const shaped = (copy: boolean): Omit<DrNviState, "done"> => ({
    values: array<"float64">(values, { shape: shapes.values, copy }),
    q: array<"float64">(q, { shape: shapes.q, copy }),
    policy: array<"float64">(policy, { shape: shapes.policy, copy }),
    stageRegrets: array<"float64">(regrets, { shape: shapes.stageRegrets, copy }),
    stageEquilibria: array(counts, { shape: shapes.stageEquilibria, dtype: "int32", copy }),
  });
  for (let h = horizon - 1 - done; h >= 0; h--) {
    options.signal?.throwIfAborted();
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
      if (notion === "nash") {
        const { strategies, count } = stageNash(stage, method);
        distribution = productOf(strategies);
        counts[h * numStates + s] = count;
      } else distribution = solveCorrelated("drNvi", stage, notion, select);
      policy.set(distribution, (h * numStates + s) * joint);
      for (let i = 0; i < players; i++)
        values[(h * players + i) * numStates + s] = expectedPayoff(stage, i, distribution);
      regrets[h * numStates + s] = Math.max(
        0,
        ...regretsOf(stage, distribution, notion === "ce" ? "swap" : "constant"),
      );
    }
    options.onProgress?.({
      iteration: horizon - h,
      total: horizon,
      state: { done: horizon - h, ...shaped(true) },
    });
  }
  const result = shaped(false);
  return {
    ...result,
    certificate: robustGap(game, radii, result.policy, notion, { set }).certificate,
  };
}

/** Buffers to work in: empty ones, or copies of a state's after a look at its shapes. */
function resume(
  state: DrNviState | undefined,
  shapes: Readonly<Record<keyof Omit<DrNviState, "done">, readonly number[]>>,
  horizon: number,
) {
  if (state !== undefined) check("drNvi", "state", state, anyRecord);
  const size = (name: keyof typeof shapes): number => shapes[name].reduce((a, b) => a * b, 1);
  const part = (name: keyof typeof shapes): Float64Array => {
    const x = array(state![name], { dtype: "float64" });
    if (x.shape.join() !== shapes[name].join())
      throw new ShapeError(
        `drNvi: state.${name} must have shape [${shapes[name].join(", ")}], got [${x.shape.join(", ")}]`,
      );
    return Float64Array.from(numbers(x));
  };
  const floats = (name: "values" | "q" | "policy" | "stageRegrets"): Float64Array =>
    state === undefined ? new Float64Array(size(name)) : part(name);
  const done = state === undefined ? 0 : state.done;
  if (!Number.isInteger(done) || done < 0 || done > horizon)
    throw new DomainError(
      `drNvi: state.done must be an integer from 0 to the horizon ${horizon}, got ${show(done)}`,
    );
  return {
    done,
    values: floats("values"),
    q: floats("q"),
    policy: floats("policy"),
    stageRegrets: floats("stageRegrets"),
    stageEquilibria:
      state === undefined
        ? new Int32Array(size("stageEquilibria"))
        : Int32Array.from(part("stageEquilibria")),
  };
}

/**
 * The order of the number of samples that suffices for an ε-robust equilibrium by {@link drNvi}, without constants and logarithms:
 * $S \prod_i A_i\, H^3\, \min\lbrace H, 1/\min_i\sigma_i\rbrace / \varepsilon^2$, and the lower bound with $\max_i A_i$ in place of the product.
 *
 * Only how it grows with its arguments means anything; the number itself does not.
 *
 * @param options - `states`, `actions` of each player, `horizon`, `accuracy` $\varepsilon$, `sigma` of each player
 * @returns `sufficient` and `necessary`
 * @throws never for positive arguments
 * @example
 * ```ts
 * import { sampleComplexity } from "@provably/robust-rl";
 *
 * const of = (accuracy: number) => sampleComplexity({ states: 3, actions: [2, 2], horizon: 4, accuracy, sigma: [0.1, 0.1] }).sufficient;
 * of(0.05) / of(0.1); // => 4
 * ```
 * @see Shi, Mazumdar, Chi, Wierman (2024), Theorems 1 and 2
 * @category Markov games
 */
export function sampleComplexity(options: {
  readonly states: number;
  readonly actions: readonly number[];
  readonly horizon: number;
  readonly accuracy: number;
  readonly sigma: readonly number[];
}): { readonly sufficient: number; readonly necessary: number } {
  const { states, actions, horizon, accuracy, sigma } = check(
    "sampleComplexity",
    "options",
    options,
    anyRecord,
  );
  check("sampleComplexity", "actions", actions, anyList);
  check("sampleComplexity", "sigma", sigma, anyList);
  if (
    ![states, horizon, accuracy, ...actions].every((x) => typeof x === "number" && x > 0) ||
    !sigma.every((x) => typeof x === "number" && x >= 0)
  )
    throw new DomainError(
      "sampleComplexity: states, horizon, accuracy and all actions must be positive, and all sigma ≥ 0",
    );
  const common =
    (states * horizon ** 3 * Math.min(horizon, 1 / Math.min(...sigma))) / accuracy ** 2;
  return {
    sufficient: common * actions.reduce((a, b) => a * b, 1),
    necessary: common * Math.max(...actions),
  };
}
