/** Ten thousand training steps on a device hold their memory. */
import { describe, expect, it } from "vitest";
import * as p from "@provably/core-tensor";
import type { NdArray } from "@provably/core-tensor";
import { compile } from "@provably/core-tensor/compile";
import { webasm, webgpu } from "@provably/core-tensor/gpu";
import { key, normal } from "@provably/core-tensor/random";
import { dawn, missing } from "./dawn.js";

const slow = process.env["RUN_SLOW"] !== undefined;
const steps = slow ? 10_000 : 2000;

describe.each([
  { kind: "webasm", skip: false, open: webasm },
  {
    kind: "webgpu",
    skip: !slow || missing !== undefined,
    open: async () => webgpu({ gpu: await dawn() }),
  },
])("$kind", ({ skip, open }) => {
  it.skipIf(skip)(
    `holds its memory over ${steps} training steps`,
    async () => {
      const device = await open();
      const x = normal(key(1), [64, 8]);
      const y = p.sum(p.square(x), { axis: 1, keepDims: true });
      const loss = (a: NdArray, b: NdArray): NdArray =>
        p.mean(p.square(p.sub(p.matmul(p.tanh(p.matmul(x, a)), b), y)));
      const step = compile(
        (a: NdArray, b: NdArray) => {
          const [da, db] = p.grad(loss, { argnums: [0, 1] })(a, b) as [NdArray, NdArray];
          return [p.sub(a, p.mul(0.01, da)), p.sub(b, p.mul(0.01, db))] as const;
        },
        { device },
      );
      let state = [normal(key(2), [8, 16]), normal(key(3), [16, 1])] as const;
      const before = p.item(loss(...state));
      let warm = 0;
      for (let k = 0; k < steps; k++) {
        state = await step(...state);
        if (k === steps / 2) {
          globalThis.gc?.();
          warm = process.memoryUsage().rss;
        }
      }
      globalThis.gc?.();
      // 5 % of some hundred megabytes, and what a collector that nobody forces may leave
      expect(process.memoryUsage().rss - warm).toBeLessThan(0.05 * warm + 10e6);
      expect(p.item(loss(...state))).toBeLessThan(before / 2);
      await device.close();
    },
    600_000,
  );
});
