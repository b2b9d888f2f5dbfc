// The short forms of npm run stress -- hostile and -- parsers: a few calls of every public function with arguments that no type allows, and
// some hundred broken files for every reader. Whatever comes is a result or a typed error.
import { describe, expect, it } from "vitest";
import { slowness } from "../../testing/processor-time.js";
import { publicFunctions } from "../../stress/calls.mjs";
import { formatFaults, hostileCalls } from "../../stress/hostile-run.mjs";
import { attack, parsers } from "../../stress/parsers.mjs";

describe("whatever is passed", () => {
  it("a result or a typed error comes back, and arguments stay as they were", async () => {
    const { functions } = await publicFunctions();
    const total = 4 * functions.length;
    const { calls, faults } = await hostileCalls({
      total,
      functions: functions.length,
      shards: 1,
      msEach: 25,
    });
    expect(calls).toBeGreaterThanOrEqual(total);
    expect(formatFaults(faults)).toBe("");
  });

  it.each(Object.keys(parsers))("the reader of %s stands broken files", async (name) => {
    const { values, errors, faults, slowestMs, largestBytes } = await attack(name, 500);
    expect(faults).toEqual([]);
    expect(Math.min(values, errors)).toBeGreaterThan(0);
    expect(slowestMs).toBeLessThan(5000 * slowness());
    expect(largestBytes).toBeLessThan(5e8);
  });
});
