// One page on the groups of a survey: in words, a picture, tables, factor analysis beside it, and the model for other programs.
import {
  adjustedRandIndex,
  describeGroups,
  factorAnalysis,
  hierarchyPicture,
  toDagitty,
  toDot,
  toGraphml,
  toJsonGraph,
  toLavaan,
  toMermaid,
} from "@provably/causal-latent/hierarchy";

const text = (x) =>
  String(x).replace(
    /[&<>"]/g,
    (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c],
  );
const two = (x) => x.toFixed(2);
const interval = (x) => (x === undefined ? "" : ` [${x.map(two).join(", ")}]`);
const table = (head, rows) =>
  `<table><tr>${head.map((x) => `<th>${text(x)}</th>`).join("")}</tr>${rows.map((row) => `<tr>${row.map((x) => `<td>${text(x)}</td>`).join("")}</tr>`).join("")}</table>`;

/** Share of agreement with the greatest loadings of a factor analysis that is told the same number. */
function besideFactors(found) {
  const { groups, items, correlations, size } = found;
  const own = items.map((name, i) => {
    const g = groups.findIndex((group) => group.items.some((item) => item.name === name));
    return g < 0 ? groups.length + i : g;
  });
  return ["varimax", "oblimin"].map((rotation) => {
    const { loadings } = factorAnalysis(correlations, size, { numFactors: groups.length, rotation });
    const factors = Array.from({ length: groups.length }, (_, f) => f);
    const greatest = items.map((_, i) =>
      factors.reduce((a, f) => (Math.abs(loadings.get(i, f)) > Math.abs(loadings.get(i, a)) ? f : a), 0),
    );
    return [`maximum likelihood, ${rotation}, greatest loading`, two(adjustedRandIndex(own, greatest))];
  });
} // prettier-ignore

/** A format, or why it cannot be written. */
function attempt(write) {
  try {
    return write();
  } catch (error) {
    return error.message;
  }
}

const section = (title, content) => (content === "" ? "" : `<h2>${text(title)}</h2>${content}`);
const bullets = (list) =>
  list.length === 0 ? "" : `<ul>${list.map((x) => `<li>${text(x)}</li>`).join("")}</ul>`;

/** The page as HTML. */
export function reportOf(title, found, certificates) {
  const { groups, graph, levels, setAside, notes, warnings } = found;
  const formats = {
    lavaan: () => toLavaan(found),
    dagitty: () => toDagitty(graph),
    DOT: () => toDot(graph),
    Mermaid: () => toMermaid(graph),
    GraphML: () => toGraphml(graph),
    JSON: () => toJsonGraph(graph),
  };
  const loading = new Map(groups.flatMap(({ name, items }) => items.map((item) => [`${name} ${item.name}`, two(item.loading)])));
  const body = [
    `<p>${text(describeGroups(found))}</p>`,
    groups.length === 0 ? "" : hierarchyPicture(graph, { title: `groups of ${title}`, column: 56, edgeLabel: (from, to) => loading.get(`${from} ${to}`) }),
    ...groups.map(({ name, items, reliability }) =>
      section(
        `${name}: reliability ${two(reliability)}`,
        table(
          ["item", "loading", "also on", "came here", "doubts"],
          items.map((item) => [
            item.name,
            two(item.loading) + interval(item.interval),
            item.crossLoading ? `${item.crossLoading.group} ${two(item.crossLoading.loading)}${interval(item.crossLoading.interval)}` : "",
            item.stability === undefined ? "" : `${Math.round(100 * item.stability)} %`,
            item.doubts.join("; "),
          ]),
        ),
      ),
    ),
    section(
      "Numbers of groups",
      table(
        ["groups", "cost above the least", "RMSEA", "every latent measured"],
        levels.map(({ numGroups, cost, rmsea, measured }) => [numGroups, (cost - Math.min(...levels.map((l) => l.cost))).toFixed(0), rmsea.toFixed(3), measured ? "yes" : "no"]),
      ),
    ),
    groups.length === 0 ? "" : section("Beside factor analysis", table(["method, told the number of groups", "adjusted Rand index with the groups"], besideFactors(found))),
    certificates === undefined ? "" : section("Groups of one half of the people, on the other half", table(["claim", "value", "verdict", "note"], Object.values(certificates).map(({ claim, value, verdict, note }) => [claim, value.toPrecision(3), verdict, note]))),
    section("Mind", bullets(warnings)),
    section("Set aside", bullets(setAside.map(({ name, reason }) => `${name}: ${reason}`))),
    section("How columns were read", bullets(notes)),
    groups.length === 0 ? "" : section("For other programs", Object.entries(formats).map(([name, write]) => `<details><summary>${name}</summary><pre>${text(attempt(write))}</pre></details>`).join("")),
  ];
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>${text(title)}: groups of items</title>
<style>body{font:16px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}table{border-collapse:collapse}td,th{padding:.2rem .7rem;text-align:left;border-bottom:1px solid #8884}svg{max-width:100%;height:auto}pre{overflow:auto}</style>
<h1>${text(title)}</h1>
${body.join("\n")}
</html>
`;
} // prettier-ignore
