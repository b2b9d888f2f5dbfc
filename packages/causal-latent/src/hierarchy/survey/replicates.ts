/** The search on resampled rows: intervals of loadings, and how often items come into the same group. */
import { foldIn } from "@provably/core-tensor/random";
import { assign } from "../../internal/assignment.js";
import { streamOf } from "../rank/draws.js";
import { type Level, type LevelSettings, levelOf, levelsOf } from "./levels.js";
import { type Survey, correlated, takeRows } from "./survey.js";

export interface Replicates {
  /** Interval of the loading of an item on a factor. */
  readonly interval: (item: number, factor: number) => readonly [number, number];
  /** Of each item, the share of data sets in which it came into the same group. */
  readonly stability: Float64Array;
  readonly shares: readonly { readonly numGroups: number; readonly share: number }[];
  /** Whether the number of groups was free. */
  readonly free: boolean;
}

export interface ReplicateSettings extends LevelSettings {
  readonly numReplicates: number;
  readonly confidence: number;
  readonly free: boolean;
  readonly onReplicate: (done: number) => void;
}

export function replicate(survey: Survey, level: Level, settings: ReplicateSettings): Replicates {
  const { numReplicates, confidence, free, key, signal, onReplicate } = settings;
  const [p, k, n] = [survey.items.length, level.k, survey.numRows];
  const loadings: Float64Array[] = [];
  const stability = new Float64Array(p);
  const counts = new Map<number, number>();
  for (let b = 0; b < numReplicates; b++) {
    signal?.throwIfAborted();
    const next = streamOf(foldIn(foldIn(key, "replicate"), b));
    const rows = Int32Array.from({ length: n }, () => Math.floor(n * next()));
    const { matrix, size } = correlated(takeRows(survey.items, survey.weights, rows), signal);
    const nearAgreement = level.agreement || 0.02;
    const own = { ...settings, size, nearAgreement, key: foldIn(key, "levels") };
    const again = levelOf(matrix, p, level.numFactors, own, level.form);
    const near = { ...own, minGroups: Math.max(1, k - 2), maxGroups: k + 2 };
    const best = free ? levelsOf(matrix, p, near).best : again;
    counts.set(best?.k ?? 0, (counts.get(best?.k ?? 0) ?? 0) + 1);
    const matched = matchedTo(level, again, p);
    loadings.push(matched.pattern);
    matched.groupOf.forEach((f, i) => {
      if (f === level.groupOf[i]) stability[i]! += 1 / numReplicates;
    });
    onReplicate(b + 1);
  }
  const tail = (1 - confidence) / 2;
  return {
    stability,
    free,
    shares: [...counts]
      .map(([numGroups, count]) => ({ numGroups, share: count / numReplicates }))
      .sort((a, b) => b.share - a.share),
    interval(item, factor) {
      const sorted = loadings.map((x) => x[item * k + factor]!).sort((a, b) => a - b);
      const at = (share: number): number =>
        sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(share * sorted.length - 0.5)))]!;
      return [at(tail), at(1 - tail)];
    },
  };
}

/** Factors put in the order and with the signs of those they resemble. */
function matchedTo(
  { k, pattern }: Level,
  again: Level,
  p: number,
): Pick<Level, "pattern" | "groupOf"> {
  const inner = (f: number, g: number): number => {
    let sum = 0;
    for (let i = 0; i < p; i++) sum += pattern[i * k + f]! * again.pattern[i * k + g]!;
    return sum;
  };
  const all = Array.from({ length: k }, (_, f) => f);
  const columns = assign(all.map((f) => all.map((g) => Math.abs(inner(f, g)))));
  const signs = all.map((f) => Math.sign(inner(f, columns[f]!)) || 1);
  return {
    pattern: Float64Array.from(
      { length: p * k },
      (_, at) => signs[at % k]! * again.pattern[at - (at % k) + columns[at % k]!]!,
    ),
    groupOf: again.groupOf.map((g) => columns.indexOf(g)),
  };
}
