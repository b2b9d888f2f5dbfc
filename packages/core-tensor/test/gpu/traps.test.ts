/**
 * What gpu.js 2.24 does with kernels that one would write by hand, and that our kernels do not fall for it. Each trap is shown first, so
 * that a release of gpu.js that closes it is noticed, and then avoided.
 */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as p from "@provably/core-tensor";
import type { NdArray } from "@provably/core-tensor";
import { compile, scan } from "@provably/core-tensor/compile";
import { key, normal } from "@provably/core-tensor/random";
import { traceGraph } from "../../src/graph/trace.js";
import type { GpuJsDevice } from "../../src/compile/gpu/device.js";
import { GPU, type GpuInstance } from "../../src/compile/gpu/gpujs.js";
import { lower } from "../../src/compile/gpu/lower.js";
import { plan } from "../../src/compile/gpu/plan.js";
import { prepare } from "../../src/compile/gpu/program.js";
import { denseOf } from "./dense.js";
import { onHardware } from "./dawn.js";
import { devices } from "./devices.js";

/** One kernel, called once on a list of numbers. */
async function run(
  gpu: GpuInstance,
  source: string,
  x: readonly number[],
  size = x.length,
  settings: object = {},
): Promise<number[]> {
  const kernel = gpu.createKernel(source, { output: [size], ...settings } as never);
  return Array.from((await kernel(Float32Array.from(x))) as Float32Array);
}

/** The kernels of a function. */
const kernelsOf = (f: (...args: NdArray[]) => unknown, args: readonly NdArray[]): string[] => {
  const { outputs, kept } = lower(traceGraph(f, args).graph);
  return plan(outputs, kept, { maxArrays: 7, wideFrom: Infinity }).map((k) => k.source);
};

