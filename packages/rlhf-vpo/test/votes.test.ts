import { key } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import { certifyRanking } from "../src/exact/votes.js";
import { type Vote, rankFromVotes } from "../src/index.js";

const vote = (first: string, second: string, winner: Vote["winner"], weight = 1): Vote => ({ first, second, winner, weight }); // prettier-ignore
const scoreOf = (r: ReturnType<typeof rankFromVotes>, item: string) => r.ranking.find((x) => x.item === item)!; // prettier-ignore

describe("rankings from votes", () => {
  it("of two items without much of a prior differ by the log-odds of their wins", () => {
    const r = rankFromVotes(key(0), [vote("a", "b", "first", 3000), vote("b", "a", "first", 1000)], { spread: 1000 }); // prettier-ignore
    expect(scoreOf(r, "a").score - scoreOf(r, "b").score).toBeCloseTo(Math.log(3), 5);
    // the information of a binomial share: 1/√(n p (1 − p)), half of it for each of the two
    expect(2 * scoreOf(r, "a").standardError).toBeCloseTo(1 / Math.sqrt(4000 * 0.75 * 0.25), 4);
    expect(r.certificate.holds).toBe(true);
    expect(r.tieRate).toBe(0);
    expect(scoreOf(r, "a").probabilityBest).toBeGreaterThan(0.999);
  });

  it("with ties follow Davidson: equal items tie with the probability ν / (2 + ν)", () => {
    const r = rankFromVotes(key(0), [vote("a", "b", "first", 300), vote("a", "b", "second", 300), vote("a", "b", "tie", 400)], { spread: 1000 }); // prettier-ignore
    expect(r.tieRate / (2 + r.tieRate)).toBeCloseTo(0.4, 6);
    expect(scoreOf(r, "a").score).toBeCloseTo(0, 8);
    expect(scoreOf(r, "a").probabilityBest).toBeCloseTo(0.5, 1);
    expect(r.certificate.holds).toBe(true);
  });

  it("stay finite for an item that always wins, with wider intervals for fewer votes", () => {
    const r = rankFromVotes(key(1), [vote("a", "b", "first", 5), vote("b", "c", "first", 50), vote("c", "b", "first", 40)], { items: ["a", "b", "c", "d"] }); // prettier-ignore
    expect(r.ranking[0]!.item).toBe("a");
    expect(r.certificate.holds).toBe(true);
    const [b, d] = [scoreOf(r, "b"), scoreOf(r, "d")];
    expect(d.votes).toBe(0);
    expect(d.standardError).toBeGreaterThan(b.standardError);
    expect(b.interval[0]).toBeLessThan(b.pessimistic);
    expect(b.optimistic).toBeLessThan(b.interval[1]);
    expect(r.ranking.reduce((sum, x) => sum + x.probabilityBest, 0)).toBeCloseTo(1, 10);
    expect(r.valueOfInformation).toBeGreaterThan(0);
    expect([r.next!.first, r.next!.second].sort()).toEqual(["a", "d"]);
  });

  it("have a certificate that fails for other scores and other votes", () => {
    const votes = [vote("a", "b", "first", 7), vote("b", "a", "first", 3), vote("b", "c", "first", 4)]; // prettier-ignore
    const { ranking } = rankFromVotes(key(4), votes);
    const judge = (given: readonly Vote[], scores = ranking) => certifyRanking(given, scores, undefined, 1.5, 0).holds; // prettier-ignore
    expect(judge(votes)).toBe(true);
    expect(judge(votes, ranking.map((x, i) => ({ ...x, score: x.score + (i === 0 ? 1e-3 : 0) })))).toBe(false); // prettier-ignore
    expect(judge(votes.slice(1))).toBe(false);
    expect(judge([vote("b", "a", "first", 7), ...votes.slice(1)])).toBe(false);
  });

  it("are worth less to go on with the more votes there are", () => {
    const after = (n: number) => rankFromVotes(key(2), [vote("a", "b", "first", 6 * n), vote("b", "a", "first", 4 * n)]).valueOfInformation; // prettier-ignore
    expect(after(1)).toBeGreaterThan(after(10));
    expect(after(10)).toBeGreaterThan(after(1000));
  });

  it("are the same for the same key, and refuse votes that mean nothing", () => {
    const votes = [vote("a", "b", "first"), vote("b", "c", "tie")];
    expect(rankFromVotes(key(3), votes)).toEqual(rankFromVotes(key(3), votes));
    expect(rankFromVotes(key(3), []).ranking).toEqual([]);
    expect(() => rankFromVotes(key(0), [vote("a", "a", "first")])).toThrow(/votes\[0\] must be about two/); // prettier-ignore
    expect(() => rankFromVotes(key(0), votes, { items: ["a", "b"] })).toThrow(/votes\[1\].*"c"/);
    expect(() => rankFromVotes(key(0), [{ first: "a", second: "b", winner: "a" as never }])).toThrow(/votes\[0\].winner/); // prettier-ignore
    expect(() => rankFromVotes(key(0), votes, { spread: 0 })).toThrow(/spread/);
  });
});
