/** The NumPy layer against NumPy, SciPy and PyTorch: values in both precisions, derivatives, and in compiled programs where shapes do not depend on data. */
import { existsSync, readFileSync } from "node:fs";
import * as p from "@provably/core-tensor";
import { type NdArray, asType, toTypedArray, vjp } from "@provably/core-tensor";
import { compile } from "@provably/core-tensor/compile";
import { matrixPower, polyfit } from "@provably/core-tensor/linalg";
import { describe, expect, it } from "vitest";
import { type Attrs, type Golden, decode, expectClose, fixture } from "./cases.js";

interface Case {
  readonly name: string;
  readonly group: string;
  readonly op: string;
  readonly attrs: Attrs;
  readonly inputs: Golden[];
  readonly outputs: Golden[];
  readonly tol: number;
  readonly compare?: string;
  readonly cotangents?: Golden[];
  readonly grads?: (Golden | null)[];
}
/** Names of options in the fixture; their values go to functions that check them. */
type Name =
  | "append"
  | "aweights"
  | "atol"
  | "axis"
  | "axis1"
  | "axis2"
  | "base"
  | "bins"
  | "counts"
  | "ddof"
  | "degree"
  | "density"
  | "dtype"
  | "dx"
  | "equalNan"
  | "equation"
  | "fweights"
  | "index"
  | "indexing"
  | "initial"
  | "inverse"
  | "invert"
  | "k"
  | "keepDims"
  | "left"
  | "method"
  | "minlength"
  | "mode"
  | "n"
  | "nan"
  | "negInf"
  | "num"
  | "offset"
  | "period"
  | "posInf"
  | "prepend"
  | "q"
  | "range"
  | "repeats"
  | "right"
  | "rowvar"
  | "rtol"
  | "shift"
  | "side"
  | "size"
  | "sparse"
  | "spacing"
  | "start"
  | "stop"
  | "value"
  | "x"
  | "alignCorners"
  | "endpoint";
type Options = Readonly<Record<Name, never>>;
type Op = (inputs: NdArray[], attrs: Options) => NdArray | readonly NdArray[];

const camel = (name: string): never =>
  name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()) as never;

/** Functions whose result has a shape that depends on the data, or that count on concrete arrays. */
const CONCRETE: Readonly<Record<string, Op>> = {
  histogram: ([x, weights], { bins, range, density }) => {
    const { counts, edges } = p.histogram(x!, {
      bins,
      range,
      density,
      ...(weights && { weights }),
    });
    return [counts, edges];
  },
  histogram2d: ([x, y, weights], { bins, range, density }) => {
    const h = p.histogram2d(x!, y!, { bins, range, density, ...(weights && { weights }) });
    return [h.counts, h.xEdges, h.yEdges];
  },
  bincount: ([x, weights], { minlength }) =>
    p.bincount(x!, { minLength: minlength, ...(weights && { weights }) }),
  digitize: ([x, bins], { right }) => p.digitize(x!, bins!, { right }),
  unique: ([x], { axis, index, inverse, counts }) => {
    const u = p.unique(x!, { axis });
    return [
      u.values,
      ...(index ? [u.indices] : []),
      ...(inverse ? [u.inverse] : []),
      ...(counts ? [u.counts] : []),
    ];
  },
  isin: ([x, test], { invert }) => p.isIn(x!, test!, { invert }),
  intersect1d: ([a, b]) => p.intersect1d(a!, b!),
  union1d: ([a, b]) => p.union1d(a!, b!),
  setdiff1d: ([a, b]) => p.setDiff1d(a!, b!),
  setxor1d: ([a, b]) => p.setXor1d(a!, b!),
  nonzero: ([x]) => p.nonzero(x!),
  argwhere: ([x]) => p.argwhere(x!),
  flatnonzero: ([x]) => p.flatNonzero(x!),
  mask: ([x, mask]) => p.maskedSelect(x!, mask!),
  compress: ([x, condition], { axis }) => p.compress(x!, condition!, { axis }),
};

