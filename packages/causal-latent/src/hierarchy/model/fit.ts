/** The parameters of a hierarchy, by maximum likelihood, and what its latents probably are. */
import { ShapeError } from "@provably/core-tensor";
import {
  anything,
  check,
  checkOptions,
  isRecord,
  longWork,
  positiveNumber,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type RngKey, dirichlet, foldIn } from "@provably/core-tensor/random";
import { type LabelData, type Rows, rowsOfLabels } from "../data/labels.js";
import { GraphError, InvalidDataError } from "../errors.js";
import { type ConceptGraph, checkGraph } from "../graph/graph.js";
import { product, toArray } from "../internal/arrays.js";
import { type JunctionTree, inferRows, junctionTree } from "../internal/junction-tree.js";
import { type Cpts, checkTableSizes, factorsOf } from "./cpts.js";

/**
 * Options of {@link fitHierarchy}.
 * @category Models
 */
export interface FitOptions {
  /** Random starts; each runs 20 iterations and the best goes on. Default 6. */
  readonly restarts?: number;
  /** Stop when the log-likelihood of a row grows by less, in nats; default 1e-9. */
  readonly tolerance?: number;
  /** Default 2000. */
  readonly maxIterations?: number;
  /** Tables to go on from, instead of random starts. */
  readonly initial?: Cpts;
  /** Called after every iteration of the last run; `metric` is the log-likelihood. */
  readonly onProgress?: (progress: {
    readonly iteration: number;
    readonly total: number;
    readonly metric: number;
  }) => void;
  readonly signal?: AbortSignal;
}

/**
 * A fitted model.
 * @category Models
 */
export interface FittedHierarchy {
  readonly graph: ConceptGraph;
  readonly cpts: Cpts;
  /** Of all rows, in nats. */
  readonly logLikelihood: number;
  /** Free parameters. */
  readonly numParameters: number;
  /** $-2\log L + k \log n$: smaller is better. */
  readonly bic: number;
  readonly numRows: number;
  readonly iterations: number;
  readonly converged: boolean;
}

/**
 * Conditional tables of a graph by expectation maximisation.
 *
 * Exact inference on a clique tree over the latents, one pass over the distinct rows an iteration: $O(\text{rows} \times \text{cells of the cliques})$. Every step
 * raises the likelihood; which maximum is reached depends on the start, hence the restarts.
 *
 * @param graph - the graph; its observed names must be those of the data
 * @param input - labels, see {@link LabelData}
 * @param key - random key of the starts
 * @param options - see {@link FitOptions}
 * @returns see {@link FittedHierarchy}; `converged: false` when the iterations ran out
 * @throws `GraphError` when names differ
 * @throws `InvalidDataError` for bad labels
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { conceptGraph, fitHierarchy } from "@provably/causal-latent/hierarchy";
 *
 * const coin = conceptGraph({ X1: [] }, { observed: ["X1"] });
 * fitHierarchy(coin, { data: [[0], [1], [1], [1]] }, key(0)).cpts["X1"]; // => [0.25, 0.75]
 * ```
 * @category Models
 */
export function fitHierarchy(
  graph: ConceptGraph,
  input: LabelData,
  key: RngKey,
  options: FitOptions = {},
): FittedHierarchy {
  const {
    restarts = 6,
    tolerance = 1e-9,
    maxIterations = 2000,
  } = checkOptions("fitHierarchy", options, {
    restarts: anything,
    tolerance: anything,
    maxIterations: anything,
    initial: anything,
    onProgress: longWork.onProgress,
    signal: longWork.signal,
  });
  check("fitHierarchy", "restarts", restarts, wholeNumber());
  check("fitHierarchy", "maxIterations", maxIterations, wholeNumber());
  check("fitHierarchy", "tolerance", tolerance, positiveNumber);
  const rows = rowsFor("fitHierarchy", graph, input);
  return fitRows(graph, rows, key, { ...options, restarts, tolerance, maxIterations });
}

/** Rows with their columns in the order of `graph.observed`. */
export function rowsFor(fn: string, graph: ConceptGraph, input: LabelData): Rows {
  checkGraph(fn, graph);
  const rows = rowsOfLabels(fn, isRecord(input) ? { names: graph.observed, ...input } : input, {
    allowConstant: true,
    keepCodes: true,
  });
  return alignRows(fn, graph, rows);
}

export function alignRows(fn: string, graph: ConceptGraph, rows: Rows): Rows {
  if (rows.names.length !== graph.observed.length)
    throw new ShapeError(
      `${fn}: the graph has ${graph.observed.length} observed variables, the data ${rows.names.length} columns`,
    );
  const order = graph.observed.map((name) => {
    const j = rows.names.indexOf(name);
    if (j < 0) throw new GraphError(`${fn}: the data has no column "${name}"`);
    if (rows.states[j]! > graph.states[name]!)
      throw new InvalidDataError(
        `${fn}: column ${name} has label ${rows.states[j]! - 1}, the graph gives it the states 0 to ${graph.states[name]! - 1}; recodeLabels() numbers codes without gaps`,
      );
    return j;
  });
  return {
    ...rows,
    names: graph.observed,
    states: graph.observed.map((name) => graph.states[name]!),
    columns: order.map((j) => rows.columns[j]!),
  };
}

