/** Fourier transforms against NumPy, with derivatives by PyTorch. */
import { readFileSync } from "node:fs";
import { type NdArray, array, asType, toTypedArray, vjp } from "@provably/core-tensor";
import { compile } from "@provably/core-tensor/compile";
import * as f from "@provably/core-tensor/fft";
import { describe, expect, it } from "vitest";
import { type Attrs, type Golden, decode, fixture } from "./cases.js";

interface ComplexGolden {
  readonly dtype: "complex128";
  readonly shape: number[];
  readonly re: number[];
  readonly im: number[];
}
type Entry = Golden | ComplexGolden;
interface Case {
  readonly group: string;
  readonly op: string;
  readonly name: string;
  readonly attrs: Attrs;
  readonly inputs: Entry[];
  readonly outputs: Entry[];
  readonly tol: number;
  readonly cotangents?: Entry[];
  readonly grads?: (Entry | null)[];
}
const { cases } = JSON.parse(readFileSync(fixture("numpy-layer"), "utf8")) as { cases: Case[] };
const mine = cases.filter(({ group }) => group === "fft");

type Value = NdArray | f.Complex;
const isComplex = (g: Entry): g is ComplexGolden => g.dtype === "complex128";
const part = (shape: number[], data: number[]): NdArray =>
  array(Float64Array.from(data, Number), { shape });
/** The arrays of an entry: one, or the real and the imaginary part. */
const parts = (g: Entry): NdArray[] =>
  isComplex(g) ? [part(g.shape, g.re), part(g.shape, g.im)] : [decode(g)];
const joined = (g: Entry, xs: NdArray[]): Value => (isComplex(g) ? { re: xs[0]!, im: xs[1]! } : xs[0]!); // prettier-ignore
const arraysOf = (value: Value): NdArray[] => ("re" in value ? [value.re, value.im] : [value]);

function call({ op, attrs, inputs }: Case, xs: NdArray[]): NdArray[] {
  const options = Object.fromEntries(Object.entries(attrs).filter(([, value]) => value !== null));
  if (op.endsWith("freq")) {
    const { n, d } = options as { n: number; d: number };
    return [f[op as "fftfreq"](n, { spacing: d ?? 1, dtype: "float64" })];
  }
  return arraysOf(f[op as "fft"](joined(inputs[0]!, xs), options));
}

function expectSame(got: NdArray[], wanted: NdArray[], tolerance: number): void {
  expect(got.length).toBe(wanted.length);
  for (const [i, y] of got.entries()) {
    expect(y.shape).toEqual(wanted[i]!.shape);
    const want = toTypedArray(wanted[i]!);
    for (const [k, a] of toTypedArray(y).entries())
      expect(Math.abs(a - want[k]!), `part ${i}, element ${k}`).toBeLessThanOrEqual(tolerance * (1 + Math.abs(want[k]!))); // prettier-ignore
  }
}

describe("Fourier transforms", () => {
  it("have their golden values", () => expect(mine.length).toBeGreaterThan(20));

  for (const [i, c] of mine.entries()) {
    const inputs = c.inputs.flatMap(parts);
    const run = (xs: NdArray[]): NdArray[] =>
      process.env["PROVABLY_COMPILED"] === undefined
        ? call(c, xs)
        : compile((ys: NdArray[]) => call(c, ys))(xs);

    it(`${c.op} ${i} ${c.name}: value in float64`, () => {
      expectSame(run(inputs), c.outputs.flatMap(parts), c.tol);
    });

    it.runIf(inputs.length > 0)(`${c.op} ${i} ${c.name}: value in float32`, () => {
      const single = inputs.map((x) => asType(x, "float32"));
      expectSame(run(single), c.outputs.flatMap(parts), 2e-5);
    });

    const { cotangents, grads } = c;
    if (cotangents === undefined || grads === undefined || grads[0] === null) continue;
    it(`${c.op} ${i} ${c.name}: gradients`, () => {
      const [, pullback] = vjp((...xs: NdArray[]) => call(c, xs), ...inputs);
      const got = pullback(cotangents.flatMap(parts));
      expectSame(got, parts(grads[0]!), Math.max(c.tol, 1e-10));
    });
  }
});
