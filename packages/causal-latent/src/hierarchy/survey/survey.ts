/** A table made ready: its items, the weights of its rows, and the correlations behind the answers. */
import { DomainError, type NdArray } from "@provably/core-tensor";
import { check, checkOptions, show, table as tableGuard } from "@provably/core-tensor/internal";
import { type RngKey, foldIn, key as keyOf } from "@provably/core-tensor/random";
import { type Column, type Table, column as columnOf } from "@provably/core-tensor/table";
import { InvalidDataError } from "../errors.js";
import { toArray } from "../internal/arrays.js";
import { streamOf } from "../rank/draws.js";
import { correlationsOf } from "./correlations.js";
import type { Item, SetAside } from "./item.js";
import { readItems } from "./items.js";
import { positiveDefinite } from "./matrices.js";
import { ITEMS, type ItemOptions } from "./options.js";

/** Columns beyond which a table is refused. */
const MOST_COLUMNS = 2000;
/** Items beyond which a table is refused: half a million pairs. */
const MOST_ITEMS = 400;
/** Pairs of items must have been answered together by so many rows. */
const FEWEST_TOGETHER = 10;

export interface Survey {
  readonly items: readonly Item[];
  readonly weights: Float64Array | undefined;
  readonly setAside: readonly SetAside[];
  readonly notes: readonly string[];
  /** Names of items whose answers are unlike those of most others. */
  readonly unlike: readonly string[];
  readonly numRows: number;
}

/** The items of a table, checked. */
export function surveyOf(fn: string, table: Table, options: ItemOptions): Survey {
  check(fn, "table", table, tableGuard);
  const {
    items,
    orders = {},
    missing,
    weights: weightsName,
    maxStates = 12,
    maxRows = 50_000,
    key = keyOf(0),
  } = options;
  const { columns, numRows } = table;
  if (columns.length > MOST_COLUMNS && items === undefined)
    throw new InvalidDataError(
      `${fn}: table has ${columns.length} columns, at most ${MOST_COLUMNS} are looked through; name the items`,
    );
  if (numRows < 10)
    throw new InvalidDataError(`${fn}: table must have at least 10 rows, got ${numRows}`);
  for (const [argument, names] of [
    ["items", items ?? []],
    ["orders", Object.keys(orders)],
    ["weights", weightsName === undefined ? [] : [weightsName]],
  ] as const)
    for (const name of names)
      if (!columns.some((c) => c.name === name))
        throw new DomainError(
          `${fn}: ${argument} names ${show(name)}, which is no column; known: ${columns.map((c) => c.name).join(", ")}`,
        );
  for (const [name, list] of Object.entries(orders)) {
    const again = list.find((label, i) => list.indexOf(label) !== i);
    if (again !== undefined)
      throw new DomainError(`${fn}: orders.${name} has ${show(again)} twice`);
  }
  const twice = items?.find((name, i) => items.indexOf(name) !== i);
  if (twice !== undefined) throw new DomainError(`${fn}: items names ${show(twice)} twice`);
  const read = numRows <= maxRows ? table : drawn(table, maxRows, foldIn(key, "rows"));
  const weights = weightsName === undefined ? undefined : weightsOf(fn, read, weightsName);
  const without = weightsName === undefined ? [] : [weightsName];
  const reading = readItems(fn, read, { items, missing, orders, maxStates, without });
  if (reading.items.length > MOST_ITEMS)
    throw new InvalidDataError(
      `${fn}: ${reading.items.length} items, at most ${MOST_ITEMS} are taken; name fewer in items`,
    );
  const notes = [...reading.notes];
  if (read !== table) notes.push(`${maxRows} of ${numRows} rows were drawn at random; see maxRows`);
  const { kept, apart } = answeredTogether(reading.items);
  const setAside = [...reading.setAside, ...apart];
  return { items: kept, weights, setAside, notes, unlike: reading.unlike, numRows: read.numRows };
}

