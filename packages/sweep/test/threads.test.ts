// Sweeps on threads; they run the built package, as users do. Truth: the calling thread.
import { key } from "@provably/core-tensor/random";
import { collect, grid, inline, mean, quantiles, sweep, threads } from "@provably/sweep";
import { describe, expect, it } from "vitest";

const draws = new URL("./tasks/draws.task.mjs", import.meta.url);
const odd = new URL("./tasks/odd.task.mjs", import.meta.url);

/** Plain Node on the built packages, whatever runs this file. */
const pool = (count: number) => threads(count, { execArgv: [] });

describe("threads", () => {
  const given = {
    cases: grid({ n: [5, 20] }),
    replicates: 100,
    reduce: { average: [mean(), quantiles([0.05, 0.95]), collect()], positive: mean() },
  };

  it("give the bits of the calling thread, however many they are", async () => {
    const alone = await sweep(draws, key(2), { ...given, engine: inline() });
    for (const engine of [pool(1), pool(2)]) {
      const { table, certificate } = await sweep(draws, key(2), { ...given, engine, audit: 0.1 });
      expect(table).toEqual(alone.table);
      expect(certificate.holds).toBe(true);
    }
  });

  it("carry large arrays to the bit", async () => {
    const wide = { cases: [{ size: 9000 }], replicates: 1, reduce: { big: collect(), tensor: collect() } }; // prettier-ignore
    const [alone, apart] = [
      await sweep(odd, key(2), { ...wide, engine: inline() }),
      await sweep(odd, key(2), { ...wide, engine: pool(2) }),
    ];
    expect(apart.table).toEqual(alone.table);
  });

  it("that a task takes down are replaced, and the task is reported after the third time", async () => {
    const { table, failures, certificate } = await sweep(odd, key(0), {
      cases: [{ what: "exits half" }, { what: "" }],
      replicates: 3,
      engine: pool(2),
      reduce: { u: collect() },
    });
    expect(table[1]!.numAnswered).toBe(3);
    expect(failures.length).toBeGreaterThan(0);
    expect(table[0]!.numAnswered + failures.length).toBe(3);
    expect(table[0]!.reductions["u"]!.collect!.every((u) => (u as number) >= 0.5)).toBe(true);
    for (const { error, attempts } of failures) {
      expect(error).toMatchObject({ name: "WorkerLostError", code: "ERR_WORKER_LOST" });
      expect(error.message).toMatch(/"odd" took its worker down 3 times \(case \{"what":"exits half"\}, replicate \d/); // prettier-ignore
      expect(attempts).toBe(3);
    }
    expect(certificate.holds).toBe(false);
  });

  it("audit on another thread, and find what differs there", async () => {
    const { disagreements } = await sweep(odd, key(0), { cases: [{ what: "counts", wait: 2 }], replicates: 30, engine: pool(2), audit: 1 }); // prettier-ignore
    expect(disagreements.length).toBeGreaterThan(0);
    expect(disagreements.filter(({ workers: [a, b] }) => a === b)).toEqual([]);
  });

  it("end with the signal, in the middle of a task", async () => {
    const signal = AbortSignal.timeout(150);
    const ended = sweep(odd, key(0), { cases: [{ wait: 60_000 }], engine: pool(1), signal });
    await expect(ended).rejects.toMatchObject({ name: "TimeoutError" });
  });
});
