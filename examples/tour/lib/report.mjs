// One self-contained HTML page: text, tables, inline SVG and embedded PNG. No script, no request.

const escape = (text) =>
  String(text).replace(
    /[&<>"]/g,
    (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c],
  );

const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fdfdfc; --line: #d9d7d0; --soft: #6a6f76; --good: #1a7f4b; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e6e1; --paper: #17191c; --line: #3a3d42; --soft: #a0a5ab; --good: #5fce96; --bad: #ff8a80; } }
body { margin: 0 auto; padding: 3rem 1.25rem 6rem; max-width: 58rem; background: var(--paper); color: var(--ink); font: 17px/1.6 Georgia, "Times New Roman", serif; }
h1, h2, h3 { line-height: 1.25; font-weight: 600; }
h1 { font-size: 2.1rem; margin-bottom: 0.3rem; }
h2 { font-size: 1.5rem; margin-top: 3.5rem; border-top: 1px solid var(--line); padding-top: 1.6rem; }
h3 { font-size: 1.15rem; margin-top: 2.2rem; }
p.lead, figcaption, .soft { color: var(--soft); }
figure { margin: 1.4rem 0; }
figcaption { font-size: 0.88rem; margin-top: 0.5rem; }
figure img { max-width: 100%; image-rendering: pixelated; background: #fff; border: 1px solid var(--line); }
figure svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; font: 14px/1.5 ui-monospace, Menlo, Consolas, monospace; margin: 1rem 0; display: block; overflow-x: auto; }
th, td { padding: 0.3rem 0.8rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
.holds { color: var(--good); } .fails { color: var(--bad); }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(22rem, 1fr)); gap: 1rem; }
nav ul { padding-left: 1.2rem; }
code { font: 0.88em ui-monospace, Menlo, Consolas, monospace; }
`;

/** A paragraph; `html` is trusted markup written by a chapter. */
export const paragraph = (html) => `<p>${html}</p>`;

export const heading = (text) => `<h3>${escape(text)}</h3>`;

/** Rows of cells under column titles; a cell may be `{ html }`. */
export function table(columns, rows) {
  const cell = (value) =>
    typeof value === "object" && value !== null ? value.html : escape(value);
  return `<table><thead><tr>${columns.map((c) => `<th scope="col">${escape(c)}</th>`).join("")}</tr></thead><tbody>${rows
    .map((row) => `<tr>${row.map((value) => `<td>${cell(value)}</td>`).join("")}</tr>`)
    .join("")}</tbody></table>`;
}

export const figure = (content, caption) =>
  `<figure>${content}<figcaption>${caption}</figcaption></figure>`;

export const image = (source, alt, caption) =>
  figure(`<img src="${source}" alt="${escape(alt)}">`, caption);

/** Three digits, without zeros that say nothing. */
const short = (x) => String(Number(Number(x).toPrecision(3)));

/** A certificate as a line: claim, number, verdict. */
export function certificate({ claim, kind, value, expected, holds, note }) {
  const range =
    expected === undefined ? "" : ` (expected ${[expected].flat().map(short).join(" to ")})`;
  return `<p><strong>Certificate</strong>, ${kind}: ${escape(claim)}: <code>${short(value)}</code>${range}, <span class="${holds ? "holds" : "fails"}">${holds ? "holds" : "does not hold"}</span>.${note ? ` <span class="soft">${escape(note)}</span>` : ""}</p>`;
}

export function renderReport(chapters) {
  const body = chapters
    .map(
      ({ name, title, sections, seconds }) =>
        `<section id="${name}"><h2>${escape(title)}</h2>${sections.join("\n")}<p class="soft">This chapter took ${seconds.toFixed(0)} s on Node ${process.version}.</p></section>`,
    )
    .join("\n");
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>provably: a tour</title><style>${STYLE}</style></head>
<body><header><h1>provably: a tour</h1><p class="lead">Published algorithms that come with theorems, run on real inputs on this machine. Beside results stand certificates: numbers that say how good they are, or where they are not.</p></header>
<nav aria-label="Chapters"><ul>${chapters.map(({ name, title }) => `<li><a href="#${name}">${escape(title)}</a></li>`).join("")}</ul></nav>
<main>${body}</main></body></html>
`;
}
