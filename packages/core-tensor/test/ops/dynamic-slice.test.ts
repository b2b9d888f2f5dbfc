/** Blocks at computed places: against slices whose place is written down, eager, batched, differentiated, compiled, and written in place. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as p from "@provably/core-tensor";
import { DTypeError, IndexError, type NdArray, ShapeError } from "@provably/core-tensor";
import { compile, explain, pin, scan, whileLoop } from "@provably/core-tensor/compile";
import { key, normal } from "@provably/core-tensor/random";

const ints = (values: readonly number[]): NdArray =>
  p.array(values.length > 0 ? [...values] : new Int32Array(0), { dtype: "int32" });

/** Extents of an array and of a block, and where the block begins. */
const cases = fc
  .array(
    fc.tuple(
      fc.integer({ min: 0, max: 5 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
    ),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .map((axes) => ({
    shape: axes.map(([n]) => n),
    size: axes.map(([n, a]) => Math.round(a * n)),
    start: axes.map(([n, a, b]) => Math.round(b * (n - Math.round(a * n)))),
  }));

const ends = (start: readonly number[], size: readonly number[]): number[] =>
  start.map((s, i) => s + size[i]!);

describe("dynamicSlice and dynamicUpdateSlice", () => {
  it("are slices and blocks put in place, of any type, eager and compiled on either executor", () => {
    fc.assert(
      fc.property(
        cases,
        fc.constantFrom<p.DType>("float32", "float64", "int32", "uint8", "bool"),
        fc.nat(),
        ({ shape, size, start }, dtype, seed) => {
          const x = p.asType(p.mul(normal(key(seed), shape), 5), dtype);
          const update = p.asType(p.mul(normal(key(seed + 1), size), 5), dtype);
          const want = p.slice(x, start, ends(start, size));
          // ones where the block goes
          const mask = p.pad(p.ones(size, { dtype: "bool" }), start.map((s, i) => [s, shape[i]! - s - size[i]!] as const)); // prettier-ignore
          const placed = p.pad(update, start.map((s, i) => [s, shape[i]! - s - size[i]!] as const)); // prettier-ignore
          const wanted = p.asType(p.where(mask, placed, x), dtype);
          const at = ints(start);
          const takes = (a: NdArray, s: NdArray): NdArray => p.dynamicSlice(a, s, size);
          for (const y of [
            takes(x, at),
            compile(takes)(x, at),
            compile(takes, { device: "js" })(x, at),
          ]) {
            expect([y.dtype, y.shape]).toEqual([dtype, size]);
            expect(p.toTypedArray(y)).toEqual(p.toTypedArray(want));
          }
          for (const y of [
            p.dynamicUpdateSlice,
            compile(p.dynamicUpdateSlice),
            compile(p.dynamicUpdateSlice, { device: "js" }),
          ].map((f) => f(x, update, at))) {
            expect([y.dtype, y.shape]).toEqual([dtype, shape]);
            expect(p.toTypedArray(y)).toEqual(p.toTypedArray(wanted));
          }
          // views are read as they lie
          const turned = (a: NdArray, s: NdArray): NdArray =>
            p.dynamicSlice(p.transpose(a), p.flip(s), [...size].reverse());
          expect(p.toTypedArray(compile(turned)(x, at))).toEqual(p.toTypedArray(p.transpose(want)));
        },
      ),
      { numRuns: 60, seed: 1 },
    );
  });

  it("take starts as lists, with traced entries, and negative ones from the end", () => {
    const x = p.reshape(p.arange(12), [3, 4]);
    expect(p.toNested(p.dynamicSlice(x, [-1, -2], [1, 2]))).toEqual([[10, 11]]);
    const row = compile((a: NdArray, t: NdArray) => p.dynamicSlice(a, [t, 1], [1, 2]));
    expect(p.toNested(row(x, p.array(2, { dtype: "int32" })))).toEqual([[9, 10]]);
    expect(p.toNested(row(x, p.array(-3, { dtype: "int32" })))).toEqual([[1, 2]]);
    expect(p.item(p.dynamicSlice(7, [], []))).toBe(7);
  });

  it("give each member of a batch its own place", () => {
    const [x, u, t] = [
      normal(key(1), [5, 4, 3]),
      normal(key(2), [5, 2, 3]),
      ints([0, 2, 1, -2, -4]),
    ];
    const take = (a: NdArray, s: NdArray): NdArray => p.dynamicSlice(a, [s, 0], [2, 3]);
    const put = (a: NdArray, b: NdArray, s: NdArray): NdArray => p.dynamicUpdateSlice(a, b, [s, 0]);
    const member = (a: NdArray, i: number): NdArray => p.take(a, i);
    for (const run of [p.vmap(take), compile(p.vmap(take))])
      for (let i = 0; i < 5; i++)
        expect(p.toNested(member(run(x, t), i))).toEqual(
          p.toNested(take(member(x, i), member(t, i))),
        );
    for (const run of [p.vmap(put), compile(p.vmap(put))])
      for (let i = 0; i < 5; i++)
        expect(p.toNested(member(run(x, u, t), i))).toEqual(
          p.toNested(put(member(x, i), member(u, i), member(t, i))),
        );
    // one array for all members, and one place for all
    const shared = p.vmap(take, { inAxes: [null, 0] })(member(x, 0), t);
    for (let i = 0; i < 5; i++)
      expect(p.toNested(member(shared, i))).toEqual(p.toNested(take(member(x, 0), member(t, i))));
    expect(() => p.vmap(take)(x, ints([0, 1, 2, 3, 0]))).toThrow(IndexError);
  });

  it("name what is wrong", () => {
    const x = p.ones([3, 4]);
    expect(() => p.dynamicSlice(x, [2, 0], [2, 1])).toThrow(
      /dynamicSlice: a block of 2 from 2 on is out of range for axis 0 of extent 3/,
    );
    expect(() => p.dynamicUpdateSlice(x, p.ones([1, 1]), [0, -5])).toThrow(IndexError);
    expect(() => p.dynamicSlice(x, [1], [1, 1])).toThrow(ShapeError);
    expect(() => p.dynamicSlice(x, [0, 0], [1])).toThrow(ShapeError);
    expect(() => p.dynamicSlice(x, [0, 0], [1, -1])).toThrow(ShapeError);
    expect(() => p.dynamicSlice(x, [0.5, 0], [1, 1])).toThrow(DTypeError);
    expect(() => p.dynamicSlice(x, p.array([0, 0]), [1, 1])).toThrow(DTypeError);
    expect(() => p.dynamicUpdateSlice(x, p.ones([4, 1]), [0, 0])).toThrow(/update must fit/);
    expect(() => p.dynamicUpdateSlice(x, p.ones([4]), [0, 0])).toThrow(ShapeError);
    const compiled = compile((a: NdArray, s: NdArray) =>
      p.dynamicUpdateSlice(a, p.zeros([1, 4]), [s, 0]),
    );
    expect(() => compiled(x, p.array(3, { dtype: "int32" }))).toThrow(IndexError);
    expect(p.toNested(p.sum(compiled(x, p.array(1, { dtype: "int32" }))))).toBe(8);
  });
});

/** Bytes of arena in the last program of a compiled function. */
const arenaBytes = (f: (...args: never[]) => unknown): number =>
  Number(/(\d+) bytes of arena/.exec(explain(f))![1]);

describe("updates in compiled programs", () => {
  const zero = p.array(0, { dtype: "int32" });
  const n = 1000;
  const bytes = 4 * n * 64;

  it("are written in place where nothing else needs the old array, and never into an argument", () => {
    const f = compile((x: NdArray, u: NdArray) =>
      p.dynamicUpdateSlice(p.dynamicUpdateSlice(p.mul(x, 2), u, [3, 0]), u, [7, 0]),
    );
    const [x, u] = [normal(key(1), [n, 64]), normal(key(2), [2, 64])];
    const before = p.toTypedArray(x).slice();
    const want = p.dynamicUpdateSlice(p.dynamicUpdateSlice(p.mul(x, 2), u, [3, 0]), u, [7, 0]);
    expect(p.toTypedArray(f(x, u))).toEqual(p.toTypedArray(want));
    expect(p.toTypedArray(x)).toEqual(before);
    // the argument's copy, and one array for the product and both updates
    expect(arenaBytes(f)).toBeLessThan(2.1 * bytes);
  });

  it("leave the old array alone where it is needed again, or is what is written", () => {
    const f = (x: NdArray): NdArray[] => {
      const y = p.mul(x, 2);
      const z = p.dynamicUpdateSlice(y, p.slice(y, [0], [5]), [2]);
      const w = p.dynamicUpdateSlice(z, p.zeros([1]), [0]);
      return [p.add(p.sum(z), w), z, p.dynamicUpdateSlice(x, p.ones([2]), [0]), x];
    };
    // whole numbers, whose sums are exact in any order
    const x = p.arange(16);
    compile(f)(x).forEach((y, k) => expect(p.toNested(y)).toEqual(p.toNested(f(x)[k]!)));
    const resident = compile(f, { resident: true })(pin(x));
    resident.forEach((y, k) => expect(p.toNested(y)).toEqual(p.toNested(f(x)[k]!)));
  });

  it("fill a cache in a loop without copying it", () => {
    const steps = 300;
    const fill = (cache: NdArray, rows: NdArray): [readonly [NdArray, NdArray], NdArray] =>
      scan(
        ([c, t], row) => {
          const next = p.dynamicUpdateSlice(c, p.reshape(row, [1, 64]), [t, 0]);
          return [[next, p.add(t, p.array(1, { dtype: "int32" }))], p.sum(next)];
        },
        [cache, zero] as readonly [NdArray, NdArray],
        rows,
      );
    const [cache, rows] = [normal(key(4), [n, 64]), normal(key(5), [steps, 64])];
    const f = compile(fill);
    const [[got, t], sums] = f(cache, rows);
    const [[want], wantSums] = fill(cache, rows);
    expect([p.toTypedArray(got), p.item(t)]).toEqual([p.toTypedArray(want), steps]);
    expect(p.allClose(sums, wantSums, { relativeTolerance: 1e-5, absoluteTolerance: 1e-2 })).toBe(
      true,
    );
    // one cache, not two that take turns, beside the rows
    expect(arenaBytes(f)).toBeLessThan(1.2 * bytes + 4 * steps * 64);
    // a step that reads the old cache after writing it keeps two
    const reads = compile(
      (c: NdArray, rows: NdArray) =>
      scan((s: NdArray, row) => { const next = p.dynamicUpdateSlice(s, p.reshape(row, [1, 64]), [1, 0]); return [next, p.sum(p.mul(p.tanh(next), s))]; }, c, rows), // prettier-ignore
    );
    const eager = scan((s: NdArray, row) => { const next = p.dynamicUpdateSlice(s, p.reshape(row, [1, 64]), [1, 0]); return [next, p.sum(p.mul(p.tanh(next), s))]; }, cache, rows); // prettier-ignore
    expect(
      p.allClose(reads(cache, rows)[1], eager[1], {
        relativeTolerance: 1e-4,
        absoluteTolerance: 1e-2,
      }),
    ).toBe(true);
  });

  it("are right in loops that end by a condition, nested loops, and an odd number of steps", () => {
    const one = p.array(1, { dtype: "int32" });
    const count = (limit: number) => (x: NdArray) =>
      whileLoop(
        ([, t]: readonly [NdArray, NdArray]) => p.less(t, limit),
        ([c, t]) =>
          [
            p.dynamicUpdateSlice(c, p.reshape(p.add(p.sum(c), 1), [1]), [t]),
            p.add(t, one),
          ] as const,
        [x, zero] as readonly [NdArray, NdArray],
      )[0];
    const nested = (x: NdArray): NdArray =>
      scan(
        (c: NdArray, i) => [
          scan((d: NdArray, j) => [p.dynamicUpdateSlice(d, p.reshape(p.add(p.sum(p.mul(d, 0.5)), j), [1, 1]), [i, j]), null], c, p.arange(0, 3, 1, { dtype: "int32" }))[0], // prettier-ignore
          null,
        ],
        x,
        p.arange(0, 3, 1, { dtype: "int32" }),
      )[0];
    for (const limit of [0, 1, 2, 3]) {
      const x = p.array([1, 2, 3, 4]);
      expect(p.toNested(compile(count(limit))(x))).toEqual(p.toNested(count(limit)(x)));
    }
    const x = normal(key(6), [3, 3]);
    expect(p.allClose(compile(nested)(x), nested(x), { relativeTolerance: 1e-5 })).toBe(true);
    expect(
      p.allClose(compile(nested, { resident: true })(pin(x)), nested(x), {
        relativeTolerance: 1e-5,
      }),
    ).toBe(true);
  });

  it("write into donated arrays: a cache goes from call to call in one block of memory", () => {
    const step = compile(
      (c: NdArray, row: NdArray, t: NdArray) => p.dynamicUpdateSlice(c, row, [t, 0]),
      { resident: true, donate: [0] },
    );
    const first = pin(p.zeros([n, 64]));
    let cache: NdArray = first;
    const memory: number[] = [];
    for (let t = 0; t < 20; t++) {
      cache = step(cache, p.full([1, 64], t + 1), p.array(t, { dtype: "int32" }));
      memory.push(Number(/(\d+) bytes of memory/.exec(explain(step))![1]));
    }
    expect(new Set(memory.slice(1)).size).toBe(1);
    expect(() => p.item(p.sum(first))).toThrow(/donated/);
    expect(p.item(p.sum(cache))).toBe(64 * 210);
    // from one memory to the one that threads share, and on from there
    const shared = compile(
      (c: NdArray, t: NdArray) => p.dynamicUpdateSlice(c, p.full([1], 5), [t]),
      { resident: true, donate: [0], threads: 2 },
    );
    const once = shared(pin(p.zeros([3])), p.array(1, { dtype: "int32" }));
    expect(p.toNested(shared(once, p.array(2, { dtype: "int32" })))).toEqual([0, 5, 5]);
    expect(() => p.toNested(once)).toThrow(/donated/);
    // reshaped on the way, and given twice, when there must be a copy
    const flat = compile(
      (c: NdArray, u: NdArray) => p.dynamicUpdateSlice(p.reshape(c, [8]), u, [1]),
      { resident: true, donate: [0] },
    );
    expect(p.toNested(flat(pin(p.zeros([2, 4])), p.ones([1])))).toEqual([0, 1, 0, 0, 0, 0, 0, 0]);
    const twice = compile(
      (c: NdArray, d: NdArray) => [p.dynamicUpdateSlice(c, p.ones([1]), [0]), p.add(d, 0.5)],
      { resident: true, donate: [0] },
    );
    const both = pin(p.zeros([4]));
    expect(twice(both, both).map((y) => p.toNested(y))).toEqual([[1, 0, 0, 0], [0.5, 0.5, 0.5, 0.5]]); // prettier-ignore
  });

  it("use up a donated array when they fail, rather than leave half of it", () => {
    const f = compile(
      (c: NdArray, t: NdArray) => p.take(p.dynamicUpdateSlice(c, p.ones([1]), [0]), t),
      { resident: true, donate: [0] },
    );
    const g = compile(
      (c: NdArray, t: NdArray) => [p.dynamicUpdateSlice(c, p.ones([1]), [0]), p.take(c, t)],
      { resident: true, donate: [0] },
    );
    for (const h of [f, g]) {
      const c = pin(p.zeros([4]));
      expect(() => h(c, ints([9]))).toThrow(IndexError);
      let seen: unknown;
      try {
        seen = p.toNested(c);
      } catch (error) {
        seen = p.isCoreTensorError(error);
      }
      expect([true, [0, 0, 0, 0]]).toContainEqual(seen);
    }
  });
});
