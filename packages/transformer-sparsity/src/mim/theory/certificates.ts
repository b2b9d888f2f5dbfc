/** What the theorems promise about a trained model, checked on fresh images. */
import { type Certificate, DomainError } from "@provably/core-tensor";
import {
  certificate,
  checkOptions,
  numberInside,
  oneOf,
  positiveNumber,
  wholeNumber,
} from "@provably/core-tensor/internal";
import type { RngKey } from "@provably/core-tensor/random";
import { type SpatialDistribution, checkDistribution } from "../data/distribution.js";
import { type AreaSetting, checkSetting, decouplingAtZero } from "../data/information-gap.js";
import {
  type MaskedImage,
  RATIO,
  allImages,
  countMasked,
  drawMaskedImages,
} from "../data/sampling.js";
import { optimalReconstructionLoss, reconstructionLossAtZero } from "./closed-forms.js";
import { type Correlations, checkCorrelations } from "./correlations.js";
import { naiveQueries } from "./naive.js";
import type { QueryHistory } from "./history.js";
import { PHASES, type PhaseOptions, detectPhases } from "./phases.js";

/**
 * Options of {@link certifyReconstruction}.
 * @category Certificates
 */
export interface CertifyReconstructionOptions {
  /** $\gamma$; default 0.5. */
  readonly maskRatio?: number;
  /** Fresh images; default 512. */
  readonly numImages?: number;
  /** Greatest excess, as a share of what training can win, $L(0) - L^\star$; default 0.02. */
  readonly tolerance?: number;
}

const RECONSTRUCTION = {
  maskRatio: RATIO,
  numImages: wholeNumber(2),
  tolerance: positiveNumber,
};

/** What the certificates of a model cannot see. */
const BLIND =
  "the attention is computed patch by patch from the correlations and the areas given; whether these areas are those of the data, it cannot see";

/**
 * How far a model's masked reconstruction loss is above the least possible, as a share of what training can win: $(L - L^\star)/(L(0) - L^\star)$.
 *
 * Distributions that can be enumerated in 10⁵ images are measured exactly. Otherwise fresh images are drawn, and on each the model is compared with the best possible
 * output for that very mask, which is at least 0 and does not fluctuate with how many areas happen to be hidden entirely; the certificate holds when the mean plus
 * 2.58 standard errors is within the tolerance.
 *
 * @param distribution - see {@link SpatialDistribution}
 * @param correlations - see {@link Correlations}
 * @param key - random key of the fresh images
 * @param options - see {@link CertifyReconstructionOptions}
 * @returns certificate with the excess as its value
 * @throws `ShapeError` or `DomainError` when an argument does not fit
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { certifyReconstruction, createSpatialDistribution, zeroCorrelations } from "@provably/transformer-sparsity/mim";
 *
 * const distribution = createSpatialDistribution([[[0, 1], [2, 3]]], { latent: { kind: "discrete", values: [1] } });
 * const { value, holds } = certifyReconstruction(distribution, zeroCorrelations(distribution), key(0));
 * [value.toFixed(6), holds]; // => ["1.000000", false]
 * ```
 * @category Certificates
 */
