import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type UncertaintySet,
  bestCaseExpectation,
  chiSquare,
  contamination,
  cvar,
  interval,
  kullbackLeibler,
  l1Ball,
  l2Ball,
  lInfBall,
  solveLinearProgram,
  totalVariation,
  wasserstein,
  worstCaseBatch,
  worstCaseExpectation,
} from "../src/index.js";
import { flat } from "./fixtures.js";

/** A distribution with zeros, values with ties, and a radius. */
const problem = fc
  .tuple(
    fc.array(
      fc.tuple(fc.constantFrom(0, 0, 1, 2, 3, 5, 8, 0.001), fc.integer({ min: -4, max: 4 })),
      { minLength: 1, maxLength: 7 },
    ),
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.constantFrom(1, 1e-3, 1e3),
  )
  .filter(([cells]) => cells.some(([mass]) => mass > 0))
  .map(([cells, radius, scale]) => {
    const total = cells.reduce((sum, [mass]) => sum + mass, 0);
    return {
      p: cells.map(([mass]) => mass / total),
      v: cells.map(([, value]) => value * scale),
      radius,
      scale,
    };
  });

const metric = (n: number): number[][] =>
  Array.from({ length: n }, (_, i) =>
    Array.from({ length: n }, (_, j) => Math.abs(i - j) / Math.max(1, n - 1)),
  );
const weightsOf = (n: number): number[] => Array.from({ length: n }, (_, i) => 1 + (i % 3));

type Program = Parameters<typeof solveLinearProgram>[0];

/** min q·v over q = p − away + into, with away + into priced by `weights`: the L1 family as a linear program. */
function l1Program(p: number[], v: number[], weights: number[], budget: number): Program {
  const n = p.length;
  const eye = (i: number): number[] => Array.from({ length: n }, (_, j) => (i === j ? 1 : 0));
  return {
    cost: [...v.map((x) => -x), ...v],
    inequality: {
      matrix: [
        [...weights, ...weights],
        ...p.map((_, i) => [...eye(i), ...new Array<number>(n).fill(0)]),
      ],
      bound: [budget, ...p],
    },
    equality: {
      matrix: [[...new Array<number>(n).fill(1), ...new Array<number>(n).fill(-1)]],
      bound: [0],
    },
  };
}

const boxProgram = (v: number[], lower: number[], upper: number[]): Program => ({
  cost: v,
  inequality: {
    matrix: v.map((_, i) => v.map((_, j) => (i === j ? 1 : 0))),
    bound: upper.map((u, i) => u - lower[i]!),
  },
  equality: { matrix: [v.map(() => 1)], bound: [1 - lower.reduce((a, b) => a + b, 0)] },
});

function transportProgram(p: number[], v: number[], cost: number[][], budget: number): Program {
  const n = p.length;
  const cells = Array.from({ length: n * n }, (_, k) => [Math.floor(k / n), k % n] as const);
  return {
    cost: cells.map(([, to]) => v[to]!),
    inequality: { matrix: [cells.map(([from, to]) => cost[from]![to]!)], bound: [budget] },
    equality: { matrix: p.map((_, s) => cells.map(([from]) => (from === s ? 1 : 0))), bound: p },
  };
}

