/** The NumPy layer beyond its golden values: batching, derivatives, and what it refuses. */
import * as p from "@provably/core-tensor";
import {
  AxisError,
  ConcretizationError,
  DTypeError,
  DomainError,
  ShapeError,
  array,
  grad,
  toNested,
  vmap,
} from "@provably/core-tensor";
import { matrixPower, polyfit } from "@provably/core-tensor/linalg";
import { checkGrads } from "@provably/core-tensor/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const double = (values: p.ArrayInput): p.NdArray => p.asType(values, "float64");
const rows = double([
  [0.3, -1.2, 2.5, 0.7],
  [1.1, 0.4, -0.6, 3.2],
  [-2.2, 0.9, 0.1, 1.6],
]);

describe("a function of the NumPy layer", () => {
  const functions: Record<string, (x: p.NdArray) => p.NdArray> = {
    bitwiseNot: (x) => p.bitwiseNot(p.asType(x, "int32")),
    bitwiseXor: (x) => p.bitwiseXor(p.asType(x, "int32"), 5),
    convolve: (x) => p.convolve(x, [1, -2, 1]),
    correlate: (x) => p.correlate(x, [1, -2], { mode: "same" }),
    copysign: (x) => p.copysign(2, x),
    cov: (x) => p.cov(p.reshape(x, [2, 2])),
    cumMax: (x) => p.cumMax(x),
    cumulativeTrapezoid: (x) => p.cumulativeTrapezoid(x),
    diff: (x) => p.diff(x, { n: 2 }),
    exp2: p.exp2,
    floorDivide: (x) => p.floorDivide(x, 0.4),
    heaviside: (x) => p.heaviside(x, 0.5),
    interp: (x) => p.interp(x, double([-1, 0, 1, 2]), double([3, 0, 4, 1])),
    isClose: (x) => p.isClose(x, 0.4),
    kron: (x) => p.kron(x, double([1, 10])),
    log2: (x) => p.log2(p.exp2(x)),
    log10: (x) => p.log10(p.exp2(x)),
    matrixPower: (x) => matrixPower(p.reshape(x, [2, 2]), 3),
    nanMean: (x) => p.nanMean(x),
    nanQuantile: (x) => p.nanQuantile(x, [0.2, 0.7]),
    nanVariance: (x) => p.nanVariance(x),
    partition: (x) => p.partition(x, 1),
    polyfit: (x) => polyfit(double([0, 1, 2, 3]), x, 2),
    polyval: (x) => p.polyval(x, 2),
    quantile: (x) => p.quantile(x, 0.3, { method: "hazen" }),
    resize: (x) => p.resize(p.reshape(x, [1, 2, 2]), [3, 5], { method: "bicubic" }),
    trace: (x) => p.trace(p.reshape(x, [2, 2])),
    trapezoid: (x) => p.trapezoid(x, { dx: 0.5 }),
    vdot: (x) => p.vdot(x, double([1, 2, 3, 4])),
  };

  it.each(Object.entries(functions))(
    "gives to each row of a batch what it gives alone: %s",
    (_, f) => {
      // prettier-ignore
      const alone = p.stack(p.unstack(rows).map(f));
      expect(p.allClose(vmap(f)(rows), alone, { relativeTolerance: 1e-12, absoluteTolerance: 1e-12 })).toBe(true); // prettier-ignore
    },
  );

  const smooth = "convolve correlate cov cumMax cumulativeTrapezoid diff exp2 interp kron log2 log10 matrixPower nanMean nanQuantile nanVariance partition polyfit polyval quantile resize trace trapezoid vdot".split(" "); // prettier-ignore
  it.each(smooth)("has the derivative that finite differences have: %s", (name) => {
    for (const x of p.unstack(rows)) expect(() => checkGrads(functions[name]!, [x])).not.toThrow();
  });

  it("passes no derivative through NaN that it passes over", () => {
    const x = double([1, NaN, 3]);
    expect(toNested(grad((v: p.NdArray) => p.nanMean(v))(x))).toEqual([0.5, 0, 0.5]);
    expect(toNested(grad((v: p.NdArray) => p.nanMax(v))(x))).toEqual([0, 0, 1]);
    expect(toNested(grad((v: p.NdArray) => p.nanVariance(v))(x))).toEqual([-1, 0, 1]);
  });
});