/** Functions that also run in compiled programs. */
const TRACED: Readonly<Record<string, Op>> = {
  convolve: ([a, b], { mode }) => p.convolve(a!, b!, { mode }),
  correlate: ([a, b], { mode }) => p.correlate(a!, b!, { mode }),
  cov: (inputs, { ddof, rowvar, aweights, fweights }) =>
    p.cov(inputs.length === 1 ? inputs[0]! : p.vstack(inputs), {
      correction: ddof,
      rowvar,
      aweights,
      fweights,
    }),
  corrcoef: (inputs) => p.corrcoef(inputs.length === 1 ? inputs[0]! : p.vstack(inputs)),
  countNonzero: ([x]) => p.countNonzero(x!),
  meshgrid: (axes, attrs) => p.meshgrid(axes, attrs),
  diff: ([x], { n, axis, prepend, append }) => p.diff(x!, { n, axis, prepend, append }),
  trapezoid: ([y, x], { dx, axis, x: places }) => p.trapezoid(y!, { dx, axis, x: x ?? places }),
  cumulativeTrapezoid: ([y, x], { dx, axis, initial, x: places }) =>
    p.cumulativeTrapezoid(y!, { dx, axis, initial, x: x ?? places }),
  ediff1d: ([x]) => p.diff(p.ravel(x!)),
  gradient: ([x], { spacing }) => p.finiteDifferences(x!, { spacing }),
  interp: ([x, xp, fp], attrs) => p.interp(x!, xp!, fp!, attrs),
  logspace: (_, { start, stop, num, ...rest }) =>
    p.logspace(start, stop, num, { ...(rest as object), dtype: "float64" }),
  geomspace: (_, { start, stop, num, ...rest }) =>
    p.geomspace(start, stop, num, { ...(rest as object), dtype: "float64" }),
  nanSum: ([x], attrs) => p.nanSum(x!, attrs),
  nanMean: ([x], attrs) => p.nanMean(x!, attrs),
  nanMax: ([x], attrs) => p.nanMax(x!, attrs),
  nanMin: ([x], attrs) => p.nanMin(x!, attrs),
  nanProd: ([x], attrs) => p.nanProd(x!, attrs),
  nanStd: ([x], attrs) => p.nanStd(x!, attrs),
  nanVar: ([x], attrs) => p.nanVariance(x!, attrs),
  nanMedian: ([x], attrs) => p.nanMedian(x!, attrs),
  nanQuantile: ([x], { q, ...rest }) => p.nanQuantile(x!, q, rest),
  nanArgmax: ([x], attrs) => p.nanArgmax(x!, attrs),
  nanArgmin: ([x], attrs) => p.nanArgmin(x!, attrs),
  nanCumsum: ([x], attrs) => p.nanCumsum(x!, attrs),
  nanToNum: ([x], attrs) => p.nanToNum(x!, attrs),
  isInf: ([x]) => p.isInf(x!),
  isPosInf: ([x]) => p.isPosInf(x!),
  isNegInf: ([x]) => p.isNegInf(x!),
  isClose: ([a, b], { rtol, atol, equalNan }) =>
    p.isClose(a!, b!, { relativeTolerance: rtol, absoluteTolerance: atol, equalNan }),
  floorDivide: ([a, b]) => p.floorDivide(a!, b!),
  copysign: ([a, b]) => p.copysign(a!, b!),
  logicalXor: ([a, b]) => p.logicalXor(a!, b!),
  heaviside: ([a, b]) => p.heaviside(a!, b!),
  log2: ([x]) => p.log2(x!),
  log10: ([x]) => p.log10(x!),
  exp2: ([x]) => p.exp2(x!),
  bitwiseAnd: ([a, b]) => p.bitwiseAnd(a!, b!),
  bitwiseOr: ([a, b]) => p.bitwiseOr(a!, b!),
  bitwiseXor: ([a, b]) => p.bitwiseXor(a!, b!),
  bitwiseNot: ([x]) => p.bitwiseNot(x!),
  leftShift: ([a, b]) => p.leftShift(a!, b!),
  rightShift: ([a, b]) => p.rightShift(a!, b!),
  clip: ([x, low, high]) => p.minimum(p.maximum(x!, low!), high!),
  average: ([x, weights], { axis }) => p.average(x!, { axis, ...(weights && { weights }) }),
  ptp: ([x], attrs) => p.ptp(x!, attrs),
  partition: ([x], { k, axis }) => p.partition(x!, k, { axis }),
  argpartition: ([x], { k, axis }) => p.argPartition(x!, k, { axis }),
  lexsort: (keys) => p.lexsort(keys),
  searchSorted: ([sorted, values], attrs) => p.searchSorted(sorted!, values!, attrs),
  quantile: ([x], { q, axis, keepDims, method }) =>
    p.quantile(x!, q, { axis, keepDims, method: camel(method ?? "linear") }),
  matrixPower: ([a], { n }) => matrixPower(a!, n),
  kron: ([a, b]) => p.kron(a!, b!),
  trace: ([x], attrs) => p.trace(x!, attrs),
  cross: ([a, b]) => p.cross(a!, b!),
  inner: ([a, b]) => p.inner(a!, b!),
  vdot: ([a, b]) => p.vdot(a!, b!),
  einsum: (operands, { equation }) => p.einsum(equation, ...operands),
  swapAxes: ([x], { axis1, axis2 }) => p.swapAxes(x!, axis1, axis2),
  ravel: ([x]) => p.ravel(x!),
  hstack: (arrays) => p.hstack(arrays),
  vstack: (arrays) => p.vstack(arrays),
  dstack: (arrays) => p.dstack(arrays),
  columnStack: (arrays) => p.columnStack(arrays),
  unstack: ([x], attrs) => p.unstack(x!, attrs),
  rot90: ([x], { k }) => p.rot90(x!, k),
  roll: ([x], { shift, axis }) => p.roll(x!, shift, axis),
  repeat: ([x], { repeats }) => p.repeat(x!, repeats),
  zerosLike: ([x]) => p.zerosLike(x!),
  cbrt: ([x]) => p.cbrt(x!),
  onesLike: ([x]) => p.onesLike(x!),
  fullLike: ([x], { value }) => p.fullLike(x!, value),
  polyfit: ([x, y, weights], { degree }) =>
    polyfit(x!, y!, degree, { ...(weights && { weights }) }),
  polyval: ([coefficients, x]) => p.polyval(coefficients!, x!),
  resize: ([x], { size, method, alignCorners }) => p.resize(x!, size, { method, alignCorners }),
  cumsum: ([x], attrs) => p.cumsum(x!, attrs),
  cumprod: ([x], attrs) => p.cumprod(x!, attrs),
  logcumsumexp: ([x], attrs) => p.logCumsumExp(x!, attrs),
  cumMax: ([x], attrs) => p.cumMax(x!, attrs),
  cumMin: ([x], attrs) => p.cumMin(x!, attrs),
};

