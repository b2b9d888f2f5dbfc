/** Layers on volumes, windows with padding and batch normalisation, against sums written out and closed forms. */
import {
  DomainError,
  type NdArray,
  ShapeError,
  allClose,
  array,
  asType,
  avgPool2d,
  avgPool3d,
  batchNorm,
  conv2d,
  conv3d,
  expandDims,
  grad,
  item,
  max,
  abs,
  maxPool2d,
  maxPool3d,
  mul,
  ones,
  squeeze,
  stack,
  sub,
  sum,
  toNested,
  toTypedArray,
  vmap,
  zeros,
} from "@provably/core-tensor";
import { compile } from "@provably/core-tensor/compile";
import { key, normal } from "@provably/core-tensor/random";
import { checkGrads } from "@provably/core-tensor/testing";
import { describe, expect, it } from "vitest";

const f64 = { dtype: "float64" } as const;
const random = (seed: string, ...shape: number[]): NdArray => normal(key(seed), shape, f64);
const far = (a: NdArray, b: NdArray): number => item(max(abs(sub(a, b))));
type Triple = readonly [number, number, number];

/** Every place of a box. */
function* places(...extents: number[]): Generator<number[]> {
  const size = extents.reduce((a, b) => a * b, 1);
  for (let i = 0; i < size; i++) {
    let rest = i;
    yield extents.map((_, axis) => {
      const inner = extents.slice(axis + 1).reduce((a, b) => a * b, 1);
      const at = Math.floor(rest / inner);
      rest %= inner;
      return at;
    });
  }
}

/** The elements of each window that are not padding, for windows over the last axes of `[N, C, …]`. */
function windows(
  x: NdArray,
  kernel: number[],
  stride: number[],
  padding: number[],
): { shape: number[]; lists: number[][] } {
  const extents = x.shape.slice(2);
  const out = extents.map(
    (n, i) => Math.floor((n + 2 * padding[i]! - kernel[i]!) / stride[i]!) + 1,
  );
  const lists = [...places(x.shape[0]!, x.shape[1]!, ...out)].map(([n, c, ...at]) =>
    [...places(...kernel)].flatMap((k) => {
      const p = at.map((a, i) => a * stride[i]! - padding[i]! + k[i]!);
      return p.every((v, i) => v >= 0 && v < extents[i]!) ? [x.get(n!, c!, ...p)] : [];
    }),
  );
  return { shape: [x.shape[0]!, x.shape[1]!, ...out], lists };
}

const cases: { x: number[]; kernel: number[]; stride?: number[]; padding: number[] }[] = [
  { x: [2, 3, 6, 7], kernel: [2, 3], padding: [0, 0] },
  { x: [1, 2, 5, 5], kernel: [3, 3], stride: [2, 2], padding: [1, 1] },
  { x: [1, 1, 4, 9], kernel: [2, 5], stride: [1, 3], padding: [1, 2] },
  { x: [1, 2, 4, 5, 6], kernel: [2, 2, 2], padding: [0, 0, 0] },
  { x: [2, 1, 5, 3, 4], kernel: [3, 2, 4], stride: [2, 1, 1], padding: [1, 1, 2] },
];

describe("pooling", () => {
  it.each(cases)(
    "of $x with windows of $kernel, padding $padding, is what the windows hold",
    ({ x: shape, kernel, stride, padding }) => {
      const x = random(`pool ${shape.join()}`, ...shape);
      const { shape: out, lists } = windows(x, kernel, stride ?? kernel, padding);
      const total = kernel.reduce((a, b) => a * b, 1);
      const options = { padding, ...(stride && { stride }) };
      const avg = (kernel.length === 2 ? avgPool2d : avgPool3d) as typeof avgPool2d;
      const greatest = (kernel.length === 2 ? maxPool2d : maxPool3d) as typeof maxPool2d;
      const side = kernel as unknown as [number, number];
      const added = lists.map((list) => list.reduce((a, b) => a + b, 0));
      const near = (got: NdArray, wanted: number[]): void => {
        expect(got.shape).toEqual(out);
        toTypedArray(got).forEach((v, i) => expect(v).toBeCloseTo(wanted[i]!, 12));
      };
      const runs: ((f: (x: NdArray) => NdArray) => NdArray)[] = [
        (f) => f(x),
        (f) => compile(f)(x),
        (f) => squeeze(vmap(f)(expandDims(x, 0)), 0),
      ];
      for (const run of runs) {
        near(
          run((y) => greatest(y, side, options)),
          lists.map((list) => Math.max(...list)),
        );
        near(
          run((y) => avg(y, side, options)),
          added.map((s) => s / total),
        );
        near(
          run((y) => avg(y, side, { ...options, countPadding: false })),
          added.map((s, i) => s / lists[i]!.length),
        );
      }
      const few = random("few", ...shape);
      checkGrads((y: NdArray) => greatest(y, side, options), [few]);
      checkGrads((y: NdArray) => avg(y, side, { ...options, countPadding: false }), [few]);
    },
  );

  it("of integers and of negative numbers does not see the padding", () => {
    const x = array([[[[-5, -3], [-4, -7]]]], { dtype: "int32" }); // prettier-ignore
    expect(toNested(maxPool2d(x, 2, { padding: 1, stride: 2 }))).toEqual([[[[-5, -3], [-4, -7]]]]); // prettier-ignore
    expect(maxPool2d(x, 2, { padding: 1 }).dtype).toBe("int32");
    expect(toNested(avgPool2d(x, 2, { padding: 1 }))).toEqual([[[[-1.25, -0.75], [-1, -1.75]]]]); // prettier-ignore
    expect(maxPool2d(asType(x, "int8"), 2, { padding: 1 }).dtype).toBe("int8");
  });

  it("refuses windows that may lie in the padding alone, and wrong sides", () => {
    const x = zeros([1, 1, 4, 4]);
    expect(() => maxPool2d(x, 2, { padding: 2 })).toThrow(
      /^maxPool2d: padding must be at most half/,
    );
    expect(() => avgPool2d(x, 7)).toThrow(ShapeError);
    expect(() => avgPool3d(x, 2)).toThrow(/^avgPool3d: x must be \[N, C, D, H, W\]/);
    expect(() => maxPool2d(x, [2, 2, 2] as never)).toThrow(DomainError);
    expect(() => maxPool2d(x, 2, { stride: 0 })).toThrow(DomainError);
    expect(() => avgPool2d(x, 2, { includePad: true } as never)).toThrow(/includePad/);
    expect(() => maxPool2d(x, 2, { countPadding: false } as never)).toThrow(/countPadding/);
  });
});

