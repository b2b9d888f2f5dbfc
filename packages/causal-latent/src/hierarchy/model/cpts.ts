/** Conditional probability tables: what makes a graph a model. */
import { type ArrayInput, DomainError, type NdArray, ShapeError } from "@provably/core-tensor";
import {
  anyRecord,
  anything,
  check,
  checkOptions,
  nonNegativeNumber,
  positiveNumber,
  satisfying,
} from "@provably/core-tensor/internal";
import { svdvals } from "@provably/core-tensor/linalg";
import { type RngKey, dirichlet, foldIn, permutation } from "@provably/core-tensor/random";
import { type ConceptGraph, checkGraph } from "../graph/graph.js";
import { TableSizeError } from "../errors.js";
import { float64Of, product, toArray } from "../internal/arrays.js";
import type { Factor } from "../internal/factor.js";

/**
 * The conditional table of every variable: one axis for each parent, in the order of the graph, then one for the variable; the last axis sums to 1.
 * @category Models
 */
export type Cpts = Readonly<Record<string, NdArray<"float64">>>;

/**
 * Options of {@link randomCpts}.
 * @category Models
 */
export interface RandomCptsOptions {
  /** Weight of the deterministic part, in [0, 1); default 0.75. */
  readonly strength?: number;
  /** Concentration of the Dirichlet part, > 0; default 2. */
  readonly concentration?: number;
  /** Smallest singular value that the dependence of every child on every latent parent must keep; default 0.05. */
  readonly minSingular?: number;
}

/**
 * Random conditional tables in which children depend on their parents.
 *
 * With parents, $P(v \mid pa) = (1 - s)\,\mathrm{Dirichlet}(c) + s\,e_{j(pa)}$, where $j$ deals the child's states in
 * turn to the parents' joint states in random order; without, $\tfrac12\mathrm{Dirichlet}(c) + \tfrac1{2m}$. Tables in which a child hardly depends on a latent parent are drawn again:
 * the smallest singular value of the table with that parent's states as rows must reach `minSingular`.
 *
 * @param graph - the graph
 * @param key - random key; a variable's table depends on it and the variable's name only
 * @param options - see {@link RandomCptsOptions}
 * @returns one table a variable
 * @throws `DomainError` for options out of range, or when 1000 draws of a table fail
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { presetGraph, randomCpts } from "@provably/causal-latent/hierarchy";
 *
 * randomCpts(presetGraph("star"), key(0))["X1"].shape; // => [2, 2]
 * ```
 * @category Models
 */
export function randomCpts(
  graph: ConceptGraph,
  key: RngKey,
  options: RandomCptsOptions = {},
): Cpts {
  const {
    strength = 0.75,
    concentration = 2,
    minSingular = 0.05,
  } = checkOptions("randomCpts", options, {
    strength: anything,
    concentration: anything,
    minSingular: anything,
  });
  checkGraph("randomCpts", graph);
  checkTableSizes("randomCpts", graph);
  check(
    "randomCpts",
    "strength",
    strength,
    satisfying<number>("in [0, 1)", (x) => typeof x === "number" && ((x) => x >= 0 && x < 1)(x)),
  );
  check("randomCpts", "concentration", concentration, positiveNumber);
  check("randomCpts", "minSingular", minSingular, nonNegativeNumber);
  const latent = new Set(graph.latents);
  const entries = graph.order.map((name) => {
    const states = graph.states[name]!;
    const parents = graph.parents[name]!;
    const extents = parents.map((parent) => graph.states[parent]!);
    const rows = product(extents);
    for (let attempt = 0; attempt < 1000; attempt++) {
      const own = foldIn(foldIn(key, name), attempt);
      const noise = dirichlet(
        foldIn(own, "noise"),
        new Array<number>(states).fill(concentration),
        [rows],
        { dtype: "float64" },
      );
      const turn = permutation(foldIn(own, "order"), rows);
      const data = new Float64Array(rows * states);
      for (let row = 0; row < rows; row++)
        for (let s = 0; s < states; s++)
          data[row * states + s] =
            parents.length === 0
              ? 0.5 * noise.get(row, s) + 0.5 / states
              : (1 - strength) * noise.get(row, s) + (turn.get(row) % states === s ? strength : 0);
      const dependent = parents.every(
        (parent, axis) =>
          !latent.has(parent) || dependence(data, [...extents, states], axis) >= minSingular,
      );
      if (dependent) return [name, toArray(data, [...extents, states])] as const;
    }
    throw new DomainError(
      `randomCpts: no table of "${name}" reaches minSingular ${minSingular} in 1000 draws; lower it or raise strength`,
    );
  });
  return Object.fromEntries(entries);
}

/** Smallest singular value of a table with one axis as rows and all others as columns. */
function dependence(data: Float64Array, extents: readonly number[], axis: number): number {
  const rows = extents[axis]!;
  const inner = product(extents.slice(axis + 1));
  const matrix = new Float64Array(data.length);
  const columns = data.length / rows;
  for (let cell = 0; cell < data.length; cell++) {
    const row = Math.floor(cell / inner) % rows;
    const column = Math.floor(cell / (inner * rows)) * inner + (cell % inner);
    matrix[row * columns + column] = data[cell]!;
  }
  const values = svdvals(toArray(matrix, [rows, columns]));
  return values.get(values.size - 1);
}

/** Cells of a conditional table beyond which it is refused. */
const MOST_CELLS = 2 ** 24;

export function checkTableSizes(fn: string, graph: ConceptGraph): void {
  for (const name of graph.order) {
    const cells = product([...graph.parents[name]!, name].map((v) => graph.states[v]!));
    if (cells > MOST_CELLS)
      throw new TableSizeError(
        `${fn}: the table of "${name}" would have ${cells} cells, at most ${MOST_CELLS} are allowed`,
      );
  }
}

/** The tables as factors; throws where one does not fit its variable or is no distribution. */
export function factorsOf(
  fn: string,
  graph: ConceptGraph,
  cpts: Readonly<Record<string, ArrayInput>>,
): Factor[] {
  checkGraph(fn, graph);
  checkTableSizes(fn, graph);
  check(fn, "cpts", cpts, anyRecord);
  return graph.order.map((name) => {
    const table = Object.hasOwn(cpts, name) ? cpts[name] : undefined;
    if (table === undefined)
      throw new ShapeError(
        `${fn}: cpts must have a table for every variable, "${name}" is missing`,
      );
    const variables = [...graph.parents[name]!, name];
    const extents = variables.map((v) => graph.states[v]!);
    const { data, shape } = float64Of(table);
    if (shape.join() !== extents.join())
      throw new ShapeError(
        `${fn}: cpts["${name}"] must have shape [${extents.join(", ")}], got [${shape.join(", ")}]`,
      );
    const states = graph.states[name]!;
    for (let row = 0; row < data.length / states; row++) {
      let sum = 0;
      for (let s = 0; s < states; s++) {
        const p = data[row * states + s]!;
        if (!(p >= 0))
          throw new DomainError(
            `${fn}: cpts["${name}"] must hold probabilities, got ${p} in row ${row}`,
          );
        sum += p;
      }
      if (!(Math.abs(sum - 1) <= 1e-8))
        throw new DomainError(
          `${fn}: cpts["${name}"] rows must sum to 1, row ${row} sums to ${sum}`,
        );
    }
    return { variables, extents, data };
  });
}
