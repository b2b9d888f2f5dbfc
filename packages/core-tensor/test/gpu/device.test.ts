/** Devices that are missing, refuse, run out of memory or are lost: always a DeviceError with advice, and the CPU goes on. */
import { describe, expect, it } from "vitest";
import * as p from "@provably/core-tensor";
import type { NdArray } from "@provably/core-tensor";
import { compile, explain, scan } from "@provably/core-tensor/compile";
import { type WebGpu, deviceNamed, webasm, webgpu } from "@provably/core-tensor/gpu";
import { openWebAssembly } from "../../src/compile/gpu/device.js";
import { bound } from "../../src/compile/gpu/one-pass.js";
import { prepare } from "../../src/compile/gpu/program.js";
import { traceGraph } from "../../src/graph/trace.js";
import { denseOf } from "./dense.js";
import { dawn, missing } from "./dawn.js";

const f = (x: NdArray): NdArray => p.sum(p.exp(x));

interface Handle {
  requestDevice(descriptor?: object): Promise<object>;
  readonly limits: object;
  readonly info: object;
}

/** Dawn with a device that `change` may look at and replace parts of. */
async function altered(
  change: (device: Record<string, unknown>) => Record<string, unknown>,
): Promise<WebGpu> {
  const gpu = await dawn();
  return {
    async requestAdapter() {
      const adapter = (await gpu.requestAdapter()) as Handle;
      return {
        limits: adapter.limits,
        info: adapter.info,
        async requestDevice(descriptor?: object) {
          const device = (await adapter.requestDevice(descriptor)) as Record<string, unknown>;
          const parts = change(device);
          return bound(device, (key) => (typeof key === "string" ? parts[key] : undefined));
        },
      };
    },
  };
}

describe("deviceNamed", () => {
  it("hands through the executors that need no opening, opens the others, and runs one function on all of them", async () => {
    for (const name of ["wasm", "js", "webasm", "auto"] as const) {
      const device = await deviceNamed(name);
      const g = compile(f, { device });
      expect(p.item(await g(p.array([0, 0])))).toBeCloseTo(2);
      expect(typeof device === "string" ? device : device.kind).toBe(name);
      if (typeof device !== "string") await device.close();
    }
  });

  it("fails as what it opens fails, and names the names it knows", async () => {
    await expect(deviceNamed("webgpu")).rejects.toMatchObject({ code: "ERR_DEVICE" });
    await expect(
      deviceNamed("webgpu", { gpu: { requestAdapter: () => Promise.resolve(null) } }),
    ).rejects.toMatchObject({ code: "ERR_DEVICE" });
    await expect(deviceNamed("abacus" as "js")).rejects.toMatchObject({
      code: "ERR_DOMAIN",
      message: expect.stringMatching(/"auto", got "abacus"/) as string,
    });
  });
});