describe("worst-case expectations", () => {
  it("are the optimum of their linear program on ten thousand random instances", ({ task }) => {
    let apart = 0;
    fc.assert(
      fc.property(problem, fc.integer({ min: 0, max: 4 }), ({ p, v, radius, scale }, kind) => {
        const n = p.length;
        const base = p.reduce((sum, x, i) => sum + x * v[i]!, 0);
        const weights = weightsOf(n);
        let ours: number;
        let theirs: number;
        if (kind === 0) {
          ours = worstCaseExpectation(p, v, totalVariation(radius)).value;
          theirs =
            base +
            solveLinearProgram(l1Program(p, v, new Array<number>(n).fill(1), 2 * radius)).value;
        } else if (kind === 1) {
          ours = worstCaseExpectation(p, v, l1Ball(radius, { weights })).value;
          theirs = base + solveLinearProgram(l1Program(p, v, weights, radius)).value;
        } else if (kind === 2) {
          const [lower, upper] = [
            p.map((x) => Math.max(0, x - radius)),
            p.map((x) => Math.min(1, x + radius)),
          ];
          ours = worstCaseExpectation(p, v, lInfBall(radius)).value;
          theirs =
            lower.reduce((sum, x, i) => sum + x * v[i]!, 0) +
            solveLinearProgram(boxProgram(v, lower, upper)).value;
          expect(worstCaseExpectation(p, v, interval(lower, upper)).value).toBeCloseTo(ours, 9);
        } else if (kind === 3) {
          const level = Math.max(radius, 0.01);
          ours = worstCaseExpectation(p, v, cvar(level)).value;
          theirs = solveLinearProgram(
            boxProgram(
              v,
              p.map(() => 0),
              p.map((x) => x / level),
            ),
          ).value;
        } else {
          ours = worstCaseExpectation(p, v, wasserstein(radius, { cost: metric(n) })).value;
          theirs = solveLinearProgram(transportProgram(p, v, metric(n), radius)).value;
        }
        expect(Math.abs(ours - theirs)).toBeLessThanOrEqual(1e-9 * Math.max(1, scale * 4));
        apart = Math.max(apart, Math.abs(ours - theirs) / Math.max(1, scale * 4));
      }),
      { numRuns: 10_000 },
    );
    task.meta.claim = {
      says: "Closed forms of worst-case expectations are the optima of their linear programs",
      source: "Iyengar (2005); Nilim, El Ghaoui (2005)",
      measured: `largest relative distance ${apart.toExponential(1)} over 10⁴ random instances`,
    };
  });

  const sets: Record<string, (radius: number, n: number) => UncertaintySet> = {
    totalVariation: (r) => totalVariation(r),
    nominal: (r) => totalVariation(r, { support: "nominal" }),
    l1: (r) => l1Ball(r),
    weightedL1: (r, n) => l1Ball(r, { weights: weightsOf(n) }),
    lInf: (r) => lInfBall(r),
    l2: (r) => l2Ball(r),
    kullbackLeibler: (r) => kullbackLeibler(r),
    chiSquare: (r) => chiSquare(r),
    contamination: (r) => contamination(r),
    wasserstein: (r, n) => wasserstein(r, { cost: metric(n) }),
  };
  it.each(Object.entries(sets))(
    "%s: radius 0 is the mean, values fall with the radius, shift and scale, and never leave the range",
    (_, setOf) => {
      fc.assert(
        fc.property(
          problem,
          fc.double({ min: 0, max: 1, noNaN: true }),
          ({ p, v, radius }, other) => {
            const n = p.length;
            const at = (r: number, w = v): number => worstCaseExpectation(p, w, setOf(r, n)).value;
            const size = 1e-8 * Math.max(1, ...v.map(Math.abs));
            const mean = p.reduce((sum, x, i) => sum + x * v[i]!, 0);
            expect(Math.abs(at(0) - mean)).toBeLessThan(size);
            const [small, large] = [Math.min(radius, other), Math.max(radius, other)];
            expect(at(large)).toBeLessThanOrEqual(at(small) + size);
            expect(at(radius)).toBeLessThanOrEqual(mean + size);
            expect(at(radius)).toBeGreaterThanOrEqual(Math.min(...v) - size);
            expect(
              Math.abs(
                at(
                  radius,
                  v.map((x) => 3 * x + 7),
                ) -
                  3 * at(radius) -
                  7,
              ),
            ).toBeLessThan(10 * size);
            expect(bestCaseExpectation(p, v, setOf(radius, n)).value).toBeGreaterThanOrEqual(
              mean - size,
            );
            const { kernel } = worstCaseExpectation(p, v, setOf(radius, n));
            const q = flat(kernel);
            expect(Math.abs(q.reduce((a, b) => a + b, 0) - 1)).toBeLessThan(1e-9);
            expect(Math.min(...q)).toBeGreaterThanOrEqual(-1e-14);
            expect(Math.abs(q.reduce((sum, x, i) => sum + x * v[i]!, 0) - at(radius))).toBeLessThan(
              size,
            );
          },
        ),
        { numRuns: 300 },
      );
    },
  );

  it("satisfy Pinsker's inequality between the divergences", () => {
    fc.assert(
      fc.property(problem, ({ p, v, radius }) => {
        const narrow = worstCaseExpectation(p, v, kullbackLeibler(radius)).value;
        const wide = worstCaseExpectation(p, v, totalVariation(Math.sqrt(radius / 2))).value;
        expect(narrow).toBeGreaterThanOrEqual(wide - 1e-9 * Math.max(1, ...v.map(Math.abs)));
      }),
    );
  });

  it("never change by more than the values do", () => {
    fc.assert(
      fc.property(
        problem,
        fc.infiniteStream(fc.double({ min: -1, max: 1, noNaN: true })),
        ({ p, v, radius }, noise) => {
          const w = v.map((x, i) => x + [...noise.take(v.length)][i % v.length]!);
          const change = Math.max(...v.map((x, i) => Math.abs(x - w[i]!)));
          for (const setOf of Object.values(sets)) {
            const set = setOf(radius, p.length);
            const moved = Math.abs(
              worstCaseExpectation(p, v, set).value - worstCaseExpectation(p, w, set).value,
            );
            expect(moved).toBeLessThanOrEqual(change + 1e-7 * Math.max(1, ...v.map(Math.abs)));
          }
        },
      ),
    );
  });

  it("treat every row of a batch alone, with its own radius", () => {
    const p = [
      [0.5, 0.5],
      [0.25, 0.75],
    ];
    const { values } = worstCaseBatch(p, [0, 4], totalVariation([0.1, 0.5]));
    expect(flat(values)).toEqual(
      p.map((row, i) => worstCaseExpectation(row, [0, 4], totalVariation([0.1, 0.5][i]!)).value),
    );
  });

  it("name the entry that is wrong", () => {
    expect(() => worstCaseExpectation([0.5, 0.4], [0, 1], totalVariation(0.1))).toThrow(
      /sum to 1, got 0.9/,
    );
    expect(() => worstCaseExpectation([1.5, -0.5], [0, 1], totalVariation(0.1))).toThrow(
      /p\[1\] must be a probability, got -0.5/,
    );
    expect(() => worstCaseExpectation([0.5, 0.5], [0, NaN], totalVariation(0.1))).toThrow(
      /v\[1\] must be finite/,
    );
    expect(() => worstCaseExpectation([0.5, 0.5], [0, 1, 2], totalVariation(0.1))).toThrow(
      /v must be a vector/,
    );
    expect(() => totalVariation(-0.1)).toThrow(/radius must lie/);
    expect(() => totalVariation(NaN)).toThrow(/radius must lie/);
    expect(() => wasserstein(1, { cost: [[0, -1], [1, 0]] })).toThrow(/cost\[0, 1\]/); // prettier-ignore
    expect(() => wasserstein(1, { cost: [[1]] })).toThrow(/0 on the diagonal/);
    expect(() => interval([0.6, 0.6], [0.7, 0.7])).toThrow(/no distribution fits/);
    expect(() => worstCaseExpectation([1], [1], wasserstein(1, { cost: [[0, 1], [1, 0]] }))).toThrow(/cost of the set has 4 entries/); // prettier-ignore
  });
});