const OPS: Readonly<Record<string, Op>> = { ...CONCRETE, ...TRACED };

/** Functions that stand in other files. */
const ELSEWHERE: ReadonlySet<string> = new Set(["fft", "eig"]);

/** Options without those that are null or not there. */
const given = (attrs: Attrs): Options =>
  Object.fromEntries(
    Object.entries(attrs).flatMap(([name, value]) =>
      value === null || value === undefined ? [] : [[name, value]],
    ),
  ) as unknown as Options;

const { cases } = JSON.parse(readFileSync(fixture("numpy-layer"), "utf8")) as { cases: Case[] };
const compiled = process.env["PROVABLY_COMPILED"] !== undefined;

function run(c: Case, inputs: NdArray[]): NdArray[] {
  const op = OPS[c.op]!;
  const f = (xs: NdArray[]): NdArray[] => {
    const result = op(xs, given(c.attrs));
    return Array.isArray(result) ? [...(result as NdArray[])] : [result as NdArray];
  };
  return compiled && c.op in TRACED ? compile(f)(inputs) : f(inputs);
}

/** The full sort stands for all right answers: the k-th in place, nothing greater before, nothing smaller behind. */
function expectPartition(got: NdArray, golden: Golden, k: number, axis: number): void {
  expect(toTypedArray(p.sort(got, { axis }))).toEqual(toTypedArray(decode(golden)));
  const place = p.moveAxis(got, axis, -1);
  const rows = p.reshape(place, [-1, place.shape.at(-1)!]).toArray() as number[][];
  for (const row of rows) {
    const at = k < 0 ? row.length + k : k;
    for (const [i, v] of row.entries())
      expect(i < at ? v <= row[at]! || Number.isNaN(row[at]) : !(v < row[at]!)).toBe(true);
  }
}

