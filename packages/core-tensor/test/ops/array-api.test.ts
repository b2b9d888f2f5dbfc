/** The special cases of the Python array API standard (v2024.12), for every function of it that is here, eager and compiled. */
import * as core from "@provably/core-tensor";
import { type NdArray, array, toTypedArray } from "@provably/core-tensor";
import { compile } from "@provably/core-tensor/compile";
import * as fft from "@provably/core-tensor/fft";
import * as linalg from "@provably/core-tensor/linalg";
import { describe, expect, it } from "vitest";
import { standard } from "./array-api-names.js";

const nan = NaN;
const inf = Infinity;
const pi = Math.PI;
type Row = readonly [...number[]];

/** [x, expected] */
const unary: Readonly<Record<string, readonly Row[]>> = {
  abs: [[nan, nan], [-0, 0], [-inf, inf], [-2, 2]],
  acos: [[nan, nan], [1.5, nan], [-1.5, nan], [1, 0], [inf, nan]],
  acosh: [[nan, nan], [0.5, nan], [-inf, nan], [1, 0], [inf, inf]],
  asin: [[nan, nan], [1.5, nan], [-1.5, nan], [0, 0], [-0, -0]],
  asinh: [[nan, nan], [0, 0], [-0, -0], [inf, inf], [-inf, -inf]],
  atan: [[nan, nan], [0, 0], [-0, -0], [inf, pi / 2], [-inf, -pi / 2]],
  atanh: [[nan, nan], [-1.5, nan], [1.5, nan], [-1, -inf], [1, inf], [0, 0], [-0, -0]],
  ceil: [[3, 3], [inf, inf], [-inf, -inf], [0, 0], [-0, -0], [nan, nan], [-0.5, -0], [0.5, 1]],
  cos: [[nan, nan], [0, 1], [-0, 1], [inf, nan], [-inf, nan]],
  cosh: [[nan, nan], [0, 1], [-0, 1], [inf, inf], [-inf, inf]],
  exp: [[nan, nan], [0, 1], [-0, 1], [inf, inf], [-inf, 0]],
  expm1: [[nan, nan], [0, 0], [-0, -0], [inf, inf], [-inf, -1]],
  floor: [[3, 3], [inf, inf], [-inf, -inf], [0, 0], [-0, -0], [nan, nan], [-0.5, -1], [0.5, 0]],
  log: [[nan, nan], [-1, nan], [-inf, nan], [0, -inf], [-0, -inf], [1, 0], [inf, inf]],
  log2: [[nan, nan], [-1, nan], [0, -inf], [-0, -inf], [1, 0], [inf, inf]],
  log10: [[nan, nan], [-1, nan], [0, -inf], [-0, -inf], [1, 0], [inf, inf]],
  log1p: [[nan, nan], [-2, nan], [-1, -inf], [-0, -0], [0, 0], [inf, inf]],
  neg: [[nan, nan], [0, -0], [-0, 0], [inf, -inf]],
  reciprocal: [[nan, nan], [0, inf], [-0, -inf], [inf, 0], [-inf, -0]],
  round: [[inf, inf], [-inf, -inf], [0, 0], [-0, -0], [nan, nan], [0.5, 0], [1.5, 2], [2.5, 2], [-0.5, -0], [-1.5, -2]],
  sign: [[-3, -1], [3, 1], [0, 0], [nan, nan], [inf, 1], [-inf, -1]],
  sin: [[nan, nan], [0, 0], [-0, -0], [inf, nan], [-inf, nan]],
  sinh: [[nan, nan], [0, 0], [-0, -0], [inf, inf], [-inf, -inf]],
  sqrt: [[nan, nan], [-1, nan], [0, 0], [-0, -0], [inf, inf]],
  square: [[nan, nan], [-0, 0], [-inf, inf]],
  tan: [[nan, nan], [0, 0], [-0, -0], [inf, nan], [-inf, nan]],
  tanh: [[nan, nan], [0, 0], [-0, -0], [inf, 1], [-inf, -1]],
  trunc: [[3, 3], [inf, inf], [-inf, -inf], [0, 0], [-0, -0], [nan, nan], [0.5, 0], [-0.5, -0]],
  isFinite: [[nan, 0], [inf, 0], [-inf, 0], [1, 1], [-0, 1]],
  isInf: [[nan, 0], [inf, 1], [-inf, 1], [1, 0]],
  isNan: [[nan, 1], [inf, 0], [0, 0]],
}; // prettier-ignore

