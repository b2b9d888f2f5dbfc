/** Logs and tables as people have them: own counting, values by iteration, every row a linear program (HiGHS). */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { toTypedArray } from "@provably/core-tensor";
import { decodeNpz } from "@provably/core-tensor/io";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type LogPlan,
  type TransitionLog,
  certifyPlan,
  logFromArrays,
  logFromCsv,
  logFromJsonl,
  mdp,
  mdpFromGymnasium,
  planFromLog,
  robustPlan,
  totalVariation,
  transitionLog,
} from "../src/index.js";
import { expectNear } from "./fixtures.js";

interface Planned {
  readonly V: number[];
  readonly policy: number[];
  readonly uniqueAction?: boolean[];
}
interface Case {
  readonly file: string;
  readonly format: string;
  readonly columns: Record<"s" | "a" | "r" | "s2" | "done", string>;
  readonly S: number;
  readonly A: number;
  readonly transitions: number;
  readonly dropped?: number;
  readonly terminalStates: number[];
  readonly counts: number[][];
  readonly visits: number[][];
  readonly radius: number[][];
  readonly radiusUnion: number[][];
  readonly plan: Planned;
  readonly planUnion: Planned;
  readonly planRadiusZero: Planned;
  readonly malformed?: boolean;
  readonly errors: { line: number; field: string | null }[];
  readonly kernel: number[][];
  readonly rewardsOnArrival: number[][];
  readonly discount: number;
  readonly V: number[];
  readonly policy: number[];
  readonly uniqueAction: boolean[];
  readonly robustTv: Planned & { radius: number };
}

const elsewhere = process.env["PROVABLY_FIXTURES"];
const folder = elsewhere ? `${elsewhere}/robust-rl/logs` : fileURLToPath(new URL("./fixtures/robust-rl/logs", import.meta.url)); // prettier-ignore
const textOf = (file: string): string => readFileSync(`${folder}/${file}`, "utf8");
const { cases } = JSON.parse(textOf("index.json")) as { cases: Case[] };

function logOf(c: Case): TransitionLog {
  if (c.format.startsWith("csv")) {
    const { s, a, r, s2, done } = c.columns;
    return logFromCsv(textOf(c.file), { names: { state: s, action: a, reward: r, nextState: s2, done } }); // prettier-ignore
  }
  if (c.format === "jsonl") return logFromJsonl(textOf(c.file));
  const arrays = c.file.endsWith(".npz")
    ? Object.fromEntries(
        Object.entries(decodeNpz(readFileSync(`${folder}/${c.file}`))).map(([name, x]) => [
          name,
          Array.from(toTypedArray(x), Number),
        ]),
      )
    : (JSON.parse(textOf(c.file)) as Record<string, unknown>);
  const { next_observations: next, ...rest } = arrays;
  const flat = { ...rest, ...(next !== undefined && { nextObservations: next }) };
  // without next observations the file's states are not all seen
  return logFromArrays(flat as never, c.dropped === undefined ? {} : { numStates: c.S - 1 });
}

function expectPlan({ plan }: LogPlan, expected: Planned): void {
  expectNear(plan.values, expected.V, 1e-8);
  expected.policy.forEach((a, s) => {
    if (expected.uniqueAction?.[s]) expect(plan.policy.get(s), `state ${s}`).toBe(a);
  });
  expect(plan.certificate.holds).toBe(true);
}

const isLog = (c: Case): boolean => "counts" in c;

describe("a log gives the counts, radii and plans of its index", () => {
  for (const c of cases.filter(isLog))
    it(c.file, () => {
      const log = logOf(c);
      expect(log).toMatchObject({ numStates: c.S, numActions: c.A, terminalStates: c.terminalStates, numDropped: c.dropped ?? 0 }); // prettier-ignore
      expect(log.states.length).toBe(c.transitions);
      const counts = new Map<string, number>();
      log.states.forEach((s, k) => {
        const key = [s, log.actions[k], log.nextStates[k]].join();
        counts.set(key, (counts.get(key) ?? 0) + 1);
      });
      expect(counts).toEqual(new Map(c.counts.map(([s, a, t, n]) => [[s, a, t].join(), n])));
      const options = { discount: 0.9, tolerance: 1e-9 } as const;
      const each = planFromLog(log, { ...options, set: "l1", simultaneous: false });
      const all = planFromLog(log, options);
      expectNear(each.visits, c.visits, 0);
      // terminal states keep to themselves; the file gives them no radius that matters
      const live = (x: number[][]): number[] => x.filter((_, s) => !c.terminalStates.includes(s)).flat(); // prettier-ignore
      const radii = ({ radii }: LogPlan): number[][] => Array.from({ length: c.S }, (_, s) => Array.from({ length: c.A }, (__, a) => radii.get(s, a))); // prettier-ignore
      expectNear(live(radii(each)), live(c.radius), 1e-12);
      expectNear(live(radii(all)), live(c.radiusUnion), 1e-12);
      expectPlan(each, c.plan);
      expectPlan(all, c.planUnion);
      expectPlan(planFromLog(log, { ...options, set: "l1", radius: 0 }), c.planRadiusZero);
      // caution costs where the estimate is the truth
      expect(all.valuesIfNominal.get(0)).toBeLessThanOrEqual(all.nominal.values.get(0) + 1e-7); // prettier-ignore
      expect(certifyPlan(all.model, totalVariation(0), all.plan, { discount: 0.9 }).holds).toBe(false); // prettier-ignore
    });
});