function expectOutputs(c: Case, inputs: NdArray[], tolerance: number): void {
  const outputs = run(c, inputs);
  expect(outputs.length).toBe(c.outputs.length);
  const { k, axis } = c.attrs as { k: number; axis: number };
  if (c.compare === "partition") expectPartition(outputs[0]!, c.outputs[0]!, k, axis);
  else if (c.compare === "argpartition")
    expectPartition(p.takeAlongAxis(inputs[0]!, outputs[0]!, { axis }), c.outputs[0]!, k, axis);
  else
    for (const [i, golden] of c.outputs.entries()) {
      expectClose(outputs[i]!, golden, tolerance, `output ${i}`);
      if (golden.dtype !== "float64") expect(outputs[i]!.dtype).toBe(golden.dtype);
    }
}

/** In float32 the places of edges, ties and roundings move. */
const DOUBLE_ONLY: ReadonlySet<string> = new Set(
  "histogram histogram2d digitize unique isin intersect1d union1d setdiff1d setxor1d isClose floorDivide interp partition argpartition searchSorted lexsort logspace geomspace polyfit nanToNum".split(" "), // prettier-ignore
);

describe("the NumPy layer", () => {
  it("has its fixture, and a function for every name in it", () => {
    expect(existsSync(fixture("numpy-layer"))).toBe(true);
    const names = new Set(cases.filter(({ group, op }) => !ELSEWHERE.has(group) && !ELSEWHERE.has(op)).map(({ op }) => op)); // prettier-ignore
    expect([...names].filter((op) => OPS[op] === undefined)).toEqual([]);
    expect(cases.length).toBeGreaterThan(20);
  });

  const mine = cases.filter(({ op }) => OPS[op] !== undefined);
  for (const [i, c] of mine.entries()) {
    it(`${c.op} ${i} ${c.name}: value in float64`, () => {
      expectOutputs(c, c.inputs.map(decode), c.tol);
    });

    const floats = c.inputs.flatMap((g, at) => (g.dtype === "float64" ? [at] : []));
    it.runIf(floats.length > 0 && !DOUBLE_ONLY.has(c.op))(
      `${c.op} ${i} ${c.name}: value in float32`,
      () => {
        const inputs = c.inputs.map((g) =>
          g.dtype === "float64" ? asType(decode(g), "float32") : decode(g),
        );
        expectOutputs(c, inputs, c.group === "linalg" || c.group === "cov" ? 1e-3 : 2e-5);
      },
    );

    const { cotangents, grads } = c;
    if (cotangents === undefined || grads === undefined) continue;
    it(`${c.op} ${i} ${c.name}: gradients`, () => {
      const inputs = c.inputs.map(decode);
      const wanted = grads.flatMap((g, at) => (g === null ? [] : [at]));
      const op = OPS[c.op]!;
      const f = (...xs: NdArray[]): NdArray[] => {
        const all = inputs.map((x, at) => (wanted.includes(at) ? xs[wanted.indexOf(at)]! : x));
        const result = op(all, given(c.attrs));
        return Array.isArray(result) ? [...(result as NdArray[])] : [result as NdArray];
      };
      const [, pullback] = vjp(f, ...wanted.map((at) => inputs[at]!));
      const got = pullback(cotangents.map(decode));
      for (const [j, at] of wanted.entries())
        expectClose(got[j]!, grads[at]!, Math.max(c.tol, 1e-9), `gradient ${at}`);
    });
  }
});