/** [a, b, expected] */
const binary: Readonly<Record<string, readonly Row[]>> = {
  add: [
    [nan, 1, nan], [1, nan, nan], [inf, -inf, nan], [-inf, inf, nan], [inf, inf, inf], [-inf, -inf, -inf],
    [inf, 1, inf], [-inf, 1, -inf], [1, inf, inf], [1, -inf, -inf], [-0, -0, -0], [-0, 0, 0], [0, -0, 0], [0, 0, 0],
    [-0, 3, 3], [3, -0, 3], [3, -3, 0],
  ],
  sub: [[nan, 1, nan], [inf, inf, nan], [-inf, -inf, nan], [inf, -inf, inf], [-0, 0, -0], [0, 0, 0], [0, -0, 0], [-0, -0, 0]],
  mul: [
    [nan, 1, nan], [inf, 0, nan], [-inf, -0, nan], [0, inf, nan], [-0, -inf, nan], [inf, inf, inf], [inf, -inf, -inf],
    [inf, -2, -inf], [-0, 2, -0], [-0, -2, 0],
  ],
  div: [
    [nan, 1, nan], [1, nan, nan], [inf, inf, nan], [-inf, inf, nan], [0, 0, nan], [-0, 0, nan], [0, 2, 0], [-0, 2, -0],
    [0, -2, -0], [-0, -2, 0], [2, 0, inf], [2, -0, -inf], [-2, 0, -inf], [-2, -0, inf], [inf, 2, inf], [inf, -2, -inf],
    [-inf, 2, -inf], [-inf, -2, inf], [2, inf, 0], [2, -inf, -0], [-2, inf, -0], [-2, -inf, 0],
  ],
  copysign: [
    [3, 1, 3], [3, 0, 3], [3, -0, -3], [3, -1, -3], [-3, 0, 3], [-3, -0, -3], [inf, -1, -inf], [0, -2, -0], [-0, 2, 0],
    [3, -inf, -3], [nan, 1, nan],
  ],
  floorDivide: [
    [nan, 1, nan], [1, nan, nan], [inf, inf, nan], [0, 0, nan], [-0, -0, nan], [2, 0, inf], [2, -0, -inf], [-2, 0, -inf],
    [-2, -0, inf], [0, 2, 0], [-0, 2, -0], [0, -2, -0], [5, 3, 1], [-5, 3, -2],
  ],
  mod: [
    [nan, 1, nan], [1, nan, nan], [inf, 2, nan], [-inf, inf, nan], [0, 0, nan], [-0, -0, nan], [2, 0, nan], [-2, -0, nan],
    [0, 2, 0], [-0, 2, 0], [0, -2, -0], [-0, -2, -0], [2, inf, 2], [2, -inf, -inf], [-2, inf, inf], [-2, -inf, -2],
    [5, 3, 2], [-5, 3, 1], [5, -3, -1], [-5, -3, -2], [6, 3, 0], [-6, 3, 0], [6, -3, -0],
  ],
  pow: [
    [2, nan, nan], [nan, 0, 1], [nan, -0, 1], [2, 0, 1], [inf, -0, 1], [nan, 2, nan], [2, inf, inf], [2, -inf, 0],
    [-2, inf, inf], [-2, -inf, 0], [1, inf, 1], [-1, inf, 1], [1, -inf, 1], [-1, -inf, 1], [1, nan, 1], [1, 7.5, 1],
    [0.5, inf, 0], [0.5, -inf, inf], [-0.5, inf, 0], [-0.5, -inf, inf], [inf, 2, inf], [inf, -2, 0],
    [-inf, 3, -inf], [-inf, 2, inf], [-inf, 0.5, inf], [-inf, -3, -0], [-inf, -2, 0], [-inf, -0.5, 0],
    [0, 2, 0], [0, -2, inf], [-0, 3, -0], [-0, 2, 0], [-0, 0.5, 0], [-0, -3, -inf], [-0, -2, inf], [-0, -0.5, inf],
    [-2, 0.5, nan], [-2, 3, -8], [-2, -1, -0.5],
  ],
  atan2: [
    [nan, 1, nan], [1, nan, nan], [1, 0, pi / 2], [1, -0, pi / 2], [0, 1, 0], [0, 0, 0], [0, -0, pi], [0, -1, pi],
    [-0, 1, -0], [-0, 0, -0], [-0, -0, -pi], [-0, -1, -pi], [-1, 0, -pi / 2], [-1, -0, -pi / 2], [1, inf, 0],
    [1, -inf, pi], [-1, inf, -0], [-1, -inf, -pi], [inf, 1, pi / 2], [-inf, 1, -pi / 2], [inf, inf, pi / 4],
    [inf, -inf, (3 * pi) / 4], [-inf, inf, -pi / 4], [-inf, -inf, (-3 * pi) / 4],
  ],
  hypot: [[inf, nan, inf], [-inf, nan, inf], [nan, inf, inf], [nan, -inf, inf], [nan, 1, nan], [1, nan, nan], [0, -3, 3], [-3, -0, 3]],
  logAddExp: [[nan, 1, nan], [1, nan, nan], [inf, 1, inf], [1, inf, inf], [-inf, 2, 2], [-inf, -inf, -inf]],
  maximum: [[nan, 1, nan], [1, nan, nan], [inf, 1, inf], [-inf, 1, 1]],
  minimum: [[nan, 1, nan], [1, nan, nan], [inf, 1, 1], [-inf, 1, -inf]],
  equal: [[nan, nan, 0], [inf, inf, 1], [-inf, -inf, 1], [-0, 0, 1], [inf, -inf, 0]],
  notEqual: [[nan, nan, 1], [inf, inf, 0], [-0, 0, 0]],
  less: [[nan, 1, 0], [1, nan, 0], [1, inf, 1], [-0, 0, 0], [-inf, inf, 1]],
  lessEqual: [[nan, 1, 0], [nan, nan, 0], [-0, 0, 1], [inf, inf, 1]],
  greater: [[nan, 1, 0], [1, nan, 0], [inf, 1, 1], [0, -0, 0]],
  greaterEqual: [[nan, nan, 0], [0, -0, 1], [1, -inf, 1]],
}; // prettier-ignore

