/** The state of the search: groups of variables, each seen through the observed variables below it, and the questions asked about them. */
import { cartesian, combinations, evenlySpaced } from "../internal/subsets.js";
import { type RankOracle, type RankSide, sideStates } from "./oracle.js";

/** An observed variable, or a cover: latents that are the only link between their children and the rest. */
export interface Group {
  /** Names: of the variable, or of the latents. */
  readonly names: readonly string[];
  /** Number of latents; 1 for an observed variable. */
  readonly size: number;
  readonly latent: boolean;
  /** Observed variables below, the most telling first, children taking turns. */
  readonly measured: readonly number[];
  /** Groups right below. */
  readonly children: readonly Group[];
  /** p-value of the claim that these children share this cover; NaN for observed variables. */
  readonly pValue: number;
}

export interface TestSettings {
  /** States of a latent. */
  readonly latentStates: number;
  /** Joint states a side of a table may have. */
  readonly maxTableSide: number;
  /** Tables per question, on data. */
  readonly maxTables: number;
  /** Whether p-values are multiplied by the number of tables. */
  readonly corrected: boolean;
  /** Tables that are tested at most; questions beyond are not asked. */
  readonly maxTests?: number;
  /** Looked at before every question. */
  readonly signal: AbortSignal | undefined;
}

/** Questions about groups, answered by an oracle and remembered. */
export interface Tester {
  readonly oracle: RankOracle;
  readonly performed: number;
  readonly cached: number;
  /** Questions that were not asked, for `maxTests` was reached: sets were not merged, pairs count as dependent. */
  readonly unasked: number;
  /** Whether these groups, of k + 1 units together, hang on k latents. */
  deficient: (set: readonly Group[], others: readonly Group[], k: number) => number;
  /** Whether two groups are independent given covers; undefined when no table can tell. */
  independent: (g: Group, h: Group, given: readonly Group[]) => number | undefined;
}

/** A p-value that no level in use can pass: further tables would not change the decision. */
const DECISIVE = 1e-15;

