/** From the columns of a table to items: what is an answer, in which order, what is missing, and what is no item at all. */
import { DomainError } from "@provably/core-tensor";
import { show } from "@provably/core-tensor/internal";
import type { CategoryColumn, Column, NumberColumn, Table } from "@provably/core-tensor/table";
import { InvalidDataError } from "../errors.js";
import { codesIn, isNoAnswer } from "./no-answer.js";
import type { Item, SetAside } from "./item.js";
import { answeredOtherwise, describesPeople } from "./person.js";
import { withoutDummies } from "./repeats.js";
import { knownOrder, leadingNumbers } from "./scales.js";

/** What decides how columns are read. */
export interface ItemSettings {
  readonly items: readonly string[] | undefined;
  readonly missing: readonly number[] | undefined;
  readonly orders: Readonly<Record<string, readonly string[]>>;
  readonly maxStates: number;
  readonly without: readonly string[];
}

export interface Reading {
  readonly items: readonly Item[];
  readonly setAside: readonly SetAside[];
  readonly notes: readonly string[];
  /** Names of items whose answers are unlike those of most others. */
  readonly unlike: readonly string[];
}

/** Answers that fewer people gave are put together with their neighbours. */
const FEWEST = 5;

type Outcome = { readonly item: Item } | { readonly reason: string };

/** All items of a table, and what was set aside; a column that was asked for by name and cannot be an item is an error. */
export function readItems(fn: string, table: Table, settings: ItemSettings): Reading {
  const notes: string[] = [];
  const setAside: SetAside[] = [];
  const items: Item[] = [];
  const chosen = settings.items ?? table.columns.map(({ name }) => name);
  for (const name of chosen) {
    if (settings.without.includes(name)) continue;
    const column = table.columns.find((c) => c.name === name)!;
    const outcome = itemOf(fn, column, table.numRows, settings, notes);
    if ("item" in outcome) items.push(outcome.item);
    else if (settings.items !== undefined)
      throw new InvalidDataError(`${fn}: item ${show(name)} cannot be used: ${outcome.reason}`);
    else setAside.push({ name, reason: outcome.reason });
  }
  if (settings.items === undefined) {
    const people = describesPeople(items);
    for (const [{ name }, reason] of people) setAside.push({ name, reason });
    const kept = withoutDummies(
      items.filter((item) => !people.has(item)),
      setAside,
    );
    return {
      items: kept,
      setAside,
      notes,
      unlike: answeredOtherwise(kept).map(({ name }) => name),
    };
  }
  return { items: withoutDummies(items, setAside), setAside, notes, unlike: [] };
}

function itemOf(
  fn: string,
  given: Column,
  n: number,
  settings: ItemSettings,
  notes: string[],
): Outcome {
  const { name } = given;
  const order = Object.hasOwn(settings.orders, name) ? settings.orders[name] : undefined;
  const column = withoutWords(
    order !== undefined && given.kind === "number" ? labelled(given) : given,
    order,
    notes,
  );
  const known = n - column.missing.reduce((sum, m) => sum + m, 0);
  if (known === 0) return { reason: "no row has a value" };
  if (column.kind === "number") return fromNumbers(column, settings, notes);
  const numbers = order === undefined && !column.ordered ? places(column) : undefined;
  const all = (order ?? (column.ordered ? column.labels : undefined))?.map(String);
  if (all === undefined && numbers === undefined) {
    const inUse = column.labels.filter((_, i) => column.codes.includes(i));
    const used = inUse.length;
    if (used === 1) return { reason: `every value is ${show(labelIn(column))}` };
    if (used > settings.maxStates)
      return {
        reason:
          used === known
            ? "every row has a text of its own, as ids have"
            : `${used} different texts, as free answers have`,
      };
    if (used > 2)
      return {
        reason: `no order of its answers is known (${listed(inUse)}); give it in orders`,
      };
    notes.push(`${name}: of two answers, ${show(inUse[0])} is taken for the lower one`);
    return ordered(name, Float64Array.from(column.codes), column.labels, settings, notes);
  }
  if (numbers !== undefined) {
    const values = Float64Array.from(column.codes, (code) => (code < 0 ? NaN : numbers[code]!));
    const label = new Map(column.labels.map((text, i) => [numbers[i]!, text]));
    return fromNumbers({ name, values }, settings, notes, (x) => label.get(x) ?? String(x));
  }
  const place = new Map(all!.map((label, i) => [label, i]));
  const strange = column.labels.filter((label, i) => !place.has(label) && column.codes.includes(i));
  if (strange.length > 0)
    throw new DomainError(
      `${fn}: orders.${name} must have every answer, it lacks ${show(strange[0])}`,
    );
  const states = column.codes.map((code) => (code < 0 ? -1 : place.get(column.labels[code]!)!));
  return ordered(name, Float64Array.from(states), all!, settings, notes);
}

/** Numbers as labels, for an order that is given. */
function labelled({ name, values, missing }: NumberColumn): CategoryColumn {
  const labels = [...new Set(values)].filter((x) => !Number.isNaN(x)).map(String);
  const place = new Map(labels.map((label, i) => [label, i]));
  const codes = Int32Array.from(values, (x) => place.get(String(x)) ?? -1);
  return { name, kind: "category", codes, labels, ordered: false, missing };
}

