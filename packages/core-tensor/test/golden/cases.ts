/** Runs the golden cases of one family: forward in float64 and float32, reverse and forward derivatives, at the tolerances of the fixtures' README. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type DType,
  type NdArray,
  type NdArrayLike,
  array,
  asType,
  jvp,
  toTypedArray,
  vjp,
} from "@provably/core-tensor";
import { compile } from "@provably/core-tensor/compile";
import { type Device, webasm, webgpu } from "@provably/core-tensor/gpu";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { setEager } from "../../src/eager/record.js";
import { dawn, missing } from "../gpu/dawn.js";

// with `PROVABLY_RECORDED` eager operations wait on small arrays too
if (process.env["PROVABLY_RECORDED"] !== undefined) setEager({ smallest: 1 });

type Num = number | "NaN" | "Infinity" | "-Infinity";
export interface Golden {
  readonly dtype: DType;
  readonly shape: number[];
  readonly data: Num[];
  readonly stride?: number[];
  readonly offset?: number;
}
export type Attrs = Readonly<Record<string, unknown>>;
export interface Case {
  readonly name: string;
  readonly op: string;
  readonly attrs: Attrs;
  readonly inputs: Golden[];
  readonly outputs: Golden[];
  readonly cotangents?: Golden[];
  readonly grads?: Golden[];
  readonly tangents?: Golden[];
  readonly jvp?: Golden[];
}
export type Op = (inputs: NdArray[], attrs: Attrs) => NdArray | readonly NdArray[];

export interface Tolerances {
  /** float64 forward. */
  readonly forward: number;
  /** float64 derivatives; default that of forward. */
  readonly derivative?: number;
  /** float32 forward; default 2e-5. */
  readonly float32?: number;
  /** Overrides of `forward` and `derivative` for single ops. */
  readonly ops?: Readonly<Record<string, number>>;
  /** Overrides of `derivative` alone. */
  readonly derivatives?: Readonly<Record<string, number>>;
}

const folder =
  process.env["PROVABLY_FIXTURES"] ?? fileURLToPath(new URL("../fixtures", import.meta.url));

export function fixture(name: string): string {
  return join(folder, "core-tensor", `${name}.json`);
}

/** Functions that the fixtures spell otherwise. */
const SPELLING: Readonly<Record<string, string>> = {
  astype: "asType",
  logaddexp: "logAddExp",
  logcumsumexp: "logCumsumExp",
  logsumexp: "logSumExp",
};

/** What the fixtures' function is called here. */
export const nameHere = (op: string): string => SPELLING[op] ?? op;

/** The cases of a fixture, with the names that functions have here. */
export function readCases<C extends { readonly op: string }>(file: string): C[] {
  const { cases } = JSON.parse(readFileSync(file, "utf8")) as { cases: C[] };
  return cases.map((c) => ({ ...c, op: nameHere(c.op) }));
}

const STORAGE = {
  float64: Float64Array,
  float32: Float32Array,
  int32: Int32Array,
  uint8: Uint8Array,
  int8: Int8Array,
  bool: Uint8Array,
};

/** The array a golden entry describes, as a strided view where it is one. */
export function decode(golden: Golden): NdArray {
  const data = STORAGE[golden.dtype].from(golden.data.map(Number));
  if (golden.stride === undefined) return array(data, { shape: golden.shape, dtype: golden.dtype });
  const like: NdArrayLike = {
    data,
    shape: golden.shape,
    stride: golden.stride,
    offset: golden.offset ?? 0,
    dtype: golden.dtype,
  };
  return array(like);
}

export function expectClose(
  actual: NdArray,
  golden: Golden,
  tolerance: number,
  what: string,
): void {
  expect(actual.shape, `${what}: shape`).toEqual(golden.shape);
  const got = toTypedArray(actual);
  golden.data.forEach((value, i) => {
    const [a, b] = [got[i]!, Number(value)];
    const close =
      Object.is(a, b) ||
      (Number.isFinite(b) ? Math.abs(a - b) <= tolerance * (1 + Math.abs(b)) : a === b);
    if (!close)
      expect.fail(`${what}: element ${i} is ${a}, expected ${b} (tolerance ${tolerance})`);
  });
}