export function certifyReconstruction(
  distribution: SpatialDistribution,
  correlations: Correlations,
  key: RngKey,
  options: CertifyReconstructionOptions = {},
): Certificate {
  const fn = "certifyReconstruction";
  const {
    maskRatio = 0.5,
    numImages = 512,
    tolerance = 0.02,
  } = checkOptions<CertifyReconstructionOptions>(fn, options, RECONSTRUCTION);
  checkDistribution(fn, distribution);
  checkCorrelations(fn, distribution, correlations);
  countMasked(fn, distribution.numPatches, maskRatio);
  const toWin =
    reconstructionLossAtZero(distribution, { maskRatio }) -
    optimalReconstructionLoss(distribution, { maskRatio });
  const excess = (sample: MaskedImage): number =>
    naiveQueries(distribution, correlations, sample).reduce((sum, query) => sum + query.excess, 0);
  const all = everyImage(fn, distribution, maskRatio);
  const claim = "masked reconstruction is as good as it can be: (L − L*) / (L(0) − L*)";
  if (all !== undefined) {
    const value =
      all.samples.reduce((total, sample, i) => total + all.weights[i]! * excess(sample), 0) / toWin;
    return certificate({
      claim,
      kind: "exact",
      value,
      expected: [0, tolerance],
      tolerance,
      verdict: value <= tolerance,
      note: BLIND,
    });
  }
  const values = drawMaskedImages(fn, distribution, key, numImages, maskRatio).map(
    (sample) => excess(sample) / toWin,
  );
  const value = values.reduce((a, b) => a + b, 0) / numImages;
  const error = Math.sqrt(
    values.reduce((total, x) => total + (x - value) ** 2, 0) / (numImages - 1) / numImages,
  );
  return certificate({
    claim,
    kind: "statistical",
    value,
    expected: [0, tolerance],
    tolerance,
    confidence: 0.995,
    verdict: value + 2.58 * error <= tolerance,
    note: `standard error ${error.toPrecision(2)} over ${numImages} fresh images; ${BLIND}`,
  });
}

function everyImage(
  fn: string,
  distribution: SpatialDistribution,
  maskRatio: number,
): ReturnType<typeof allImages> | undefined {
  if (distribution.latent.kind !== "discrete") return undefined;
  try {
    return allImages(fn, distribution, maskRatio, 1e5);
  } catch (error) {
    if (error instanceof DomainError) return undefined;
    throw error;
  }
}

/**
 * Options of {@link certifyAreaAttention}.
 * @category Certificates
 */
export interface AreaCertificateOptions {
  readonly toward?: "own" | "global";
  readonly least?: number;
  readonly maskRatio?: number;
  readonly numImages?: number;
}
const AREA = {
  toward: oneOf("own", "global"),
  least: numberInside(0, 1),
  maskRatio: RATIO,
  numImages: wholeNumber(),
};

/**
 * Where masked local queries look after training: at their own area, as masked reconstruction teaches (at least 0.9 of the attention by default), or at the
 * global one, as the contrastive objective does (at least 0.8).
 *
 * @param distribution - see {@link SpatialDistribution}
 * @param correlations - see {@link Correlations}
 * @param key - random key of the fresh images
 * @param options - `toward`: `own` (default) or `global`; `least`: threshold; `maskRatio`: default 0.5; `numImages`: default 256
 * @returns certificate with the mean attention as its value
 * @throws `ShapeError` or `DomainError` when an argument does not fit, or no image hides a local patch
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { certifyAreaAttention, createSpatialDistribution, zeroCorrelations } from "@provably/transformer-sparsity/mim";
 *
 * const distribution = createSpatialDistribution([[[0, 1], [2, 3]]]);
 * certifyAreaAttention(distribution, zeroCorrelations(distribution), key(0)).holds; // => false
 * ```
 * @category Certificates
 */
export function certifyAreaAttention(
  distribution: SpatialDistribution,
  correlations: Correlations,
  key: RngKey,
  options: AreaCertificateOptions = {},
): Certificate {
  const fn = "certifyAreaAttention";
  const {
    toward = "own",
    maskRatio = 0.5,
    numImages = 256,
  } = checkOptions<AreaCertificateOptions>(fn, options, AREA);
  const { least = toward === "own" ? 0.9 : 0.8 } = options;
  checkDistribution(fn, distribution);
  checkCorrelations(fn, distribution, correlations);
  const local = drawMaskedImages(fn, distribution, key, numImages, maskRatio)
    .flatMap((sample) => naiveQueries(distribution, correlations, sample))
    .filter(({ own, ownSeen }) => own !== 0 && (toward === "global" || ownSeen));
  const value =
    local.reduce((sum, { own, toArea }) => sum + toArea[toward === "own" ? own : 0]!, 0) /
    local.length;
  if (Number.isNaN(value))
    throw new DomainError(
      `${fn}: none of numImages = ${numImages} fresh images hides a local patch whose attention could be measured; take more, or local areas of two patches and more`,
    );
  return certificate({
    claim: `masked local patches attend to ${toward === "own" ? "the seen patches of their own area" : "the global area"}`,
    kind: "measured",
    value,
    expected: [least, 1],
    verdict: value >= least,
    note: `mean over ${numImages} fresh images; ${BLIND}`,
  });
}

