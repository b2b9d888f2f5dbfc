// Calls that share a process do not disturb each other: started together on one event loop, or running at once in several worker threads,
// they give the bits they give alone.
import { Worker } from "node:worker_threads";
import { beforeAll, describe, expect, it } from "vitest";
import { bitsOf } from "../stress/determinism/bits.mjs";
import { tasks } from "../stress/together/tasks.mjs";

const names = Object.keys(tasks);
const rotated = (by) => [...names.slice(by), ...names.slice(0, by)];
// plain Node, on the built packages
const inWorker = (order) =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL("../stress/together/worker.mjs", import.meta.url), {
      workerData: { order },
      execArgv: [],
    });
    worker.on("message", resolve);
    worker.on("error", reject);
  });

describe("computations side by side", () => {
  const alone = {};
  beforeAll(async () => {
    for (const name of names) {
      const found = await bitsOf({}, tasks[name]);
      expect(found, name).toHaveProperty("bits");
      alone[name] = found.bits;
    }
  });

  it("are told apart by their bits", () =>
    expect(new Set(Object.values(alone)).size).toBe(names.length));

  it("give the same bits when they are started together, each twice", async () => {
    const runs = await Promise.all(
      [...names, ...rotated(3)].map(async (name) => [name, (await bitsOf({}, tasks[name])).bits]),
    );
    for (const [name, bits] of runs) expect(bits, name).toBe(alone[name]);
  });

  it("give the same bits in three worker threads at once", async () => {
    const runs = await Promise.all([0, 4, 8].map((by) => inWorker(rotated(by))));
    for (const found of runs) expect(found).toEqual(alone);
  });

  it("number of threads does not show in what compiled functions give", () => {
    const [one, two, three] = tasks.compiled();
    expect(Array.from(two.data)).toEqual(Array.from(one.data));
    expect(Array.from(three.data)).toEqual(Array.from(one.data));
  });
});
