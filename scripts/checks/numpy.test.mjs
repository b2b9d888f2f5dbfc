// A short form of npm run stress -- numpy: random calls against NumPy itself, where Python has it.
import { describe, expect, it } from "vitest";
import { compareWithNumpy, startNumpy } from "../stress/numpy.mjs";

const peer = await startNumpy();
peer.end?.();

describe(`core-tensor against NumPy${peer.reason === undefined ? "" : ` (skipped: ${peer.reason})`}`, () => {
  it.skipIf(peer.reason !== undefined).each([1, 2])(
    "agrees on random calls, seed %i",
    async (seed) => {
      const { findings } = await compareWithNumpy(1500, { seed });
      expect(
        findings.map(({ op, how, wrong, given }) => `${op}, ${how}: ${wrong}; ${given}`),
      ).toEqual([]);
    },
  );
});