describe("webgpu", () => {
  const cpuGoesOn = (): void => expect(p.item(compile(f)(p.array([0, 0])))).toBeCloseTo(2);
  const deviceError = (message: RegExp): object => ({
    name: "DeviceError",
    code: "ERR_DEVICE",
    message: expect.stringMatching(message) as string,
  });

  it("says that there is no WebGPU, and what to do", async () => {
    await expect(webgpu()).rejects.toMatchObject(
      deviceError(/no navigator\.gpu; pass \{ gpu \}.*CPU/),
    );
    cpuGoesOn();
  });

  it("says that there is no adapter", async () => {
    await expect(
      webgpu({ gpu: { requestAdapter: () => Promise.resolve(null) } }),
    ).rejects.toMatchObject(deviceError(/no adapter.*driver.*CPU/));
    await expect(
      webgpu({ gpu: { requestAdapter: () => Promise.reject(new Error("blocked")) } }),
    ).rejects.toMatchObject(deviceError(/no adapter: blocked/));
    cpuGoesOn();
  });

  it("says that the adapter refused a device", async () => {
    const adapter = {
      limits: {},
      requestDevice: () => Promise.reject(new Error("limits too high")),
    };
    await expect(
      webgpu({ gpu: { requestAdapter: () => Promise.resolve(adapter) } }),
    ).rejects.toMatchObject(deviceError(/no device: limits too high/));
    cpuGoesOn();
  });

  it.skipIf(missing !== undefined)("leaves no trace in the global navigator", async () => {
    const before = (globalThis as { navigator?: object }).navigator;
    const device = await webgpu({ gpu: await dawn() });
    expect((globalThis as { navigator?: object }).navigator).toBe(before);
    await device.close();
  });

  it.skipIf(missing !== undefined)("opens one pass for all kernels of a program", async () => {
    let passes = 0;
    const gpu = await altered((device) => ({
      createCommandEncoder(options?: object) {
        const encoder = (
          device["createCommandEncoder"] as (options?: object) => { beginComputePass(): unknown }
        ).call(device, options);
        const begin = encoder.beginComputePass.bind(encoder);
        encoder.beginComputePass = () => (passes++, begin());
        return encoder;
      },
    }));
    const device = await webgpu({ gpu });
    const steps = (x: NdArray): NdArray =>
      scan((s: NdArray) => [p.div(s, p.sum(s)), null], x, null, { length: 10 })[0];
    const compiled = compile(steps, { device });
    expect(p.item(p.sum(await compiled(p.array([1, 2, 5]))))).toBeCloseTo(1);
    expect(Number(/(\d+) kernels/.exec(explain(compiled))![1])).toBeGreaterThanOrEqual(10);
    expect(passes).toBe(1);
    await device.close();
  });

  it.skipIf(missing !== undefined)(
    "tells a closed device, and a new one computes again",
    async () => {
      const device = await webgpu({ gpu: await dawn() });
      const compiled = compile(f, { device });
      expect(p.item(await compiled(p.array([0, 0])))).toBeCloseTo(2);
      await device.close();
      await expect(compiled(p.array([0, 0]))).rejects.toMatchObject(
        deviceError(/device was lost.*make a new one/),
      );
      cpuGoesOn();
      const again = await webgpu({ gpu: await dawn() });
      expect(p.item(await compile(f, { device: again })(p.array([0, 0])))).toBeCloseTo(2);
      await again.close();
    },
  );

  it.skipIf(missing !== undefined)(
    "tells a device that is lost between calls and during one",
    async () => {
      let lose = (): void => undefined;
      const gpu = await altered((device) => {
        lose = () => (device as { destroy(): void }).destroy();
        return {};
      });
      const device = await webgpu({ gpu });
      const compiled = compile(f, { device });
      expect(p.item(await compiled(p.array([0, 0])))).toBeCloseTo(2);
      const running = compiled(p.array([0, 0]));
      lose();
      await expect(running).rejects.toMatchObject(deviceError(/lost/));
      await expect(compiled(p.array([0, 0]))).rejects.toMatchObject(
        deviceError(/device was lost.*make a new one/),
      );
      cpuGoesOn();
      await device.close();
    },
  );

  it.skipIf(missing !== undefined)("tells exhausted memory", async () => {
    let exhausted = false;
    const gpu = await altered((device) => ({
      popErrorScope: async () => {
        const real = await (
          device as { popErrorScope(): Promise<{ message: string } | null> }
        ).popErrorScope();
        return exhausted ? { message: "not enough memory for 4 GiB" } : real;
      },
    }));
    const device = await webgpu({ gpu });
    const compiled = compile(f, { device });
    expect(p.item(await compiled(p.array([0, 0])))).toBeCloseTo(2);
    exhausted = true;
    await expect(compiled(p.array([0, 0]))).rejects.toMatchObject(
      deviceError(/out of device memory \(not enough memory for 4 GiB\).*smaller arrays/),
    );
    exhausted = false;
    expect(p.item(await compiled(p.array([0, 0])))).toBeCloseTo(2);
    cpuGoesOn();
    await device.close();
  });

  it.skipIf(missing !== undefined)(
    "refuses arrays larger than the device's bindings before it starts",
    async () => {
      const device = await webgpu({ gpu: await dawn() });
      const huge = p.broadcastTo(1, [1 << 10, 1 << 20]);
      await expect(compile((x: NdArray) => p.add(x, 1), { device })(huge)).rejects.toMatchObject(
        deviceError(/array of 4294967296 bytes.*smaller parts/),
      );
      await device.close();
    },
  );

  it.skipIf(missing !== undefined)("refuses what has no form, by name", async () => {
    const device = await webgpu({ gpu: await dawn() });
    const { cholesky } = await import("@provably/core-tensor/linalg");
    await expect(compile((x: NdArray) => cholesky(x), { device })(p.eye(2))).rejects.toMatchObject(
      deviceError(/no form on webgpu/),
    );
    await device.close();
  });
});

describe("programs on a device", () => {
  it("keep their memory over many calls, and give it back when they are dropped", async () => {
    const device = await openWebAssembly();
    const x = p.linspace(0, 1, 100_000);
    const before = process.memoryUsage().arrayBuffers;
    for (let k = 0; k < 200; k++) {
      const program = prepare(traceGraph((a: NdArray) => p.add(p.sin(a), k), [x]).graph, device);
      await program.run(denseOf([x]));
      program.free();
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
    const { kernels, pipelines } = device.gpu as unknown as {
      kernels: unknown[];
      pipelines: unknown[];
    };
    expect(kernels.length).toBe(0);
    expect(pipelines.length).toBe(0);
    globalThis.gc?.();
    // 200 programs hold 160 MB while they live; what the collector has not got round to stays far below
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100e6);
    await device.close();
  });

  it("give what an argument was at the call, also where they hand it through and its storage changes before they are done", async () => {
    const device = await webasm();
    const step = (s: NdArray): [NdArray, NdArray] =>
      scan((x: NdArray) => [p.mul(x, 2), x], s, null, { length: 2 });
    const f = compile((s: NdArray) => [s, ...step(s)] as const, { device });
    const data = Float32Array.of(9, 1, 2, 9);
    const result = f(p.slice(p.array(data, { copy: false }), [1], [3]));
    data.fill(7);
    expect((await result).map((y) => p.toNested(y))).toEqual([
      [1, 2],
      [4, 8],
      [
        [1, 2],
        [2, 4],
      ],
    ]);
    await device.close();
  });

  it("serve calls that overlap, each with the inputs it was given", async () => {
    const device = await webasm();
    const compiled = compile((x: NdArray) => p.mul(x, 2), { device });
    const data = new Float32Array([1, 2]);
    const first = compiled(p.array(data));
    data.fill(0);
    const second = compiled(p.array([3, 4]));
    expect(p.toNested(await second)).toEqual([6, 8]);
    expect(p.toNested(await first)).toEqual([2, 4]);
    await device.close();
  });
});
