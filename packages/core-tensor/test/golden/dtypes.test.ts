/** Types of results of bool and integers: promotion, wrapping, refusals. Exact for integers and bool. */
import * as p from "@provably/core-tensor";
import { CoreTensorError, type DType, type NdArray } from "@provably/core-tensor";
import { compile } from "@provably/core-tensor/compile";
import { describe, expect, it } from "vitest";
import { type Attrs, type Golden, decode, fixture, readCases } from "./cases.js";

interface Case {
  readonly name: string;
  readonly op: string;
  readonly inputs: Golden[];
  readonly attrs: Attrs;
  readonly accept: Golden[];
  readonly refuse: boolean;
}
type Op = (inputs: NdArray[], attrs: Attrs) => NdArray;

const cases = readCases<Case>(fixture("dtypes"));

/** Functions whose arguments are not arrays followed by an options object. */
const OPS: Readonly<Record<string, Op>> = {
  asType: ([x], { dtype }) => p.asType(x!, dtype as DType),
  clip: ([x], { min, max }) => p.clip(x!, min as number, max as number),
  concat: (xs) => p.concat(xs),
  full: (_, { shape, value, dtype }) =>
    p.full(shape as number[], value as number, { dtype: dtype as DType }),
  pad: ([x], { pads, value }) => p.pad(x!, pads as [number, number][], value as number),
  roll: ([x], { shift }) => p.roll(x!, shift as number, 0),
  scatterAdd: ([x, indices, updates]) => p.scatterAdd(x!, indices!, updates!),
  tile: ([x], { reps }) => p.tile(x!, reps as number[]),
};
const named = p as unknown as Readonly<Record<string, (...args: unknown[]) => NdArray>>;

function run({ op, attrs }: Case, inputs: NdArray[]): NdArray {
  const own = OPS[op];
  if (own) return own(inputs, attrs);
  return Object.keys(attrs).length > 0 ? named[op]!(...inputs, attrs) : named[op]!(...inputs);
}

/** Whether `got` is the golden array: floats at 2e-6 relative, all else exactly. */
function equals(got: NdArray, golden: Golden): boolean {
  if (got.dtype !== golden.dtype || got.shape.join() !== golden.shape.join()) return false;
  const data = p.toTypedArray(got);
  return golden.data.every((value, i) => {
    const [a, b] = [data[i]!, Number(value)];
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return true;
    return (
      golden.dtype.startsWith("float") &&
      Number.isFinite(a) &&
      Math.abs(a - b) <= 2e-6 * Math.abs(b)
    );
  });
}

describe("types of results", () => {
  it.each(cases.map((c) => [c.name, c] as const))("%s", (_, c) => {
    const compiled = process.env["PROVABLY_COMPILED"] !== undefined && c.inputs.length > 0;
    let got: NdArray;
    try {
      const inputs = c.inputs.map(decode);
      got = compiled ? compile((xs: NdArray[]) => run(c, xs))(inputs) : run(c, inputs);
    } catch (error) {
      if (!(error instanceof CoreTensorError)) throw error;
      expect(c.refuse, error.message).toBe(true);
      return;
    }
    if (got.dtype === "bool")
      expect([...p.toTypedArray(got)].filter((v) => v !== 0 && v !== 1)).toEqual([]);
    if (!c.accept.some((golden) => equals(got, golden)))
      expect.fail(
        `${got.dtype} [${[...p.toTypedArray(got)].join(", ")}], expected ${c.accept.map((g) => `${g.dtype} [${g.data.join(", ")}]`).join(" or ")}`,
      );
  });
});
