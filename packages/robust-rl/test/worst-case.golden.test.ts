import { describe, expect, it } from "vitest";
import {
  type UncertaintySet,
  bestCaseExpectation,
  chiSquare,
  contamination,
  cvar,
  kullbackLeibler,
  l1Ball,
  l2Ball,
  lInfBall,
  totalVariation,
  wasserstein,
  worstCaseExpectation,
} from "../src/index.js";
import { flat, load } from "./fixtures.js";

interface Case {
  readonly kind: string;
  readonly p: number[];
  readonly v: number[];
  readonly radius: number;
  readonly value: number;
  readonly bestValue?: number;
  readonly q?: number[];
  readonly alpha?: number;
  readonly beta?: number;
  readonly threshold?: number;
  readonly valueNominalSupport?: number;
  readonly cost?: number[][];
  readonly order?: number;
}
const golden = load<{ cases: Case[] }>("worst_case");

const sets: Record<string, (c: Case) => UncertaintySet> = {
  tv: (c) => totalVariation(c.radius),
  l1: (c) => l1Ball(c.radius),
  linf: (c) => lInfBall(c.radius),
  l2: (c) => l2Ball(c.radius),
  kl: (c) => kullbackLeibler(c.radius),
  chi2: (c) => chiSquare(c.radius),
  wasserstein: (c) => wasserstein(c.radius, { cost: c.cost!, order: c.order! }),
  contamination: (c) => contamination(c.radius),
  cvar: (c) => cvar(c.radius),
};

describe("golden worst cases", () => {
  it.each((golden?.cases ?? []).map((c, i) => [`${i} ${c.kind}`, c] as const))("%s", (_, c) => {
    const offset = Math.max(...c.v.map(Math.abs)) > 1e5;
    const tolerance = offset && (c.kind === "l2" || c.kind === "kl") ? 1e-8 : 1e-9;
    const near = (a: number, b: number): void =>
      expect(Math.abs(a - b)).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(b)));
    const set = sets[c.kind]!(c);
    const { value, kernel, dual } = worstCaseExpectation(c.p, c.v, set);
    near(value, c.value);
    const q = flat(kernel);
    near(
      q.reduce((sum, x, s) => sum + x * c.v[s]!, 0),
      c.value,
    );
    expect(q.every((x) => x >= -1e-15)).toBe(true);
    expect(Math.abs(q.reduce((sum, x) => sum + x, 0) - 1)).toBeLessThan(1e-9);
    if (c.bestValue !== undefined) near(bestCaseExpectation(c.p, c.v, set).value, c.bestValue);
    if (c.alpha !== undefined) near(dual, c.alpha);
    if (c.valueNominalSupport !== undefined)
      near(
        worstCaseExpectation(c.p, c.v, totalVariation(c.radius, { support: "nominal" })).value,
        c.valueNominalSupport,
      );
    for (const expected of [c.beta, c.threshold])
      if (typeof expected === "number")
        expect(Math.abs(dual - expected)).toBeLessThanOrEqual(
          1e-6 * Math.max(1e-12, Math.abs(expected)),
        );
  });
});
