/** Experiments that say how far training identifies the blocks, where the truth is known. */
import type { Estimate } from "./certify.js";
import { blockR2, mcc } from "./evaluate/identifiability.js";
import { type MatteOptions, matteConfig } from "./model/config.js";
import { encodeLatents } from "./model/generate.js";
import { inferNoise } from "./model/noise.js";
import { trainMatte } from "./model/train.js";
import {
  anyList,
  anyRecord,
  anyString,
  anything,
  check,
  checkOptions,
  listOf,
  longWork,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn } from "@provably/core-tensor/random";
import { type MakeVectorsOptions, makeVectors } from "./vectors/make-vectors.js";

/**
 * A way to train, by name.
 * @category Experiments
 */
export interface IdentifiabilitySetting {
  readonly name: string;
  readonly options: MatteOptions;
  /** Whether the model is told the domains; default true. */
  readonly domains?: boolean;
}

/**
 * The ablations of the objective on vectors: a standard prior; a flow prior without domains, alone, and with either sparsity.
 * @category Experiments
 */
export const identifiabilitySettings: readonly IdentifiabilitySetting[] = [
  { name: "standard prior", options: { prior: "standard", weights: { sparsity: 0 } } },
  { name: "flow prior, domains hidden", options: { weights: { sparsity: 0 } }, domains: false },
  { name: "flow prior", options: { weights: { sparsity: 0 } } },
  { name: "flow prior, l1 sparsity", options: { weights: { sparsity: 3 } } },
  { name: "flow prior, l1l2 sparsity", options: { sparsity: "l1l2", weights: { sparsity: 50 } } },
];

/**
 * What an experiment found for one way to train: means over the trials with 95 % intervals.
 * @category Experiments
 */
export interface IdentifiabilityRow {
  readonly name: string;
  /** $R^2$ of predicting true content from learned content. */
  readonly contentFromContent: Estimate;
  readonly styleFromStyle: Estimate;
  /** Leaks: true content from learned style, true style from learned content. */
  readonly contentFromStyle: Estimate;
  readonly styleFromContent: Estimate;
  /** Mean correlation of the style's noise with the true one, coordinate by coordinate. */
  readonly styleNoiseMcc?: Estimate;
}

/** 97.5 % points of Student's law with 1, 2, … degrees of freedom; beyond, the normal one. */
const STUDENT = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];

function studentInterval(values: readonly number[]): Estimate {
  const n = values.length;
  const value = values.reduce((a, b) => a + b, 0) / n;
  if (n === 1) return { value, interval: [-Infinity, Infinity], count: 1 };
  const spread = Math.sqrt(values.reduce((s, x) => s + (x - value) ** 2, 0) / (n - 1) / n);
  const reach = (STUDENT[n - 2] ?? 1.96) * spread;
  return { value, interval: [value - reach, value + reach], count: n };
}

/**
 * Options of {@link identifiabilityExperiment}.
 * @category Experiments
 */
export interface IdentifiabilityOptions {
  /** Models drawn, each with its own data; default 5. */
  readonly numTrials?: number;
  /** Rows to train on; default 4000. */
  readonly numRows?: number;
  /** Training steps; default 1500. */
  readonly numSteps?: number;
  /** Of the data; see {@link MakeVectorsOptions}. */
  readonly data?: MakeVectorsOptions;
  /** Called after every model. */
  readonly onProgress?: (progress: {
    readonly iteration: number;
    readonly total: number;
    readonly name: string;
  }) => void;
  /** Stops between two steps. */
  readonly signal?: AbortSignal;
}

