/** Rare states pooled: a row that is a sum of rows keeps a rank that is at most k, and its counts carry an approximation. */
import { type Cells, type Proportions, proportionsOf } from "./table.js";

/** Observations below which a row or column is pooled with others. */
const RARE = 5;

/** Rows, then columns, with few observations added together; never down to k of them. */
export function pooled(table: Proportions, k: number): Proportions {
  const { p, q, n, data, a, b } = table;
  const rows = groupsOf(a, n, k);
  const columns = groupsOf(b, n, k);
  const [r, c] = [Math.max(...rows) + 1, Math.max(...columns) + 1];
  if (r === p && c === q) return table;
  const cells: Cells = { p: r, q: c, data: new Float64Array(r * c) };
  for (let i = 0; i < p; i++)
    for (let j = 0; j < q; j++) cells.data[rows[i]! * c + columns[j]!]! += data[i * q + j]! * n;
  const warnings = [
    ...(r < p ? [`${p - r + 1} rows with few observations pooled into one`] : []),
    ...(c < q ? [`${q - c + 1} columns with few observations pooled into one`] : []),
  ];
  return { ...proportionsOf(cells), warnings: [...table.warnings, ...warnings] };
}

function groupsOf(margin: Float64Array, n: number, k: number): number[] {
  const order = [...margin.keys()].sort((i, j) => margin[i]! - margin[j]!);
  const own = [...margin.keys()];
  let [mass, taken] = [0, 0];
  // the rarest join one group, until it is no longer rare and no rare one is left outside
  const rare = (): boolean => margin[order[taken]!]! * n < RARE || (taken > 0 && mass * n < RARE);
  while (taken < margin.length && margin.length - taken > k && rare())
    mass += margin[order[taken++]!]!;
  if (taken < 2) return own;
  const group = new Set(order.slice(0, taken));
  const first = Math.min(...group);
  const kept = own.filter((i) => i === first || !group.has(i));
  return own.map((i) => kept.indexOf(group.has(i) ? first : i));
}
