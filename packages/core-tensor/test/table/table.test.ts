import { DomainError, IndexError, toNested } from "@provably/core-tensor";
import { table as aTable, check } from "@provably/core-tensor/internal";
import { key } from "@provably/core-tensor/random";
import {
  type CategoryColumn,
  type NumberColumn,
  type Table,
  column,
  dropMissing,
  oneHotColumns,
  selectColumns,
  selectRows,
  splitTable,
  standardize,
  tableFromCsv,
  tableFromRows,
  toMatrix,
} from "@provably/core-tensor/table";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const numbers = (table: Table, name: string): number[] => [
  ...(column(table, name) as NumberColumn).values,
];
const small = tableFromCsv("x,g\n1,a\n2,b\n,a\n4,\n");

describe("tableFromRows", () => {
  it("takes numbers for numbers, text and truth values for categories, and leaves gaps", () => {
    const table = tableFromRows([
      { n: 1, t: "7", b: true },
      { n: NaN, t: null, b: false },
      { n: -0, extra: "e" },
    ]);
    expect(table.recognised.map(({ kind, numMissing }) => [kind, numMissing])).toEqual([
      ["number", 1],
      ["category", 2],
      ["category", 1],
      ["category", 2],
    ]);
    expect(numbers(table, "n")).toEqual([1, NaN, -0]);
    expect((column(table, "b") as CategoryColumn).labels).toEqual(["false", "true"]);
  });

  it("reads text as numbers where it is told to", () => {
    const rows = [{ a: "1.5" }, { a: " 2" }];
    expect(numbers(tableFromRows(rows, { columns: { a: "number" } }), "a")).toEqual([1.5, 2]);
  });

  it.each<[unknown, object, RegExp]>([
    [[{ a: 1 }, { a: "x" }], {}, /tableFromRows: row 1, column "a": numbers and other values/],
    [[{ a: new Date(0) }], {}, /row 0, column "a": must be a number, text/],
    [[{ a: 1n }], {}, /row 0, column "a"/],
    [[{ a: 1 }, [1]], {}, /rows\[1\] must be an object/],
    [{ a: [1] }, {}, /rows must be a list/],
    [[{ a: 1 }], { names: ["b"] }, /no column "b"/],
    [[{ a: 1 }], { names: ["a", "a"] }, /names has "a" twice/],
    [[{ a: 1 }], { column: {} }, /unknown option "column"/],
  ])("refuses rows, case %#", (rows, options, says) => {
    expect(() => tableFromRows(rows as never, options)).toThrow(DomainError);
    expect(() => tableFromRows(rows as never, options)).toThrow(says);
  });
});

describe("a table", () => {
  it("gives columns by name, and the nearest name for a wrong one", () => {
    expect(selectColumns(small, ["g", "x"]).columns.map(({ name }) => name)).toEqual(["g", "x"]);
    expect(() => column(small, "gg")).toThrow(
      /column: there is no column "gg"; did you mean "g"\?/,
    );
    expect(() => selectColumns(small, ["x", "x"])).toThrow(/"x" twice/);
  });

  it("gives rows by number and rows without gaps", () => {
    expect(numbers(selectRows(small, [3, 0, 0]), "x")).toEqual([4, 1, 1]);
    expect(() => selectRows(small, [4])).toThrow(IndexError);
    expect(numbers(dropMissing(small), "x")).toEqual([1, 2]);
    expect(numbers(dropMissing(small, { columns: ["x"] }), "x")).toEqual([1, 2, 4]);
  });

  it("is immutable: its parts are frozen, and functions give new tables", () => {
    expect(() => Object.assign(small, { numRows: 1 })).toThrow(TypeError);
    expect(() => Object.assign(small.columns[0]!, { name: "z" })).toThrow(TypeError);
  });

  it.each<[string, (t: { numRows: number; columns: NumberColumn[] }) => void, RegExp]>([
    ["rows of another number", (t) => (t.numRows = 3), /must have 3 rows, got 2/],
    ["a name twice", (t) => t.columns.push(t.columns[0]!), /unlike the names before/],
    [
      "an unmarked gap",
      (t) => (t.columns[0]!.values[0] = NaN),
      /row 0 holds NaN and is not marked/,
    ],
    ["a marked value", (t) => (t.columns[0]!.missing[1] = 1), /row 1 holds 6 and is marked/],
    ["an unknown kind", (t) => t.columns.push({ name: "b", kind: "date" } as never), /kind must be one of/], // prettier-ignore
  ])("made by hand is refused with %s", (_, damage, says) => {
    const table = {
      numRows: 2,
      columns: [
        { name: "a", kind: "number", values: Float64Array.of(5, 6), missing: new Uint8Array(2) },
      ] as NumberColumn[],
    };
    expect(check("f", "t", table, aTable)).toBe(table);
    damage(table);
    expect(() => check("f", "t", table, aTable)).toThrow(says);
  });

  it("made by hand is refused with a code that has no label", () => {
    const g = { name: "g", kind: "category", codes: Int32Array.of(0, 1), labels: ["a"], ordered: false, missing: new Uint8Array(2) }; // prettier-ignore
    expect(() => toMatrix({ numRows: 2, columns: [g as CategoryColumn] })).toThrow(/code 1, there are 1 labels/); // prettier-ignore
  });
});

