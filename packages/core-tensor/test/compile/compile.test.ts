import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as p from "@provably/core-tensor";
import {
  type NdArray,
  DomainError,
  TracerLeakError,
  add,
  array,
  div,
  exp,
  grad,
  item,
  log,
  matmul,
  mul,
  ones,
  reshape,
  sin,
  softmax,
  square,
  sub,
  sum,
  toNested,
  transpose,
  vmap,
} from "@provably/core-tensor";
import { compile, explain, free, pin } from "@provably/core-tensor/compile";
import { key, normal } from "@provably/core-tensor/random";
import { assignOffsets } from "../../src/compile/wasm/plan/arena.js";

/** The calls of the only program of a compiled function. */
const calls = (compiled: (...args: never[]) => unknown): string[] =>
  explain(compiled)
    .split("\n")
    .filter((line) => line.startsWith("  ") && !line.includes("%"))
    .map((line) => line.trim());

describe("compile", () => {
  it("traces once for each kind of arguments", () => {
    let traces = 0;
    const f = compile((x: NdArray, options: { readonly scale: number; readonly name?: string }) => {
      traces++;
      return mul(x, options.scale);
    });
    f(ones([3]), { scale: 2 });
    f(array([4, 5, 6]), { scale: 2 });
    expect(traces).toBe(1);
    expect(toNested(f(array([4, 5, 6]), { scale: 3 }))).toEqual([12, 15, 18]);
    f(ones([4]), { scale: 2 });
    f(ones([3], { dtype: "float64" }), { scale: 2 });
    f(ones([3]), { scale: 2, name: "another structure" });
    expect(traces).toBe(5);
  });

  it("forgets the kind that was unused for longest", () => {
    let traces = 0;
    const f = compile(
      (x: NdArray) => {
        traces++;
        return add(x, 1);
      },
      { cacheSize: 2 },
    );
    for (const n of [1, 2, 1, 3, 1]) f(ones([n]));
    expect(traces).toBe(3);
    f(ones([2]));
    expect(traces).toBe(4);
  });

  it("takes numbers, foreign ndarrays and views as the function does", () => {
    const f = compile((x: NdArray, n: number) => mul(x, n));
    const foreign = { data: Float32Array.of(1, 2, 3, 4), shape: [2, 2], stride: [1, 2], offset: 0 };
    expect(toNested(f(foreign as unknown as NdArray, 10))).toEqual([
      [10, 30],
      [20, 40],
    ]);
    expect(toNested(f(array([1, 2, 3, 4]).step(-2), 1))).toEqual([4, 2]);
  });

  it("hands through arguments and constants", () => {
    const constant = array([7]);
    const f = compile((x: NdArray) => ({ x, constant, twice: [x, x], text: "kept" }));
    const y = f(array([1, 2]));
    expect([toNested(y.x), toNested(y.constant), toNested(y.twice[1]!), y.text]).toEqual([
      [1, 2],
      [7],
      [1, 2],
      "kept",
    ]);
  });

  it("is seen through by transforms around it, and works inside others", () => {
    const cube = compile((x: NdArray) => mul(x, square(x)));
    expect(item(grad(cube)(array(2)))).toBe(12);
    expect(item(grad(grad(cube))(array(2)))).toBe(12);
    expect(toNested(vmap(cube)(array([1, 2])))).toEqual([1, 8]);
    expect(item(compile(grad((x: NdArray) => cube(cube(x))))(array(1)))).toBe(9);
    // the array of a transform around it, used without being an argument
    expect(item(grad((x: NdArray) => compile((y: NdArray) => mul(x, y))(array(5)))(array(2)))).toBe(
      5,
    );
  });

  it("does equal work once, and work nobody needs not at all", () => {
    const f = compile((x: NdArray) => {
      exp(matmul(x, x));
      return add(matmul(x, x), matmul(x, x));
    });
    f(ones([8, 8]));
    expect(calls(f)).toEqual(["matmul 8x8x8", "add"]);
  });

  it("fuses elementwise work with the sum that ends it, and moves no element for a view", () => {
    const f = compile((x: NdArray, b: NdArray) =>
      sum(square(sub(mul(transpose(reshape(x, [4, 6])), 3), b)), { axis: 1 }),
    );
    f(ones([24]), ones([4]));
    expect(calls(f)).toEqual(["mul sub square sum"]);
  });

  it("says why something runs in JavaScript", () => {
    const f = compile((x: NdArray) => p.tan(x));
    f(ones([3]));
    expect(explain(f)).toMatch(/tan \[in JavaScript: no SIMD kernel yet\]/);
    expect(explain(compile(sin))).toMatch(/not called/);
    expect(() => explain(sin)).toThrow(DomainError);
  });

  it("names the operation that makes NaN of numbers", () => {
    const f = compile((x: NdArray) => sum(log(sub(x, 1))), { debugNans: true });
    expect(item(f(array([2, 3])))).toBeCloseTo(Math.log(2), 6);
    expect(() => f(array([2, 0]))).toThrow(/log makes NaN of numbers, first at element 1/);
    expect(() => compile((x: NdArray) => div(x, x), { debugNans: true })(array([0]))).toThrow(
      DomainError,
    );
  });

  it("refuses options that make no sense, and arrays that outlived their trace", () => {
    expect(() => compile(exp, { device: "abacus" as "js" })).toThrow(/device/);
    for (const name of ["webgpu", "webasm", "auto"])
      expect(() => compile(exp, { device: name as "js" })).toThrow(
        `pass { device: await deviceNamed("${name}") }`,
      );
    expect(() => compile(exp, { device: null as unknown as "js" })).toThrow(/device must be/);
    for (const device of [{}, { program: 1 }, 7, Symbol("gpu")])
      expect(() => compile(exp, { device: device as unknown as "js" })).toThrow(/device must be/);
    for (const k of [-1, 0.5, "0"])
      expect(() => compile(exp, { donate: [k as number] })).toThrow(
        /donate\[0\] must be an integer ≥ 0/,
      );
    expect(() => compile(exp, { cacheSize: 0 })).toThrow(/cacheSize/);
    let leaked: NdArray | undefined;
    compile((x: NdArray) => (leaked = add(x, 1)))(ones([1]));
    expect(() => add(leaked!, 1)).toThrow(TracerLeakError);
  });

  it("runs whatever has no kernel on views of its memory", () => {
    const f = (x: NdArray): NdArray[] => [
      p.sort(x),
      p.cumsum(x),
      p.argmax(x),
      p.take(x, array([3, -1], { dtype: "int32" })),
      p.topK(x, 2).values,
    ];
    const x = normal(key(3), [40]);
    compile(f)(x).forEach((y, k) => {
      expect(toNested(y)).toEqual(toNested(f(x)[k]!));
    });
  });
});

