/** The choice between CPU and GPU: measured, told, and never an error. */
import { describe, expect, it } from "vitest";
import * as p from "@provably/core-tensor";
import type { NdArray } from "@provably/core-tensor";
import { compile, explain } from "@provably/core-tensor/compile";
import { auto } from "@provably/core-tensor/gpu";
import { dawn, missing } from "./dawn.js";

const f = (x: NdArray): NdArray => p.mul(p.exp(x), 2);

describe("auto", () => {
  it("computes on the CPU where there is no WebGPU, and tells why", async () => {
    const g = compile(f, { device: await auto() });
    expect(p.toNested(await g(p.array([0])))).toEqual([2]);
    expect(explain(g)).toMatch(/auto: on the CPU \(webgpu: there is no navigator\.gpu/);
  });

  it.skipIf(missing !== undefined)(
    "measures both at the first call and tells the times",
    async () => {
      const device = await auto({ gpu: await dawn() });
      const g = compile(f, { device });
      const [a, b] = await Promise.all([g(p.array([0])), g(p.array([1]))]);
      expect(a.get(0)).toBeCloseTo(2);
      expect(b.get(0)).toBeCloseTo(2 * Math.E, 5);
      expect(explain(g)).toMatch(
        /auto: on the (CPU|device) \(measured at the first call: [\d.e-]+ ms on the CPU, [\d.e-]+ ms on the device\)/,
      );
      await device.close();
    },
  );

  it.skipIf(missing !== undefined)("leaves float64, and what has no form, to the CPU", async () => {
    const device = await auto({ gpu: await dawn() });
    const g = compile(f, { device });
    expect((await g(p.array([0], { dtype: "float64" }))).dtype).toBe("float64");
    expect(explain(g)).toMatch(/on the CPU \(compile: webgpu computes in float32/);
    await device.close();
  });

  it.skipIf(missing !== undefined)("goes on when the device is gone", async () => {
    const device = await auto({ gpu: await dawn() });
    const g = compile(f, { device });
    await g(p.array([0]));
    await device.close();
    expect(p.toNested(await g(p.array([0])))).toEqual([2]);
    expect(p.toNested(await g(p.array([[0]])))).toEqual([[2]]);
  });
});
