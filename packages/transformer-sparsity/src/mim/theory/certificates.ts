/** What the theorems promise about a trained model, checked on fresh images. */
import { type Certificate, DomainError } from "@provably/core-tensor";
import { anyRecord, certificate, check, show } from "@provably/core-tensor/internal";
import type { RngKey } from "@provably/core-tensor/random";
import { checkInteger, checkPositive } from "../internal/check.js";
import { attend, mostAreas, prepare, queryAttention, view } from "../internal/model.js";
import type { SpatialDistribution } from "../world/distribution.js";
import { type AreaSetting, decouplingAtZero } from "../world/information-gap.js";
import { type MaskedImage, drawMaskedImages, enumerateImages } from "../world/sampling.js";
import { areaSummary } from "./area-summary.js";
import { optimalReconstructionLoss, reconstructionLossAtZero } from "./closed-forms.js";
import type { Correlations } from "./correlations.js";
import type { QueryHistory } from "./history.js";
import { type PhaseOptions, detectPhases } from "./phases.js";

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

/**
 * How far a model's masked reconstruction loss is above the least possible, as a share of what training can win: $(L - L^\star)/(L(0) - L^\star)$.
 *
 * Worlds that can be enumerated in 10⁵ images are measured exactly. Otherwise fresh images are drawn, and on each the model is compared with the best possible
 * output for that very mask, which is at least 0 and does not fluctuate with how many areas happen to be hidden entirely; the certificate holds when the mean plus
 * 2.58 standard errors is within the tolerance.
 *
 * @param world - see {@link SpatialDistribution}
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
 * const world = createSpatialDistribution([[[0, 1], [2, 3]]], { latent: { kind: "discrete", values: [1] } });
 * const { value, holds } = certifyReconstruction(world, zeroCorrelations(world), key(0));
 * [value.toFixed(6), holds]; // => ["1.000000", false]
 * ```
 * @category Certificates
 */
export function certifyReconstruction(
  world: SpatialDistribution,
  correlations: Correlations,
  key: RngKey,
  options: CertifyReconstructionOptions = {},
): Certificate {
  const fn = "certifyReconstruction";
  const {
    maskRatio = 0.5,
    numImages = 512,
    tolerance = 0.02,
  } = check(fn, "options", options, anyRecord);
  checkInteger(fn, "numImages", numImages, 2);
  checkPositive(fn, "tolerance", tolerance);
  const toWin =
    reconstructionLossAtZero(world, { maskRatio }) -
    optimalReconstructionLoss(world, { maskRatio });
  const model = prepare(fn, world, correlations);
  const all = everyImage(world, maskRatio);
  const claim = "masked reconstruction is as good as it can be: (L − L*) / (L(0) − L*)";
  if (all !== undefined) {
    const value =
      all.samples.reduce((total, sample, i) => total + all.weights[i]! * excess(model, sample), 0) /
      toWin;
    return certificate({
      claim,
      kind: "exact",
      value,
      expected: [0, tolerance],
      tolerance,
      verdict: value <= tolerance,
    });
  }
  const values = drawMaskedImages(world, key, numImages, { maskRatio }).map(
    (sample) => excess(model, sample) / toWin,
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
    note: `standard error ${error.toPrecision(2)} over ${numImages} fresh images`,
  });
}

function everyImage(
  world: SpatialDistribution,
  maskRatio: number,
): ReturnType<typeof enumerateImages> | undefined {
  if (world.latent.kind !== "discrete") return undefined;
  try {
    return enumerateImages(world, { maskRatio, limit: 1e5 });
  } catch (error) {
    if (error instanceof DomainError) return undefined;
    throw error;
  }
}

/** Loss of one image less that of the best output: the latent of a seen area is known exactly, of a hidden one 0 is best. */
function excess(model: ReturnType<typeof prepare>, sample: MaskedImage): number {
  const { world } = model;
  const seen = view(world, sample);
  const attention = queryAttention(mostAreas(world));
  const visible = world.clusters[sample.cluster]!.map((area) => area.some((q) => !sample.mask[q]));
  let total = 0;
  for (let p = 0; p < world.numPatches; p++) {
    if (!sample.mask[p]) continue;
    attend(model, seen, p, attention);
    const own = seen.areaOf[p]!;
    for (let j = 0; j < seen.numAreas; j++)
      total += (seen.z[j]! * (attention.area[j]! - (j === own ? 1 : 0))) ** 2 / 2;
    if (!visible[own]!) total -= seen.z[own]! ** 2 / 2;
  }
  return total;
}

/**
 * Where masked local queries look after training: at their own area, as masked reconstruction teaches (at least 0.9 of the attention by default), or at the
 * global one, as the contrastive objective does (at least 0.8).
 *
 * @param world - see {@link SpatialDistribution}
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
 * const world = createSpatialDistribution([[[0, 1], [2, 3]]]);
 * certifyAreaAttention(world, zeroCorrelations(world), key(0)).holds; // => false
 * ```
 * @category Certificates
 */
export function certifyAreaAttention(
  world: SpatialDistribution,
  correlations: Correlations,
  key: RngKey,
  options: {
    readonly toward?: "own" | "global";
    readonly least?: number;
    readonly maskRatio?: number;
    readonly numImages?: number;
  } = {},
): Certificate {
  const fn = "certifyAreaAttention";
  const {
    toward = "own",
    maskRatio = 0.5,
    numImages = 256,
  } = check(fn, "options", options, anyRecord);
  const { least = toward === "own" ? 0.9 : 0.8 } = options;
  if (toward !== "own" && toward !== "global")
    throw new DomainError(`${fn}: toward must be own or global, got ${show(toward)}`);
  if (!Number.isFinite(least) || least <= 0 || least >= 1)
    throw new DomainError(`${fn}: least must be in (0, 1), got ${show(least)}`);
  checkInteger(fn, "numImages", numImages, 1);
  const summary = areaSummary(
    prepare(fn, world, correlations),
    drawMaskedImages(world, key, numImages, { maskRatio }),
  );
  const value = toward === "own" ? summary.localToOwn : summary.localToGlobal;
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
    note: `mean over ${numImages} fresh images`,
  });
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
  options: PhaseOptions & { readonly maskRatio?: number } = {},
): Certificate {
  check("certifyPhases", "options", options, anyRecord);
  const { twoPhase: predicted } = decouplingAtZero(
    setting,
    options.maskRatio === undefined ? {} : { maskRatio: options.maskRatio },
  );
  const { decouplingEnd, twoPhase, halfStep, highStep } = detectPhases(history, options);
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
    verdict: ordered && twoPhase === predicted && last >= (options.high ?? 0.9),
    note: `attention of one half at step ${String(halfStep)}, high at step ${String(highStep)}`,
  });
}