/** Seven loops. */
function conv3dByLoops(
  x: NdArray,
  w: NdArray,
  stride: Triple,
  padding: Triple,
  dilation: Triple,
  groups: number,
): NdArray {
  const [n, , ...size] = x.shape as [number, number, ...number[]];
  const [o, perGroup, ...kernel] = w.shape as [number, number, ...number[]];
  const out = size.map(
    (e, i) =>
      Math.floor((e + 2 * padding[i]! - dilation[i]! * (kernel[i]! - 1) - 1) / stride[i]!) + 1,
  );
  const data = [...places(n, o, ...out)].map(([b, f, ...at]) => {
    let total = 0;
    const first = Math.floor(f! / (o / groups)) * perGroup;
    for (const [c, ...k] of places(perGroup, ...kernel)) {
      const p = at.map((a, i) => a * stride[i]! - padding[i]! + k[i]! * dilation[i]!);
      if (p.every((v, i) => v >= 0 && v < size[i]!))
        total += x.get(b!, first + c!, ...p) * w.get(f!, c!, ...k);
    }
    return total;
  });
  return array(Float64Array.from(data), { shape: [n, o, ...out] });
}

describe("conv3d", () => {
  it.each([
    {
      x: [2, 3, 4, 5, 6],
      w: [2, 3, 2, 3, 2],
      stride: [1, 1, 1],
      padding: [0, 0, 0],
      dilation: [1, 1, 1],
      groups: 1,
    },
    {
      x: [1, 4, 5, 4, 5],
      w: [6, 2, 3, 2, 3],
      stride: [2, 1, 2],
      padding: [1, 0, 2],
      dilation: [1, 2, 1],
      groups: 2,
    },
    {
      x: [2, 3, 5, 4, 3],
      w: [3, 1, 2, 2, 2],
      stride: [1, 2, 1],
      padding: [2, 1, 1],
      dilation: [3, 1, 2],
      groups: 3,
    },
  ])("of $x with filters $w is the sum written out", ({ x: xs, w: ws, groups, ...rest }) => {
    const [x, w] = [random("cx", ...xs), random("cw", ...ws)];
    const options = {
      ...(rest as unknown as Record<"stride" | "padding" | "dilation", Triple>),
      groups,
    };
    const wanted = conv3dByLoops(x, w, options.stride, options.padding, options.dilation, groups);
    const f = (a: NdArray, b: NdArray): NdArray => conv3d(a, b, options);
    expect(far(f(x, w), wanted)).toBeLessThan(1e-12);
    expect(far(compile(f)(x, w), wanted)).toBeLessThan(1e-12);
    expect(
      far(vmap(f, { inAxes: [0, null] })(stack([x, x]), w), stack([wanted, wanted])),
    ).toBeLessThan(1e-12);
    expect(f(asType(x, "float32"), asType(w, "float32")).dtype).toBe("float32");
  });

  it("has derivatives, and a bias for each channel", () => {
    const [x, w, b] = [random("gx", 1, 2, 3, 3, 2), random("gw", 2, 2, 2, 2, 2), random("gb", 2)];
    checkGrads(
      (...[a, c, d]: NdArray[]) => conv3d(a!, c!, { padding: 1, stride: [2, 1, 1], bias: d! }),
      [x, w, b],
    );
    const shifted = toTypedArray(conv3d(x, w, { bias: b }));
    toTypedArray(conv3d(x, w)).forEach((v, i) =>
      expect(shifted[i]! - v).toBeCloseTo(b.get(Math.floor(i / 4)), 12),
    );
    // one layer deep, it is conv2d
    const [y, v] = [random("y", 2, 3, 5, 5), random("v", 4, 3, 3, 3)];
    expect(allClose(squeeze(conv3d(expandDims(y, 2), expandDims(v, 2)), 2), conv2d(y, v))).toBe(
      true,
    );
  });

  it("refuses what does not fit, under its name", () => {
    const x = zeros([1, 2, 3, 3, 3]);
    expect(() => conv3d(x, zeros([1, 3, 2, 2, 2]))).toThrow(/^conv3d: weights must have/);
    expect(() => conv3d(x, zeros([1, 2, 4, 2, 2]))).toThrow(/^conv3d: filters .* larger/);
    expect(() => conv3d(x, zeros([1, 2, 2, 2, 2]), { stride: [1, 2] as never })).toThrow(
      DomainError,
    );
    expect(() => conv3d(x, zeros([1, 2, 2, 2, 2]), { bias: [1, 2] })).toThrow(ShapeError);
    expect(() => conv3d(x, zeros([1, 2, 2, 2]))).toThrow(ShapeError);
  });
});

