/** A hierarchy drawn as a tree: levels as rows, causes above their effects. */
import {
  anyFunction,
  anyRecord,
  anyString,
  anything,
  check,
  checkOptions,
  listOf,
  satisfying,
} from "@provably/core-tensor/internal";
import { type ConceptGraph, checkGraph, childrenOf, edgesOf } from "./graph.js";

/**
 * Options of {@link hierarchyPicture}.
 * @category Export
 */
export interface PictureOptions {
  /** Title, also read out by screen readers; default "hierarchy of concepts". */
  readonly title?: string;
  /** Text for names, default the names; `\n` breaks lines. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Images shown at observed variables: name → source. */
  readonly images?: Readonly<Record<string, string>>;
  /** Numbers at edges, such as bootstrap frequencies: `from → to`. */
  readonly edgeLabel?: (from: string, to: string) => string | undefined;
  /** Width of a column in pixels; default 84. */
  readonly column?: number;
}

const escape = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]!);

/**
 * A hierarchy drawn as SVG: latents as circles on rows by level, observed variables at the bottom.
 *
 * Colours follow the page (`currentColor`), so that it reads on dark and light. Columns are ordered so that a tree has no crossings.
 *
 * @param graph - the graph, such as `discoverHierarchy(…).graph`
 * @param options - see {@link PictureOptions}
 * @returns SVG text
 * @example
 * ```ts
 * import { hierarchyPicture, presetGraph } from "@provably/causal-latent/hierarchy";
 *
 * hierarchyPicture(presetGraph("tree3")).startsWith("<svg"); // => true
 * ```
 * @category Export
 */
export function hierarchyPicture(graph: ConceptGraph, options: PictureOptions = {}): string {
  const {
    title = "hierarchy of concepts",
    labels = {},
    images = {},
    edgeLabel,
    column = 84,
  } = checkOptions("hierarchyPicture", options, {
    title: anything,
    labels: anything,
    images: anything,
    edgeLabel: anything,
    column: anything,
  });
  checkGraph("hierarchyPicture", graph);
  check("hierarchyPicture", "options.title", [title], listOf(anyString));
  for (const [name, texts] of Object.entries({ labels, images }))
    check(
      "hierarchyPicture",
      `options.${name}`,
      Object.values(check("hierarchyPicture", `options.${name}`, texts, anyRecord)),
      listOf(anyString),
    );
  if (edgeLabel !== undefined)
    check("hierarchyPicture", "options.edgeLabel", edgeLabel, anyFunction);
  check(
    "hierarchyPicture",
    "options.column",
    column,
    satisfying<number>("positive", (x) => typeof x === "number" && ((x) => x > 0 && x < 1e6)(x)),
  );
  const children = childrenOf(graph);
  const level = new Map<string, number>();
  const levelOf = (name: string): number => {
    const known = level.get(name);
    if (known !== undefined) return known;
    const own = graph.observed.includes(name)
      ? 0
      : 1 + Math.max(0, ...children[name]!.map(levelOf));
    level.set(name, own);
    return own;
  };
  graph.order.forEach(levelOf);
  // leaves in the order of a walk from the roots; a latent stands above the middle of its leaves
  const place = new Map<string, number>();
  let next = 0;
  const walk = (name: string): void => {
    if (place.has(name)) return;
    const own = [...children[name]!].sort((a, b) => level.get(a)! - level.get(b)!);
    if (own.length === 0) {
      place.set(name, next++);
      return;
    }
    place.set(name, NaN); // on the way
    own.forEach(walk);
  };
  graph.order.filter((name) => graph.parents[name]!.length === 0).forEach(walk);
  for (const name of [...graph.order].reverse()) {
    if (children[name]!.length === 0) continue;
    const at = children[name]!.map((child) => place.get(child)!);
    place.set(name, at.reduce((s, x) => s + x, 0) / at.length);
  }
  spread(graph, level, place);
  const top = Math.max(...level.values());
  const row = 92;
  const hasImages = Object.keys(images).length > 0;
  const [width, height] = [Math.max(next, 1) * column + 24, top * row + 70 + (hasImages ? 56 : 0)];
  const x = (name: string): number => 12 + (place.get(name)! + 0.5) * column;
  const y = (name: string): number => 34 + (top - level.get(name)!) * row;
  const n = (value: number): string => String(Math.round(value * 10) / 10);
  const lines = edgesOf(graph).map(([from, to]) => {
    const label = edgeLabel?.(from, to);
    if (label !== undefined) check("hierarchyPicture", "edgeLabel(…)", [label], listOf(anyString));
    const text =
      label === undefined
        ? ""
        : `<text x="${n((x(from) + x(to)) / 2)}" y="${n((y(from) + y(to)) / 2 - 2)}" font-size="10" text-anchor="middle" fill="currentColor" stroke="none">${escape(label)}</text>`;
    return `<line x1="${n(x(from))}" y1="${n(y(from))}" x2="${n(x(to))}" y2="${n(y(to))}" stroke="currentColor" stroke-opacity="0.45" stroke-width="1.5"/>${text}`;
  });
  const text = (name: string, dy: number): string => {
    const rows = (Object.hasOwn(labels, name) ? labels[name]! : name).split("\n");
    return rows
      .map(
        (line, i) =>
          `<text x="${n(x(name))}" y="${n(y(name) + dy + 13 * i)}" font-size="12" text-anchor="middle" fill="currentColor">${escape(line)}</text>`,
      )
      .join("");
  };
  const latents = graph.latents.map(
    (name) =>
      `<circle cx="${n(x(name))}" cy="${n(y(name))}" r="7" fill="#4269d0"/><g transform="translate(0 -14)">${text(name, 0)}</g>`,
  );
  const observed = graph.observed.map((name) => {
    const picture = Object.hasOwn(images, name) ? images[name] : undefined;
    const mark =
      picture === undefined
        ? `<rect x="${n(x(name) - 5)}" y="${n(y(name) - 5)}" width="10" height="10" fill="#efb118"/>`
        : `<image href="${escape(picture)}" x="${n(x(name) - 28)}" y="${n(y(name))}" width="56" height="56"/>`;
    return `${mark}${text(name, picture === undefined ? 20 : 70)}`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 ${n(width)} ${n(height)}" width="${n(width)}" height="${n(height)}" font-family="system-ui, sans-serif"><title>${escape(title)}</title>${lines.join("")}${latents.join("")}${observed.join("")}</svg>`;
}

/** Moves latents of a level apart that would stand on each other. */
function spread(
  graph: ConceptGraph,
  level: ReadonlyMap<string, number>,
  place: Map<string, number>,
): void {
  for (let l = 1; l <= Math.max(...level.values()); l++) {
    const row = graph.latents
      .filter((name) => level.get(name) === l)
      .sort((a, b) => place.get(a)! - place.get(b)!);
    for (let i = 1; i < row.length; i++) {
      const gap = place.get(row[i]!)! - place.get(row[i - 1]!)!;
      if (gap >= 0.7) continue;
      place.set(row[i - 1]!, place.get(row[i - 1]!)! - (0.7 - gap) / 2);
      place.set(row[i]!, place.get(row[i]!)! + (0.7 - gap) / 2);
    }
  }
}