type Settings = FitOptions & {
  readonly restarts: number;
  readonly tolerance: number;
  readonly maxIterations: number;
};

export function fitRows(
  graph: ConceptGraph,
  rows: Rows,
  key: RngKey,
  settings: Settings,
): FittedHierarchy {
  checkTableSizes("fitHierarchy", graph);
  const tree = junctionTree(graph);
  const { restarts, tolerance, maxIterations, initial, onProgress, signal } = settings;
  const starts = initial
    ? [factorsOf("fitHierarchy", graph, initial).map(({ data }) => data)]
    : Array.from({ length: restarts }, (_, i) => randomTables(graph, tree, foldIn(key, i)));
  const floor = tolerance * rows.total;
  let best: Run | undefined;
  for (const start of starts) {
    const run = em(graph, tree, rows, start, floor, Math.min(20, maxIterations), () =>
      signal?.throwIfAborted(),
    );
    if (best === undefined || run.logLikelihood > best.logLikelihood) best = run;
  }
  const rest = em(graph, tree, rows, best!.tables, floor, maxIterations, (iteration, metric) => {
    signal?.throwIfAborted();
    onProgress?.({ iteration, total: maxIterations, metric });
  });
  const numParameters = numParametersOf(graph);
  return {
    graph,
    cpts: cptsOf(graph, rest.tables),
    logLikelihood: rest.logLikelihood,
    numParameters,
    bic: -2 * rest.logLikelihood + numParameters * Math.log(rows.total),
    numRows: rows.total,
    iterations: rest.iterations,
    converged: rest.converged,
  };
}

/** Free parameters of a graph: one less than its states for every joint state of a variable's parents. */
export function numParametersOf(graph: ConceptGraph): number {
  return graph.order.reduce(
    (sum, name) =>
      sum + (graph.states[name]! - 1) * product(graph.parents[name]!.map((p) => graph.states[p]!)),
    0,
  );
}

function cptsOf(graph: ConceptGraph, tables: readonly Float64Array[]): Cpts {
  return Object.fromEntries(
    graph.order.map(
      (name, i) =>
        [
          name,
          toArray(
            tables[i]!,
            [...graph.parents[name]!, name].map((v) => graph.states[v]!),
          ),
        ] as const,
    ),
  );
}

function randomTables(graph: ConceptGraph, tree: JunctionTree, key: RngKey): Float64Array[] {
  return graph.order.map((name, i) => {
    const states = graph.states[name]!;
    const draws = dirichlet(
      foldIn(key, name),
      new Array<number>(states).fill(1),
      [tree.tableSizes[i]! / states],
      { dtype: "float64" },
    );
    return Float64Array.from(draws.data);
  });
}

interface Run {
  readonly tables: readonly Float64Array[];
  readonly logLikelihood: number;
  readonly iterations: number;
  readonly converged: boolean;
}

function em(
  graph: ConceptGraph,
  tree: JunctionTree,
  rows: Rows,
  start: readonly Float64Array[],
  floor: number,
  maxIterations: number,
  report: (iteration: number, logLikelihood: number) => void,
): Run {
  let tables = start;
  let last = -Infinity;
  let power = 1;
  let previous = tables;
  for (let iteration = 1; iteration <= maxIterations; iteration++) {
    const { logLikelihood, counts } = inferRows(tree, tables, rows.columns, rows.weights);
    if (logLikelihood < last && power > 1) {
      // an over-relaxed step went too far: back to where it began, and a plain step from there
      power = 1;
      tables = previous;
      last = -Infinity;
      continue;
    }
    report(iteration, logLikelihood);
    if (logLikelihood - last < floor)
      return { tables, logLikelihood, iterations: iteration, converged: true };
    last = logLikelihood;
    previous = tables;
    tables = maximize(graph, tables, counts, power);
    power = Math.min(power * 1.2, 8);
  }
  return { tables, logLikelihood: last, iterations: maxIterations, converged: false };
}

/** Tables proportional to expected counts; with a power above 1, further along the way from the old tables (in logarithms). */
function maximize(
  graph: ConceptGraph,
  tables: readonly Float64Array[],
  counts: readonly Float64Array[],
  power: number,
): Float64Array[] {
  return counts.map((count, node) => {
    const states = graph.states[graph.order[node]!]!;
    const old = tables[node]!;
    const out = new Float64Array(count.length);
    for (let row = 0; row < count.length; row += states) {
      let sum = 0;
      for (let s = row; s < row + states; s++) sum += count[s]!;
      if (sum === 0) {
        out.set(old.subarray(row, row + states), row);
        continue;
      }
      let total = 0;
      for (let s = row; s < row + states; s++) {
        const plain = count[s]! / sum;
        total += out[s] =
          power === 1 || old[s] === 0 ? plain : old[s]! * (plain / old[s]!) ** power;
      }
      for (let s = row; s < row + states; s++) out[s]! /= total;
    }
    return out;
  });
}
