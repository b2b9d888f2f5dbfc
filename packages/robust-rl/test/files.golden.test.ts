/** Games in Gambit's formats: own writers, equilibria by rational vertex enumeration. */
import { readFileSync } from "node:fs";
import { toTypedArray } from "@provably/core-tensor";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  behaviourStrategy,
  bimatrixNash,
  pureNash,
  readEfg,
  readNfg,
  reducedNormalForm,
  writeNfg,
  zeroSumEquilibrium,
} from "../src/index.js";
import { type Nested, expectNear } from "./fixtures.js";

interface Case {
  readonly file: string;
  readonly malformed?: boolean;
  readonly line: number;
  readonly column: number;
  readonly title: string;
  readonly comment?: string;
  readonly players: string[];
  readonly strategies: string[][];
  readonly payoffs: string[][][];
  readonly extremeEquilibria?: string[][][];
  readonly pureEquilibria?: number[][];
  readonly nodes: Record<string, number>;
  readonly informationSets: {
    number: number;
    name: string;
    actions: string[];
    members: number;
  }[][];
  readonly reducedStrategies: number[][][];
  readonly reducedPayoffs: string[][][];
  readonly value?: number;
}

const elsewhere = process.env["PROVABLY_FIXTURES"];
const folder = elsewhere
  ? `${elsewhere}/robust-rl`
  : new URL("./fixtures/robust-rl", import.meta.url).pathname;
const textOf = (kind: string, file: string): string =>
  readFileSync(`${folder}/${kind}/${file}`, "utf8");
const casesOf = (kind: string): Case[] =>
  (JSON.parse(textOf(kind, "index.json")) as { cases: Case[] }).cases;

const rational = (x: string | Nested): Nested => {
  if (Array.isArray(x)) return x.map((y) => rational(y as never));
  const [a, b = "1"] = String(x).split("/");
  return Number(a) / Number(b);
};

function expectEquilibria(payoffs: Parameters<typeof writeNfg>[0], expected: string[][][]): void {
  const [a, b] = halves(payoffs);
  const { equilibria, certificate } = bimatrixNash(a!, b!);
  const found = equilibria.map(({ x, y }) => [...toTypedArray(x), ...toTypedArray(y)]);
  const wanted = expected.map((pair) => pair.flat().map((x) => rational(x) as number));
  const sorted = (rows: number[][]): number[][] =>
    rows.toSorted((p, q) => p.map((v, k) => q[k]! - v).find((d) => Math.abs(d) > 1e-7) ?? 0);
  expectNear(sorted(found), sorted(wanted), 1e-9);
  expect(certificate.holds).toBe(true);
}

/** The payoffs of each of two players. */
function halves(payoffs: unknown): Nested[] {
  return [...(payoffs as Iterable<Nested>)];
}

describe("a .nfg file has the names, payoffs and equilibria that its index says", () => {
  for (const c of casesOf("nfg"))
    it(c.file, () => {
      const text = textOf("nfg", c.file);
      if (c.malformed) {
        expect(() => readNfg(text)).toThrow(`readNfg: line ${c.line}, column ${c.column}: `);
        return;
      }
      const game = readNfg(text);
      expect(game).toMatchObject({ title: c.title, players: c.players, strategies: c.strategies, comment: c.comment ?? "" }); // prettier-ignore
      expectNear(game.payoffs, rational(c.payoffs as never), 1e-15);
      const { payoffs: _, ...names } = game;
      const again = readNfg(writeNfg(game.payoffs, names));
      expect(again).toMatchObject(names);
      expect([...toTypedArray(again.payoffs)]).toEqual([...toTypedArray(game.payoffs)]);
      if (c.extremeEquilibria) expectEquilibria(game.payoffs, c.extremeEquilibria);
      if (c.pureEquilibria) expect(pureNash(game.payoffs)).toEqual(c.pureEquilibria);
    });
});

describe("an .efg file has the tree, normal form and equilibria that its index says", () => {
  for (const c of casesOf("efg"))
    it(c.file, () => {
      const text = textOf("efg", c.file);
      if (c.malformed) {
        expect(() => readEfg(text)).toThrow(`readEfg: line ${c.line}, column ${c.column}: `);
        return;
      }
      const game = readEfg(text);
      expect(game).toMatchObject({ title: c.title, players: c.players, comment: c.comment ?? "" });
      for (const [kind, count] of Object.entries(c.nodes))
        expect(game.nodes.filter((node) => node.kind === kind).length, kind).toBe(count);
      expect(game.informationSets).toEqual(
        c.informationSets.map((own) =>
          own.map(({ members, ...set }) => ({ ...set, numMembers: members })),
        ),
      );
      const form = reducedNormalForm(game);
      expect(form.strategies).toEqual(c.reducedStrategies);
      expectNear(form.payoffs, rational(c.reducedPayoffs as never), 1e-12);
      if (c.extremeEquilibria) expectEquilibria(form.payoffs, c.extremeEquilibria);
      if (c.value !== undefined) {
        const { value, x } = zeroSumEquilibrium(halves(form.payoffs)[0]!);
        expect(value).toBeCloseTo(c.value, 9);
        for (const shares of behaviourStrategy(form, 0, x, game))
          expect(shares.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
      }
    });
});

describe("a reader of games", () => {
  const texts = ["nfg", "efg"].flatMap((kind) =>
    casesOf(kind).map((c) => [kind, textOf(kind, c.file)] as const),
  );

  it("reads or refuses whatever a mutation makes of a file, with a place", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...texts),
        fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom("", "{", "}", '"', "9", "-", "/", " ", "x", "\n", "1e999", "99999999")), { minLength: 1, maxLength: 4 }), // prettier-ignore
        ([kind, text], edits) => {
          let mutated = text;
          for (const [at, by] of edits) {
            const k = Math.floor(at * mutated.length);
            mutated = mutated.slice(0, k) + by + mutated.slice(k + 1);
          }
          try {
            if (kind === "nfg") readNfg(mutated);
            else readEfg(mutated);
          } catch (error) {
            const { code, message } = error as { code?: string; message: string };
            expect(code, message).toMatch(/^ERR_(FORMAT|DOMAIN)$/);
            if (code === "ERR_FORMAT")
              expect(message).toMatch(/^read[NE]fg: line \d+, column \d+: /);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it("allocates nothing for sizes that are only claimed", () => {
    expect(() => readNfg('NFG 1 R "" { "a" "b" } { 99999 99999 } 1 2')).toThrow(/more than 2²⁶/);
    expect(() => readNfg('NFG 1 R "" { "a" "b" } { 4000 4000 } 1 2')).toThrow(/expected a payoff/);
  });
});