describe("batchNorm", () => {
  const x = mul(random("bn", 4, 3, 2, 5), 3);
  const [scale, shift] = [random("s", 3), random("t", 3)];
  const channel = (a: NdArray, c: number): number[] =>
    [...places(4, 2, 5)].map(([n, i, j]) => a.get(n!, c, i!, j!));

  it("in training has mean 0 and variance 1 in each channel, and moves the running statistics", () => {
    const before = { mean: [1, 2, 3], variance: [4, 5, 6] };
    const { y, running } = batchNorm(x, { epsilon: 0, running: before, momentum: 0.25 });
    for (let c = 0; c < 3; c++) {
      const [values, given] = [channel(y, c), channel(x, c)];
      const mean = given.reduce((a, b) => a + b) / 40;
      const squares = given.reduce((a, b) => a + (b - mean) ** 2, 0);
      expect(values.reduce((a, b) => a + b) / 40).toBeCloseTo(0, 12);
      expect(values.reduce((a, b) => a + b * b, 0) / 40).toBeCloseTo(1, 12);
      expect(running.mean.get(c)).toBeCloseTo(0.75 * before.mean[c]! + 0.25 * mean, 12);
      expect(running.variance.get(c)).toBeCloseTo(
        0.75 * before.variance[c]! + (0.25 * squares) / 39,
        12,
      );
    }
    const fresh = batchNorm(x).running;
    expect(fresh.mean.get(0)).toBeCloseTo(0.1 * (channel(x, 0).reduce((a, b) => a + b) / 40), 12);
  });

  it("in inference is an affine map of each element, which does not look at the batch", () => {
    const running = { mean: [0.5, 0, -1], variance: [4, 1, 0.25] };
    const { y, running: after } = batchNorm(x, {
      running,
      training: false,
      scale,
      shift,
      epsilon: 0.1,
    });
    for (const [n, c, i, j] of places(4, 3, 2, 5)) {
      const wanted =
        ((x.get(n!, c!, i!, j!) - running.mean[c!]!) / Math.sqrt(running.variance[c!]! + 0.1)) *
          scale.get(c!) +
        shift.get(c!);
      expect(y.get(n!, c!, i!, j!)).toBeCloseTo(wanted, 6);
    }
    expect(toNested(after.variance)).toEqual(running.variance);
  });

  it("has derivatives through the statistics, in batches and in compiled programs", () => {
    checkGrads(
      (...[a, s, t]: NdArray[]) => batchNorm(a!, { scale: s!, shift: t! }).y,
      [random("g", 3, 2, 2), random("gs", 2), random("gt", 2)],
    );
    const f = (a: NdArray): NdArray => batchNorm(a, { scale, shift }).y;
    expect(far(compile(f)(x), f(x))).toBeLessThan(1e-13);
    const two = stack([x, mul(x, 2)]);
    expect(far(vmap(f)(two), stack([f(x), f(mul(x, 2))]))).toBeLessThan(1e-13);
    // the statistics that are handed on carry no derivative
    expect(item(sum(abs(grad((a: NdArray) => sum(batchNorm(a).running.variance))(x))))).toBe(0);
  });

  it("refuses a single value in training, inference without statistics, and what does not fit", () => {
    expect(() => batchNorm(ones([1, 3]))).toThrow(/^batchNorm: training needs at least two/);
    expect(() => batchNorm(x, { training: false })).toThrow(/^batchNorm: running must be given/);
    expect(() => batchNorm(x, { running: { mean: [1, 2, 3] } as never })).toThrow(DomainError);
    expect(() => batchNorm(x, { running: { mean: [1], variance: [1] } })).toThrow(ShapeError);
    expect(() => batchNorm([1, 2])).toThrow(ShapeError);
    expect(() => batchNorm(x, { momentum: 2 })).toThrow(DomainError);
    expect(() => batchNorm(x, { eps: 1 } as never)).toThrow(/eps/);
  });
});
