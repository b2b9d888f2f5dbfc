/** Whether a fitted model's tables agree with data. */
import { type Certificate } from "@provably/core-tensor";
import {
  type Schema,
  anything,
  certificate,
  check,
  checkOptions,
  numberInside,
  recordWith,
  trueOrFalse,
} from "@provably/core-tensor/internal";
import type { LabelData, Rows } from "../data/labels.js";
import type { ConceptGraph } from "../graph/graph.js";
import { inferRows, junctionTree } from "../internal/junction-tree.js";
import { chiSquareTail } from "../rank/chi-square.js";
import { type Cpts, factorsOf } from "./cpts.js";
import { numParametersOf, rowsFor } from "./fit.js";

/**
 * Options of {@link certifyFit}.
 * @category Certificates
 */
export interface CertifyFitOptions {
  /** The claim holds when the p-value is at least this; in (0, 1), default 0.001. */
  readonly significance?: number;
  /** Whether the tables were fitted to this very data, so that their parameters count; default false. */
  readonly fitted?: boolean;
}

/**
 * A certificate that a fitted model agrees with data: the likelihood-ratio distance of its joint table to the empirical one, against its degrees of freedom.
 *
 * @param model - graph and tables
 * @param input - labels; best ones that the fit has not seen
 * @param options - see {@link CertifyFitOptions}
 * @returns certificate of kind `statistical` with the p-value of Pearson's chi-square after pooling cells that expect less than 5
 * @example
 * ```ts
 * import { array } from "@provably/core-tensor";
 * import { certifyFit, conceptGraph } from "@provably/causal-latent/hierarchy";
 *
 * const graph = conceptGraph({ X1: [] }, { observed: ["X1"] });
 * const data = Array.from({ length: 100 }, (_, i) => [i % 2]);
 * certifyFit({ graph, cpts: { X1: array([0.5, 0.5], { dtype: "float64" }) } }, { data }).holds; // => true
 * certifyFit({ graph, cpts: { X1: array([0.9, 0.1], { dtype: "float64" }) } }, { data }).holds; // => false
 * ```
 * @category Certificates
 */
export function certifyFit(
  model: { readonly graph: ConceptGraph; readonly cpts: Cpts },
  input: LabelData,
  options: CertifyFitOptions = {},
): Certificate {
  const { significance = 0.001, fitted = false } = checkOptions<CertifyFitOptions>(
    "certifyFit",
    options,
    OPTIONS,
  );
  const { graph, cpts } = check("certifyFit", "model", model, MODEL);
  const rows = rowsFor("certifyFit", graph, input);
  const { pValue, statistic, df, cells } = agreement(
    { graph, cpts },
    rows,
    fitted ? numParametersOf(graph) : 0,
  );
  return certificate({
    claim: "agreement of the model's joint table with the data, p-value of Pearson's chi-square",
    kind: "statistical",
    value: pValue,
    expected: [significance, 1],
    confidence: 1 - significance,
    verdict: pValue >= significance ? (cells > 1 ? "holds" : "undecided") : "fails",
    note: `χ² = ${statistic.toPrecision(4)} on ${df} degrees of freedom, ${cells} cells expecting at least 5 counts${cells > 1 ? "" : ", too few to see a misfit"}`,
  });
}

const OPTIONS: Schema<CertifyFitOptions> = {
  significance: numberInside(0, 1),
  fitted: trueOrFalse,
};

/** A graph with its tables, and whatever else a fit carries. */
export const MODEL = recordWith<{ readonly graph: ConceptGraph; readonly cpts: Cpts }>({
  graph: anything,
  cpts: anything,
});

/**
 * Pearson's chi-square of a model's joint table against rows, of which it was fitted `numFitted`
 * parameters. Distinct rows that it expects at least 5 times are cells; everything else is pooled.
 */
export function agreement(
  { graph, cpts }: { readonly graph: ConceptGraph; readonly cpts: Cpts },
  rows: Rows,
  numFitted: number,
): { pValue: number; statistic: number; df: number; cells: number; logLikelihood: number } {
  const tables = factorsOf("certifyFit", graph, cpts).map(({ data }) => data);
  let [statistic, seen, expectedSeen, cells] = [0, 0, 0, 0];
  const { logLikelihood } = inferRows(
    junctionTree(graph),
    tables,
    rows.columns,
    rows.weights,
    (row, _, logOfRow) => {
      const expected = rows.total * Math.exp(logOfRow);
      if (expected < 5) return;
      statistic += (rows.weights[row]! - expected) ** 2 / expected;
      seen += rows.weights[row]!;
      expectedSeen += expected;
      cells++;
    },
  );
  const [restSeen, restExpected] = [rows.total - seen, Math.max(rows.total - expectedSeen, 0)];
  if (restExpected >= 5) {
    statistic += (restSeen - restExpected) ** 2 / restExpected;
    cells++;
  } else if (restSeen > 0) statistic += (restSeen - restExpected) ** 2 / Math.max(restExpected, 1);
  const df = Math.max(1, cells - 1 - numFitted);
  return { pValue: chiSquareTail(statistic, df).p, statistic, df, cells, logLikelihood };
}
