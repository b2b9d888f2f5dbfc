import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { type NdArray, array, grad, sum } from "@provably/core-tensor";
import {
  type PreferenceFormatError,
  type Preference,
  klEstimates,
  preferenceMetrics,
  readPreferences,
  scoreSequences,
  sequenceLogProbs,
} from "../src/index.js";
import { type Nested, expectNear, f64, flat, load } from "./fixtures.js";

interface Tokens {
  readonly logits: number[][][];
  readonly labels: number[][];
  readonly mask: number[][];
  readonly cases: {
    average: boolean;
    shift: boolean;
    logps: number[];
    perToken: number[][];
    counts: number[];
  }[];
  readonly gradSumShift: Nested;
}
const tokens = load<Tokens>("token-logps");

describe("golden sequence log-probabilities", () => {
  it("sums and averages, shifted and not, and their gradient", () => {
    const { logits, labels, mask, cases, gradSumShift } = tokens;
    for (const { average, shift, logps, perToken, counts } of cases) {
      const got = sequenceLogProbs(f64(logits), labels, mask, { average, shift });
      expectNear(got.logProbs, logps, 1e-9);
      expectNear(got.perToken, perToken, 1e-9);
      expect(flat(got.counts)).toEqual(counts);
    }
    expectNear(
      grad((x: NdArray) => sum(scoreSequences(labels, mask)(x)))(f64(logits)),
      gradSumShift,
      1e-9,
    );
  });

  it("score a row without tokens as 0 and say so, and refuse labels outside the vocabulary", () => {
    const got = sequenceLogProbs([[[0, 1], [1, 0]]], [[-100, -100]], [[0, 0]]); // prettier-ignore
    expect(flat(got.logProbs)).toEqual([0]);
    expect(got.warnings.length).toBe(1);
    expect(() => sequenceLogProbs([[[0, 1], [1, 0]]], [[0, 7]], [[1, 1]])).toThrow(/labels\[0, 1\]/); // prettier-ignore
    expect(() => sequenceLogProbs([[[0, NaN], [1, 0]]], [[0, 1]], [[1, 1]])).toThrow(/NaN/); // prettier-ignore
    expect(() => scoreSequences([[0]], [[1]])(array([[1]]))).toThrow(/logits must have shape/);
  });
});

interface Metrics {
  readonly beta: number;
  readonly chosenLogRatio: number[];
  readonly rejectedLogRatio: number[];
  readonly rewardsChosen: number;
  readonly rewardsRejected: number;
  readonly accuracyStrict: number;
  readonly accuracyHalfTies: number;
  readonly margin: number;
  readonly marginStd: number;
  readonly nll: number;
  readonly brier: number;
  readonly ece10: number;
  readonly logRatioSamples: number[];
  readonly klK1: number;
  readonly klK2: number;
  readonly klK3: number;
}
const metrics = load<Metrics>("metrics");

describe("golden metrics", () => {
  it("of pairs and of samples", () => {
    const m = metrics;
    const got = preferenceMetrics(m.chosenLogRatio, m.rejectedLogRatio, { beta: m.beta });
    expectNear(
      [
        got.rewardsChosen,
        got.rewardsRejected,
        got.accuracy,
        got.margin,
        got.marginStd,
        got.nll,
        got.brier,
        got.ece,
      ],
      [
        m.rewardsChosen,
        m.rewardsRejected,
        m.accuracyStrict,
        m.margin,
        m.marginStd,
        m.nll,
        m.brier,
        m.ece10,
      ],
      1e-12,
    );
    expect(
      preferenceMetrics(m.chosenLogRatio, m.rejectedLogRatio, { beta: m.beta, ties: "half" })
        .accuracy,
    ).toBeCloseTo(m.accuracyHalfTies, 12);
    const { k1, k2, k3 } = klEstimates(m.logRatioSamples);
    expectNear([k1, k2, k3], [m.klK1, m.klK2, m.klK3], 1e-12);
  });
});

const folder =
  process.env["PROVABLY_FIXTURES"] ?? fileURLToPath(new URL("./fixtures", import.meta.url));
