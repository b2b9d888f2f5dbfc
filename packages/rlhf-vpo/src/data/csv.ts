/** Preferences in tables of text: a header, and one row for each record. */
import Papa from "papaparse";
import { PreferenceFormatError } from "./record.js";
import { isMessages } from "./row.js";

/** How a table is written. */
export interface CsvDialect {
  readonly delimiter: string;
  readonly columns: readonly string[];
}

/** Columns whose cells are text, an empty one included, or messages in JSON. */
const TEXTS = [
  "prompt",
  "chosen",
  "rejected",
  "completion",
  "response",
  "instruction",
  "chosen_response",
  "rejected_response",
  "history",
  "human_ref_A",
  "human_ref_B",
  "response_a",
  "response_b",
  "response1",
  "response2",
  "response_1",
  "response_2",
  "response_0",
  "completion_a",
  "completion_b",
  "context",
  "input",
  "preferred_output",
  "non_preferred_output",
];
/** Columns whose cells are lists in JSON. */
const LISTS = [
  "responses",
  "completions",
  "answers",
  "scores",
  "ranks",
  "rank",
  "conversations",
  "conversation_a",
  "conversation_b",
];
/** Columns whose cells are true or false, or 1 or 0. */
const FLAGS = ["label", "labels", "winner_model_a", "winner_model_b", "winner_tie"];
/** Columns whose cells are numbers. */
const NUMBERS = [
  "weight",
  "margin",
  "refChosen",
  "refRejected",
  "ref_chosen_logps",
  "ref_rejected_logps",
  "reference_chosen_logps",
  "reference_rejected_logps",
  "score_chosen",
  "score_rejected",
  "chosen_score",
  "rejected_score",
  "chosen_rating",
  "rejected_rating",
  "helpfulness",
  "overall_score",
  "score",
  "rating",
  "reward",
  "overall_preference",
  "preference_strength",
  "score_A",
  "score_B",
  "score_ratio",
];
const KNOWN = [...TEXTS, ...LISTS, ...FLAGS, ...NUMBERS, "winner", "preference"];
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

function fieldsOf(text: string, delimiter: string): readonly string[] | undefined {
  const { data, errors } = Papa.parse<string[]>(text, { delimiter, newline: "\n" });
  return errors.length === 0 && data.length === 1 ? data[0] : undefined;
}

/** The dialect of a table whose header has at least two columns that some layout knows; undefined for anything else. */
export function csvDialect(header: string): CsvDialect | undefined {
  const line = header.replace(/\r$/, "");
  let best: CsvDialect | undefined;
  let most = 1;
  for (const delimiter of [",", ";", "\t", "|"]) {
    const names = (fieldsOf(line, delimiter) ?? []).map((name) => name.trim());
    const known = names.filter((name) => KNOWN.includes(name)).length;
    if (known <= most) continue;
    most = known;
    best = { delimiter, columns: names.map((name, i) => (name === "" ? `column${i + 1}` : name)) };
  }
  return best && sound(best, line);
}

/** A header that names every column once, on a line that ends where the rows' lines do. */
function sound(dialect: CsvDialect, line: string): CsvDialect {
  const { columns } = dialect;
  const again = columns.findIndex((name, i) => columns.indexOf(name) < i);
  if (again >= 0)
    throw new PreferenceFormatError(
      "INVALID_CSV",
      0,
      `the header names "${columns[again]!}" twice`,
    );
  if (line.includes("\r"))
    throw new PreferenceFormatError(
      "INVALID_CSV",
      0,
      "lines end in CR alone; end them in LF or CRLF",
    );
  return dialect;
}

/** The value of a cell, as JSON would have it. */
function valueOf(name: string, cell: string, fail: (detail: string) => never): unknown {
  const json = (): unknown => {
    try {
      return JSON.parse(cell) as unknown;
    } catch {
      return undefined;
    }
  };
  if (TEXTS.includes(name)) {
    const list = cell.startsWith("[") || cell.startsWith("{") ? json() : undefined;
    if (isMessages(list)) return list;
    const kept = name === "input" && list !== undefined;
    return kept ? list : cell;
  }
  if (cell.trim() === "") return null;
  if (LISTS.includes(name)) return json() ?? fail(`field "${name}" must be a list in JSON`);
  if (FLAGS.includes(name) && /^(true|false)$/i.test(cell.trim()))
    return cell.trim().toLowerCase() === "true";
  if ((FLAGS.includes(name) || NUMBERS.includes(name)) && NUMBER.test(cell.trim()))
    return Number(cell);
  return cell;
}

/** A row as the record of its header. */
export function csvRow(text: string, { delimiter, columns }: CsvDialect, line: number): unknown {
  const fail = (reason: "INVALID_CSV" | "INVALID_TYPE", detail: string): never => {
    throw new PreferenceFormatError(reason, line, detail);
  };
  const cells = fieldsOf(text.replace(/\r$/, ""), delimiter);
  if (cells === undefined) return fail("INVALID_CSV", "a quoted field does not end as it must");
  if (cells.length !== columns.length)
    return fail("INVALID_CSV", `${cells.length} fields, and the header has ${columns.length}`);
  return Object.fromEntries(
    columns.map((name, i) => [
      name,
      valueOf(name, cells[i]!, (detail) => fail("INVALID_TYPE", detail)),
    ]),
  );
}