describe.each(devices)("gpu.js on $kind", ({ kind, skip, open }) => {
  let device: GpuJsDevice;
  beforeAll(async () => {
    if (!skip) device = await open();
  });
  afterAll(() => (skip ? undefined : device.close()));

  const compute = async (
    f: (...args: NdArray[]) => NdArray,
    ...args: NdArray[]
  ): Promise<NdArray> => {
    const program = prepare(traceGraph(f, args).graph, device);
    const [y] = await program.run(denseOf(args));
    program.free();
    return y!;
  };

  it.skipIf(skip)(
    "cuts a loop whose bound is an argument at 1000 rounds; ours have literal bounds",
    async () => {
      const kernel = device.gpu.createKernel(
        "function (a_x, n) { let s = 0; for (let i = 0; i < n; i++) { s += a_x[0]; } return s; }",
        {
          output: [1],
        } as never,
      );
      expect(Array.from((await kernel(Float32Array.of(1), 5000)) as Float32Array)).toEqual([1000]);
      expect(
        await run(
          device.gpu,
          "function (a_x) { let s = 0; for (let i = 0; i < 5000; i++) { s += a_x[0]; } return s; }",
          [1],
          1,
        ),
      ).toEqual([5000]);
      // 5000 terms in each of 2¹⁴ rows, so that the loop is not split
      const x = p.broadcastTo(1, [16384, 5000]);
      expect(kernelsOf((a) => p.sum(a, { axis: 1 }), [x]).join()).toMatch(/i_\d+ < 1250/);
      const y = normal(key(1), [3, 4999]);
      expect(
        p.allClose(await compute((a) => p.sum(a, { axis: 1 }), y), p.sum(y, { axis: 1 }), {
          absoluteTolerance: 1e-3,
        }),
      ).toBe(true);
    },
  );

  it.skipIf(skip)("has no tanh of large arguments on WebGPU; ours has", async () => {
    const [y] = await run(
      device.gpu,
      "function (a_x) { return Math.tanh(a_x[this.thread.x]); }",
      [100],
    );
    if (kind === "webgpu" && !onHardware) expect(y).toBeNaN();
    expect(p.toNested(await compute((x) => p.tanh(x), p.array([100, -100, 15.5])))).toEqual([
      1, -1, 1,
    ]);
  });

  it.skipIf(skip)(
    "loses the sign of a power of a negative number on WebGPU; ours keeps it",
    async () => {
      const [y] = await run(device.gpu, "function (a_x) { return a_x[this.thread.x] ** 3; }", [-2]);
      if (kind === "webgpu") expect(y).not.toBeCloseTo(-8);
      expect(p.toNested(await compute((x) => p.pow(x, 3), p.array([-2, 0, 3])))).toEqual([
        -8, 0, 27,
      ]);
      expect(p.toNested(await compute((x) => p.pow(x, -2), p.array([-2, 4])))).toEqual([
        0.25, 0.0625,
      ]);
      const z = p.toNested(
        await compute((x, e) => p.pow(x, e), p.array([-2, -2, 4]), p.array([3, 2, 0.5])),
      ) as number[];
      [-8, 4, 2].forEach((want, k) => expect(z[k]).toBeCloseTo(want, 4));
    },
  );

  it.skipIf(skip)(
    "has no reliable infinity on WebGPU; masks of minus infinity become finite",
    async () => {
      const [y] = await run(
        device.gpu,
        "function (a_x) { return a_x[this.thread.x] > 0 ? Infinity : 0; }",
        [1],
      );
      if (kind === "webgpu") expect(y).toBeLessThan(3.5e38);
      const mask = p.array([true, false, true]);
      const masked = (x: NdArray): NdArray => p.softmax(p.where(mask, x, -Infinity));
      expect(kernelsOf(masked, [p.zeros([3])]).join()).not.toMatch(/Infinity|NaN/);
      const got = await compute(masked, p.array([1, 2, 3]));
      expect(p.allClose(got, masked(p.array([1, 2, 3])), { absoluteTolerance: 1e-6 })).toBe(true);
      // what was made infinite counts as such
      const flags = (x: NdArray): NdArray => p.isFinite(p.where(p.greater(x, 0), -Infinity, x));
      expect(p.toNested(await compute(flags, p.array([1, -1])))).toEqual([0, 1]);
      const hidden = (x: NdArray): NdArray =>
        p.equal(p.max(p.where(p.greater(x, 9), x, -Infinity)), -Infinity);
      expect(p.toNested(await compute(hidden, p.array([1, 2])))).toBe(1);
    },
  );

  it.skipIf(skip)("has no error function or gamma function; ours are polynomials", async () => {
    await expect(
      run(device.gpu, "function (a_x) { return Math.erf(a_x[this.thread.x]); }", [1]).then(
        (y) => y,
      ),
    ).rejects.toThrow();
    const x = p.array([0.5, 1, 2.5]);
    for (const f of [p.erf, p.erfc, p.lgamma, p.digamma] as const)
      expect(p.allClose(await compute((a) => f(a), x), f(x), { absoluteTolerance: 2e-6 })).toBe(
        true,
      );
    expect(p.toNested(await compute((a, b) => p.hypot(a, b), p.array([3]), p.array([4])))).toEqual([
      5,
    ]);
  });

  it.skipIf(skip)(
    "cannot write into local arrays on WebAssembly; ours are scalar variables",
    async () => {
      const source =
        "function (a_x) { const t = [0, 0, 0]; t[0] = a_x[this.thread.x]; return t[0]; }";
      if (kind === "webasm") {
        const wrote = await run(device.gpu, source, [7]).catch(() => "threw");
        expect(wrote).not.toEqual([7]);
      }
      for (const source of kernelsOf(
        (a, b) => p.matmul(p.softmax(p.matmul(a, b)), p.sort(a)),
        [normal(key(1), [4, 4]), normal(key(2), [4, 4])],
      ))
        expect(source).not.toMatch(/= \[/);
    },
  );

  it.skipIf(skip)("refuses empty results; ours never become kernels", async () => {
    await expect(
      Promise.resolve().then(() => run(device.gpu, "function (a_x) { return a_x[0]; }", [1], 0)),
    ).rejects.toThrow();
    expect((await compute((x) => p.mul(x, 2), p.zeros([0, 3]))).shape).toEqual([0, 3]);
    expect(p.toNested(await compute((x) => p.sum(x, { axis: 0 }), p.zeros([0, 3])))).toEqual([
      0, 0, 0,
    ]);
    expect(p.toNested(await compute((x) => p.matmul(x, p.transpose(x)), p.zeros([2, 0])))).toEqual([
      [0, 0],
      [0, 0],
    ]);
    expect(
      p.toNested(await compute((x, y) => p.concat([x, y]), p.zeros([0]), p.array([1, 2]))),
    ).toEqual([1, 2]);
  });

  it.skipIf(skip)(
    "cannot hand vectors to the next kernel; ours return one number a thread",
    async () => {
      const pair = device.gpu.createKernel("function (a_x) { return [a_x[this.thread.x], 1]; }", {
        output: [4],
        returnType: "Array(2)",
      } as never);
      const next = device.gpu.createKernel("function (a_x) { return a_x[this.thread.x]; }", {
        output: [4],
      } as never);
      const pipeline = device.gpu.createPipeline((x) => next(pair(x)), { threads: false });
      await pipeline(Float32Array.of(1, 2, 3, 4)).catch(() => undefined);
      expect(pipeline.executorKind).toBe("generic");
      for (const source of kernelsOf((a) => p.softmax(p.matmul(a, a)), [normal(key(1), [4, 4])]))
        expect(source).not.toMatch(/return \[/);
      void pipeline.destroy();
    },
  );

  it.skipIf(skip)("takes flat inputs innermost first; ours are flat", async () => {
    const source = "function (a_x) { return a_x[this.thread.y][this.thread.x]; }";
    const kernel = device.gpu.createKernel(source, { output: [3, 2] } as never);
    const y = (await kernel(
      new device.module.Input(Float32Array.of(0, 1, 2, 3, 4, 5), [3, 2]),
    )) as Float32Array[];
    expect(y.map((r) => Array.from(r))).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ]);
    expect(
      p.toNested(await compute((x) => p.transpose(x), p.reshape(p.arange(6), [2, 3]))),
    ).toEqual([
      [0, 3],
      [1, 4],
      [2, 5],
    ]);
  });

  it.skipIf(skip)(
    "rounds quotients; places along axes stay exact up to many millions",
    async () => {
      // the last axis has an odd extent, so that each place takes two divisions
      const n = 3 * 1_500_007;
      const x = p.reshape(p.arange(n), [1_500_007, 3]);
      const y = await compute((a) => p.transpose(a), x);
      const data = p.toTypedArray(y);
      for (const i of [0, 1, 500_001, 1_499_999, 1_500_006])
        for (const j of [0, 1, 2]) expect(data[j * 1_500_007 + i]).toBe(3 * i + j);
    },
  );

  it.skipIf(skip)("reads many arrays in several kernels where a shader takes few", async () => {
    const parts = Array.from({ length: 20 }, (_, k) => normal(key(`${k}`), [5]));
    const total = (...xs: NdArray[]): NdArray =>
      xs.reduce((a, b) => p.tanh(p.add(p.mul(a, 0.5), b)));
    const program = prepare(traceGraph(total, parts).graph, device);
    const [y] = await program.run(denseOf(parts));
    expect(p.allClose(y!, total(...parts), { absoluteTolerance: 1e-5 })).toBe(true);
    expect(p.allClose(await compute((...xs) => p.concat(xs), ...parts), p.concat(parts))).toBe(
      true,
    );
    const reads = [...program.explain().matchAll(/reads (\d+) arrays/g)].map(([, count]) =>
      Number(count),
    );
    expect(Math.max(...reads)).toBeLessThanOrEqual(device.maxArrays);
  });

  it.skipIf(skip)(
    "captures no variables of the surrounding code; ours are strings that need none",
    async () => {
      const scale = 3;
      const source = String((x: number[]) => x[0]! * scale);
      await expect(Promise.resolve().then(() => run(device.gpu, source, [2], 1))).rejects.toThrow();
      expect(p.toNested(await compute((x) => p.mul(x, scale), p.array([2])))).toEqual([6]);
    },
  );

  it.skipIf(skip)(
    "draws its own random numbers; ours come from keys, traced as constants or arguments",
    () => {
      for (const source of kernelsOf((x) => p.add(x, normal(key(1), [3])), [p.zeros([3])]))
        expect(source).not.toMatch(/random/);
    },
  );

  it.skipIf(skip)(
    "has no kernel that reads what it writes; the states of our loops go from one array to another",
    async () => {
      const sum = device.gpu.createKernel(
        "function (a_x, a_y) { return a_x[this.thread.x] + a_y[this.thread.x]; }",
        { output: [3] } as never,
      );
      const pipeline = device.gpu.createPipeline((x) => sum(sum(x, x), x), { threads: false });
      expect(Array.from((await pipeline(Float32Array.of(1, 2, 3))) as Float32Array)).toEqual([
        3, 6, 9,
      ]);
      void pipeline.destroy();
      // each step reads all of the state that the step before wrote
      const f = (x: NdArray): NdArray =>
        scan((s: NdArray) => [p.add(p.flip(s), p.mul(0.5, p.roll(s, 1, 0))), null], x, null, {
          length: 7,
        })[0];
      const x = normal(key(3), [33]);
      expect(p.allClose(await compute(f, x), f(x), { absoluteTolerance: 1e-5 })).toBe(true);
      const { outputs, kept } = lower(traceGraph(f, [x]).graph);
      for (const { reads, writes } of plan(outputs, kept, { maxArrays: 7, wideFrom: Infinity }))
        expect(reads).not.toContain(writes);
    },
  );

  it.skipIf(skip)("needs limits above the default; the device is opened with the adapter's", () => {
    // WebGPU's default is 128 MiB for a binding and 8 storage buffers a shader
    if (kind === "webgpu") expect(device.maxBytes).toBeGreaterThan(128 * 2 ** 20);
    expect(device.maxArrays).toBeGreaterThanOrEqual(7);
  });

  it.skipIf(skip)(
    "has maps of kernels, native functions and unsigned precision in some modes only; ours are plain kernels",
    () => {
      for (const source of kernelsOf(
        (a, b) => [p.softmax(p.matmul(a, b)), p.cumsum(p.sort(a))],
        [normal(key(1), [9, 9]), normal(key(2), [9, 9])],
      ))
        expect(source.match(/function/g)).toHaveLength(1);
      const calls = readFileSync(
        new URL("../../src/compile/gpu/program.ts", import.meta.url),
        "utf8",
      );
      for (const unsupported of [
        "createKernelMap",
        "combineKernels",
        "addNativeFunction",
        "precision",
      ])
        expect(calls).not.toContain(unsupported);
    },
  );

  it.skipIf(skip)("computes in float32 only; float64 is refused", async () => {
    await expect(
      Promise.resolve().then(() => compute((x) => p.mul(x, 2), p.ones([2], { dtype: "float64" }))),
    ).rejects.toMatchObject({
      code: "ERR_DTYPE",
    });
  });
});

