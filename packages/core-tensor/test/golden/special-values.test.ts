/** Elementwise functions at special and extreme inputs: correctly rounded values, at a number of units in the last place. */
import { readFileSync } from "node:fs";
import * as p from "@provably/core-tensor";
import type { NdArray } from "@provably/core-tensor";
import { compile } from "@provably/core-tensor/compile";
import { type Device, webasm, webgpu } from "@provably/core-tensor/gpu";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dawn, missing } from "../gpu/dawn.js";
import { fixture, nameHere } from "./cases.js";

type Num = number | "NaN" | "Infinity" | "-Infinity";
interface Group {
  readonly op: string;
  readonly dtype: "float32" | "float64";
  readonly out: "float32" | "float64" | "bool";
  readonly ulp: number;
  readonly slack?: number;
  readonly lnUlp?: number;
  readonly zeroSign: "exact" | "any";
  readonly wanted?: boolean;
  readonly x?: Num[];
  readonly a?: Num[];
  readonly b?: Num[];
  readonly expected: Num[];
  readonly also?: Readonly<Record<string, Num[]>>;
}

const file = JSON.parse(readFileSync(fixture("special-values"), "utf8")) as { groups: Group[] };
const groups = file.groups.map((g) => ({ ...g, op: nameHere(g.op) }));

type Op = (...xs: NdArray[]) => NdArray;
const named = p as unknown as Readonly<Record<string, Op | undefined>>;

/** The number as its type has it. */
const read = (dtype: string, x: Num): number =>
  dtype === "float32" ? Math.fround(Number(x)) : Number(x);

/** Distance between neighbouring numbers of the type at x. */
function spacing(dtype: string, x: number): number {
  const [bits, least] = dtype === "float32" ? [23, -126] : [52, -1022];
  let exponent = Math.max(least, Math.floor(Math.log2(Math.abs(x))));
  if (exponent > least && 2 ** exponent > Math.abs(x)) exponent--;
  return 2 ** (exponent - bits);
}

/** Whether `got` is `want` to the rounding that the group allows. */
function agrees(g: Group, got: number, want: number, ulp = g.ulp): boolean {
  if (g.zeroSign === "exact" ? Object.is(got, want) : got === want) return true;
  if (Number.isNaN(want)) return Number.isNaN(got);
  if (!Number.isFinite(got) || !Number.isFinite(want) || g.out === "bool") return false;
  if (got === 0 && want === 0) return false;
  const places = ulp + (g.lnUlp && want !== 0 ? g.lnUlp * Math.abs(Math.log(Math.abs(want))) : 0);
  return Math.abs(got - want) <= (g.slack ?? 0) + places * spacing(g.out, want);
}

const inputs = (g: Group): Num[][] => (g.x ? [g.x] : [g.a!, g.b!]);
const arrays = (g: Group): NdArray[] =>
  inputs(g).map((row) =>
    p.array(
      row.map((v) => read(g.dtype, v)),
      { dtype: g.dtype },
    ),
  );

/** What a device need not get right: subnormal numbers, NaN and infinities, and large angles. */
function isOutside(g: Group, i: number): boolean {
  const normal = (x: number): boolean =>
    x === 0 || (Math.abs(x) >= 2 ** -126 && Number.isFinite(x));
  const operands = inputs(g).map((row) => read("float32", row[i]!));
  // minus zero may be zero to it
  if (g.op === "atan2" && operands.some((x) => Object.is(x, -0))) return true;
  // the end of the range stands for infinity there
  if (g.op === "isFinite" && Math.abs(operands[0]!) === Math.fround(3.4028235e38)) return true;
  const angle = ["sin", "cos", "tan"].includes(g.op) && Math.abs(operands[0]!) > 1e4;
  return angle || ![...operands, read("float32", g.expected[i]!)].every(normal);
}

const SPECIAL = /^(erf|ndtr|lgamma|digamma|trigamma|tetragamma|gelu|mish)/;

/** Units in the last place that a device may be off. */
function placesOnDevice({ op, ulp }: Group): number {
  if (op === "div" || op === "reciprocal" || op === "sqrt") return 3;
  return ulp === 0 ? 0 : SPECIAL.test(op) ? 64 : 16;
}

/**
 * IEEE 754, C and the array API have +∞ for (−∞)^y with y > 0 that is no odd integer; the file has NaN for y = ½, which NumPy
 * takes as a square root.
 */
const isRootOfMinusInfinity = (g: Group, i: number): boolean =>
  g.op === "pow" && g.a![i] === "-Infinity" && g.expected[i] === "NaN" && Number(g.b![i]) > 0;

function compareAll(g: Group, result: NdArray, onDevice: boolean): void {
  if (!onDevice) expect(result.dtype).toBe(g.out);
  const got = p.toTypedArray(result);
  expect(got).toHaveLength(g.expected.length);
  const group = onDevice ? { ...g, zeroSign: "any" as const } : g;
  const wrong = g.expected.flatMap((value, i) => {
    if (onDevice && isOutside(g, i)) return [];
    const first = isRootOfMinusInfinity(g, i) ? "Infinity" : value;
    const right = [first, ...(g.also?.[i] ?? [])].map((v) => read(g.out, v));
    const places = onDevice ? placesOnDevice(g) : g.ulp;
    if (right.some((want) => agrees(group, got[i]!, want, places))) return [];
    const at = inputs(g).map((row) => row[i]);
    return [`${g.op}(${at.join(", ")}) is ${got[i]}, expected ${right.join(" or ")}`];
  });
  expect(wrong).toEqual([]);
}

const kind = process.env["PROVABLY_DEVICE"];
const present = groups.filter((g) => named[g.op] !== undefined);
const absent = groups.filter((g) => named[g.op] === undefined);

describe.skipIf(kind === "webgpu" && missing !== undefined)(
  `special values${kind ? ` on ${kind}` : ""}`,
  () => {
    let device: Device | undefined;
    beforeAll(async () => {
      if (kind) device = kind === "webgpu" ? await webgpu({ gpu: await dawn() }) : await webasm();
    });
    afterAll(() => device?.close());

    it("are asked of every function that the file names, but for those still wanted", () => {
      expect(absent.filter((g) => !g.wanted).map((g) => g.op)).toEqual([]);
    });

    it.skip.each(
      absent.map((g) => [`${g.op} of ${g.dtype}, ${g.expected.length} values`] as const),
    )("of %s: there is no such function yet", () => undefined);

    it.each(
      present
        .filter((g) => !kind || g.dtype === "float32")
        .map((g) => [`${g.op} of ${g.dtype}`, g] as const),
    )("of %s are right", async (_, g) => {
      const f: Op = (...xs) => named[g.op]!(...xs);
      const xs = arrays(g);
      if (device) compareAll(g, await compile(f, { device })(...xs), true);
      else compareAll(g, (process.env["PROVABLY_COMPILED"] ? compile(f) : f)(...xs), false);
    });
  },
);
