/** All extreme equilibria in exact rationals, by two independent rational enumerations. */
import { describe, expect, it } from "vitest";
import { bimatrixNash, certifyNash, nashEquilibria } from "../src/index.js";
import { flat, load } from "./fixtures.js";

interface Case {
  readonly name: string;
  readonly a: number[][];
  readonly b: number[][];
  readonly xs: string[][];
  readonly ys: string[][];
  readonly equilibria: [number, number][];
  readonly payoffs: [string, string][];
  readonly degenerate: boolean;
  readonly dominatedRows: number[];
  readonly dominatedColumns: number[];
}

const { cases } = load<{ cases: Case[] }>("scaled_games");

/** "p/q" as a double. */
function value(rational: string): number {
  const [p, q = "1"] = rational.split("/");
  return Number(p) / Number(q);
}

const near = (a: readonly number[], b: readonly number[]): boolean =>
  a.every((x, i) => Math.abs(x - b[i]!) <= 1e-9);

describe("games whose payoffs differ in scale and offset", () => {
  it.each(cases.map((c) => [c.name, c] as const))("%s", (_name, c) => {
    const { equilibria, degenerate, certificate } = bimatrixNash(c.a, c.b);
    expect(equilibria.length).toBe(c.equilibria.length);
    expect(degenerate).toBe(c.degenerate);
    expect(certificate.holds).toBe(true);
    const found = equilibria.map(({ x, y }) => [...flat(x), ...flat(y)]);
    c.equilibria.forEach(([i, j], k) => {
      const golden = [...c.xs[i]!.map(value), ...c.ys[j]!.map(value)];
      const place = found.findIndex((mine) => near(mine, golden));
      expect(place).toBeGreaterThanOrEqual(0);
      c.payoffs[k]!.forEach((payoff, player) => {
        const mine = equilibria[place]!.payoffs.get(player);
        expect(Math.abs(mine - value(payoff))).toBeLessThanOrEqual(
          1e-12 * Math.abs(value(payoff)) + 1e-300,
        );
      });
    });
  });

  it.each(["support-enumeration", "lemke-howson", "lemke-howson-enumeration"] as const)(
    "%s finds equilibria only, and plays nothing that is dominated",
    (method) => {
      for (const c of cases) {
        const { equilibria, certificate } = bimatrixNash(c.a, c.b, { method });
        expect(equilibria.length, c.name).toBeGreaterThan(0);
        expect(certificate.value, c.name).toBeLessThan(1e-12);
        for (const { x, y } of equilibria) {
          for (const row of c.dominatedRows) expect(x.get(row), c.name).toBe(0);
          for (const column of c.dominatedColumns) expect(y.get(column), c.name).toBe(0);
        }
      }
    },
  );

  it("searches for any number of players are held against each player's own range", () => {
    for (const c of cases.filter(({ a }) => a.length * a[0]!.length <= 12)) {
      for (const { strategies } of nashEquilibria([c.a, c.b])) {
        const certificate = certifyNash([c.a, c.b], strategies);
        expect(certificate.holds, `${c.name} ${certificate.value}`).toBe(true);
        for (const row of c.dominatedRows) expect(strategies[0]!.get(row), c.name).toBe(0);
      }
    }
  });
});