/**
 * Options of {@link certifyPhases}.
 * @category Certificates
 */
export interface PhaseCertificateOptions extends PhaseOptions {
  readonly maskRatio?: number;
}
const PHASE = { ...PHASES, maskRatio: RATIO };

/**
 * Whether a history begins as one from zero correlations does: nothing learnt, and attention spread evenly, which gives each area its share of the seen
 * patches. Stochastic histories measure it on their own images and may be off by a quarter.
 */
function startsAtZero(
  { steps, phi, areaAttention }: QueryHistory,
  { sizes, queryArea }: AreaSetting,
  maskRatio: number,
): boolean {
  if (steps[0] !== 0) return true;
  const numPatches = sizes.reduce((a, b) => a + b, 0);
  const seen = numPatches - countMasked("certifyPhases", numPatches, maskRatio);
  const even = (size: number, j: number): number =>
    (seen * (size - (j === queryArea ? 1 : 0))) / (numPatches - 1) / numPatches;
  return (
    areaAttention[0]!.length === sizes.length &&
    phi[0]!.every((value) => Math.abs(value) < 1e-9) &&
    sizes.every(
      (size, j) => Math.abs(areaAttention[0]![j]! - even(size, j)) <= 0.02 + even(size, j) / 4,
    )
  );
}

/**
 * Whether training went through the phases that the sizes of the areas predict: a phase of decoupling from the global area exactly when
 * {@link decouplingAtZero} says so, and then growth of the attention to the own area, in this order, high to the end.
 *
 * @param history - of a local query, see {@link QueryHistory}
 * @param setting - sizes of the areas of the query's cluster, and its own area
 * @param options - `maskRatio`: default 0.5; and those of {@link detectPhases}
 * @returns certificate with the step at which decoupling ends as its value, NaN when it never does
 * @throws `DomainError` when an argument does not fit
 * @example
 * ```ts
 * import { certifyPhases, simulateMeanField } from "@provably/transformer-sparsity/mim";
 *
 * const setting = { sizes: [76, 4, 4, 4, 4, 4, 4], queryArea: 1 };
 * certifyPhases(simulateMeanField(setting), setting).holds; // => true
 * ```
 * @category Certificates
 */
export function certifyPhases(
  history: QueryHistory,
  setting: AreaSetting,
  options: PhaseCertificateOptions = {},
): Certificate {
  const fn = "certifyPhases";
  const { maskRatio = 0.5, ...rest } = checkOptions<PhaseCertificateOptions>(fn, options, PHASE);
  const numPatches = checkSetting(fn, setting);
  countMasked(fn, numPatches, maskRatio);
  const { twoPhase: predicted } = decouplingAtZero(setting, { maskRatio });
  const { decouplingEnd, twoPhase, halfStep, highStep } = detectPhases(history, rest);
  const last = history.areaAttention[history.areaAttention.length - 1]![history.target]!;
  const ordered =
    decouplingEnd !== null &&
    halfStep !== null &&
    highStep !== null &&
    decouplingEnd <= halfStep &&
    halfStep <= highStep;
  return certificate({
    claim: predicted
      ? "the query first decouples from the global area, then attends to its own"
      : "the query attends to its own area from the first step",
    kind: "measured",
    value: decouplingEnd ?? Number.NaN,
    expected: predicted ? [1, halfStep ?? Infinity] : 0,
    verdict:
      ordered &&
      twoPhase === predicted &&
      last >= (rest.high ?? 0.9) &&
      startsAtZero(history, setting, maskRatio),
    note: `attention of one half at step ${String(halfStep)}, high at step ${String(highStep)}; slopes and attention of later steps are the history's own, only those at the start are computed anew from the sizes`,
  });
}
