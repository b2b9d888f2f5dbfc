/** Eager operations that wait until somebody reads a result: the same bits as at once, the same errors, and no memory that grows. */
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import * as p from "../../src/index.js";
import type { NdArray, TypedArray } from "../../src/index.js";
import { type EagerSettings, setEager } from "../../src/eager/record.js";
import { simdLevel } from "../../src/exec/wasm/index.js";
import { bindOne, setRecorder } from "../../src/trace/bind.js";
import { record } from "../../src/eager/record.js";
import { elementwise } from "../primitives.js";

const GRID = [
  0, -0, 1, -1, 0.5, -0.5, 1.5, -2.5, 0.1, -0.7, 3, 20, -20, 88.5, -88.5, 1e-8, 1e4, 1e-30, -1e30,
  1e-40, -1e-45, 1.1754943508222875e-38, 3.4028234663852886e38, Infinity, -Infinity, NaN,
]; // prettier-ignore

const isOff = simdLevel() === "off";
const pending = (x: NdArray): boolean => (x as { isPending?: boolean }).isPending === true;

function differences(got: TypedArray, want: TypedArray): number[] {
  expect(got.length).toBe(want.length);
  return Array.from(got.keys()).filter((i) => !Object.is(got[i], want[i]));
}

/** What a computation gives where every operation runs by itself in JavaScript or in its own kernel. */
function alone<T>(f: () => T): T {
  setRecorder(undefined);
  try {
    return f();
  } finally {
    setRecorder(record);
  }
}

