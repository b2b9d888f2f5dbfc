/** One equilibrium for every pair of supports that has one, from the extreme equilibria. */
import { DomainError } from "@provably/core-tensor";
import type { Game } from "./payoffs.js";
import { type ExtremeEquilibria, extremeEquilibria } from "./vertex-enumeration.js";

const MOST_SUPPORTS = 100_000;

/**
 * Equilibria are the convex combinations of extreme ones that are in equilibrium with each other, so their supports are
 * unions of those of extreme strategies. The mean of the strategies stands for each.
 */
export function supportEnumeration(game: Game): {
  readonly equilibria: [Float64Array, Float64Array][];
  readonly degenerate: boolean;
} {
  const extreme = extremeEquilibria(game);
  const found = new Map<string, [Float64Array, Float64Array]>();
  for (const [xs, ys] of nashSubsets(extreme)) {
    const left = unions(xs.map((i) => extreme.strategies[0][i]!));
    const right = unions(ys.map((j) => extreme.strategies[1][j]!));
    if (found.size + left.size * right.size > MOST_SUPPORTS)
      throw new DomainError(
        `bimatrixNash: the game has equilibria on more than ${MOST_SUPPORTS} pairs of supports; use method "vertex-enumeration"`,
      );
    for (const [a, x] of left)
      for (const [b, y] of right) if (!found.has(`${a}|${b}`)) found.set(`${a}|${b}`, [x, y]);
  }
  return { equilibria: [...found.values()], degenerate: extreme.degenerate };
}

/** Maximal sets of strategies of both players, every one in equilibrium with every one of the other side. */
export function nashSubsets({
  pairs,
}: ExtremeEquilibria): (readonly [readonly number[], readonly number[]])[] {
  const partners = new Map<number, Set<number>>();
  for (const [x, y] of pairs) partners.set(x, (partners.get(x) ?? new Set()).add(y));
  // closed sets of partners: intersections of the partners of single strategies
  const closed = new Map<string, readonly number[]>();
  const add = (set: readonly number[]): void => {
    if (set.length > 0) closed.set(set.join(), set);
  };
  for (const own of partners.values()) {
    const mine = [...own].sort((a, b) => a - b);
    for (const other of [...closed.values()]) add(other.filter((y) => own.has(y)));
    add(mine);
    if (closed.size > MOST_SUPPORTS)
      throw new DomainError("bimatrixNash: the game has too many maximal Nash subsets");
  }
  return [...closed.values()].map((ys) => [
    [...partners].flatMap(([x, own]) => (ys.every((y) => own.has(y)) ? [x] : [])),
    ys,
  ]);
}

/** All unions of the supports of strategies, each with the mean of strategies that have it. */
function unions(strategies: readonly Float64Array[]): Map<string, Float64Array> {
  const supportOf = (s: Float64Array): string =>
    s.reduce((key, p) => key + (p > 0 ? "1" : "0"), "");
  const found = new Map<string, readonly Float64Array[]>();
  for (const strategy of strategies) {
    for (const parts of [...found.values(), []]) {
      const more = [...parts, strategy];
      const key = supportOf(mean(more));
      if (!found.has(key)) found.set(key, more);
      if (found.size > MOST_SUPPORTS)
        throw new DomainError("bimatrixNash: the game has equilibria on too many supports");
    }
  }
  return new Map([...found].map(([key, parts]) => [key, mean(parts)]));
}

const mean = (parts: readonly Float64Array[]): Float64Array =>
  parts[0]!.map((_, a) => parts.reduce((sum, s) => sum + s[a]!, 0) / parts.length);
