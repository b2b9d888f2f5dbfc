// The examples of compiled programs give one answer on every device that is there without a GPU.
import { describe, expect, it } from "vitest";
import { deviceNamed } from "../../examples/compiled/device.mjs";
import { sampleMixture } from "../../examples/compiled/mixture-sampler.mjs";
import { planRobustly } from "../../examples/compiled/robust-value-iteration.mjs";
import { train } from "../../examples/compiled/training-loop.mjs";

describe.each(["js", "wasm", "webasm"])("compiled examples on %s", (name) => {
  it("sample the mixture they name", async () => {
    const { squared, share } = await sampleMixture(await deviceNamed(name), {
      particles: 4000,
      calls: 0,
    });
    // a ring of radius 4 with spread 0.3; noise left at the last level and 50 steps bias the radius by some percent
    expect(Math.abs(squared - 16.18)).toBeLessThan(0.5);
    // the standard error of a share of one in eight of 4000 is 0.0052
    expect(Math.abs(share - 0.125)).toBeLessThan(4 * 0.0052);
  });

  it("plan to a fixed point, below the plan that trusts the model", async () => {
    const { residual, robust, nominal } = await planRobustly(await deviceNamed(name), {
      states: 40,
      calls: 0,
    });
    expect(residual).toBeLessThan(2e-5);
    expect(robust).toBeLessThan(nominal);
  });

  it("learn the spirals", async () => {
    const { losses, accuracy } = await train(await deviceNamed(name), {
      points: 200,
      hidden: 32,
      numSteps: 150,
    });
    expect(losses.at(-1)).toBeLessThan(losses[0] / 3);
    expect(accuracy).toBeGreaterThan(0.9);
  });
});

describe("a compiled example on auto", () => {
  it("runs, whether there is a GPU or not", async () => {
    const device = await deviceNamed("auto");
    expect(device.kind).toBe("auto");
    const { residual } = await planRobustly(device, { states: 40, calls: 0 });
    expect(residual).toBeLessThan(2e-5);
    await device.close();
  });
});