/** [list, expected] */
const reductions: readonly (readonly [string, readonly number[], number])[] = [
  ["sum", [], 0],
  ["prod", [], 1],
  ["mean", [], nan],
  ["variance", [], nan],
  ["std", [], nan],
  ["all", [], 1],
  ["any", [], 0],
  ["all", [nan], 1],
  ["any", [nan], 1],
  ["sum", [1, nan], nan],
  ["sum", [inf, -inf], nan],
  ["prod", [0, inf], nan],
  ["mean", [nan, 1], nan],
  ["max", [1, nan, 3], nan],
  ["min", [nan, 1], nan],
  ["max", [-inf, -inf], -inf],
  ["sum", [-0, -0], 0],
];

type Op = (...xs: NdArray[]) => NdArray;
const op = (name: string): Op => (core as unknown as Record<string, Op>)[name]!;
const executors: readonly (readonly [string, (f: Op) => Op])[] = [
  ["eager", (f) => f],
  ["compiled", (f) => compile(f)],
];

/** What differs, in words; values may be off by one unit in the last place, specials and signs of zero may not. */
function faults(
  name: string,
  run: Op,
  rows: readonly Row[],
  dtype: "float32" | "float64",
): string[] {
  const width = rows[0]!.length - 1;
  const columns = Array.from({ length: width }, (_, k) =>
    array(
      rows.map((row) => row[k]!),
      { dtype },
    ),
  );
  const got = toTypedArray(run(...columns));
  const round = dtype === "float32" ? Math.fround : (v: number): number => v;
  return rows.flatMap((row, i) => {
    const [a, b] = [got[i]!, round(row[width]!)];
    const near = Math.abs(a - b) <= (dtype === "float32" ? 1.2e-7 : 2.3e-16) * Math.abs(b);
    // the sign of zero is left open by maximum, minimum, sign and sums
    const zeroes = a === b && ["sign", "sum"].includes(name);
    return Object.is(a, b) || (near && b !== 0) || zeroes
      ? []
      : [`${name}(${row.slice(0, -1).map(String).join(", ")}) is ${a}, must be ${b}`];
  });
}

it("says what is here of the standard, and how many of its special cases hold", ({ task }) => {
  const entries = { ".": core, linalg, fft } as unknown as Record<string, Record<string, unknown>>;
  const names = Object.entries(standard);
  const absent = names.filter(([, place]) => typeof place === "object" && "why" in place);
  const wrong = names.filter(([, place]) => {
    if (typeof place === "string") return typeof entries["."]![place] !== "function";
    return !("why" in place) && typeof entries[place.in]![place.name] !== "function";
  });
  expect(wrong).toEqual([]);
  const tables = Object.entries({ ...unary, ...binary });
  const rows = tables.reduce((n, [, list]) => n + list.length, 0) + reductions.length;
  const runs = executors.flatMap(([, prepare]) =>
    (["float64", "float32"] as const).flatMap((dtype) => [
      ...tables.flatMap(([name, list]) => faults(name, prepare(op(name)), list, dtype)),
      ...reductions.filter(([name, list, expected]) => {
        const got = toTypedArray(prepare(op(name))(array(list, { dtype })))[0]!;
        return !Object.is(got, expected) && !(got === expected && name === "sum");
      }),
    ]),
  );
  expect(runs).toEqual([]);
  task.meta.claim = {
    says: "Functions have the names and special cases of the Python array API standard, or are named as absent",
    source:
      "Consortium for Python Data API Standards (2024), array API v2024.12, with the extensions linalg and fft",
    measured: `${names.length - absent.length} of ${names.length} functions are here, absent are ${absent.map(([name]) => `\`${name}\``).join(", ")}; ${4 * rows - runs.length} of ${4 * rows} checks of special cases hold, ${rows} cases of ${tables.length + new Set(reductions.map(([name]) => name)).size} functions in two precisions, eager and compiled`,
  };
});

describe.each(executors)("the array API's special cases, %s", (_, prepare) => {
  describe.each(["float64", "float32"] as const)("%s", (dtype) => {
    it.each(Object.entries({ ...unary, ...binary }))("hold for %s", (name, rows) => {
      expect(faults(name, prepare(op(name)), rows, dtype)).toEqual([]);
    });

    it.each(reductions)("hold for %s of %j", (name, list, expected) => {
      const got = toTypedArray(prepare(op(name))(array(list, { dtype })))[0]!;
      expect(Object.is(got, expected) || (got === expected && name === "sum")).toBe(true);
    });

    it.each(["max", "min", "argmax", "argmin"])("refuse %s of nothing", (name) => {
      expect(() => prepare(op(name))(array([], { dtype }))).toThrow(core.CoreTensorError);
    });
  });
});
