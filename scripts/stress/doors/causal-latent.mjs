// Inputs of causal-latent as people bring them. Truths: exact fractions by hand, and tables made by hand from a star of five indicators.
import {
  certifyFit,
  chiSquareTail,
  collapseStates,
  conceptGraph,
  discoverGroups,
  discoverHierarchy,
  fitHierarchy,
  itemCorrelations,
  rankTest,
  recodeLabels,
} from "@provably/causal-latent/hierarchy";
import { key } from "@provably/core-tensor/random";
import { tableFromRows } from "@provably/core-tensor/table";

/** Every pattern of five indicators of one latent, as often as noise of one in eight has it in 2 · 8⁵ / 64 rows. */
const rows = Array.from({ length: 32 }, (_, pattern) => {
  const bits = Array.from({ length: 5 }, (_, j) => (pattern >> j) & 1);
  const ones = bits.reduce((a, b) => a + b, 0);
  const count = Math.round((7 ** ones + 7 ** (5 - ones)) / 32);
  return Array.from({ length: count }, () => bits);
}).flat();
const coded = (code) => ({ data: rows.map((row) => row.map((x, j) => code(x, j))) });
const oneLatent = ({ graph }) =>
  graph.latents.length === 1 && graph.observed.every((x) => graph.parents[x].length === 1);
const near = (value, truth) => Math.abs(value - truth) < 1e-9;
const search = (input, options) => () => discoverHierarchy(input, { refine: false, ...options });

/** Two questions of 64 people, half of whom answer the second like the first, and a third that nothing depends on. */
const asked = (write = (x) => x) =>
  tableFromRows(
    Array.from({ length: 64 }, (_, i) => ({
      a: write(i % 2),
      b: write(i % 4 < 2 ? i % 2 : (i >> 3) % 2),
      c: write((i >> 4) % 2),
    })),
  );
const related = ({ matrix }) =>
  Math.abs(matrix.get(0, 1) - Math.SQRT1_2) < 1e-3 && Math.abs(matrix.get(0, 2)) < 1e-6;

export default [
  { kind: "storage form", given: "rows alone, without { data }", give: () => discoverHierarchy(rows), outcome: "refused", says: "{ data, names?, states? }" },
  { kind: "storage form", given: "the field of names misspelt", give: () => discoverHierarchy({ ...coded((x) => x), name: ["a"] }), outcome: "refused", says: 'did you mean "names"' },
  { kind: "code", given: "answers coded 10 and 20", give: search(coded((x) => 10 + 10 * x)), right: oneLatent, outcome: "right" },
  { kind: "code", given: "answers counted from 1", give: search(coded((x) => 1 + x)), right: oneLatent, outcome: "right" },
  { kind: "code", given: "999 for one of two answers", give: search(coded((x, j) => (j === 0 && x ? 999 : x))), right: oneLatent, outcome: "right" },
  { kind: "code", given: "codes 10, 20 to recodeLabels", give: () => recodeLabels({ data: [[10], [20]] }), right: ({ codes, data }) => codes[0].join() === "10,20" && data.get(1, 0) === 1, outcome: "right" },
  { kind: "code", given: "codes 10, 20 to collapseStates", give: () => collapseStates(coded((x) => 10 + 10 * x), 2), right: ({ states }) => states.every((s) => s === 2), outcome: "right" },
  { kind: "code", given: "−1 for a missing answer", give: search({ data: [[0, 1, 0, 1], [-1, 0, 1, 0]] }), outcome: "refused", says: "missing" },
  { kind: "code", given: "NaN for a missing answer", give: search({ data: [[0, 1, 0, 1], [NaN, 0, 1, 0]] }), outcome: "refused", says: "missing" },
  { kind: "code", given: "null for a missing answer", give: search({ data: [[0, 1, 0, 1], [null, 0, 1, 0]] }), outcome: "refused", says: "row 1, column X1" },
  { kind: "code", given: "answers as text", give: search({ data: [["yes", "no", "no", "yes"], ["no", "no", "yes", "no"]] }), outcome: "refused", says: "number the answers" },
  { kind: "code", given: "codes from 1 for a graph with states from 0", give: () => fitHierarchy(conceptGraph({ X: [] }, { observed: ["X"] }), { data: [[1], [2], [2]] }, key(0)), outcome: "refused", says: "recodeLabels" },
  { kind: "code", given: "a column of ids", give: search({ data: rows.map((row, i) => [...row, i]) }), outcome: "refused", says: "column X6" },
  { kind: "code", given: "a constant column", give: search({ data: rows.map((row) => [...row, 3]) }), outcome: "refused", says: "constant" },
  { kind: "scale", given: "one observation of a rare state, [[20, 0], [0, 1]]", give: () => rankTest([[20, 0], [0, 1]]), right: ({ pValue }) => near(pValue, 1 / 21), outcome: "right" },
  { kind: "scale", given: "a rare state beside another, [[990, 9], [0, 1]]", give: () => rankTest([[990, 9], [0, 1]]), right: ({ pValue }) => near(pValue, 1 / 100), outcome: "right" },
  { kind: "scale", given: "two observations, [[1, 0], [0, 1]]", give: () => rankTest([[1, 0], [0, 1]]), right: ({ pValue, statistic }) => near(pValue, 1) && near(statistic, 2), outcome: "right" },
  { kind: "option", given: "alpha for significance", give: () => rankTest([[5, 1], [1, 5]], { alpha: 0.05 }), outcome: "refused", says: "significance" },
  { kind: "option", given: "maxCover for maxLatentsPerCover", give: search(coded((x) => x), { maxCover: 1 }), outcome: "refused", says: 'unknown option "maxCover"' },
  { kind: "option", given: "apart for forbiddenClusters", give: search(coded((x) => x), { background: { apart: [["X1", "X2"]] } }), outcome: "refused", says: "forbiddenClusters" },
  { kind: "option", given: "a level of 5 for 5 %", give: () => rankTest([[5, 1], [1, 5]], { significance: 5 }), outcome: "refused", says: "(0, 1)" },
  { kind: "argument", given: "a model without tables", give: () => certifyFit({ graph: conceptGraph({ X: [] }, { observed: ["X"] }) }, { data: [[0], [1]] }), outcome: "refused", says: "certifyFit" },
  { kind: "argument", given: "a negative chi-square", give: () => chiSquareTail(-1, 2), outcome: "refused", says: "chiSquareTail: x" },
  { kind: "code", given: "a survey's answers in words", give: () => itemCorrelations(asked((x) => ["No", "Yes"][x])), right: related, outcome: "right" },
  { kind: "code", given: "a survey's answers counted from 1, 99 for none", give: () => itemCorrelations(tableFromRows([...Array.from({ length: 64 }, (_, i) => ({ a: 1 + (i % 2), b: 1 + (i % 4 < 2 ? i % 2 : (i >> 3) % 2), c: 1 + ((i >> 4) % 2) })), { a: 99, b: 1, c: 1 }])), right: ({ notes }) => notes.join().includes("99 was taken"), outcome: "right" },
  { kind: "code", given: "a survey of ids and constants", give: () => discoverGroups(tableFromRows(Array.from({ length: 30 }, (_, i) => ({ id: i, wave: 1 })))), outcome: "refused", says: "id: every row has a whole number of its own" },
  { kind: "storage form", given: "rows instead of a table", give: () => discoverGroups([{ a: 1 }]), outcome: "refused", says: "table" },
  { kind: "option", given: "factors for numGroups", give: () => discoverGroups(asked(), { numFactors: 2 }), outcome: "refused", says: 'unknown option "numFactors"' },
]; // prettier-ignore
