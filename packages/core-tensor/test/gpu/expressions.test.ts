import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { withCallees } from "../../src/compile/gpu/functions.js";
import { type GpuJsDevice, openWebAssembly, openWebGpu } from "../../src/compile/gpu/device.js";
import * as ct from "../../src/index.js";
import { written } from "../../src/forms/device.js";
import { elementwise } from "../primitives.js";
import { dawn, missing } from "./dawn.js";

/** Points at which a function is compared, and where it must hold relative to 1 + |y|. */
const grid = (from: number, to: number, n = 401): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => from + ((to - from) * i) / (n - 1));

const DOMAINS: Record<string, readonly [number, number]> = {
  acosh: [1, 50],
  asin: [-1, 1],
  acos: [-1, 1],
  atanh: [-0.999, 0.999],
  erfinv: [-0.9999, 0.9999],
  ndtri: [1e-6, 0.9999],
  log: [1e-6, 100],
  log1p: [-0.999, 100],
  sqrt: [0, 100],
  rsqrt: [0.01, 100],
  lgamma: [-3.9, 60],
  digamma: [0.05, 60],
  trigamma: [0.1, 60],
  tetragamma: [0.2, 60],
  exp: [-30, 5],
  expm1: [-30, 5],
  cosh: [-5, 5],
  sinh: [-5, 5],
  tan: [-1.5, 1.5],
  tanh: [-100, 100],
  // away from whole quotients, where the remainder jumps
  mod: [-20.013, 19.911],
  fmod: [-20.013, 19.911],
  reciprocal: [0.1, 20],
};

const names = [...elementwise.keys()];
const binary = names.filter((name) => elementwise.get(name)!.elementwise.arity === 2);

describe.each([
  { kind: "webasm", open: openWebAssembly },
  { kind: "webgpu", open: async () => openWebGpu({ gpu: await dawn() }) },
])("expressions on $kind", ({ kind, open }) => {
  const skip = kind === "webgpu" && missing !== undefined;
  let device: GpuJsDevice;
  beforeAll(async () => {
    if (!skip) device = await open();
  });
  afterAll(() => (skip ? undefined : device.close()));

  it.skipIf(skip).each(names.filter((name) => name !== "where"))("%s", async (name) => {
    const [from, to] = DOMAINS[name] ?? [-10, 10];
    const a = grid(from, to);
    const b = binary.includes(name) ? Float32Array.from(a, (_, i) => 0.3 + ((i * 7) % 11) / 2) : a;
    const form = written(elementwise.get(name)!.elementwise.device);
    const source = binary.includes(name) ? form.source("v_a", "v_b") : form.source("v_a");
    const kernel = device.gpu.createKernel(
      `function (a_0, a_1) { const v_a = a_0[this.thread.x]; const v_b = a_1[this.thread.x]; return ${source}; }`,
      {
        output: [a.length],
        argumentTypes: { a_0: "Array", a_1: "Array" },
        functions: withCallees(form.functions),
      },
    );
    const y = (await kernel(a, b)) as Float32Array;
    const f = (ct as unknown as Record<string, (...x: Float32Array[]) => ct.NdArray>)[name]!;
    const z = ct.toTypedArray(binary.includes(name) ? f(a, b) : f(a)) as Float32Array;
    let worst = 0;
    let at = 0;
    for (let i = 0; i < a.length; i++) {
      if (!Number.isFinite(z[i]!)) continue;
      const error = Math.abs(y[i]! - z[i]!) / (1 + Math.abs(z[i]!));
      if (!(error <= worst)) [worst, at] = [error, i];
    }
    expect(worst, `at ${a[at]}, ${b[at]}: ${y[at]} instead of ${z[at]}`).toBeLessThan(3e-6);
  });
});
