import {
  FormatError,
  type NdArray,
  array,
  toNested,
  toTypedArray,
  zeros,
} from "@provably/core-tensor";
import {
  decodeNpy,
  decodeSafetensor,
  decodeSafetensors,
  safetensorsHeadSize,
  safetensorsTable,
  encodeNpy,
  encodeSafetensors,
} from "@provably/core-tensor/io";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const arrays = fc
  .record({
    shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }),
    dtype: fc.constantFrom("float32", "float64", "int32", "int8", "uint8", "bool" as const),
    seed: fc.integer(),
  })
  .map(({ shape, dtype, seed }) =>
    array(
      Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) =>
        Math.abs(seed + i) % 2 ? 1 : 0,
      ),
      { shape, dtype: dtype as "float32" },
    ),
  );

const expectSame = (a: NdArray, b: NdArray): void => {
  expect([a.shape, a.dtype]).toEqual([b.shape, b.dtype]);
  expect([...toTypedArray(a)]).toEqual([...toTypedArray(b)]);
};

describe("files come back as they went", () => {
  it("npy", () => fc.assert(fc.property(arrays, (x) => expectSame(decodeNpy(encodeNpy(x)), x))));
  it("safetensors", () =>
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string({ minLength: 1 }).filter((s) => s !== "__metadata__" && s !== "__proto__"),
          arrays,
          { maxKeys: 4 },
        ),
        fc.string(),
        (tensors, note) => {
          const back = decodeSafetensors(encodeSafetensors(tensors, { note }));
          expect(Object.keys(back.tensors).sort()).toEqual(Object.keys(tensors).sort());
          for (const [name, x] of Object.entries(tensors)) expectSame(back.tensors[name]!, x);
          expect(back.metadata["note"]).toBe(note);
        },
      ),
    ));
  it("column-major npy files are read as transposed views", () => {
    const bytes = encodeNpy(
      array([
        [1, 2, 3],
        [4, 5, 6],
      ]),
    );
    const text = Array.from(bytes, (byte) => String.fromCharCode(byte))
      .join("")
      .replace(
        "'fortran_order': False, 'shape': (2, 3)",
        "'fortran_order': True,  'shape': (3, 2)",
      );
    expect(toNested(decodeNpy(Uint8Array.from(text, (c) => c.charCodeAt(0))))).toEqual([
      [1, 4],
      [2, 5],
      [3, 6],
    ]);
  });
  it("safetensors can be read one array at a time", () => {
    const bytes = encodeSafetensors({
      a: array([1, 2]),
      b: array(Int32Array.of(-3)),
      c: zeros([0, 4]),
    });
    const size = safetensorsHeadSize(bytes.subarray(0, 8), bytes.length);
    const { entries } = safetensorsTable(bytes.subarray(0, size), bytes.length);
    const read = (name: string) =>
      toNested(decodeSafetensor(entries[name]!, bytes.subarray(...entries[name]!.range)));
    expect([read("a"), read("b"), read("c")]).toEqual([[1, 2], [-3], []]);
    expect(() => safetensorsTable(bytes.subarray(0, size - 1), bytes.length)).toThrow(FormatError);
    expect(() => decodeSafetensor(entries["a"]!, bytes.subarray(0, 4))).toThrow(
      /F32 of shape \[2\]/,
    );
  });
  it("half precision becomes float32 exactly", () => {
    const table = JSON.stringify({
      h: { dtype: "F16", shape: [4], data_offsets: [0, 8] },
      b: { dtype: "BF16", shape: [2], data_offsets: [8, 12] },
    });
    const bytes = new Uint8Array(8 + table.length + 12);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, BigInt(table.length), true);
    bytes.set(new TextEncoder().encode(table), 8);
    [0x3c00, 0xc500, 0x0001, 0x7c00, 0x3fc0, 0xff80].forEach((half, i) =>
      view.setUint16(8 + table.length + 2 * i, half, true),
    );
    const { tensors } = decodeSafetensors(bytes);
    expect(toNested(tensors["h"]!)).toEqual([1, -5, 2 ** -24, Infinity]);
    expect(toNested(tensors["b"]!)).toEqual([1.5, -Infinity]);
  });
});

describe("hostile bytes give a typed error or an array, nothing else", () => {
  const originals = [
    encodeNpy(zeros([3, 4])),
    encodeSafetensors({ w: zeros([2, 3]), b: zeros([3], { dtype: "int8" }) }, { a: "b" }),
  ];
  it.each([
    ["npy", decodeNpy, originals[0]!],
    ["safetensors", decodeSafetensors, originals[1]!],
  ] as const)("%s: five thousand mutations", (_, decode, original) => {
    let state = 1;
    const next = (n: number): number => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) % n;
    for (let round = 0; round < 5000; round++) {
      const bytes = original.slice(0, next(4) === 0 ? next(original.length) : original.length);
      for (let k = next(6); k >= 0 && bytes.length > 0; k--)
        bytes[next(Math.min(bytes.length, 200))] = next(256);
      try {
        decode(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
      }
    }
  });
  it("no range may reach beyond the file or into another array, whatever the shape promises", () => {
    const craft = (table: unknown, extra = 16): Uint8Array => {
      const text = new TextEncoder().encode(JSON.stringify(table));
      const bytes = new Uint8Array(8 + text.length + extra);
      new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
      bytes.set(text, 8);
      return bytes;
    };
    const entry = (shape: unknown, range: unknown, dtype = "F32"): object => ({
      w: { dtype, shape, data_offsets: range },
    });
    for (const table of [
      entry([1e9, 1e9], [0, 16]),
      entry([4], [0, 20]),
      entry([4], [16, 0]),
      entry([-1], [0, 4]),
      entry([4], [0, 16], "F99"),
      entry([4], [0, 16], "toString"),
      entry("4", [0, 16]),
      { ...entry([4], [0, 16]), v: { dtype: "F32", shape: [1], data_offsets: [8, 12] } },
      [],
      "x",
    ])
      expect(() => decodeSafetensors(craft(table))).toThrow(FormatError);
    expect(
      Object.getPrototypeOf(
        decodeSafetensors(
          craft({ __proto__x: { dtype: "F32", shape: [4], data_offsets: [0, 16] } }),
        ).tensors,
      ),
    ).toBe(null);
  });
});
