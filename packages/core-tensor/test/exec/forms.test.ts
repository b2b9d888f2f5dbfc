/**
 * Every form of every primitive on one grid: what eager loops, SIMD kernels, compiled expressions and device expressions make of special,
 * extreme, ordinary and whole numbers is held against the definition in double precision. The primitives are those that the sources
 * define, found by tracing the public functions, so that a new one cannot be left out.
 */
import { readFileSync, readdirSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as p from "../../src/index.js";
import type { DType, NdArray } from "../../src/index.js";
import type { DenseArray } from "../../src/array/ndarray.js";
import { compile } from "../../src/compile/index.js";
import { type Device, webasm, webgpu } from "../../src/gpu/index.js";
import { simdLevel } from "../../src/exec/wasm/index.js";
import { TILE_KERNELS } from "../../src/exec/wasm/tile-kernels.js";
import { bindOne } from "../../src/trace/bind.js";
import type { ElementwisePrimitive } from "../../src/trace/elementwise.js";
import { elementwise } from "../primitives.js";
import { dawn, missing } from "../gpu/dawn.js";

type Elementwise = ElementwisePrimitive;

const names = [...elementwise.keys()].sort();

const FLOATS = [
  0,
  -0,
  1,
  -1,
  2,
  -2,
  0.5,
  -0.5,
  3,
  -3,
  1.5,
  -2.5,
  10,
  -10,
  0.1,
  -0.7,
  20,
  -20,
  100,
  88.5,
  -88.5,
  1e-8,
  -1e-8,
  1e4,
  1e-30,
  -1e-30,
  1e30,
  -1e30,
  1e-40,
  -1e-45,
  1.1754943508222875e-38,
  3.4028234663852886e38,
  0.4999,
  0.9999,
  5.744,
  -1.6,
  0.20001,
  26.5,
  -13.1,
  Infinity,
  -Infinity,
  NaN,
];
const WIDE = [
  1e300, -1e300, 1e-300, -1e-300, 5e-324, -2.5e-320, 1.7976931348623157e308, 709.5, -744.5,
];
const GRID: Record<DType, readonly number[]> = {
  float32: FLOATS.map(Math.fround),
  float64: [...FLOATS, ...WIDE],
  int32: [0, 1, -1, 2, -3, 7, 100, -128, 255, 46341, 65537, 2147483647, -2147483648],
  uint8: [0, 1, 2, 7, 100, 128, 200, 255],
  int8: [0, 1, -1, 2, 7, 100, -100, 127, -128],
  bool: [0, 1],
};
const TYPES = Object.keys(GRID) as DType[];

/** All tuples of numbers of the grid, one list for each operand; the first of three operands is a condition. */
function operands(primitive: Elementwise, dtype: DType): NdArray[] {
  const grid = GRID[dtype];
  const { arity } = primitive.elementwise;
  const [as, bs] = [grid.flatMap((a) => grid.map(() => a)), grid.flatMap(() => grid)];
  const list = (x: readonly number[], type = dtype): NdArray => p.array([...x], { dtype: type });
  if (arity === 1) return [list(grid)];
  if (arity === 2) return [list(as), list(bs)];
  return [
    list(
      as.map((_, i) => i % 2),
      "bool",
    ),
    list(as),
    list(bs),
  ];
}

const isFloat = (dtype: DType): boolean => dtype.startsWith("float");

/** Whether the primitive takes the type: functions with float results are given floats, and some refuse truth values. */
function takes(primitive: Elementwise, dtype: DType): boolean {
  if (primitive.elementwise.result === "float") return isFloat(dtype);
  return !(dtype === "bool" && (primitive.name === "sub" || primitive.name === "neg"));
}

/** The definition, rounded to the type of the result. */
function truth(primitive: Elementwise, xs: readonly NdArray[], out: DType): number[] {
  const { js } = primitive.elementwise;
  const [a, b, c] = xs.map((x) => Array.from(p.toTypedArray(x)));
  const exact = (i: number): number =>
    out === "int32" && (primitive.name === "mul" || primitive.name === "square")
      ? Math.imul(a![i]!, (b ?? a)![i]!)
      : js(a![i]!, b?.[i] ?? 0, c?.[i] ?? 0);
  const values = Float64Array.from(a!, (_, i) => exact(i));
  const held = (values: Float64Array): ArrayLike<number> => {
    switch (out) {
      case "float32":
        return Float32Array.from(values);
      case "float64":
        return values;
      case "int32":
        return Int32Array.from(values);
      case "int8":
        return Int8Array.from(values);
      default:
        return Uint8Array.from(values);
    }
  };
  const list = Array.from(held(values));
  return out === "bool" ? list.map((v) => Number(v !== 0)) : list;
}

const ULPS: Readonly<Record<string, number>> = {
  ...Object.fromEntries(
    "abs add sub mul div neg sign square sqrt reciprocal relu floor ceil trunc round maximum minimum equal notEqual less lessEqual greater greaterEqual logicalAnd logicalOr logicalNot isNan isFinite where mod fmod"
      .split(" ")
      .map((name) => [name, 0]),
  ),
  gelu: 12,
  geluTanh: 12,
  ndtr: 12,
  mish: 8,
};

function spacing(dtype: DType, x: number): number {
  const [bits, least] = dtype === "float32" ? [23, -126] : [52, -1022];
  const exponent = Math.max(least, Math.floor(Math.log2(Math.max(Math.abs(x), 2 ** -1074))));
  return 2 ** (exponent - bits);
}

function agrees(name: string, dtype: DType, got: number, want: number): boolean {
  if (got === want || (Number.isNaN(got) && Number.isNaN(want))) return true;
  if (!Number.isFinite(got) || !Number.isFinite(want)) return false;
  // products with a subnormal factor are as exact as that
  const least = spacing(dtype, 0) * (/^(silu|mish|gelu)/.test(name) ? 1024 : 1);
  // the exponential of a tail magnifies the rounding of its argument
  const tail =
    /^(gelu|ndtr|erfc)/.test(name) && want !== 0 ? Math.abs(Math.log(Math.abs(want))) : 0;
  const ulps = (ULPS[name] ?? 4) + tail;
  return ulps > 0 && Math.abs(got - want) <= ulps * spacing(dtype, want) + least;
}

function differences(
  { name }: Elementwise,
  xs: readonly NdArray[],
  got: NdArray,
  want: readonly number[],
  same = (g: number, w: number): boolean => agrees(name, got.dtype, g, w),
): string[] {
  const lists = xs.map((x) => p.toTypedArray(x));
  const data = p.toTypedArray(got);
  return want.flatMap((w, i) =>
    same(data[i]!, w)
      ? []
      : [`${name}(${lists.map((x) => x[i]).join(", ")}) is ${data[i]}, expected ${w}`],
  );
}

describe("the elementwise primitives on the grid", () => {
  const ops = new URL("../../src/ops/", import.meta.url);
  const defined = readdirSync(ops)
    .map((file) => readFileSync(new URL(file, ops), "utf8"))
    .flatMap((text) => [...text.matchAll(/elementwise\(\{\s*name: "(\w+)"/g)].map((m) => m[1]!));

  it("are all that the sources define", () => {
    expect(names).toEqual([...defined].sort());
    expect(names.filter((name) => elementwise.get(name)!.wasm !== undefined)).toEqual(
      Object.entries(TILE_KERNELS)
        .filter(([, module]) => module !== "trigonometric")
        .map(([name]) => name)
        .sort(),
    );
  });

  describe.each(TYPES)("of %s", (dtype) => {
    const taking = names.filter((name) => takes(elementwise.get(name)!, dtype));

    it.each(taking)("%s is the same in its loops, flat, strided and beside one number", (name) => {
      const primitive = elementwise.get(name)!;
      const xs = operands(primitive, dtype) as DenseArray[];
      const outputs = primitive.shape(xs, undefined);
      const run = (inputs: readonly DenseArray[]): NdArray =>
        primitive.evaluate(inputs, undefined, primitive.shape(inputs, undefined))[0]!;
      const want = truth(primitive, xs, outputs[0]!.dtype);
      expect(differences(primitive, xs, run(xs), want)).toEqual([]);
      const flipped = xs.map((x) => p.flip(x)) as DenseArray[];
      expect(differences(primitive, flipped, run(flipped), [...want].reverse())).toEqual([]);
      for (const v of GRID[dtype].slice(0, 9)) {
        const one = [...xs.slice(0, -1), p.full([1], v, { dtype })] as DenseArray[];
        const spread = one.map((x) => p.broadcastTo(x, xs[0]!.shape));
        if (xs.length > 1)
          expect(
            differences(primitive, spread, run(one), truth(primitive, spread, outputs[0]!.dtype)),
          ).toEqual([]);
      }
    });

    if (isFloat(dtype) && simdLevel() !== "off")
      it.each(taking.filter((name) => elementwise.get(name)!.wasm !== undefined))(
        "%s is the same in its SIMD kernel",
        (name) => {
          const primitive = elementwise.get(name)!;
          const xs = operands(primitive, dtype) as DenseArray[];
          const outputs = primitive.shape(xs, undefined);
          const got = primitive.wasm!(xs, undefined, outputs)![0]!;
          expect(differences(primitive, xs, got, truth(primitive, xs, dtype))).toEqual([]);
        },
      );

    it.each(taking)("%s is the same compiled", (name) => {
      const primitive = elementwise.get(name)!;
      const xs = operands(primitive, dtype);
      const [out] = primitive.shape(xs, undefined);
      // a second use keeps the program from being the primitive alone
      const f = (...ys: NdArray[]): NdArray[] => {
        const y = bindOne(primitive, ys, undefined);
        return [y, p.where(true, y, y)];
      };
      const want = truth(primitive, xs, out!.dtype);
      for (const got of compile(f)(...xs)) {
        expect(got.dtype).toBe(out!.dtype);
        expect(differences(primitive, xs, got, want)).toEqual([]);
      }
    });
  });
});

describe.each(["webasm", "webgpu"] as const)("device expressions on %s", (kind) => {
  const skip = kind === "webgpu" && missing !== undefined;
  let device: Device;
  beforeAll(async () => {
    if (!skip) device = kind === "webgpu" ? await webgpu({ gpu: await dawn() }) : await webasm();
  });
  afterAll(() => (skip ? undefined : device.close()));

  const cases = (["float32", "int32", "uint8", "int8", "bool"] as const).flatMap((dtype) =>
    names
      .filter((name) => takes(elementwise.get(name)!, dtype))
      .map((name) => [name, dtype] as const),
  );
  const normal = (x: number): boolean =>
    x === 0 || (Math.abs(x) >= 2 ** -126 && Math.abs(x) < 3.4028234663852886e38);

  it.skipIf(skip).each(cases)("%s of %s is the same", async (name, dtype) => {
    const primitive = elementwise.get(name)!;
    const xs = operands(primitive, dtype);
    const [out] = primitive.shape(xs, undefined);
    const got = await compile((...ys: NdArray[]) => bindOne(primitive, ys, undefined), { device })(
      ...xs,
    );
    const want = truth(primitive, xs, out!.dtype);
    const lists = xs.map((x) => p.toTypedArray(x));
    const exact = ULPS[name] === 0 ? (/^(div|reciprocal|sqrt)$/.test(name) ? 3 : 0) : 64;
    // whole numbers are exact up to 2²⁴ there; infinities, NaN, subnormals, zeros' signs and large angles are not promised
    const outside = (i: number): boolean => {
      const values = [...lists.map((x) => x[i]!), want[i]!];
      if (!values.every(normal)) return true;
      if (!isFloat(dtype))
        return (
          values.some((v) => Math.abs(v) > 2 ** 24) ||
          Math.abs(values[0]! * (values[1] ?? 1)) > 2 ** 24
        );
      if (name === "atan2" && values.some((v) => Object.is(v, -0))) return true;
      return /^(sin|cos|tan)$/.test(name) && Math.abs(values[0]!) > 1e4;
    };
    const slack = /gamma$|logAddExp/.test(name) ? 2e-6 : /^gelu|ndtr|erfc/.test(name) ? 2e-38 : 0;
    const wrong = want.flatMap((w, i) => {
      const g = p.toTypedArray(got)[i]!;
      const tail =
        /^(gelu|ndtr|erfc)/.test(name) && w !== 0 ? 2 * Math.abs(Math.log(Math.abs(w))) : 0;
      if (outside(i) || g === w) return [];
      if (Math.abs(g - w) <= slack + (exact + (exact > 0 ? tail : 0)) * spacing("float32", w))
        return [];
      return [`${name}(${lists.map((x) => x[i]).join(", ")}) is ${g}, expected ${w}`];
    });
    expect(wrong).toEqual([]);
  });
});