describe("pin", () => {
  it("makes arrays like any other, until they are freed", () => {
    const x = pin(array([[1, 2], [3, 4]])); // prettier-ignore
    expect(toNested(transpose(x))).toEqual([
      [1, 3],
      [2, 4],
    ]);
    expect(toNested(compile(matmul)(x, x))).toEqual([
      [7, 10],
      [15, 22],
    ]);
    const another = pin(ones([2]));
    free({ another });
    expect(() => toNested(another)).toThrow(DomainError);
    expect(() => compile(exp)(another)).toThrow(/freed/);
    free(another);
  });

  it("keeps results where they are when asked to", () => {
    const step = compile((w: NdArray, x: NdArray) => [add(w, x), w, softmax(x)] as const, {
      resident: true,
      donate: [0],
    });
    const [sumOf, same, weights] = step(pin(ones([4])), array([1, 2, 3, 4]));
    expect(toNested(sumOf)).toEqual([2, 3, 4, 5]);
    expect(toNested(same)).toEqual([1, 1, 1, 1]);
    expect(p.allClose(sum(weights), 1)).toBe(true);
  });
});

describe("the plan", () => {
  it("lets no two buffers of one time overlap, and wastes little", () => {
    const lifetime = fc.record({ bytes: fc.nat(1000), first: fc.nat(30), length: fc.nat(10) });
    fc.assert(
      fc.property(fc.array(lifetime, { maxLength: 60 }), (list) => {
        const lifetimes = list.map(({ bytes, first, length }) => ({
          bytes,
          first,
          last: first + length,
        }));
        const { offsets, total } = assignOffsets(lifetimes);
        lifetimes.forEach((a, i) => {
          expect(offsets[i]! + a.bytes).toBeLessThanOrEqual(total);
          lifetimes.forEach((b, j) => {
            if (i >= j || a.last < b.first || b.last < a.first || a.bytes === 0 || b.bytes === 0)
              return;
            expect(
              offsets[i]! + a.bytes <= offsets[j]! || offsets[j]! + b.bytes <= offsets[i]!,
            ).toBe(true);
          });
        });
        const alive = Array.from({ length: 41 }, (_, t) =>
          lifetimes.filter((x) => x.first <= t && t <= x.last).reduce((s, x) => s + x.bytes, 0),
        );
        expect(total).toBeLessThanOrEqual(2 * Math.max(0, ...alive));
      }),
      { seed: 1, numRuns: 200 },
    );
  });
});
