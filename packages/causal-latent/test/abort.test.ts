import { foldIn, key, randint } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import { abortLimit, processorTime } from "../../../scripts/testing/processor-time.js";
import {
  bootstrapHierarchy,
  conceptObservations,
  discoverHierarchy,
  fitHierarchy,
  learnConcepts,
  presetGraph,
  randomCpts,
  sampleHierarchy,
} from "../src/hierarchy/index.js";
import {
  identifiabilityExperiment,
  identifiabilitySettings,
  makeVectors,
  matteConfig,
  trainMatte,
} from "../src/matte/index.js";

/**
 * A signal that notes how much processor time passes between two looks at it, and is aborted from a moment on, as one whose state another thread sets. Processor
 * time, for on a busy machine the clock goes on while this process waits.
 */
function watched(afterMs = Infinity): { readonly signal: AbortSignal; readonly gaps: number[] } {
  const start = processorTime();
  const gaps: number[] = [];
  let last = start;
  const throwIfAborted = (): void => {
    const at = processorTime();
    gaps.push(at - last);
    if (at - start > afterMs) throw new DOMException("enough", "AbortError");
    last = processorTime();
  };
  return { signal: { throwIfAborted } as AbortSignal, gaps };
}

const graph = presetGraph("treeDeep");
const rows = sampleHierarchy(graph, randomCpts(graph, key(0)), 5000, key(1));
const { x, blocks } = conceptObservations(
  sampleHierarchy(presetGraph("star"), randomCpts(presetGraph("star"), key(2)), 3000, key(3)).data,
  key(4),
);
const vectors = makeVectors(600, key(5));
const text = {
  observed: randint(key(6), 4, 100, [200, 10]),
  domains: Array.from({ length: 200 }, (_, i) => i % 4),
};
const data = { observed: vectors.observed, domains: vectors.domains };

const runs: Record<string, (signal: AbortSignal) => unknown> = {
  discoverHierarchy: (signal) => discoverHierarchy(rows, { signal }),
  bootstrapHierarchy: (signal) =>
    bootstrapHierarchy(rows, key(7), { numReplicates: 3, refine: false, signal }),
  fitHierarchy: (signal) => fitHierarchy(graph, rows, key(8), { maxIterations: 100, signal }),
  learnConcepts: (signal) => learnConcepts(x, key(9), { blocks: blocks.slice(0, 3), signal }),
  "learnConcepts, connected": (signal) =>
    learnConcepts(x, key(9), { blocks: blocks.slice(0, 1), method: "connected", signal }),
  "trainMatte, vectors": (signal) =>
    trainMatte(data, matteConfig({ kind: "vectors", size: 16 }, { numDomains: 4 }), key(10), {
      numSteps: 60,
      signal,
    }),
  "trainMatte, text": (signal) =>
    trainMatte(
      text,
      matteConfig(
        { kind: "text", vocabularySize: 100 },
        { numDomains: 4, weights: { adversary: 1 } },
      ),
      key(11),
      {
        numSteps: 8,
        signal,
      },
    ),
  identifiabilityExperiment: (signal) =>
    identifiabilityExperiment(identifiabilitySettings.slice(0, 1), foldIn(key(12), 0), {
      numTrials: 1,
      numSteps: 20,
      signal,
    }),
};

describe("every long function", () => {
  it.each(Object.keys(runs))("looks at its signal often: %s", (name) => {
    const { signal, gaps } = watched();
    runs[name]!(signal);
    const [longest, ...others] = gaps.sort((a, b) => b - a);
    // training makes its program in one go before the first step, which a signal cannot break off
    const limit = abortLimit();
    expect(longest).toBeLessThan(name.startsWith("trainMatte") ? 7.5 * limit : limit);
    expect(others[0]).toBeLessThan(limit);
  });

  it.each(Object.keys(runs))("throws the signal's reason: %s", (name) => {
    const { signal } = watched(20);
    expect(() => runs[name]!(signal)).toThrow(
      expect.objectContaining({ name: "AbortError", message: "enough" }),
    );
  });
});