/**
 * Trains on vectors with known content and style, and measures what of each block the learned blocks tell.
 *
 * Identified blocks would predict themselves perfectly, and each other no better than the true blocks do: the first row, `truth`, is that comparison.
 * Training does not reach it: on these data the learned style holds less than half of the true one. Scale-free sparsity comes nearest.
 *
 * @param settings - ways to train, such as {@link identifiabilitySettings}; with the defaults a model takes some seconds
 * @param key - random key
 * @param options - see {@link IdentifiabilityOptions}
 * @returns one row for the truth and one for each setting
 * @throws `DomainError` when a count is out of range
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { identifiabilityExperiment } from "@provably/causal-latent/matte";
 *
 * const rows = identifiabilityExperiment([], key(0), { numTrials: 2, numRows: 200, data: { size: 8 } });
 * rows[0].contentFromContent.value > 0.9; // => true
 * ```
 * @category Experiments
 */
export function identifiabilityExperiment(
  settings: readonly IdentifiabilitySetting[],
  key: RngKey,
  options: IdentifiabilityOptions = {},
): IdentifiabilityRow[] {
  const {
    numTrials = 5,
    numRows = 4000,
    numSteps = 1500,
    data = {},
    onProgress,
    signal,
  } = checkOptions("identifiabilityExperiment", options, {
    numTrials: anything,
    numRows: anything,
    numSteps: anything,
    data: anything,
    onProgress: longWork.onProgress,
    signal: longWork.signal,
  });
  for (const [name, value] of Object.entries({ numTrials, numRows, numSteps }))
    check("identifiabilityExperiment", name, value, wholeNumber());
  check("identifiabilityExperiment", "settings", settings, anyList).forEach((setting, i) => {
    check(
      "identifiabilityExperiment",
      `settings[${i}].name`,
      [check("identifiabilityExperiment", `settings[${i}]`, setting, anyRecord).name],
      listOf(anyString),
    );
    check("identifiabilityExperiment", `settings[${i}].options`, setting.options, anyRecord);
  });
  const names = ["truth", ...settings.map(({ name }) => name)];
  const scores = new Map(names.map((name) => [name, [] as number[][]]));
  const total = numTrials * settings.length;
  const stop = signal === undefined ? {} : { signal };
  let iteration = 0;
  for (let trial = 0; trial < numTrials; trial++) {
    signal?.throwIfAborted();
    const drawn = makeVectors(numRows, foldIn(foldIn(key, "data"), trial), data);
    const { content, style } = drawn;
    scores
      .get("truth")!
      .push([
        blockR2(content, content, stop),
        blockR2(style, style, stop),
        blockR2(style, content, stop),
        blockR2(content, style, stop),
      ]);
    for (const { name, options: chosen, domains = true } of settings) {
      signal?.throwIfAborted();
      const known = domains ? { domains: drawn.domains } : {};
      const config = matteConfig(
        { kind: "vectors", size: drawn.observed.shape[1]! },
        {
          numDomains: domains ? Math.max(...drawn.domains) + 1 : 1,
          contentSize: content.shape[1]!,
          styleSize: style.shape[1]!,
          ...chosen,
        },
      );
      const model = trainMatte(
        { observed: drawn.observed, ...known },
        config,
        foldIn(foldIn(key, name), trial),
        {
          numSteps,
          ...stop,
        },
      );
      const learned = encodeLatents(model, drawn.observed);
      const noise = inferNoise(model, learned, known.domains);
      scores
        .get(name)!
        .push([
          blockR2(learned.content, content, stop),
          blockR2(learned.style, style, stop),
          blockR2(learned.style, content, stop),
          blockR2(learned.content, style, stop),
          mcc(noise.style, drawn.styleNoise, { correlation: "spearman" }).value,
        ]);
      onProgress?.({ iteration: ++iteration, total, name });
    }
  }
  return names.map((name) => {
    const list = scores.get(name)!;
    const column = (j: number): Estimate => studentInterval(list.map((row) => row[j]!));
    return {
      name,
      contentFromContent: column(0),
      styleFromStyle: column(1),
      contentFromStyle: column(2),
      styleFromContent: column(3),
      ...(list[0]!.length > 4 ? { styleNoiseMcc: column(4) } : {}),
    };
  });
}