describe("exact powers", () => {
  it("have whole logarithms, down to subnormal numbers", () => {
    for (let k = -1074; k < 1024; k += 7) expect(p.log2(double(2 ** k)).get()).toBe(k);
    for (let k = -22; k <= 22; k++) expect(p.log10(double(Number(`1e${k}`))).get()).toBe(k);
    expect(toNested(p.log2(double([0, -1, Infinity, NaN])))).toEqual([-Infinity, NaN, Infinity, NaN]); // prettier-ignore
    expect(grad(p.log2)(double(8)).get()).toBeCloseTo(1 / (8 * Math.LN2), 14);
  });
});

describe("floorDivide", () => {
  it("agrees with mod: a = b · floorDivide(a, b) + mod(a, b) for integers", () => {
    const whole = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
    fc.assert(
      fc.property(
        whole,
        whole.filter((b) => b !== 0 && b !== -1),
        (a, b) => {
          // prettier-ignore
          const [x, y] = [array(a, { dtype: "int32" }), array(b, { dtype: "int32" })];
          const q = p.floorDivide(x, y);
          expect([q.dtype, q.get()]).toEqual(["int32", Math.floor(a / b)]);
          expect(p.mod(x, y).get()).toBe(a - b * Math.floor(a / b));
        },
      ),
    );
  });
});

describe("cov", () => {
  it("is NaN where fewer observations are left than the correction takes away", () => {
    expect(p.item(p.cov([]))).toBeNaN();
    expect(p.item(p.cov([1]))).toBeNaN();
    expect(p.item(p.cov([1, 3], { correction: 3 }))).toBeNaN();
    expect(p.item(p.cov([1, 3], { fweights: [1, 1] }))).toBe(2);
  });
});

describe("unique and the sets", () => {
  it("agree with JavaScript's sets, whatever is in the lists", () => {
    const list = fc.array(fc.integer({ min: -4, max: 4 }), { maxLength: 12 });
    fc.assert(
      fc.property(list, list, (a, b) => {
        const [x, y] = [array(Int32Array.from(a)), array(Int32Array.from(b))];
        const sorted = (s: Iterable<number>): number[] => [...new Set(s)].sort((u, v) => u - v);
        const { values, indices, inverse, counts } = p.unique(x);
        expect(toNested(values)).toEqual(sorted(a));
        expect(toNested(p.take(values, inverse))).toEqual(a);
        expect(toNested(indices)).toEqual(sorted(a).map((v) => a.indexOf(v)));
        expect(toNested(counts)).toEqual(sorted(a).map((v) => a.filter((u) => u === v).length));
        expect(toNested(p.intersect1d(x, y))).toEqual(sorted(a.filter((v) => b.includes(v))));
        expect(toNested(p.union1d(x, y))).toEqual(sorted([...a, ...b]));
        expect(toNested(p.setDiff1d(x, y))).toEqual(sorted(a.filter((v) => !b.includes(v))));
        expect(toNested(p.isIn(x, y))).toEqual(a.map((v) => Number(b.includes(v))));
      }),
    );
  });
});

describe("resize", () => {
  it("keeps a constant picture constant, with and without antialiasing", () => {
    for (const method of ["bilinear", "bicubic"] as const)
      for (const antialias of [false, true])
        for (const size of [
          [3, 4],
          [9, 2],
          [20, 31],
        ] as [number, number][]) {
          // prettier-ignore
          const y = p.resize(p.full([1, 7, 5], 3, { dtype: "float64" }), size, { method, antialias }); // prettier-ignore
          expect(p.allClose(y, p.fullLike(y, 3), { relativeTolerance: 1e-12 })).toBe(true);
        }
  });

  it("takes the mean of blocks when antialiased to a whole fraction by the tent of that width", () => {
    const x = p.reshape(p.arange(0, 8, 1, { dtype: "float64" }), [1, 8]);
    const got = p.resize(x, [1, 4], { antialias: true });
    // the tent of half-width 2 around 0.5 has weights 1.5, 1.5, 0.5, cut at the edge
    expect(got.get(0, 0)).toBeCloseTo((1.5 * 1 + 0.5 * 2) / 3.5, 13);
    expect(got.get(0, 1)).toBeCloseTo(2.5, 13);
  });
});