function weightsOf(fn: string, table: Table, name: string): Float64Array {
  const found = columnOf(table, name);
  if (found.kind !== "number")
    throw new InvalidDataError(
      `${fn}: weights must be a column of numbers, ${show(name)} holds categories`,
    );
  const wrong = found.values.findIndex((x) => !(x >= 0 && x < Infinity));
  if (wrong >= 0)
    throw new InvalidDataError(
      `${fn}: weights must be finite and ≥ 0, got ${found.values[wrong]} in row ${wrong}`,
    );
  if (!found.values.some((x) => x > 0))
    throw new InvalidDataError(`${fn}: weights must not all be 0`);
  return found.values;
}

/** Some rows of a table: each is taken with the probability that is still needed (Knuth's algorithm S). */
function drawn(table: Table, size: number, key: RngKey): Table {
  const next = streamOf(key);
  const rows = new Int32Array(size);
  let taken = 0;
  for (let r = 0; taken < size; r++)
    if ((table.numRows - r) * next() < size - taken) rows[taken++] = r;
  const columns = table.columns.map((column): Column => {
    const missing = Uint8Array.from(rows, (r) => column.missing[r]!);
    return column.kind === "number"
      ? { ...column, missing, values: Float64Array.from(rows, (r) => column.values[r]!) }
      : { ...column, missing, codes: Int32Array.from(rows, (r) => column.codes[r]!) };
  });
  return { numRows: size, columns };
}

/** Some rows of the items, one or several times. */
export function takeRows(
  items: readonly Item[],
  weights: Float64Array | undefined,
  rows: Int32Array,
): Pick<Survey, "items" | "weights" | "numRows"> {
  const pick = (x: Float64Array): Float64Array => Float64Array.from(rows, (r) => x[r]!);
  return {
    items: items.map((item) => ({ ...item, values: pick(item.values) })),
    weights: weights && pick(weights),
    numRows: rows.length,
  };
}

/** Items whose pairs were all answered together by enough rows; the one that misses most is set aside first. */
function answeredTogether(items: readonly Item[]): {
  readonly kept: readonly Item[];
  readonly apart: readonly SetAside[];
} {
  const p = items.length;
  const together = new Int32Array(p * p);
  const known = items.map(({ values }) =>
    Uint8Array.from(values, (x) => (x >= 0 || (x < 0 && x !== -1) ? 1 : 0)),
  );
  items.forEach((item, i) => {
    if (item.kind === "continuous")
      known[i] = Uint8Array.from(item.values, (x) => (Number.isNaN(x) ? 0 : 1));
  });
  for (let i = 0; i < p; i++)
    for (let j = 0; j < i; j++) {
      if (
        items[i]!.numMissing + items[j]!.numMissing + FEWEST_TOGETHER <=
        items[i]!.values.length
      ) {
        together[i * p + j] = together[j * p + i] = FEWEST_TOGETHER;
        continue;
      }
      let count = 0;
      for (let r = 0; r < known[i]!.length; r++) count += known[i]![r]! & known[j]![r]!;
      together[i * p + j] = together[j * p + i] = count;
    }
  const inside = new Set(items.keys());
  const apart: SetAside[] = [];
  for (;;) {
    const lacks = [...inside].map((i) => ({
      i,
      lacking: [...inside].filter((j) => j !== i && together[i * p + j]! < FEWEST_TOGETHER).length,
    }));
    const worst = lacks.reduce((x, y) => (y.lacking > x.lacking ? y : x), { i: -1, lacking: 0 });
    if (worst.lacking === 0) break;
    inside.delete(worst.i);
    apart.push({
      name: items[worst.i]!.name,
      reason: `fewer than ${FEWEST_TOGETHER} rows answered it together with ${worst.lacking} other items`,
    });
  }
  return { kept: [...inside].map((i) => items[i]!), apart };
}

