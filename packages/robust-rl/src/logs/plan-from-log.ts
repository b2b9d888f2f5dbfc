/** From a log to a plan that holds against what the log leaves open. */
import { type Certificate, DomainError, type NdArray, array } from "@provably/core-tensor";
import {
  abortSignal,
  check,
  either,
  listOf,
  nonNegativeNumber,
  numberIn,
  numberInside,
  oneOf,
  optional,
  recordWith,
  satisfying,
  trueOrFalse,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { needOptions } from "../internal/options.js";
import { evaluatePolicy } from "../mdp/evaluation.js";
import { mdp } from "../mdp/model.js";
import type { Mdp } from "../mdp/process.js";
import { type RobustPlan, robustPlan } from "../mdp/planning.js";
import { weissmanRadius } from "../mdp/simulate.js";
import { l1Ball, totalVariation } from "../uncertainty/balls.js";
import type { UncertaintySet } from "../uncertainty/set.js";
import type { TransitionLog } from "./log.js";

/**
 * Options of {@link planFromLog}.
 * @category Logs
 */
export interface PlanFromLogOptions {
  /** $\gamma$; below 1 without a horizon. */
  readonly discount?: number;
  /** Number of steps; without it rewards are summed for ever. */
  readonly horizon?: number;
  /** Which ball: `"tv"` (default) or `"l1"`, of twice the radius; the plans are the same. */
  readonly set?: "tv" | "l1";
  /** Chance with which the balls hold the true rows; default 0.95. */
  readonly confidence?: number;
  /** Whether `confidence` is for all rows at once (default) or for each alone. */
  readonly simultaneous?: boolean;
  /** `"weissman"` (default), or one L1 radius for all pairs that were tried. */
  readonly radius?: "weissman" | number;
  /** The values are within this distance of the optimum; default 1e-8. */
  readonly tolerance?: number;
  /** Stops between two sweeps. */
  readonly signal?: AbortSignal;
}

const OPTIONS = {
  discount: optional(numberIn(0, 1)),
  horizon: optional(wholeNumber()),
  set: optional(oneOf("tv", "l1")),
  confidence: optional(numberInside(0, 1)),
  simultaneous: optional(trueOrFalse),
  radius: optional(either(oneOf("weissman"), nonNegativeNumber)),
  tolerance: optional(satisfying<number>("> 0", (x) => typeof x === "number" && x > 0)),
  signal: optional(abortSignal),
};

/**
 * A plan made from a log, and what it was made of.
 * @category Logs
 */
export interface LogPlan {
  /** The plan against the worst kernel in the balls. */
  readonly plan: RobustPlan;
  /** The plan that takes the estimated kernel for the truth. */
  readonly nominal: RobustPlan;
  /** What the robust policy is worth if the estimated kernel is the truth: the price of caution is `nominal.values` less this. */
  readonly valuesIfNominal: NdArray<"float64">;
  /** The estimated process: shares of successors, mean rewards; terminal states keep to themselves for nothing. */
  readonly model: Mdp;
  readonly set: UncertaintySet;
  /** L1 radius of each state and action, float64 [states, actions]: 2, the whole simplex, where nothing was tried, 0 at terminal states. */
  readonly radii: NdArray<"float64">;
  /** How often each action was tried in each state, float64 [states, actions]. */
  readonly visits: NdArray<"float64">;
  /** The certificate of the robust plan. */
  readonly certificate: Certificate;
}

const LOG_PARTS = recordWith<TransitionLog>({
  numStates: wholeNumber(),
  numActions: wholeNumber(),
  states: satisfying("an Int32Array", (x) => x instanceof Int32Array),
  actions: satisfying("an Int32Array", (x) => x instanceof Int32Array),
  rewards: satisfying("a Float64Array", (x) => x instanceof Float64Array),
  nextStates: satisfying("an Int32Array", (x) => x instanceof Int32Array),
  terminalStates: listOf(wholeNumber(0)),
  numDropped: wholeNumber(0),
});

/**
 * A plan from a log in one call: counts, estimated kernel and mean rewards, radii from the counts, robust plan.
 *
 * A pair that was tried n times has the L1 radius $\min\lbrace 2, \sqrt{2\ln((2^S-2)/\delta)/n}\rbrace$ (Weissman et al.), with
 * $\delta = 1-$`confidence`, divided by the number of pairs when it is for all rows at once. A pair that was never tried may lead
 * anywhere, for the smallest reward that was seen. Mean rewards are taken as they are.
 *
 * @param log - see {@link TransitionLog}
 * @param options - see {@link PlanFromLogOptions}
 * @returns both plans, the process and its radii
 * @throws `DomainError` when neither a discount below 1 nor a horizon is given
 * @example
 * ```ts
 * import { planFromLog, transitionLog } from "@provably/robust-rl";
 *
 * const log = transitionLog({ states: [0, 0, 0], actions: [0, 0, 1], rewards: [0, 0, 1], nextStates: [0, 1, 1], done: [0, 1, 1] });
 * const { plan, certificate } = planFromLog(log, { discount: 0.9, confidence: 0.95 });
 * plan.policy.get(0); // => 1
 * certificate.holds; // => true
 * ```
 * @see Weissman, Ordentlich, Seroussi, Verdu, Weinberger (2003), "Inequalities for the L1 deviation of the empirical distribution"
 * @category Logs
 */
export function planFromLog(log: TransitionLog, options: PlanFromLogOptions): LogPlan {
  const fn = "planFromLog";
  const given = needOptions<PlanFromLogOptions>(fn, options, OPTIONS);
  const { discount, horizon, set: kind = "tv", tolerance, signal } = given;
  const { model, visits, terminal } = estimate(check(fn, "log", log, LOG_PARTS), fn);
  const radii = radiiOf(visits, terminal, model, given);
  const shape = [model.numStates, model.numActions];
  const set =
    kind === "l1"
      ? l1Ball(array(radii, { shape }))
      : totalVariation(
          array(
            radii.map((r) => r / 2),
            { shape },
          ),
        );
  const span =
    horizon === undefined
      ? { discount: discount!, ...(tolerance !== undefined && { tolerance }) }
      : { horizon, ...(discount !== undefined && { discount }) };
  if (horizon === undefined && !(discount! < 1))
    throw new DomainError(`${fn}: give a discount below 1, or a horizon`);
  const settings = { ...span, ...(signal && { signal }) };
  const plan = robustPlan(model, set, settings);
  const nominal = robustPlan(model, totalVariation(0), settings);
  return {
    plan,
    nominal,
    valuesIfNominal: evaluatePolicy(model, plan.policy, settings).values,
    model,
    set,
    radii: array<"float64">(radii, { shape }),
    visits: array<"float64">(visits, { shape }),
    certificate: plan.certificate,
  };
}

function radiiOf(
  visits: Float64Array,
  terminal: Uint8Array,
  { numStates, numActions }: Mdp,
  { confidence = 0.95, simultaneous = true, radius = "weissman" }: PlanFromLogOptions,
): Float64Array {
  const doubt = (1 - confidence) / (simultaneous ? numStates * numActions : 1);
  return visits.map((n, row) => {
    if (terminal[Math.floor(row / numActions)]) return 0;
    if (n === 0) return 2;
    if (radius !== "weissman") return radius;
    return numStates < 2 ? 0 : Math.min(2, weissmanRadius(n, numStates, doubt));
  });
}

/** Shares of successors and mean rewards; what was never tried is uniform, at the smallest reward. */
function estimate(log: TransitionLog, fn: string) {
  const { numStates, numActions, states, actions, rewards, nextStates } = log;
  const rows = numStates * numActions;
  const terminal = new Uint8Array(numStates);
  for (const s of log.terminalStates) {
    if (s >= numStates)
      throw new DomainError(`${fn}: log.terminalStates must lie below ${numStates}, got ${s}`);
    terminal[s] = 1;
  }
  const [visits, sums] = [new Float64Array(rows), new Float64Array(rows)];
  const counts = new Map<number, Map<number, number>>();
  let least = Infinity;
  for (let k = 0; k < states.length; k++) {
    const row = states[k]! * numActions + actions[k]!;
    const to = nextStates[k]!;
    if (!(row >= 0 && row < rows && to >= 0 && to < numStates))
      throw new DomainError(
        `${fn}: log must be made by a reader of logs; transition ${k} is out of range`,
      );
    visits[row]!++;
    sums[row]! += rewards[k]!;
    least = Math.min(least, rewards[k]!);
    let own = counts.get(row);
    if (!own) counts.set(row, (own = new Map<number, number>()));
    own.set(to, (own.get(to) ?? 0) + 1);
  }
  const pointers = new Int32Array(rows + 1);
  const [columns, probabilities]: number[][] = [[], []];
  for (let row = 0; row < rows; row++) {
    const s = Math.floor(row / numActions);
    const seen = counts.get(row);
    // with the whole simplex around it one successor says as much as all
    if (terminal[s] || !seen) {
      columns!.push(s);
      probabilities!.push(1);
    } else
      for (const [to, n] of seen) {
        columns!.push(to);
        probabilities!.push(n / visits[row]!);
      }
    pointers[row + 1] = columns!.length;
  }
  const means = visits.map((n, row) => {
    if (terminal[Math.floor(row / numActions)]) return 0;
    return n > 0 ? sums[row]! / n : least;
  });
  const model = mdp({
    transitions: {
      shape: [numStates, numActions, numStates],
      rowPointers: pointers,
      columns: columns!,
      probabilities: probabilities!,
    },
    rewards: array(means, { shape: [numStates, numActions] }),
    rewardAxes: "SA",
  });
  return { model, visits, terminal };
}