describe("a malformed log is refused at one of its faults", () => {
  for (const c of cases.filter(({ malformed }) => malformed))
    it(c.file, () => {
      let message = "";
      try {
        if (c.format === "csv") logFromCsv(textOf(c.file));
        else logFromJsonl(textOf(c.file));
      } catch (error) {
        expect((error as { code: string }).code).toMatch(/^ERR_(FORMAT|DOMAIN)$/);
        ({ message } = error as Error);
      }
      const line = Number(/^logFrom\w+: line (\d+)/.exec(message)?.[1]);
      expect(
        c.errors.map((fault) => fault.line),
        message,
      ).toContain(line);
    });

  it("and each of its faulty lines alone, at its line", () => {
    for (const c of cases.filter(({ malformed }) => malformed)) {
      const lines = textOf(c.file).split("\n");
      for (const { line } of c.errors) {
        const alone = lines.filter((_, k) => k + 1 === line || (k === 0 && !c.errors.some((e) => e.line === 1))); // prettier-ignore
        const read = c.format === "csv" ? logFromCsv : logFromJsonl;
        expect(() => read(alone.join("\n")), lines[line - 1]).toThrow(/: line 2\b/);
      }
    }
  });
});

describe("a table is the process of its index", () => {
  for (const c of cases.filter(({ format }) => /table|toolbox/.test(format)))
    it(c.file, () => {
      const json = JSON.parse(textOf(c.file)) as { P: never; R: never };
      const model = c.format.startsWith("gymnasium")
        ? mdpFromGymnasium(json)
        : mdp({ transitions: json.P, rewards: json.R, axes: "ASS" });
      const options = { discount: c.discount, tolerance: 1e-10 };
      const plan = robustPlan(model, totalVariation(0), options);
      expectNear(plan.values, c.V, 1e-9);
      c.policy.forEach((a, s) => c.uniqueAction[s] && expect(plan.policy.get(s)).toBe(a));
      const near = totalVariation(c.robustTv.radius, { support: "nominal" });
      expectNear(robustPlan(model, near, options).values, c.robustTv.V, 1e-9);
    });

  it("with ends in a state that is also passed through, has one more state", () => {
    const model = mdpFromGymnasium([
      [[[0.5, 1, 1, false], [0.5, 1, 0, true]]],
      [[[1, 0, 0, false]], [[1, 1, 5, true]]],
    ]); // prettier-ignore
    expect(model.numStates).toBe(3);
    // V(1) = 5, V(0) = .5 (1 + .5 · 5)
    expectNear(robustPlan(model, totalVariation(0), { discount: 0.5 }).values, [1.75, 5, 0], 1e-7);
  });

  it("that is none is refused with the place", () => {
    expect(() => mdpFromGymnasium({ 0: { 0: [[1, 5, 0, false]] } })).toThrow(/P\[0\]\[0\]\[0\] must be/); // prettier-ignore
    expect(() => mdpFromGymnasium({ 0: { 1: [[1, 0, 0, false]] } })).toThrow(/P\[0\] .* 0 is missing/); // prettier-ignore
    expect(() => mdpFromGymnasium({ 0: { 0: [[0.5, 0, 0, false]] } })).toThrow(/must sum to 1/);
  });
});

describe("a reader of logs", () => {
  it("says when a state both ends an episode and is left, and what to do", () => {
    const columns = { states: [0, 1], actions: [0, 0], rewards: [0, 1], nextStates: [1, 0], done: [0, 1] }; // prettier-ignore
    expect(() => transitionLog(columns)).toThrow(/endState: "own"/);
    expect(transitionLog(columns, { endState: "own" }).terminalStates).toEqual([2]);
  });

  it("allocates nothing for states that are only numbered high", () => {
    const columns = { states: [0], actions: [0], rewards: [0], nextStates: [1e9] };
    expect(() => transitionLog(columns)).toThrow(/more than 2²⁴ pairs/);
  });

  it("reads or refuses whatever a mutation makes of a file, with a place", () => {
    const texts = [["csv", textOf("chain.csv").slice(0, 400)], ["jsonl", textOf("chain.jsonl").slice(0, 600).split("\n").slice(0, -1).join("\n")]] as const; // prettier-ignore
    fc.assert(
      fc.property(
        fc.constantFrom(...texts),
        fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom("", ",", '"', "\n", "-", "e9", "x", "{", " ", "1.5", "true")), { minLength: 1, maxLength: 3 }), // prettier-ignore
        ([kind, text], edits) => {
          let mutated: string = text;
          for (const [at, by] of edits) {
            const k = Math.floor(at * mutated.length);
            mutated = mutated.slice(0, k) + by + mutated.slice(k + 1);
          }
          try {
            if (kind === "csv") logFromCsv(mutated);
            else logFromJsonl(mutated);
          } catch (error) {
            const { code, message } = error as { code?: string; message: string };
            expect(code, message).toMatch(/^ERR_(FORMAT|DOMAIN)$/);
            expect(message).toMatch(/^logFrom(Csv|Jsonl): /);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