/** Correlations of the items, positive definite, and how many rows of complete normal data would know them as well: the median over pairs. */
export function correlated(
  survey: Pick<Survey, "items" | "weights">,
  signal?: AbortSignal,
  onPair?: (done: number) => void,
): { readonly matrix: Float64Array; readonly size: number; readonly lifted: number } {
  const p = survey.items.length;
  const { matrix, sizes } = correlationsOf(survey.items, survey.weights, signal, onPair);
  const below = [...sizes.keys()]
    .filter((at) => at % p < Math.floor(at / p))
    .map((at) => sizes[at]!)
    .sort((a, b) => a - b);
  const size = below.length === 0 ? 0 : below[Math.floor(below.length / 2)]!;
  return { ...positiveDefinite(matrix, p, 1e-3), size };
}

/**
 * Correlations of the normal variables behind the answers of a survey.
 *
 * Ordered answers are taken for normal variables cut at thresholds (polychoric correlations, by maximum likelihood),
 * continuous ones by the normal scores of their ranks; every pair from the rows that answered both, as is
 * right where answers are missing completely at random. A matrix that is not positive definite is mended, and that is told.
 *
 * Cost: $O(p^2 n)$ for p items and n rows.
 *
 * @param table - answers, see `@provably/core-tensor/table`
 * @param options - see {@link ItemOptions}
 * @returns `names`, `matrix` [p, p], `size`: rows of complete normal data that would know the correlations as well, `setAside`, `notes`, `warnings`
 * @throws `InvalidDataError` for weights that are none, or too many items
 * @throws `DomainError` for names that are no columns
 * @example
 * ```ts
 * import { tableFromRows } from "@provably/core-tensor/table";
 * import { itemCorrelations } from "@provably/causal-latent/hierarchy";
 *
 * const rows = Array.from({ length: 100 }, (_, i) => ({ a: i % 2, b: i % 4 < 2 ? "no" : "yes" }));
 * itemCorrelations(tableFromRows(rows)).matrix.get(0, 1); // => 0
 * ```
 * @see Olsson (1979), "Maximum likelihood estimation of the polychoric correlation coefficient"
 * @category Surveys
 */
export function itemCorrelations(
  table: Table,
  options: ItemOptions = {},
): {
  readonly names: readonly string[];
  readonly matrix: NdArray<"float64">;
  readonly size: number;
  readonly setAside: readonly SetAside[];
  readonly notes: readonly string[];
  readonly warnings: readonly string[];
} {
  const fn = "itemCorrelations";
  const survey = surveyOf(fn, table, checkOptions<ItemOptions>(fn, options, ITEMS));
  if (survey.items.length === 0)
    throw new InvalidDataError(`${fn}: no column can be an item: ${reasons(survey.setAside)}`);
  const p = survey.items.length;
  const { matrix, size, lifted } = correlated(survey, options.signal);
  const warnings = [...(lifted > 0.05 ? [mended(lifted)] : []), ...otherAnswers(survey.unlike)];
  const { setAside, notes } = survey;
  return {
    names: survey.items.map(({ name }) => name),
    matrix: toArray(matrix, [p, p]),
    size,
    setAside,
    notes,
    warnings,
  };
}

export const reasons = (setAside: readonly SetAside[]): string =>
  setAside
    .slice(0, 5)
    .map(({ name, reason }) => `${name}: ${reason}`)
    .join("; ") || "there is none";

/** A warning about items that may be none. */
export const otherAnswers = (names: readonly string[]): readonly string[] =>
  names.length === 0
    ? []
    : [
        `most items have the same answers, ${names.join(", ")} ${names.length === 1 ? "has" : "have"} others: name the items in items if ${names.length === 1 ? "it is none" : "some are none"}`,
      ];

export const mended = (lifted: number): string =>
  `the correlations are not those of any variables: the smallest eigenvalue was lifted by ${lifted.toPrecision(2)}; few rows, many missing answers or rare ones do that`;
