// The hot paths of the packages give on devices, at small sizes, what eager evaluation gives on the CPU.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { abs, item, max, sub } from "@provably/core-tensor";
import { compile } from "@provably/core-tensor/compile";
import { webasm, webgpu } from "@provably/core-tensor/gpu";
import { dawn, missing } from "../../packages/core-tensor/test/gpu/dawn.ts";
import { programs } from "./programs.mjs";

describe.each([
  { kind: "webasm", skip: false, open: webasm },
  { kind: "webgpu", skip: missing !== undefined, open: async () => webgpu({ gpu: await dawn() }) },
])("hot paths on $kind", ({ skip, open }) => {
  let device;
  beforeAll(async () => {
    if (!skip) device = await open();
  });
  afterAll(() => device?.close());

  it.skipIf(skip).each(Object.keys(programs))("%s", async (name) => {
    const { make, run, sizes } = programs[name];
    const args = make(sizes.small);
    const f = (...xs) => run(...xs, sizes.small);
    const [got, want] = [await compile(f, { device })(...args), f(...args)];
    expect(item(max(abs(sub(got, want)))) / item(max(abs(want)))).toBeLessThan(1e-4);
    expect(item(max(abs(want)))).toBeGreaterThan(0);
  });
});
