/** Finding the phases of training in a history. */
import { DomainError } from "@provably/core-tensor";
import {
  anyNumber,
  checkOptions,
  either,
  numberIn,
  oneOf,
  positiveNumber,
  recordOf,
  show,
  wholeNumber,
} from "@provably/core-tensor/internal";

import { type QueryHistory, checkHistory } from "./history.js";

/**
 * Options of {@link detectPhases}.
 * @category Phases
 */
export interface PhaseOptions {
  /** Number of the global area; default 0. */
  readonly global?: number;
  /** Area attention that counts as high; default 0.9. */
  readonly high?: number;
  /** Records of a centred mean over the slopes, for stochastic histories; default 1 (none). */
  readonly smoothing?: number;
  /**
   * `slopes`: the first phase ends when the target's slope reaches that of the global area. Or the paper's threshold: it ends when
   * $\Phi_{\text{global}}$ passes $-\frac1U (\frac\Delta2 - 0.01) \log P$. Default `slopes`.
   */
  readonly threshold?:
    | "slopes"
    | { readonly informationGap: number; readonly latentHigh: number; readonly numPatches: number };
}

/**
 * The phases of one query's training. Steps are null where the history does not reach them.
 * @category Phases
 */
export interface Phases {
  /** Step at which decoupling from the global area ends; 0 when there is no such phase. */
  readonly decouplingEnd: number | null;
  /** Whether a phase of decoupling comes first. */
  readonly twoPhase: boolean;
  /** First step with attention to the own area of at least ½. */
  readonly halfStep: number | null;
  /** First step with attention to the own area of at least `high`. */
  readonly highStep: number | null;
  /** Global correlation when decoupling ends. */
  readonly phiGlobalAtEnd: number | null;
  /** Least global correlation of the whole history. */
  readonly phiGlobalMin: number;
  /** Target correlation when decoupling ends. */
  readonly phiTargetAtEnd: number | null;
}

const paperThreshold = recordOf({
  informationGap: anyNumber,
  latentHigh: positiveNumber,
  numPatches: wholeNumber(2),
});
/** What every option of {@link PhaseOptions} must be. */
export const PHASES = {
  global: wholeNumber(0),
  high: numberIn(0, 1),
  smoothing: wholeNumber(),
  threshold: either(oneOf("slopes"), paperThreshold),
};

/**
 * The phases of training of a query: decoupling from the global area while $-\alpha_{\text{global}} > \alpha_{\text{target}}$, then growth of the own area.
 *
 * A query in the global area has none; for it `twoPhase` is false.
 *
 * @param history - see {@link QueryHistory}
 * @param options - see {@link PhaseOptions}
 * @returns see {@link Phases}
 * @throws `DomainError` when the history is empty or has no such area
 * @example
 * ```ts
 * import { detectPhases, simulateMeanField } from "@provably/transformer-sparsity/mim";
 *
 * const phases = detectPhases(simulateMeanField({ sizes: [76, 4, 4, 4, 4, 4, 4], queryArea: 1 }));
 * [phases.decouplingEnd, phases.halfStep, phases.highStep]; // => [18, 47, 100]
 * ```
 * @see Huang, Wen, Chi, Liang (2024), "How transformers learn diverse attention correlations in masked vision pretraining", section on the two phases
 * @category Phases
 */
export function detectPhases(history: QueryHistory, options: PhaseOptions = {}): Phases {
  const {
    global = 0,
    high = 0.9,
    smoothing = 1,
    threshold = "slopes",
  } = checkOptions<PhaseOptions>("detectPhases", options, PHASES);
  checkHistory("detectPhases", history, global);
  const { target, steps, phi, areaAttention } = history;
  if (!Number.isInteger(smoothing) || smoothing < 1 || smoothing % 2 === 0)
    throw new DomainError(
      `detectPhases: smoothing must be an odd integer ≥ 1, got ${show(smoothing)}`,
    );
  const column = (rows: readonly (readonly number[])[], j: number): number[] =>
    rows.map((row) => row[j]!);
  const alphaTarget = smooth(column(history.alpha, target), smoothing);
  const alphaGlobal = smooth(column(history.alpha, global), smoothing);
  const phiGlobal = column(phi, global);
  const ended =
    target === global
      ? 0
      : threshold === "slopes"
        ? alphaTarget.findIndex((a, i) => a >= -alphaGlobal[i]!)
        : phiGlobal.findIndex(
            (x) =>
              x <=
              -((threshold.informationGap / 2 - 0.01) * Math.log(threshold.numPatches)) /
                threshold.latentHigh,
          );
  const own = column(areaAttention, target);
  const stepAt = (index: number): number | null => (index < 0 ? null : steps[index]!);
  return {
    decouplingEnd: stepAt(ended),
    twoPhase: ended !== 0,
    halfStep: stepAt(own.findIndex((a) => a >= 0.5)),
    highStep: stepAt(own.findIndex((a) => a >= high)),
    phiGlobalAtEnd: ended < 0 ? null : phiGlobal[ended]!,
    phiGlobalMin: Math.min(...phiGlobal),
    phiTargetAtEnd: ended < 0 ? null : phi[ended]![target]!,
  };
}

function smooth(values: readonly number[], width: number): number[] {
  const reach = (width - 1) / 2;
  return values.map((_, i) => {
    const near = values.slice(Math.max(0, i - reach), i + reach + 1);
    return near.reduce((a, b) => a + b, 0) / near.length;
  });
}