describe("gpu.js in its CPU mode, which is not used", () => {
  it("reads the constant where an argument has its name; ours have no constants, and a prefix for each kind of name", () => {
    const gpu = new GPU({ mode: "cpu" });
    const kernel = gpu.createKernel(
      "function (a, n) { let s = 0; for (let i = 0; i < this.constants.n; i++) { s += a[i]; } return s * n; }",
      {
        output: [1],
        constants: { n: 4 },
      } as never,
    );
    // 1 + 2 + 3 + 1 = 7, times 4 is 28
    expect(Array.from(kernel([1, 2, 3, 1], 4) as Float32Array)).toEqual([28]);
    expect(Array.from(kernel([1, 2, 3, 1], 2) as Float32Array)).not.toEqual([14]);
    for (const source of kernelsOf((a) => p.softmax(p.matmul(a, a)), [normal(key(1), [4, 4])])) {
      expect(source).not.toMatch(/constants/);
      for (const name of source.match(/\b[a-z]+_\d+\b/g)!) expect(name).toMatch(/^[asvif]_/);
    }
  });
});

describe("compile for a device", () => {
  it("cannot be seen through by transforms, and says so", async () => {
    const { webasm } = await import("@provably/core-tensor/gpu");
    const device = await webasm();
    const f = compile((x: NdArray) => p.mul(x, x), { device });
    let inner: Promise<NdArray> | undefined;
    p.grad((x: NdArray) => {
      inner = f(x);
      return x;
    })(p.array(2));
    await expect(inner).rejects.toMatchObject({ code: "ERR_DOMAIN" });
    await device.close();
  });
});