export function makeTester(oracle: RankOracle, settings: TestSettings): Tester {
  const {
    latentStates,
    maxTableSide,
    maxTables,
    corrected,
    maxTests = Infinity,
    signal,
  } = settings;
  const answers = new Map<string, number>();
  let [performed, cached, unasked] = [0, 0, 0];
  const exhausted = (): boolean => {
    if (performed >= maxTests) unasked++;
    return performed >= maxTests;
  };
  const bound = (units: number): number => (oracle.linear === true ? units : latentStates ** units);
  const ask = (a: RankSide, b: RankSide, units: number): number => {
    const text = (side: RankSide): string =>
      side
        .map((part) => [...part].sort((x, y) => x - y).join("."))
        .sort()
        .join("|");
    const mark = `${[text(a), text(b)].sort().join(" ")} ${units}`;
    const known = answers.get(mark);
    if (known !== undefined) {
      cached++;
      return known;
    }
    signal?.throwIfAborted();
    performed++;
    const { pValue } = oracle.rankAtMost(a, b, bound(units));
    answers.set(mark, pValue);
    return pValue;
  };
  /** One p-value for a claim that all of these questions bear on. A certain refusal decides; uncertain ones are corrected for their number. */
  const decide = (questions: readonly (readonly [RankSide, RankSide])[], units: number): number => {
    const factor = oracle.exact || !corrected ? 1 : questions.length;
    let least = 1;
    for (const [a, b] of questions) {
      least = Math.min(least, factor * ask(a, b, units));
      if (least <= DECISIVE) break;
    }
    return least;
  };
  const fits = (side: RankSide): boolean =>
    oracle.linear === true || sideStates(oracle, side) <= maxTableSide;
  /** Ways to let `size` measured variables stand for a group. */
  const stands = (group: Group, not: readonly number[] = []): number[][] => {
    const open = group.measured.filter((j) => !not.includes(j));
    return combinations(open.slice(0, group.size + 1), group.size).slice(0, 2);
  };

  /**
   * Sets of k + 1 measured variables to hold against. At most as many from a group as it has latents: more would have low rank whatever the set is. On data the half with
   * the strongest associations, through which a missing link shows best, and an even choice of the rest.
   */
  const controls = (rep: readonly number[], others: readonly Group[], k: number): number[][] => {
    const groupOf = new Map(
      others.flatMap((group, g) => group.measured.map((j) => [j, g] as const)),
    );
    const open = others.flatMap(({ measured, size }) =>
      oracle.exact ? measured : measured.slice(0, size + 1),
    );
    const spread = combinations(open, k + 1).filter((set) =>
      others.every(({ size }, g) => set.filter((j) => groupOf.get(j) === g).length <= size),
    );
    if (oracle.exact || spread.length <= maxTables) return spread;
    const strength = (set: readonly number[]): number =>
      set.reduce((sum, j) => sum + Math.max(...rep.map((i) => oracle.association(i, j))), 0) +
      rep.reduce((sum, i) => sum + Math.max(...set.map((j) => oracle.association(i, j))), 0);
    const sorted = spread
      .map((set) => ({ set, strength: strength(set) }))
      .sort((x, y) => y.strength - x.strength);
    const half = Math.ceil(maxTables / 2);
    return [...sorted.slice(0, half), ...evenlySpaced(sorted.slice(half), maxTables - half)].map(
      ({ set }) => set,
    );
  };

  return {
    oracle,
    get performed() {
      return performed;
    },
    get cached() {
      return cached;
    },
    get unasked() {
      return unasked;
    },
    deficient(set, others, k) {
      if (exhausted()) return 0;
      const reps = cartesian(set.map((group) => stands(group)))
        .slice(0, 4)
        .map((parts) => parts.flat());
      const questions = reps.flatMap((rep) => {
        const side = rep.map((j) => [j]);
        if (!fits(side)) return [];
        return controls(rep, others, k).flatMap((control) => {
          const against = control.map((j) => [j]);
          return fits(against) ? [[side, against] as const] : [];
        });
      });
      return questions.length === 0 ? 0 : decide(questions, k);
    },
    independent(g, h, given) {
      if (exhausted()) return given.length === 0 ? 0 : undefined;
      const units = given.reduce((sum, { size }) => sum + size, 0);
      const questions: (readonly [RankSide, RankSide])[] = [];
      const turns = oracle.exact || given.length === 0 ? [0] : [0, 1];
      for (const [own, other] of cartesian([stands(g), stands(h)]) as [number[], number[]][]) {
        for (const turn of turns) {
          const copies = given.map((cover) => {
            const open = cover.measured.filter(
              (j) => !g.measured.includes(j) && !h.measured.includes(j),
            );
            const turned = [
              ...open.slice(turn % Math.max(1, open.length)),
              ...open.slice(0, turn % Math.max(1, open.length)),
            ];
            return [turned.slice(0, cover.size), turned.slice(cover.size, 2 * cover.size)] as const;
          });
          if (copies.some(([, second], i) => second.length < given[i]!.size)) return undefined;
          const side = (group: number[], half: 0 | 1): RankSide =>
            units === 0 ? [group] : [copies.flatMap((pair) => pair[half]), group];
          const [a, b] = [side(own, 0), side(other, 1)];
          if (fits(a) && fits(b)) questions.push([a, b]);
        }
      }
      return questions.length === 0 ? undefined : decide(questions, units);
    },
  };
}

/** Measured variables of several groups, taking turns. */
export function interleave(groups: readonly Group[]): number[] {
  const longest = Math.max(...groups.map(({ measured }) => measured.length));
  return Array.from({ length: longest }, (_, i) =>
    groups.flatMap(({ measured }) => (i < measured.length ? [measured[i]!] : [])),
  ).flat();
}