describe("what cannot be done", () => {
  it.each<[string, () => unknown, new (m: string) => Error, RegExp]>([
    [
      "floats have no bits",
      () => p.bitwiseAnd([1.5], 1),
      DTypeError,
      /^bitwiseAnd: a must hold integers, got float32/,
    ],
    ["bool is turned by logicalNot", () => p.bitwiseNot([true]), DTypeError, /bitwiseNot/],
    [
      "integers by zero",
      () => p.floorDivide(array([1], { dtype: "int32" }), 0),
      DomainError,
      /b must not be 0/,
    ],
    [
      "edges in no order",
      () => p.histogram([1], { bins: [2, 1, 3] }),
      DomainError,
      /histogram: bins must grow/,
    ],
    [
      "a range of NaN",
      () => p.histogram([1, NaN]),
      DomainError,
      /x has NaN at 1, so its range must be given/,
    ],
    ["negative counts", () => p.bincount([1, -1]), DomainError, /got -1 at 1/],
    ["places in no order", () => p.interp(1, [2, 1], [0, 0]), DomainError, /interp: xp must grow/],
    ["unequal points", () => p.interp(1, [1, 2], [0]), ShapeError, /one length/],
    [
      "a long condition",
      () => p.compress([1], [1, 1]),
      ShapeError,
      /compress: condition must be a list of at most 1/,
    ],
    [
      "a mask of another shape",
      () => p.maskedSelect([1, 2], [true]),
      ShapeError,
      /maskedSelect: mask \[1\]/,
    ],
    [
      "vectors of two numbers",
      () => p.cross([1, 2], [3, 4]),
      ShapeError,
      /cross: vectors must have three/,
    ],
    [
      "the same axis twice",
      () => p.trace([[1]], { axis1: 0, axis2: 0 }),
      AxisError,
      /trace: axis1 and axis2 must differ/,
    ],
    [
      "a quantile above 1",
      () => p.quantile([1], [0.5, 2]),
      DomainError,
      /quantile: q must be in \[0, 1\], got 2/,
    ],
    [
      "an unknown definition",
      () => p.quantile([1], 0.5, { method: "hazel" as never }),
      DomainError,
      /method must be one of/,
    ],
    [
      "an empty picture",
      () => p.resize(p.zeros([0, 3]), [1, 1]),
      ShapeError,
      /resize: x must have height and width/,
    ],
    [
      "nearest with corners",
      () => p.resize([[1]], [1, 1], { method: "nearest", alignCorners: true }),
      DomainError,
      /nearest has no alignCorners/,
    ],
    ["a geometric sequence through 0", () => p.geomspace(-1, 1, 3), DomainError, /geomspace/],
    [
      "half a power",
      () => matrixPower([[1]], 0.5),
      DomainError,
      /matrixPower: n must be an integer/,
    ],
    ["a fit of nothing", () => polyfit([], [], 1), ShapeError, /polyfit/],
    [
      "dots that the result does not have",
      () => p.einsum("...i->i", [[1]]),
      DomainError,
      /einsum: the result must have \.\.\./,
    ],
    [
      "repeats of another length",
      () => p.repeat([1, 2], [1]),
      ShapeError,
      /repeat: repeats must be 2 numbers/,
    ],
    [
      "negative weights",
      () => p.cov([1, 2], { aweights: [1, -1] }),
      DomainError,
      /cov: aweights must be numbers ≥ 0/,
    ],
  ])("is refused: %s", (_, call, kind, says) => {
    // prettier-ignore
    expect(call).toThrow(kind);
    expect(call).toThrow(says);
  });

  it.each(
    Object.entries({
      unique: (x: p.NdArray) => p.unique(x).values,
      nonzero: (x: p.NdArray) => p.nonzero(x)[0]!,
      argwhere: p.argwhere,
      flatNonzero: p.flatNonzero,
      maskedSelect: (x: p.NdArray) => p.maskedSelect(x, p.greater(x, 0)),
      histogram: (x: p.NdArray) => p.histogram(x).counts,
      digitize: (x: p.NdArray) => p.digitize(x, [0, 1]),
      isIn: (x: p.NdArray) => p.isIn(x, [1]),
      union1d: (x: p.NdArray) => p.union1d(x, [1]),
    }),
  )("has a shape that depends on the data, so that tracing names the function: %s", (name, f) => {
    // prettier-ignore
    expect(() => vmap(f)(rows)).toThrow(ConcretizationError);
    expect(() => vmap(f)(rows)).toThrow(new RegExp(`^${name}: `));
  });
});