const FLOAT32_MAX = 3.4e38;

/** Whether the case can be asked of float32 at all: not when a number leaves its range. */
function fitsFloat32({ inputs, outputs }: Case): boolean {
  return [...inputs, ...outputs].every((g) =>
    g.data.every((v) => {
      const a = Math.abs(Number(v));
      return !Number.isFinite(a) || a === 0 || (a < FLOAT32_MAX && a > 1e-37);
    }),
  );
}

/** Largest difference on a device, where all is float32 and functions are approximated. */
const DEVICE_TOLERANCE = 1e-4;

/** Like {@link expectClose} for elements that are finite: NaN and infinities are not reliable in shaders. */
function expectCloseOnDevice(actual: NdArray, golden: Golden, what: string): void {
  expect(actual.shape, `${what}: shape`).toEqual(golden.shape);
  const got = toTypedArray(actual);
  golden.data.forEach((value, i) => {
    const [a, b] = [got[i]!, Number(value)];
    if (Number.isFinite(b) && !(Math.abs(a - b) <= DEVICE_TOLERANCE * (1 + Math.abs(b))))
      expect.fail(`${what}: element ${i} is ${a}, expected ${b}`);
  });
}

/** The values and gradients of the same cases, computed in float32 by a compiled program on a device. */
function goldenOnDevice(family: string, ops: Readonly<Record<string, Op>>, kind: string): void {
  const file = fixture(family);
  const skip = !existsSync(file) || (kind === "webgpu" && missing !== undefined);
  const cases = skip && !existsSync(file) ? [] : readCases<Case>(file);
  describe.skipIf(skip)(`golden ${family} on ${kind}`, () => {
    let device: Device;
    beforeAll(async () => {
      device = kind === "webgpu" ? await webgpu({ gpu: await dawn() }) : await webasm();
    });
    afterAll(() => device.close());
    const finite = (c: Case): boolean =>
      c.inputs.every((g) => g.data.every((v) => Number.isFinite(Number(v))));
    for (const c of cases.filter((x) => fitsFloat32(x) && finite(x))) {
      const op = (inputs: NdArray[]): NdArray[] => {
        const result = ops[c.op]!(inputs, c.attrs);
        return Array.isArray(result) ? [...(result as NdArray[])] : [result as NdArray];
      };
      const single = (g: Golden): NdArray =>
        g.dtype === "float64" ? asType(decode(g), "float32") : decode(g);

      it(`${c.op} ${c.name}: value`, async () => {
        const outputs = await compile(op, { device })(c.inputs.map(single));
        c.outputs.forEach((g, i) => expectCloseOnDevice(outputs[i]!, g, `output ${i}`));
      });
      const { cotangents, grads } = c;
      if (cotangents === undefined || grads === undefined) continue;
      it(`${c.op} ${c.name}: gradients`, async () => {
        const floats = c.inputs.flatMap((g, i) => (g.dtype === "float64" ? [i] : []));
        const pull = (inputs: NdArray[], cts: NdArray[]): NdArray[] => {
          const kept = (outputs: NdArray[]): NdArray[] =>
            cts.length === outputs.length
              ? outputs
              : outputs.filter((y) => y.dtype === "float32").slice(-cts.length);
          const [, pullback] = vjp(
            (...xs: NdArray[]) =>
              kept(op(inputs.map((x, i) => (floats.includes(i) ? xs[floats.indexOf(i)]! : x)))),
            ...floats.map((i) => inputs[i]!),
          );
          return pullback(cts);
        };
        const got = await compile(pull, { device })(c.inputs.map(single), cotangents.map(single));
        grads.forEach((g, i) => expectCloseOnDevice(got[i]!, g, `gradient ${i}`));
      });
    }
  });
}

/** Scales its argument by a number of halvings that depends on its elements. */
const NOT_TRACEABLE: ReadonlySet<string> = new Set(["matrixExp"]);