/** Without words such as "missing" and "refused", unless an order has them. */
function withoutWords(
  column: Column,
  order: readonly string[] | undefined,
  notes: string[],
): Column {
  if (column.kind === "number" || column.ordered) return column;
  const used = new Set(column.codes);
  const dropped = [...column.labels.keys()].filter(
    (code) =>
      used.has(code) &&
      isNoAnswer(column.labels[code]!) &&
      order?.includes(column.labels[code]!) !== true,
  );
  if (dropped.length === 0) return column;
  notes.push(
    `${column.name}: ${dropped.map((code) => show(column.labels[code])).join(", ")} ${dropped.length === 1 ? "was" : "were"} taken for "no answer"`,
  );
  const codes = column.codes.map((code) => (dropped.includes(code) ? -1 : code));
  return { ...column, codes, missing: Uint8Array.from(codes, (code) => Number(code < 0)) };
}

const labelIn = ({ codes, labels }: CategoryColumn): string => labels[codes.find((c) => c >= 0)!]!;

/** What numbers the labels of a column stand for, by a scale everybody knows or the numbers they begin with. */
function places(column: CategoryColumn): readonly number[] | undefined {
  const inUse = column.labels.filter((_, i) => column.codes.includes(i));
  if (inUse.length < 2) return undefined;
  const order = knownOrder(inUse) ?? leadingNumbers(inUse);
  if (order === undefined) return undefined;
  return column.labels.map((label) => order[inUse.indexOf(label)] ?? NaN);
}

function fromNumbers(
  { name, values: given }: Pick<NumberColumn, "name" | "values">,
  settings: ItemSettings,
  notes: string[],
  label: (x: number) => string = String,
): Outcome {
  const { values, dropped } = withoutCodes(given, settings);
  if (dropped.length > 0)
    notes.push(
      `${name}: ${dropped.join(", ")} ${dropped.length === 1 ? "was" : "were"} taken for "no answer"`,
    );
  const known = values.filter((x) => !Number.isNaN(x));
  const infinite = known.find((x) => !Number.isFinite(x));
  if (infinite !== undefined) return { reason: `it has the value ${infinite}` };
  if (known.length === 0) return { reason: "no row has a value" };
  const used = [...new Set(known)].sort((a, b) => a - b);
  if (used.length === 1) return { reason: `every value is ${used[0]}` };
  const whole = used.every(Number.isInteger);
  if (whole && used.length === known.length && known.length > 20)
    return { reason: "every row has a whole number of its own, as ids have" };
  if (used.length > settings.maxStates)
    return {
      item: {
        name,
        kind: "continuous",
        values,
        numStates: 0,
        labels: [],
        numMissing: values.length - known.length,
      },
    };
  const place = new Map(used.map((x, s) => [x, s]));
  const states = values.map((x) => (Number.isNaN(x) ? -1 : place.get(x)!));
  return ordered(name, states, used.map(label), settings, notes);
}

/** Without the codes of missing answers: those given, else those that lie apart from all other whole numbers. */
function withoutCodes(
  given: Float64Array,
  { missing, maxStates }: ItemSettings,
): { values: Float64Array; dropped: readonly number[] } {
  const used = [...new Set(given)].filter((x) => !Number.isNaN(x)).sort((a, b) => a - b);
  const dropped =
    missing === undefined ? codesIn(used, maxStates) : used.filter((x) => missing.includes(x));
  if (dropped.length === 0) return { values: given, dropped };
  return { values: given.map((x) => (dropped.includes(x) ? NaN : x)), dropped };
}

/** An ordered item; answers that hardly anybody gave are put together with their neighbours, in order. */
function ordered(
  name: string,
  given: Float64Array,
  labels: readonly string[],
  { maxStates }: ItemSettings,
  notes: string[],
): Outcome {
  const counts = labels.map(() => 0);
  let known = 0;
  for (const x of given)
    if (x >= 0) {
      counts[x]!++;
      known++;
    }
  const used = counts.filter((c) => c > 0).length;
  if (used === 0) return { reason: "no row has a value" };
  if (used === 1)
    return { reason: `every value is ${show(labels[counts.findIndex((c) => c > 0)])}` };
  if (used > maxStates)
    return { reason: `${used} ordered answers; at most ${maxStates} are taken, see maxStates` };
  const groups: { members: number[]; count: number }[] = [];
  counts.forEach((count, s) => {
    if (count > 0) groups.push({ members: [s], count });
  });
  for (;;) {
    const least = groups.reduce((a, g, i) => (g.count < groups[a]!.count ? i : a), 0);
    if (groups.length === 2 || groups[least]!.count >= FEWEST) break;
    const left = groups[least - 1]?.count ?? Infinity;
    const right = groups[least + 1]?.count ?? Infinity;
    const at = left <= right ? least - 1 : least;
    const [a, b] = [groups[at]!, groups[at + 1]!];
    groups.splice(at, 2, { members: [...a.members, ...b.members], count: a.count + b.count });
  }
  const texts = groups.map(({ members }) => members.map((s) => labels[s]!).join(" or "));
  groups.forEach(({ members, count }, i) => {
    if (members.length > 1)
      notes.push(
        `${name}: ${texts[i]!} are one state, fewer than ${FEWEST} gave one of them (${count} rows together)`,
      );
  });
  const least = Math.min(...groups.map(({ count }) => count));
  if (least < FEWEST) return { reason: `one answer is given by ${least} of ${known} rows only` };
  const state = new Map(groups.flatMap(({ members }, i) => members.map((s) => [s, i] as const)));
  return {
    item: {
      name,
      kind: "ordered",
      values: given.map((x) => (x >= 0 ? state.get(x)! : -1)),
      numStates: groups.length,
      labels: texts,
      numMissing: given.length - known,
    },
  };
}

const listed = (labels: readonly string[]): string =>
  labels.length <= 6
    ? labels.map(show).join(", ")
    : `${labels.slice(0, 5).map(show).join(", ")}, …`;