describe.skipIf(isOff)("eager operations on large arrays", () => {
  let before: EagerSettings;
  beforeEach(() => {
    before = setEager({ smallest: 1 });
  });
  afterEach(() => setEager(before));

  const names = [...elementwise.keys()].sort();

  it.each(["float32", "float64"] as const)(
    "have the bits of the definition for every primitive that waits, of %s",
    (dtype) => {
      const as = p.array(
        GRID.flatMap((a) => GRID.map(() => a)),
        { dtype },
      );
      const bs = p.array(
        GRID.flatMap(() => GRID),
        { dtype },
      );
      const waits: string[] = [];
      for (const name of names) {
        const primitive = elementwise.get(name)!;
        const inputs = [[as], [as, bs], [p.greater(as, bs), as, bs]][
          primitive.elementwise.arity - 1
        ]!;
        const y = bindOne(primitive, inputs, undefined);
        if (!pending(y)) continue;
        waits.push(name);
        const want = alone(() => bindOne(primitive, inputs, undefined));
        expect([name, differences(y.data, want.data)]).toEqual([name, []]);
      }
      expect(waits).toEqual(
        "abs add ceil div equal erf erfc exp expm1 floor gelu geluTanh greater greaterEqual isFinite isNan less lessEqual log log1p logicalAnd logicalNot logicalOr maximum minimum mul ndtr neg notEqual reciprocal relu round sigmoid sign silu softplus sqrt square sub tanh trunc where".split(
          " ",
        ),
      );
    },
  );

  /** Programs of elementwise operations on arrays of several shapes, in which results are read in any order. */
  it("have the bits they have one by one, in random programs whose results are read in any order", () => {
    const unary = [p.neg, p.abs, p.exp, p.tanh, p.relu, p.square, p.sigmoid, p.sqrt, p.floor];
    const binary = [p.add, p.sub, p.mul, p.div, p.maximum, p.minimum];
    const tests = [p.less, p.greaterEqual, p.equal];
    const shapes = [[3, 5], [5], [3, 1], [1, 5], [], [3, 5]];
    const program = fc.record({
      dtype: fc.constantFrom("float32" as const, "float64" as const),
      steps: fc.array(
        fc.record({
          kind: fc.nat(9),
          pick: fc.tuple(fc.nat(), fc.nat(), fc.nat()),
          f: fc.nat(),
          reads: fc.boolean(),
        }),
        { minLength: 1, maxLength: 70 },
      ),
      order: fc.infiniteStream(fc.nat()),
      seed: fc.integer(),
    });
    fc.assert(
      fc.property(program, ({ dtype, steps, order, seed }) => {
        const start = shapes.map((shape, k) => {
          const values = Array.from({ length: shape.reduce((n, m) => n * m, 1) }, (_, i) =>
            Math.sin(seed + 17 * k + i),
          );
          return p.array(values, { shape, dtype });
        });
        const run = (peeks: boolean): NdArray[] => {
          const all: NdArray[] = [...start];
          for (const { kind, pick, f, reads } of steps) {
            const [a, b, c] = pick.map((i) => all[i % all.length]!) as [NdArray, NdArray, NdArray];
            const float = (x: NdArray): NdArray => (x.dtype === "bool" ? p.where(x, a0, b0) : x);
            const [a0, b0] = [start[0]!, start[5]!];
            const y =
              kind < 4
                ? unary[f % unary.length]!(float(a))
                : kind < 8
                  ? binary[f % binary.length]!(float(a), float(b))
                  : kind === 8
                    ? tests[f % tests.length]!(float(a), float(b))
                    : p.where(c, float(a), float(b));
            if (peeks && reads) void y.data;
            all.push(y);
          }
          return all.slice(start.length);
        };
        const want = alone(() => run(false).map((y) => p.toTypedArray(y)));
        const got = run(true);
        const positions = got.map((_, i) => i);
        // every result is read, and some before others that lead to them
        for (const pick of order) {
          if (positions.length === 0) break;
          const [i] = positions.splice(pick % positions.length, 1) as [number];
          expect(differences(p.toTypedArray(got[i]!), want[i]!)).toEqual([]);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("run through chains and towers of any length", () => {
    let x = p.array([1.5, -2, 0.25]);
    let y = x;
    for (let i = 0; i < 1000; i++) x = p.add(p.mul(x, 0.5), 1);
    for (let i = 0; i < 200; i++) y = p.tanh(p.mul(y, y));
    expect(p.toNested(x)).toEqual([2, 2, 2]);
    expect(p.toNested(y)).toEqual([0, 0, 0]);
  });
});

describe.skipIf(isOff)("what waits", () => {
  const n = 20_000;
  const ones = (): Float32Array<ArrayBuffer> => new Float32Array(n).fill(1);

  it("is computed when it is read, views, text and numbers of it included", () => {
    const x = p.array(ones());
    const y = p.add(x, 1);
    expect(pending(y)).toBe(true);
    expect(y.shape).toEqual([n]);
    expect(pending(y)).toBe(true);
    expect(y.get(3)).toBe(2);
    expect(pending(y)).toBe(false);
    expect(Object.keys(p.mul(x, 2)).sort()).toEqual(Object.keys(x).sort());
    expect(structuredClone(p.mul(x, 2)).data[5]).toBe(2);
    expect(p.mul(x, 2).pick(4).toArray()).toBe(2);
    expect(String(p.mul(x, 2))).toBe(String(p.full([n], 2)));
  });

  it("has its errors when it is called", () => {
    const x = p.array(ones());
    expect(() => p.add(x, p.zeros([n - 1]))).toThrow(p.ShapeError);
    expect(() => p.sub(p.greater(x, 0), p.greater(x, 1))).toThrow(p.DTypeError);
  });

  it("never waits on storage of the user's, which may be written to at any time", () => {
    const data = ones();
    const lent: unknown[] = [
      data,
      p.array(data, { copy: false }),
      p.array(data, { copy: false, shape: [2, n / 2] }),
      { data, shape: [n], stride: [1], offset: 0 },
      p.reshape(data as unknown as NdArray, [2, n / 2]),
    ];
    for (const input of lent) {
      const y = p.add(input as NdArray, 1);
      const z = p.add(p.mul(p.full(y.shape, 2), 3), input as NdArray);
      data.fill(50);
      expect([y.data[7], z.data[7]]).toEqual([2, 7]);
      data.fill(1);
    }
    const part = new Float32Array(2 * n).fill(1);
    const y = p.exp(p.array(part.subarray(0, n), { copy: false }));
    part.fill(0);
    expect(y.data[0]).toBeCloseTo(Math.E, 6);
  });

  it("has its value though an operand was transferred away before it was read", () => {
    const x = p.array(ones());
    const y = p.square(x);
    structuredClone(x.data.buffer, { transfer: [x.data.buffer as ArrayBuffer] });
    expect(y.data[n - 1]).toBe(1);
    const between = p.neg(p.full([n], 1));
    const after = p.exp(between);
    structuredClone(between.data.buffer, { transfer: [between.data.buffer as ArrayBuffer] });
    expect(after.data[0]).toBeCloseTo(1 / Math.E, 6);
    expect(() => p.exp(between).data).toThrow(/^exp: an array has no storage any more/);
    expect(() => p.square(x)).toThrow(/^square: an array has no storage any more/);
  });

  it("is one with what hangs on the same intermediate results", () => {
    const x = p.array(ones());
    const middle = p.exp(x);
    const [a, b, apart] = [p.add(middle, 1), p.mul(middle, 2), p.add(x, 3)];
    void a.data;
    expect([pending(a), pending(b), pending(middle), pending(apart)]).toEqual([
      false,
      false,
      true,
      true,
    ]);
    expect(middle.data[0]).toBe(Math.fround(Math.E));
  });

  it("is kept from the second time on where it is needed again", () => {
    const step = (x: NdArray): boolean => {
      const middle = p.exp(x);
      void p.add(middle, 1).data;
      const kept = !pending(middle);
      void p.mul(middle, 2).data;
      return kept;
    };
    const x = p.array(ones());
    expect([step(x), step(x), step(x)]).toEqual([false, true, true]);
  });

  it("is computed one by one where a policy forbids compiling modules", () => {
    const spy = vi.spyOn(WebAssembly, "Module").mockImplementation(function () {
      throw new WebAssembly.CompileError("blocked by policy");
    });
    try {
      // a structure that no other test has
      const x = p.array(ones());
      const y = p.sub(p.div(p.square(x), 4), p.where(p.less(x, 2), x, 0));
      const z = p.abs(y);
      expect([z.get(3), y.get(3)]).toEqual([0.75, -0.75]);
    } finally {
      spy.mockRestore();
    }
  });

  it("takes a bounded memory when nobody reads it, and when everybody does", () => {
    const size = 2 ** 18;
    const x = p.array(new Float32Array(size).fill(1));
    const grown = (run: () => void): number => {
      const before = process.memoryUsage().arrayBuffers;
      let most = 0;
      for (let i = 0; i < 250; i++) {
        run();
        most = Math.max(most, process.memoryUsage().arrayBuffers - before);
      }
      return most / 2 ** 20;
    };
    const unread = grown(() => void p.mul(p.add(x, 1), 2));
    const read = grown(() => void p.mul(p.add(x, 1), 2).data);
    let y = x;
    const state = grown(() => (y = p.add(p.mul(y, 0.5), 1)));
    const gradient = grown(() => void p.grad((t: NdArray) => p.sum(p.tanh(p.mul(t, t))))(x).data);
    // 1 MB each: all of them would be 250 or more; the engine collects when it likes
    for (const most of [unread, read, state, gradient]) expect(most).toBeLessThan(160);
    expect(y.data[0]).toBe(2);
  });

  it("takes the memory of its last result only, in a chain", () => {
    const size = 2 ** 20;
    const [a, b] = [p.array(new Float32Array(size).fill(0.5)), p.array(new Float32Array(size))];
    const chain = (): TypedArray =>
      p.mul(p.tanh(p.add(p.mul(a, b), 1)), p.exp(p.neg(p.square(a)))).data;
    for (let i = 0; i < 3; i++) chain();
    const faults = Array.from({ length: 10 }, () => {
      const before = process.resourceUsage().minorPageFault;
      chain();
      return process.resourceUsage().minorPageFault - before;
    });
    expect(Math.min(...faults)).toBeLessThanOrEqual((1.1 * 4 * size) / 4096);
  });
});
