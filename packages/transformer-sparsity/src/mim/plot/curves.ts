/** Curves of training: correlations, attention, loss. */
import { DomainError } from "@provably/core-tensor";
import {
  anyNumber,
  anyString,
  check,
  checkOptions,
  finiteNumber,
  listOf,
  mapOf,
  recordWith,
} from "@provably/core-tensor/internal";

import { chart } from "../internal/svg.js";
import { type QueryHistory, checkHistory } from "../theory/history.js";
import { PHASES, type PhaseOptions, detectPhases } from "../theory/phases.js";
import type { HeadSummary } from "../attention/summary.js";

/**
 * Options of {@link plotAreaAttention}.
 * @category Pictures
 */
export interface AreaCurveOptions {
  readonly global?: number;
}
const AREA = { global: PHASES.global };

/**
 * Options of {@link plotLoss}.
 * @category Pictures
 */
export interface PlotLossOptions {
  readonly optimal?: number;
}
const LOSS = { optimal: finiteNumber };

/**
 * The correlations of a query as training goes on: with its own area, with the global one, and the largest positional one; the end of decoupling is marked.
 *
 * @param history - see {@link QueryHistory}
 * @param options - those of {@link detectPhases}
 * @returns an SVG document
 * @throws `DomainError` when the history is empty
 * @example
 * ```ts
 * import { plotCorrelations, simulateMeanField } from "@provably/transformer-sparsity/mim";
 *
 * plotCorrelations(simulateMeanField({ sizes: [76, 4, 4, 4, 4, 4, 4], queryArea: 1 })).startsWith("<svg"); // => true
 * ```
 * @category Pictures
 */
export function plotCorrelations(history: QueryHistory, options: PhaseOptions = {}): string {
  const { global = 0 } = checkOptions<PhaseOptions>("plotCorrelations", options, PHASES);
  checkHistory("plotCorrelations", history, global);
  const { steps, phi, target, upsilonMax } = history;
  const { decouplingEnd } = detectPhases(history, options);
  return chart({
    title: "Attention correlations of a query during training",
    xLabel: "step",
    yLabel: "correlation",
    series: [
      {
        name: target === global ? "global area (own)" : "own area, Φ",
        x: steps,
        y: phi.map((row) => row[target]!),
      },
      ...(target === global
        ? []
        : [{ name: "global area, Φ", x: steps, y: phi.map((row) => row[global]!) }]),
      { name: "largest |Υ|", x: steps, y: upsilonMax },
    ],
    marks:
      decouplingEnd === null || decouplingEnd === 0
        ? []
        : [{ x: decouplingEnd, text: `decoupled at ${decouplingEnd}` }],
  });
}

/**
 * The area attention of a query as training goes on: to its own area, to the global one, and to all the others together.
 *
 * @param history - see {@link QueryHistory}
 * @param options - `global`: number of the global area, default 0
 * @returns an SVG document
 * @throws `DomainError` when the history is empty
 * @example
 * ```ts
 * import { plotAreaAttention, simulateMeanField } from "@provably/transformer-sparsity/mim";
 *
 * plotAreaAttention(simulateMeanField({ sizes: [76, 4, 4, 4, 4, 4, 4], queryArea: 1 })).startsWith("<svg"); // => true
 * ```
 * @category Pictures
 */
export function plotAreaAttention(history: QueryHistory, options: AreaCurveOptions = {}): string {
  const { global = 0 } = checkOptions<AreaCurveOptions>("plotAreaAttention", options, AREA);
  checkHistory("plotAreaAttention", history, global);
  const { steps, areaAttention, target } = history;
  const rest = areaAttention.map((row) =>
    row.reduce((total, a, j) => total + (j === target || j === global ? 0 : a), 0),
  );
  return chart({
    title: "Area attention of a query during training",
    xLabel: "step",
    yLabel: "attention to seen patches",
    series: [
      {
        name: target === global ? "global area (own)" : "own area",
        x: steps,
        y: areaAttention.map((row) => row[target]!),
      },
      ...(target === global
        ? []
        : [{ name: "global area", x: steps, y: areaAttention.map((row) => row[global]!) }]),
      { name: "other areas", x: steps, y: rest },
    ],
  });
}

/**
 * The loss as training goes on, or on a logarithmic axis its distance to the least possible loss.
 *
 * @param history - steps and losses
 * @param options - `optimal`: see {@link optimalReconstructionLoss}
 * @returns an SVG document
 * @throws `DomainError` when the history is empty
 * @example
 * ```ts
 * import { plotLoss } from "@provably/transformer-sparsity/mim";
 *
 * plotLoss({ steps: [0, 1, 2], loss: [1, 0.5, 0.3] }, { optimal: 0.2 }).startsWith("<svg"); // => true
 * ```
 * @category Pictures
 */
export function plotLoss(
  history: { readonly steps: readonly number[]; readonly loss: readonly number[] },
  options: PlotLossOptions = {},
): string {
  const { steps, loss } = check("plotLoss", "history", history, losses);
  if (steps.length === 0) throw new DomainError("plotLoss: history must hold at least one record");
  const { optimal } = checkOptions<PlotLossOptions>("plotLoss", options, LOSS);
  return chart({
    title: "Loss during training",
    xLabel: "step",
    yLabel: optimal === undefined ? "loss" : "loss above the optimum, L − L*",
    logY: optimal !== undefined,
    series: [
      {
        name: optimal === undefined ? "loss" : "L − L*",
        x: steps,
        y: optimal === undefined ? loss : loss.map((l) => l - optimal),
      },
    ],
  });
}

/**
 * A metric of every head of every layer, several models side by side: one dot a head.
 *
 * @param tables - the heads of each model by its name, from {@link summarizeAttention}
 * @param metric - for example `diversity`
 * @returns an SVG document
 * @throws `DomainError` when there are no heads, or the metric was not measured
 * @example
 * ```ts
 * import { eye, reshape } from "@provably/core-tensor";
 * import { plotLayerMetric, summarizeAttention } from "@provably/transformer-sparsity/mim";
 *
 * plotLayerMetric({ identity: summarizeAttention([reshape(eye(4), [1, 4, 4])]) }, "diversity").startsWith("<svg"); // => true
 * ```
 * @category Pictures
 */
export function plotLayerMetric(
  tables: Readonly<Record<string, readonly HeadSummary[]>>,
  metric: Exclude<keyof HeadSummary, "layer" | "head">,
): string {
  check("plotLayerMetric", "tables", tables, mapOf(listOf(recordWith({ layer: anyNumber }))));
  check("plotLayerMetric", "metric", metric, anyString);
  const series = Object.entries(tables).map(([name, heads]) => ({
    name,
    style: "dots" as const,
    x: heads.map(({ layer }) => layer + 1),
    y: heads.map((head) => head[metric]?.mean ?? Number.NaN),
  }));
  if (!series.some(({ y }) => y.some((value) => Number.isFinite(value))))
    throw new DomainError(`plotLayerMetric: no head has a ${metric}`);
  return chart({
    title: `${metric} of each head`,
    xLabel: "layer",
    yLabel: metric,
    series,
    wholeX: true,
  });
}

const losses = recordWith({ steps: listOf(anyNumber), loss: listOf(anyNumber) });