describe("splitTable", () => {
  it("puts every row on one side, in order, the same with the same key", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 60 }),
        fc.double({ min: 0.01, max: 0.99, noNaN: true }),
        fc.nat(),
        (n, testShare, seed) => {
          // prettier-ignore
          const table = tableFromRows(Array.from({ length: n }, (_, i) => ({ i })));
          const { train, test } = splitTable(table, key(seed), { testShare });
          const sides = [numbers(train, "i"), numbers(test, "i")];
          expect(sides.flat().sort((a, b) => a - b)).toEqual(
            Array.from({ length: n }, (_, i) => i),
          );
          for (const side of sides) expect(side).toEqual([...side].sort((a, b) => a - b));
          expect(test.numRows).toBe(Math.min(n - 1, Math.max(1, Math.round(testShare * n))));
          expect(splitTable(table, key(seed), { testShare }).test).toEqual(test);
        },
      ),
    );
  });

  it("keeps the shares of a category to within one row", () => {
    const rows = Array.from({ length: 100 }, (_, i) => ({ g: i % 10 === 0 ? "rare" : "common" }));
    const { test } = splitTable(tableFromRows(rows), key(1), { testShare: 0.3, stratify: "g" });
    const rare = [...(column(test, "g") as CategoryColumn).codes].filter((c) => c === 1).length;
    expect([test.numRows, rare]).toEqual([30, 3]);
  });

  it("refuses what it cannot split", () => {
    expect(() => splitTable(small, "k" as never)).toThrow(/splitTable: key must be a random key/);
    expect(() => splitTable(small, key(0), { testShare: 1 })).toThrow(
      /testShare must be in \(0, 1\)/,
    );
    expect(() => splitTable(small, key(0), { stratify: "g" })).toThrow(/has missing values/);
    expect(() => splitTable(small, key(0), { stratify: "x" })).toThrow(/holds numbers/);
    expect(() => splitTable(tableFromRows([{ a: 1 }]), key(0))).toThrow(/at least two rows/);
  });
});

describe("standardize", () => {
  it("gives mean 0 and deviation 1 without the gaps, and the same scale to other rows", () => {
    fc.assert(
      fc.property(
        fc.array(fc.option(fc.integer({ min: -1000, max: 1000 })), { minLength: 2 }),
        (xs) => {
          // prettier-ignore
          const there = xs.filter((x) => x !== null);
          fc.pre(new Set(there).size > 1);
          const { table, scales } = standardize(tableFromRows(xs.map((a) => ({ a }))));
          const z = numbers(table, "a").filter((x) => !Number.isNaN(x));
          expect(z.length).toBe(there.length);
          expect(z.reduce((s, x) => s + x, 0) / z.length).toBeCloseTo(0, 9);
          expect(z.reduce((s, x) => s + x * x, 0) / z.length).toBeCloseTo(1, 9);
          const again = standardize(tableFromRows([{ a: there[0] }]), { scales });
          expect(numbers(again.table, "a")[0]).toBe(z[0]);
        },
      ),
    );
  });

  it.each<[string, Table, object, RegExp]>([
    [
      "constants",
      tableFromRows([{ a: 3 }, { a: 3 }]),
      {},
      /column "a" has no scale: every value is 3/,
    ],
    ["empty columns", tableFromRows([{ a: null }]), {}, /no value/],
    ["infinities", tableFromRows([{ a: Infinity }, { a: 1 }]), {}, /value Infinity/],
    ["categories", small, { columns: ["g"] }, /must hold numbers/],
    ["two answers", small, { columns: ["x"], scales: [] }, /cannot both be given/],
    ["a scale of 0", small, { scales: [{ name: "x", mean: 0, std: 0 }] }, /std must be positive/],
  ])("refuses %s", (_, table, options, says) => {
    expect(() => standardize(table, options)).toThrow(says);
  });
});

describe("oneHotColumns and toMatrix", () => {
  it("make indicators in place, whose rows add up to one", () => {
    const table = oneHotColumns(dropMissing(tableFromCsv("x,g,y\n1,a,5\n2,c,6\n3,b,7")));
    expect(table.columns.map(({ name }) => name)).toEqual(["x", "g=a", "g=b", "g=c", "y"]);
    expect(toNested(toMatrix(table, ["g=a", "g=b", "g=c"]))).toEqual([[1, 0, 0], [0, 0, 1], [0, 1, 0]]); // prettier-ignore
    expect(oneHotColumns(small, { dropFirst: true }).columns.map(({ name }) => name)).toEqual(["x", "g=b"]); // prettier-ignore
  });

  it("keep gaps as gaps, and refuse to put them into a matrix", () => {
    const table = oneHotColumns(small);
    expect(numbers(table, "g=a")).toEqual([1, 0, 1, NaN]);
    expect(() => toMatrix(table)).toThrow(/toMatrix: row 2, column "x": the value is missing/);
    expect(() => toMatrix(small)).toThrow(/row 2, column "x"/);
    expect(() => toMatrix(small, ["g"])).toThrow(/column "g" holds categories/);
    expect(() => oneHotColumns(small, { columns: ["x"] })).toThrow(/must hold categories/);
    const taken = tableFromRows([{ g: "a", "g=a": 1 }]);
    expect(() => oneHotColumns(taken)).toThrow(/two columns would be named "g=a"/);
  });
});
