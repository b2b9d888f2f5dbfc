/** Files as NumPy writes them, against what NumPy reads back. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  DomainError,
  FormatError,
  type NdArray,
  array,
  toNested,
  toTypedArray,
} from "@provably/core-tensor";
import {
  decodeNpy,
  decodeNpyBigInt,
  decodeNpyComplex,
  decodeNpz,
  encodeNpy,
  encodeNpyBigInt,
  encodeNpz,
} from "@provably/core-tensor/io";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fixture } from "../golden/cases.js";

interface Expected {
  readonly dtype: string;
  readonly shape: number[];
  readonly data?: (number | string)[];
  readonly re?: (number | string)[];
  readonly im?: (number | string)[];
}
interface Entry {
  readonly file: string;
  readonly refuse: boolean;
  readonly alsoRefuse?: boolean;
  readonly expected?: Expected;
  readonly arrays?: Record<string, Expected>;
}
const folder = join(dirname(fixture("x")), "npy");
const { files } = JSON.parse(readFileSync(join(folder, "index.json"), "utf8")) as {
  files: Entry[];
};
const bytesOf = (file: string): Uint8Array => new Uint8Array(readFileSync(join(folder, file)));

function expectSame(got: NdArray, { shape, data }: Expected): void {
  expect(got.shape).toEqual(shape);
  // 64-bit integers stand in the file as text, and must be equal as integers
  const values = [...toTypedArray(got)];
  expect(values.length).toBe(data!.length);
  for (const [i, value] of values.entries()) {
    const want = data![i]!;
    if (typeof want === "string" && /^-?\d+$/.test(want)) expect(BigInt(value)).toBe(BigInt(want));
    else expect(value).toEqual(Number(want));
  }
}

describe("a file of NumPy", () => {
  it("is there in all kinds", () => expect(files.length).toBeGreaterThan(20));

  it.each(files.filter(({ file }) => file.endsWith(".npy")))(
    "has its numbers or is refused: $file",
    ({ file, refuse, alsoRefuse, expected }) => {
      const bytes = bytesOf(file);
      if (refuse) {
        expect(() => decodeNpy(bytes)).toThrow(FormatError);
        return;
      }
      if (expected!.dtype.startsWith("complex")) {
        const { re, im } = decodeNpyComplex(bytes);
        expectSame(re, { ...expected!, data: expected!.re! });
        expectSame(im, { ...expected!, data: expected!.im! });
        expect(() => decodeNpy(bytes)).toThrow(
          /decodeNpy: the elements are complex numbers; decodeNpyComplex/,
        );
        return;
      }
      if (expected!.dtype === "int64" || expected!.dtype === "uint64") {
        const { data, shape } = decodeNpyBigInt(bytes);
        expect([[...data], shape]).toEqual([expected!.data!.map(BigInt), expected!.shape]);
      }
      let got: NdArray;
      try {
        got = decodeNpy(bytes);
      } catch (error) {
        expect([alsoRefuse, error instanceof FormatError]).toEqual([true, true]);
        expect((error as Error).message).toMatch(/^decodeNpy: element \d+ of type [iu]8 is \d+/);
        return;
      }
      expectSame(got, expected!);
    },
  );

  it.each(files.filter(({ file }) => file.endsWith(".npz")))(
    "is an archive: $file",
    ({ file, refuse, arrays }) => {
      if (refuse) {
        expect(() => decodeNpz(bytesOf(file))).toThrow(FormatError);
        expect(() => decodeNpz(bytesOf(file))).toThrow(
          /decodeNpz: member "\w+": elements of type O cannot be read/,
        );
        return;
      }
      const got = decodeNpz(bytesOf(file));
      expect(Object.keys(got).sort()).toEqual(Object.keys(arrays!).sort());
      for (const [name, expected] of Object.entries(arrays!)) expectSame(got[name]!, expected);
    },
  );
});

describe("a file of ours", () => {
  it("keeps the values of every type that arrays do not have", () => {
    for (const [type, values] of [
      ["float16", [0, -0, 1.5, -65504, 2 ** -24, Infinity, NaN]],
      ["int16", [-32768, 32767]],
      ["uint16", [0, 65535]],
      ["uint32", [0, 4294967295]],
      ["int64", [-(2 ** 53), 2 ** 40]],
      ["uint64", [0, 2 ** 53]],
    ] as const) {
      const x = array(Float64Array.from(values));
      expect(toNested(decodeNpy(encodeNpy(x, { type })))).toEqual(values);
    }
    expect(() => encodeNpy([40000], { type: "int16" })).toThrow(DomainError);
    expect(() => encodeNpy([1.5], { type: "uint64" })).toThrow(
      /element 0 is 1.5, which is no uint64/,
    );
    expect(() => encodeNpy([1e6], { type: "float16" })).toThrow(/no float16/);
  });

  it("rounds to the nearest half, ties to even: no other half is nearer", () => {
    fc.assert(
      fc.property(fc.double({ min: -65504, max: 65504, noNaN: true }), (x) => {
        const half = (v: number): number =>
          decodeNpy(encodeNpy(array(Float64Array.of(v)), { type: "float16" })).get(0);
        const y = half(x);
        expect(half(y)).toBe(y);
        const step = Math.max(2 ** -24, 2 ** (Math.floor(Math.log2(Math.abs(x) || 1)) - 10));
        expect(Math.abs(y - x)).toBeLessThanOrEqual(step / 2);
      }),
    );
  });

  it("is an archive that reads back, with the same bytes for the same arrays", () => {
    for (const compressed of [false, true]) {
      const bytes = encodeNpz({ a: [[1, 2]], "b/c": array([true]) }, { compressed });
      expect(encodeNpz({ a: [[1, 2]], "b/c": array([true]) }, { compressed })).toEqual(bytes);
      const back = decodeNpz(bytes);
      expect([toNested(back["a"]!), toNested(back["b/c"]!)]).toEqual([[[1, 2]], [1]]);
    }
  });

  it("cut anywhere, or with a byte changed, is refused by name or has the shape it says", () => {
    const whole = encodeNpz(
      {
        a: [
          [1, 2],
          [3, 4],
        ],
      },
      { compressed: true },
    );
    for (let end = 0; end < whole.length; end++)
      expect(() => decodeNpz(whole.subarray(0, end))).toThrow(FormatError);
    for (let at = 0; at < whole.length; at++) {
      const damaged = whole.slice();
      damaged[at]! ^= 0x41;
      try {
        decodeNpz(damaged);
      } catch (error) {
        expect(error, `byte ${at}`).toBeInstanceOf(FormatError);
      }
    }
  });

  it("of 64-bit integers must say what it holds", () => {
    expect(() => encodeNpyBigInt({ data: [1n] as never, shape: [1] })).toThrow(
      /x.data must be a BigInt64Array/,
    );
    expect(() => encodeNpyBigInt({ data: BigInt64Array.of(1n), shape: [2] })).toThrow(
      /holds 2 elements, data has 1/,
    );
  });
});