/** With `PROVABLY_COMPILED` functions run as compiled programs, at the tolerances they have by themselves. */
function through<Args extends NdArray[][]>(
  { op }: Case,
  f: (...args: Args) => NdArray[],
): (...args: Args) => NdArray[] {
  return process.env["PROVABLY_COMPILED"] === undefined || NOT_TRACEABLE.has(op) ? f : compile(f);
}

export function golden(
  family: string,
  ops: Readonly<Record<string, Op>>,
  tolerances: Tolerances,
): void {
  if (process.env["PROVABLY_DEVICE"] !== undefined) {
    goldenOnDevice(family, ops, process.env["PROVABLY_DEVICE"]);
    return;
  }
  const file = fixture(family);
  const missing = !existsSync(file);
  const cases = missing ? [] : readCases<Case>(file);
  describe.skipIf(missing)(`golden ${family}`, () => {
    if (missing) it("has no fixture file here", () => undefined);
    for (const c of cases) {
      const forward = tolerances.ops?.[c.op] ?? tolerances.forward;
      const derivative =
        tolerances.derivatives?.[c.op] ?? Math.max(forward, tolerances.derivative ?? 0);
      const op = (inputs: NdArray[]): NdArray[] => {
        const run = ops[c.op];
        if (run === undefined) throw new Error(`no function is named for the golden op ${c.op}`);
        const result = run(inputs, c.attrs);
        return Array.isArray(result) ? [...(result as NdArray[])] : [result as NdArray];
      };
      const floats = c.inputs.flatMap((g, i) => (g.dtype === "float64" ? [i] : []));

      it(`${c.op} ${c.name}: value in float64`, () => {
        const outputs = through(c, op)(c.inputs.map(decode));
        expect(outputs.length).toBe(c.outputs.length);
        c.outputs.forEach((g, i) => expectClose(outputs[i]!, g, forward, `output ${i}`));
      });

      it.runIf(fitsFloat32(c))(`${c.op} ${c.name}: value in float32`, () => {
        const outputs = through(
          c,
          op,
        )(c.inputs.map((g) => (g.dtype === "float64" ? asType(decode(g), "float32") : decode(g))));
        c.outputs.forEach((g, i) =>
          expectClose(outputs[i]!, g, tolerances.float32 ?? 2e-5, `output ${i}`),
        );
      });

      const { cotangents, grads, tangents } = c;
      if (cotangents !== undefined && grads !== undefined)
        it(`${c.op} ${c.name}: gradients`, () => {
          const float = (outputs: NdArray[]): NdArray[] =>
            cotangents.length === outputs.length
              ? outputs
              : outputs.filter((y) => y.dtype === "float64").slice(-cotangents.length);
          const pull = (inputs: NdArray[], cts: NdArray[]): NdArray[] => {
            const [, pullback] = vjp(
              (...xs: NdArray[]) =>
                float(op(inputs.map((x, i) => (floats.includes(i) ? xs[floats.indexOf(i)]! : x)))),
              ...floats.map((i) => inputs[i]!),
            );
            return pullback(cts);
          };
          const got = through(c, pull)(c.inputs.map(decode), cotangents.map(decode));
          grads.forEach((g, i) => expectClose(got[i]!, g, derivative, `gradient ${i}`));
        });

      if (tangents !== undefined && c.jvp !== undefined)
        it(`${c.op} ${c.name}: directional derivative`, () => {
          const push = (inputs: NdArray[], ts: NdArray[]): NdArray[] =>
            jvp(
              (...xs: NdArray[]) =>
                op(inputs.map((x, i) => (floats.includes(i) ? xs[floats.indexOf(i)]! : x))),
              floats.map((i) => inputs[i]!),
              ts,
            )[1];
          const along = through(c, push)(c.inputs.map(decode), tangents.map(decode));
          c.jvp!.forEach((g, i) =>
            expectClose(along[i]!, g, derivative, `directional derivative ${i}`),
          );
        });
    }
  });
}
