/** Whether a fitted model's tables agree with data. */
import { type Certificate } from "@provably/core-tensor";
import { anyRecord, certificate, check } from "@provably/core-tensor/internal";
import { checkNumber } from "../../internal/check.js";
import type { LabelData } from "../data/labels.js";
import type { ConceptGraph } from "../graph/graph.js";
import { inferRows, junctionTree } from "../internal/junction-tree.js";
import { chiSquareTail } from "../rank/chi-square.js";
import { type Cpts, factorsOf } from "./cpts.js";
import { numParametersOf, rowsFor } from "./fit.js";

/**
 * A certificate that a fitted model agrees with data: the likelihood-ratio distance of its joint table to the empirical one, against its degrees of freedom.
 *
 * @param model - graph and tables
 * @param input - labels; best ones that the fit has not seen
 * @param options - `alpha`, default 0.001: the claim holds when the p-value is above; `fitted`, whether the tables were fitted to this very data (default false), so
 *   that their parameters count
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
  options: { readonly alpha?: number; readonly fitted?: boolean } = {},
): Certificate {
  const { alpha = 0.001, fitted = false } = check("certifyFit", "options", options, anyRecord);
  const { graph, cpts } = check("certifyFit", "model", model, anyRecord);
  checkNumber("certifyFit", "alpha", alpha, "lie in (0, 1)", (x) => x > 0 && x < 1);
  const rows = rowsFor("certifyFit", graph, input);
  const tables = factorsOf("certifyFit", graph, cpts).map(({ data }) => data);
  // distinct rows that the model expects at least 5 times are cells; everything else is pooled
  let [statistic, seen, expectedSeen, cells] = [0, 0, 0, 0];
  inferRows(junctionTree(graph), tables, rows.columns, rows.weights, (row, _, logLikelihood) => {
    const expected = rows.total * Math.exp(logLikelihood);
    if (expected < 5) return;
    statistic += (rows.weights[row]! - expected) ** 2 / expected;
    seen += rows.weights[row]!;
    expectedSeen += expected;
    cells++;
  });
  const [restSeen, restExpected] = [rows.total - seen, Math.max(rows.total - expectedSeen, 0)];
  if (restExpected >= 5) {
    statistic += (restSeen - restExpected) ** 2 / restExpected;
    cells++;
  } else if (restSeen > 0) statistic += (restSeen - restExpected) ** 2 / Math.max(restExpected, 1);
  const df = Math.max(1, cells - 1 - (fitted ? numParametersOf(graph) : 0));
  const { p } = chiSquareTail(statistic, df);
  return certificate({
    claim: "agreement of the model's joint table with the data, p-value of Pearson's chi-square",
    kind: "statistical",
    value: p,
    expected: [alpha, 1],
    confidence: 1 - alpha,
    verdict: p >= alpha,
    note: `χ² = ${statistic.toPrecision(4)} on ${df} degrees of freedom, ${cells} cells expecting at least 5 counts`,
  });
}
