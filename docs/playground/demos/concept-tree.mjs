// Data from a hidden hierarchy, and the hierarchy that is found in it.
import { key } from "@provably/core-tensor/random";
import {
  discoverHierarchy,
  presetGraph,
  randomCpts,
  sampleHierarchy,
  structureMetrics,
} from "@provably/causal-latent/hierarchy";

const escape = (text) =>
  String(text).replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]);
const edgesOf = ({ parents }) =>
  Object.entries(parents).flatMap(([child, list]) => list.map((parent) => [parent, child]));

/** Levels from the top: a node stands above its children. */
function levels(graph) {
  const height = new Map();
  const children = (node) =>
    edgesOf(graph)
      .filter(([from]) => from === node)
      .map(([, to]) => to);
  const of = (node) => {
    if (!height.has(node))
      height.set(
        node,
        children(node).reduce((h, child) => Math.max(h, 1 + of(child)), 0),
      );
    return height.get(node);
  };
  Object.keys(graph.parents).forEach(of);
  const top = Math.max(...height.values());
  return Array.from({ length: top + 1 }, (_, i) =>
    [...height].filter(([, h]) => h === top - i).map(([node]) => node),
  );
}

/** A layered drawing: nodes of a level in a row, ordered by the mean place of their children. */
function draw(graph, title) {
  const rows = levels(graph);
  const width = 640;
  const place = new Map();
  const edges = edgesOf(graph);
  for (let i = rows.length - 1; i >= 0; i--) {
    const mean = (node) => {
      const xs = edges
        .filter(([from, to]) => from === node && place.has(to))
        .map(([, to]) => place.get(to)[0]);
      return xs.length ? xs.reduce((a, b) => a + b) / xs.length : 0;
    };
    const row = i === rows.length - 1 ? rows[i] : [...rows[i]].sort((a, b) => mean(a) - mean(b));
    row.forEach((node, k) => place.set(node, [((k + 0.5) * width) / row.length, 50 + i * 78]));
  }
  const height = 60 + rows.length * 78;
  const lines = edges.map(
    ([a, b]) =>
      `<line x1="${place.get(a)[0]}" y1="${place.get(a)[1] + 15}" x2="${place.get(b)[0]}" y2="${place.get(b)[1] - 15}" stroke="#888"/>`,
  );
  const nodes = [...place].map(
    ([node, [x, y]]) =>
      `<rect x="${x - 19}" y="${y - 15}" width="38" height="30" rx="${graph.latents.includes(node) ? 15 : 4}" fill="${graph.latents.includes(node) ? "#1f5fae" : "#e9e6dd"}"/><text x="${x}" y="${y + 4.5}" text-anchor="middle" font-size="12" fill="${graph.latents.includes(node) ? "#fff" : "#1b1f24"}">${escape(node)}</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" font-family="system-ui, sans-serif"><title>${escape(title)}</title><text x="8" y="22" font-size="14" fill="currentColor">${escape(title)}</text>${lines.join("")}${nodes.join("")}</svg>`;
}

export function compute({ graph, samples, strength, seed }, report) {
  const truth = presetGraph(graph);
  const cpts = randomCpts(truth, key(`tables ${seed}`), { strength });
  report({ status: "searching …" });
  const { data, states, names } = sampleHierarchy(truth, cpts, samples, key(`sample ${seed}`));
  const found = discoverHierarchy({ data, states, names });
  const { exact, shd, f1 } = structureMetrics(edgesOf(truth), edgesOf(found.graph), truth.observed);
  return {
    picture: draw(truth, "the truth") + draw(found.graph, "found in the data"),
    facts: [
      ["the skeletons agree", exact ? "yes" : `no: ${shd} edges apart, F1 ${f1.toFixed(2)}`],
      ["tests of rank", String(found.tests.performed)],
      ...(found.warnings.length ? [["warnings", found.warnings.join("; ")]] : []),
    ],
  };
}