const file = join(folder, "rlhf-vpo", "preferences.jsonl");
interface Expected {
  readonly records: number[];
  readonly errors: { line: number; code: string }[];
  readonly implicitPrompt: { line: number; prompt: unknown; chosen: unknown; rejected: unknown };
  readonly extras: { line: number; weight: number; margin: number };
}
const expected = load<Expected>("preferences-expected");

describe("golden preference lines", () => {
  it.each([1, 2, 3, 7, 64, 100_000])("read in chunks of %i bytes", async (size) => {
    const bytes = readFileSync(file);
    const chunks = function* (): Generator<Uint8Array> {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    };
    const found = new Map<number, Preference>();
    const errors: PreferenceFormatError[] = [];
    for await (const { line, record } of readPreferences(chunks(), {
      onError: (error) => errors.push(error),
    }))
      found.set(line, record);
    const { records, errors: bad, implicitPrompt, extras } = expected;
    expect([...found.keys()]).toEqual(records);
    expect(errors.map(({ line, reason }) => ({ line, code: reason }))).toEqual(bad);
    const { line, ...rest } = implicitPrompt;
    expect(found.get(line)).toEqual(rest);
    expect(found.get(extras.line)).toMatchObject({ weight: extras.weight, margin: extras.margin });
  });

  it("stop at the first bad line, refuse long lines, and read marks, CRLF and web streams", async () => {
    const read = async (
      source: Parameters<typeof readPreferences>[0],
      options = {},
    ): Promise<unknown[]> => {
      const out = [];
      for await (const { record } of readPreferences(source, options)) out.push(record);
      return out;
    };
    const good = '{"prompt":"p","chosen":"a","rejected":"b"}';
    await expect(read([`${good}\nnot json\n`])).rejects.toMatchObject({
      reason: "INVALID_JSON",
      line: 2,
      name: "PreferenceFormatError",
    });
    await expect(read([good], { maxLineBytes: 10 })).rejects.toMatchObject({
      reason: "LINE_TOO_LONG",
      line: 1,
    });
    expect(await read([`\uFEFF${good}\r\n\r\n${good}`])).toHaveLength(2);
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(good));
        controller.close();
      },
    });
    expect(await read(stream)).toHaveLength(1);
    expect(
      await read(['{"__proto__":{"prompt":"p"},"chosen":"a","rejected":"b"}'], { onError: "skip" }),
    ).toHaveLength(0);
  });

  it("a hundred megabytes pass in constant memory", async () => {
    const line = `${JSON.stringify({ prompt: "p".repeat(500), chosen: "a".repeat(250), rejected: "b".repeat(250) })}\n`;
    const chunk = new TextEncoder().encode(line.repeat(60));
    const chunks = function* (): Generator<Uint8Array> {
      for (let sent = 0; sent < 1e8; sent += chunk.length) yield chunk;
    };
    let count = 0;
    let peak = 0;
    const before = process.memoryUsage().heapUsed;
    for await (const { record } of readPreferences(chunks())) {
      if (record.prompt.length === 500) count++;
      if (count % 20_000 === 0) peak = Math.max(peak, process.memoryUsage().heapUsed - before);
    }
    expect(count).toBeGreaterThan(90_000);
    expect(peak).toBeLessThan(100e6);
  });
});

interface PreferenceFile {
  readonly file: string;
  readonly layout: string;
  readonly records: readonly (Readonly<Record<string, unknown>> & { readonly line: number })[];
  readonly errors: readonly { readonly line: number; readonly codes: readonly string[] }[];
}
const files = load<PreferenceFile[]>("preference-files/expected");

describe("golden preference files", () => {
  it.each(files.map((entry) => [entry.file, entry] as const))(
    "%s is read to the letter",
    async (file, { records, errors }) => {
      const bytes = readFileSync(join(folder, "rlhf-vpo", "preference-files", file));
      const found: Record<string, unknown>[] = [];
      const refused: PreferenceFormatError[] = [];
      for await (const { line, record } of readPreferences([bytes], {
        onError: (error) => refused.push(error),
      })) {
        const { columns: _, ...said } = record;
        found.push({ line, ...said });
      }
      expect(found).toEqual(records);
      expect(refused.map(({ line }) => line)).toEqual(errors.map(({ line }) => line));
      for (const { code } of refused) expect(code).toMatch(/^ERR_PREFERENCE_/);
    },
  );
});
