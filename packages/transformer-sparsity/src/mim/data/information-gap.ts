/** How large the global area is against the local ones: what decides whether attention must first unlearn it. */
import { DomainError } from "@provably/core-tensor";
import {
  anyNumber,
  check,
  checkOptions,
  listOf,
  recordOf,
  show,
} from "@provably/core-tensor/internal";

import { checkInteger, checkPositive } from "../internal/check.js";
import { MASK, type MaskOptions, countMasked } from "./sampling.js";

/**
 * The information gap $\Delta = (1-\kappa_s) - 2(1-\kappa_c) = \log_P \frac{C_g^2}{P\,C_\ell}$ of area sizes $C_g = P^{\kappa_c}$ and $C_\ell = P^{\kappa_s}$.
 *
 * Positive: the global area is so large that a local query attends to it first and has to be decoupled from it; training takes two phases. Negative: one
 * phase. The sign is a statement about large $P$; {@link decouplingAtZero} is the one about a finite distribution.
 *
 * @param numPatches - $P \ge 2$
 * @param globalSize - $C_g$
 * @param localSize - $C_\ell$
 * @returns $\Delta$
 * @throws `DomainError` when a size is not positive
 * @example
 * ```ts
 * import { informationGap } from "@provably/transformer-sparsity/mim";
 *
 * informationGap(100, 10, 1); // => 0
 * informationGap(64, 44, 5).toFixed(3); // => "0.433"
 * ```
 * @see Huang, Wen, Chi, Liang (2024), "How transformers learn diverse attention correlations in masked vision pretraining", definition of the information gap
 * @category Data
 */
export function informationGap(numPatches: number, globalSize: number, localSize: number): number {
  checkInteger("informationGap", "numPatches", numPatches, 2);
  checkPositive("informationGap", "globalSize", globalSize);
  checkPositive("informationGap", "localSize", localSize);
  return (2 * Math.log(globalSize) - Math.log(localSize)) / Math.log(numPatches) - 1;
}

/**
 * Options of {@link powerLawAreaSizes}.
 * @category Data
 */
export interface PowerLaw {
  readonly numPatches: number;
  readonly globalExponent: number;
  readonly localExponent: number;
}
const powerLaw = recordOf<PowerLaw>({
  numPatches: anyNumber,
  globalExponent: anyNumber,
  localExponent: anyNumber,
});

/**
 * Area sizes that are powers of the number of patches, $C_g = P^{\kappa_c}$ and $C_\ell = P^{\kappa_s}$, rounded.
 *
 * @param options - `numPatches` $P$; `globalExponent` $\kappa_c \in (0.5, 1]$; `localExponent` $\kappa_s \in (0, 0.5]$
 * @returns the sizes
 * @throws `DomainError` for exponents outside their ranges
 * @example
 * ```ts
 * import { powerLawAreaSizes } from "@provably/transformer-sparsity/mim";
 *
 * powerLawAreaSizes({ numPatches: 100, globalExponent: 0.75, localExponent: 0.5 }); // => { globalSize: 32, localSize: 10 }
 * ```
 * @category Data
 */
export function powerLawAreaSizes(options: PowerLaw): {
  readonly globalSize: number;
  readonly localSize: number;
} {
  const { numPatches, globalExponent, localExponent } = check(
    "powerLawAreaSizes",
    "options",
    options,
    powerLaw,
  );
  checkInteger("powerLawAreaSizes", "numPatches", numPatches, 2);
  if (!Number.isFinite(globalExponent) || globalExponent <= 0.5 || globalExponent > 1)
    throw new DomainError(
      `powerLawAreaSizes: globalExponent must be in (0.5, 1], got ${show(globalExponent)}`,
    );
  if (!Number.isFinite(localExponent) || localExponent <= 0 || localExponent > 0.5)
    throw new DomainError(
      `powerLawAreaSizes: localExponent must be in (0, 0.5], got ${show(localExponent)}`,
    );
  return {
    globalSize: Math.round(numPatches ** globalExponent),
    localSize: Math.max(1, Math.round(numPatches ** localExponent)),
  };
}

/**
 * One query among areas of given sizes: the setting of {@link simulateMeanField} and {@link decouplingAtZero}.
 * @category Mean field
 */
export interface AreaSetting {
  /** Patches of each area; area 0 is the global one. */
  readonly sizes: readonly number[];
  /** Area of the query. */
  readonly queryArea: number;
}

const shape = recordOf({ sizes: listOf(anyNumber), queryArea: anyNumber });

export function checkSetting(fn: string, setting: AreaSetting): number {
  const { sizes, queryArea } = check(fn, "setting", setting, shape);
  sizes.forEach((size, j) => checkInteger(fn, `sizes[${j}]`, size, 1));
  if (!Number.isInteger(queryArea) || queryArea < 0 || queryArea >= sizes.length)
    throw new DomainError(
      `${fn}: queryArea must be one of 0 … ${sizes.length - 1}, got ${show(queryArea)}`,
    );
  return sizes.reduce((a, b) => a + b, 0);
}

/**
 * Slopes of the target and of the global feature–position correlation at the start of training, per masked query and for latents of 1.
 *
 * $$\alpha_n = A_n\big((1-A_n)^2 + R\big), \qquad \alpha_0 = A_0\big(R - A_0 - (1-A_n)A_n\big), \qquad R = \sum_{i \ne n} A_i^2$$
 *
 * with $A_i = u_i / P$ the attention to the seen patches of area $i$ when all correlations are 0. Training begins with a phase of decoupling from the global area
 * exactly when $-\alpha_0 > \alpha_n$. This is what the sign of the {@link informationGap} means in a distribution of finite size.
 *
 * @param setting - see {@link AreaSetting}
 * @param options - `maskRatio`: $\gamma$, default 0.5
 * @returns both slopes and whether there is a first phase
 * @throws `DomainError` when the setting or the ratio does not fit
 * @example
 * ```ts
 * import { decouplingAtZero } from "@provably/transformer-sparsity/mim";
 *
 * const { targetSlope, globalSlope, twoPhase } = decouplingAtZero({ sizes: [76, 4, 4, 4, 4, 4, 4], queryArea: 1 });
 * twoPhase; // => true
 * [targetSlope.toFixed(5), globalSlope.toFixed(5)]; // => ["0.01696", "-0.09572"]
 * ```
 * @category Mean field
 */
export function decouplingAtZero(
  setting: AreaSetting,
  options: MaskOptions = {},
): { readonly targetSlope: number; readonly globalSlope: number; readonly twoPhase: boolean } {
  const numPatches = checkSetting("decouplingAtZero", setting);
  const { sizes, queryArea: n } = setting;
  const seen =
    numPatches -
    countMasked(
      "decouplingAtZero",
      numPatches,
      checkOptions<MaskOptions>("decouplingAtZero", options, MASK).maskRatio ?? 0.5,
    );
  const attention = sizes.map(
    (size, j) => (seen * (size - Number(j === n))) / (numPatches - 1) / numPatches,
  );
  const own = attention[n]!;
  const rest = attention.reduce((total, a, j) => total + (j === n ? 0 : a * a), 0);
  const targetSlope = own * ((1 - own) ** 2 + rest);
  if (n === 0) return { targetSlope, globalSlope: targetSlope, twoPhase: false };
  const globalSlope = attention[0]! * (rest - attention[0]! - (1 - own) * own);
  return { targetSlope, globalSlope, twoPhase: -globalSlope > targetSlope };
}
