import { DomainError, FormatError } from "@provably/core-tensor";
import {
  type CategoryColumn,
  type CsvOptions,
  type NumberColumn,
  column,
  tableFromCsv,
} from "@provably/core-tensor/table";
import fc from "fast-check";
import Papa from "papaparse";
import { describe, expect, it } from "vitest";

const read = (text: string | Uint8Array, options: CsvOptions = {}) => {
  const table = tableFromCsv(text, options);
  return Object.fromEntries(
    table.columns.map((c) => [
      c.name,
      c.kind === "number"
        ? [...c.values]
        : [...c.codes].map((code) => (code < 0 ? null : c.labels[code])),
    ]),
  );
};
const category = (text: string, options: CsvOptions = {}): CategoryColumn =>
  column(tableFromCsv(text, options), "g") as CategoryColumn;

describe("tableFromCsv", () => {
  it("reads numbers, categories and gaps, and says what it took them for", () => {
    const table = tableFromCsv("age,group,zip\n31,b,01234\nNA,a,99999\n4.5e1,,00001\n");
    const [age, group, zip] = table.columns as [NumberColumn, CategoryColumn, CategoryColumn];
    expect([...age.values]).toEqual([31, NaN, 45]);
    expect([...age.missing]).toEqual([0, 1, 0]);
    expect([...group.codes]).toEqual([1, 0, -1]);
    expect(group).toMatchObject({ labels: ["a", "b"], ordered: false });
    expect([...group.missing]).toEqual([0, 0, 1]);
    expect(zip.labels).toEqual(["00001", "01234", "99999"]);
    expect(table).toMatchObject({ numRows: 3, delimiter: ",", hasHeader: true, numBlankLines: 0 });
    expect(table.recognised).toEqual([
      { name: "age", kind: "number", reason: "every value is a number", numMissing: 1 },
      { name: "group", kind: "category", reason: "every value is text", numMissing: 1 },
      {
        name: "zip",
        kind: "category",
        reason: 'numbers with leading zeros, such as "01234"',
        numMissing: 0,
      },
    ]);
  });

  it("gives back what papaparse wrote, whatever is in the fields", () => {
    const text = fc.string({
      unit: fc.constantFrom("a", "é", '"', ",", ";", "\n", "x y", "'", "|"),
    });
    const rows = fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(rows, fc.constantFrom("\n", "\r\n", "\r"), (data, newline) => {
        const fields = data.map((row) => row.map((f) => `k${f}k`));
        const file = Papa.unparse({ fields: ["p", "q"], data: fields }, { newline });
        const back = read(file, { delimiter: ",", columns: { p: "category", q: "category" } });
        expect(back).toEqual({ p: fields.map((r) => r[0]), q: fields.map((r) => r[1]) });
      }),
    );
  });

  it("reads numbers as JavaScript prints them, to the last bit", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true }), { minLength: 1 }), (xs) => {
        const values = xs.map((x) => (Object.is(x, -0) ? 0 : x));
        expect(read(`x\n${values.join("\n")}`)).toEqual({ x: values });
      }),
    );
  });

  it.each([
    ["a byte order mark", "\ufeffa,b\n1,2\n"],
    ["CRLF", "a,b\r\n1,2\r\n"],
    ["mixed line ends", "a,b\r\n1,2\n\r"],
    ["blank lines", "\n\na,b\n\n1,2\n\n\n"],
    ["semicolons", "a;b\n1;2"],
    ["tabs", "a\tb\n1\t2"],
    ["bars", "a|b\n1|2"],
    ["spaces after commas", "a, b\n1, 2"],
    ["quotes", '"a","b"\n"1","2"'],
    ["bytes", new TextEncoder().encode("a,b\n1,2")],
    ["UTF-16 bytes", Uint8Array.from([0xff, 0xfe, ..."a,b\n1,2"].flatMap((c) => typeof c === "number" ? [c] : [c.charCodeAt(0), 0]))], // prettier-ignore
  ])("reads %s", (_, text) => {
    expect(read(text)).toEqual({ a: [1], b: [2] });
  });

  it("finds semicolons between decimal commas, which must be announced", () => {
    const text = "x;y\n1.234,5;2,5\n-7;,25\n";
    expect(() => tableFromCsv(text)).toThrow(/line 2, column "x": "1.234,5" looks like a number/);
    expect(read(text, { decimal: ",", thousands: "." })).toEqual({ x: [1234.5, -7], y: [2.5, 0.25] }); // prettier-ignore
  });

  it("holds codes of missing values against text and against numbers", () => {
    expect(read("x,y\n-9,a\n-9.0,?\n3,b", { missing: [-9, "?"] })).toEqual({
      x: [NaN, NaN, 3],
      y: ["a", null, "b"],
    });
    expect(() => tableFromCsv("x\nNA\n1", { missing: [] })).toThrow(/line 2.*"NA"|line 3.*"NA"/);
  });

  it("orders levels as they are given, and labels that are numbers by size", () => {
    const given = category("g\nhigh\nlow\n", {
      columns: { g: { levels: ["low", "mid", "high"] } },
    });
    expect([[...given.codes], given.labels, given.ordered]).toEqual([[2, 0], ["low", "mid", "high"], true]); // prettier-ignore
    const loose = { g: { levels: ["b", "a"], ordered: false } };
    expect(category("g\na\nb", { columns: loose }).ordered).toBe(false);
    expect(category("g\n10\n9\n2.5", { columns: { g: "category" } }).labels).toEqual(["2.5", "9", "10"]); // prettier-ignore
  });

  it("takes names from the file, from the caller, or makes them", () => {
    expect(read("1,2\n3,4", { header: false })).toEqual({ column1: [1, 3], column2: [2, 4] });
    expect(read("1,2\n3,4", { header: ["p", "q"] })).toEqual({ p: [1, 3], q: [2, 4] });
    expect(read("2001,2002\n3,4", { header: true })).toEqual({ 2001: [3], 2002: [4] });
    expect(read(",a\n0,5\n1,6\n", { skipUnnamed: true })).toEqual({ a: [5, 6] });
    expect(read("a\n")).toEqual({ a: [] });
    expect(read("__proto__,constructor\n1,2", { columns: Object.fromEntries([["constructor", "number" as const]]) }).constructor).toEqual([2]); // prettier-ignore
  });

  it("reads a million rows", () => {
    const n = 1_000_000;
    const lines = Array.from({ length: n }, (_, i) => `${i},${i % 3 === 0 ? "a" : "b"}`);
    const table = tableFromCsv(`x,g\n${lines.join("\n")}\n`);
    expect([table.numRows, (table.columns[0] as NumberColumn).values[n - 1]]).toEqual([n, n - 1]);
  });

  it.each<[string, string | Uint8Array, CsvOptions, RegExp]>([
    ["an empty file", "", {}, /tableFromCsv: text has no line/],
    ["blanks only", " \n\r\n", {}, /no line/],
    ["double names", "a,b,a\n1,2,3", {}, /columns 1 and 3 are both named "a"/],
    ["a column without a name", "a,\n1,2", {}, /column 2 has no name; skipUnnamed/],
    ["unequal lines", 'a,b\n"x\ny",2\n1\n', {}, /line 4 has 1 fields, the first line 2/],
    ["a first line of numbers", "1,2\n3,4", {}, /line 1 has the number "1" in column 1.*header/],
    ["numbers among text", "a\n1\nx7\n", {}, /line 3, column "a": numbers and other values/],
    ["thousands", 'a\n"1,234"\n"5,678"', {}, /"1,234" looks like a number/],
    ["percent", "a\n12%\n15%", {}, /looks like a number/],
    ["a currency", 'a\n"$1,200"\n$3', {}, /looks like a number/],
    ["long identifiers", "a\n12345678901234567\n1", {}, /more digits than a float64/],
    ["text in numbers", "a\nx", { columns: { a: "number" } }, /line 2, column "a": "x" is not a number/], // prettier-ignore
    ["hexadecimal numbers", "a\n0x10", { columns: { a: "number" } }, /"0x10" is not a number/],
    ["overflow", "a\n1e999", { columns: { a: "number" } }, /"1e999" is not a number/],
    ["an unknown level", "a\nx\nz", { columns: { a: { levels: ["x"] } } }, /line 3.*not one of the levels/], // prettier-ignore
    ["open quotes", 'a,b\n1,"2\n', { delimiter: "," }, /line 2: Quoted field unterminated/],
    ["text behind quotes", 'a,b\n"1"x,2\n', { delimiter: "," }, /line 2: Trailing quote/],
    ["two possible delimiters", "a,b;c\n1,2;3", {}, /"," and ";" each split every line/],
    ["UTF-16 decoded as UTF-8", "a\u0000,\u0000b\u0000", {}, /zero characters/],
    ["text decoded with losses", "a\n\ufffd", {}, /U\+FFFD/],
    ["bytes that are not UTF-8", Uint8Array.of(97, 10, 0xe9), {}, /not UTF-8/],
  ])("refuses %s", (_, text, options, says) => {
    expect(() => tableFromCsv(text, options)).toThrow(FormatError);
    expect(() => tableFromCsv(text, options)).toThrow(says);
  });

  it.each<[string, unknown, RegExp]>([
    ["an unknown option", { seperator: ";" }, /tableFromCsv: unknown option "seperator"/],
    ["a column that is not there", { columns: { agee: "number" } }, /no column "agee".*"age"/],
    ["an unknown kind", { columns: { age: "integer" } }, /columns.age must be one of/],
    ["double levels", { columns: { age: { levels: ["a", "a"] } } }, /levels must be different names/], // prettier-ignore
    ["an unknown field of a column", { columns: { age: { levels: ["1"], order: true } } }, /order/],
    ["long delimiters", { delimiter: "::" }, /delimiter must be "auto" or one character/],
    ["one sign for two meanings", { thousands: "." }, /thousands and decimal must differ/],
    ["too few names", { header: ["a", "b"] }, /header has 2 names, the first line 1 fields/],
  ])("refuses %s", (_, options, says) => {
    const call = () => tableFromCsv("age\n1", options as CsvOptions);
    expect(call).toThrow(DomainError);
    expect(call).toThrow(says);
  });

  it.each([[7], [null], [undefined], [{}], [["a"]]])("refuses %s for text", (text) => {
    expect(() => tableFromCsv(text as never)).toThrow(/^tableFromCsv: text must be/);
  });
});
