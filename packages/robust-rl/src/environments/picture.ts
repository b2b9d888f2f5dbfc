/** Pictures of grid worlds. */
import { type ArrayInput, DomainError, ShapeError } from "@provably/core-tensor";
import {
  anyString,
  mapOf,
  optional,
  wholeNumber,
  flatNumbers,
  show,
} from "@provably/core-tensor/internal";
import { needOptions } from "../internal/options.js";
import { float64 } from "../internal/read.js";
import { checkSizes } from "./sizes.js";

const CELL = 72;
const ARROWS = ["↑", "→", "↓", "←"];

/** Dark blue through white to dark red, for t in [−1, 1]. */
function colour(t: number): string {
  const mix = (from: number, to: number): number => Math.round(from + (to - from) * Math.abs(t));
  const end = t < 0 ? [178, 45, 45] : [33, 102, 172];
  return `rgb(${end.map((c) => mix(250, c)).join(",")})`;
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
const escape = (text: string): string => text.replace(/[&<>]/g, (c) => ENTITIES[c]!);

/**
 * Options of {@link gridPicture}.
 * @category Environments
 */
export interface GridPictureOptions {
  /** Columns of the grid. */
  readonly columns: number;
  /** Words for cells that have no arrow, such as `{ 4: "goal", 8: "pit" }`, by the number of the cell. */
  readonly labels?: Readonly<Record<number, string>>;
  readonly title?: string;
}

const PICTURE = {
  columns: wholeNumber(),
  labels: optional(mapOf(anyString)),
  title: optional(anyString),
};

/**
 * A picture of values and policy on a grid, as SVG text: cells coloured by value (blue good, red bad), an arrow for the action, the value below.
 *
 * @param values - $V$, [rows · columns]
 * @param policy - actions 0 up, 1 right, 2 down, 3 left, [rows · columns]
 * @param options - `columns`; `labels`, words for cells without an arrow; `title`, read out by screen readers
 * @returns an SVG document, needing neither a browser nor fonts of its own
 * @throws `ShapeError` when sizes do not fit, `DomainError` for a label of a cell that is not there
 * @example
 * ```ts
 * import { gridPicture, gridWorld, valueIteration } from "@provably/robust-rl";
 *
 * const { values, policy } = valueIteration(gridWorld(), { discount: 0.95 });
 * gridPicture(values, policy, { columns: 5, labels: { 4: "goal", 8: "pit" } }).slice(0, 4); // => "<svg"
 * ```
 * @category Environments
 */
export function gridPicture(
  values: ArrayInput,
  policy: ArrayInput,
  options: GridPictureOptions,
): string {
  const {
    columns,
    labels = {},
    title = "Values and policy on a grid",
  } = needOptions<GridPictureOptions>("gridPicture", options, PICTURE);
  checkSizes("gridPicture", { columns });
  const v = flatNumbers(float64("gridPicture", "values", values));
  const actions = flatNumbers(float64("gridPicture", "policy", policy));
  if (v.length === 0 || v.length !== actions.length || v.length % columns !== 0)
    throw new ShapeError(
      `gridPicture: values and policy must have one entry for each cell of ${columns} columns, got ${v.length} and ${actions.length}`,
    );
  const stray = Object.keys(labels).find((cell) => !Object.hasOwn(v, cell));
  if (stray !== undefined)
    throw new DomainError(
      `gridPicture: labels must name cells 0 to ${v.length - 1}, got ${show(stray)}`,
    );
  const size = v.reduce((m, x) => Math.max(m, Math.abs(x)), 1e-12);
  const rows = v.length / columns;
  const cells = [...v].map((value, s) => {
    const [x, y] = [(s % columns) * CELL, Math.floor(s / columns) * CELL];
    const ink = Math.abs(value) / size > 0.6 ? "#fff" : "#1b1f24";
    const label = labels[s];
    const text = (dy: number, look: string, words: string): string =>
      `<text x="${x + CELL / 2}" y="${y + dy}" fill="${ink}" ${look} text-anchor="middle">${words}</text>`;
    const inside =
      label === undefined
        ? text(
            CELL / 2 - 2,
            `font-size="24" dominant-baseline="middle"`,
            ARROWS[actions[s]!] ?? "?",
          ) + text(CELL - 9, `font-size="12"`, value.toFixed(2))
        : text(
            CELL / 2,
            `font-size="15" font-weight="600" dominant-baseline="middle"`,
            escape(label),
          );
    return `<rect x="${x}" y="${y}" width="${CELL}" height="${CELL}" fill="${colour(value / size)}" stroke="#888" stroke-width="0.5"/>${inside}`;
  });
  const [width, height] = [columns * CELL, rows * CELL];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" font-family="system-ui, sans-serif"><title>${escape(title)}</title>${cells.join("")}</svg>`;
}
