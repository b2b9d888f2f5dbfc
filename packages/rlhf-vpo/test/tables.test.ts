import { parquetWriteBuffer } from "hyparquet-writer";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type FoundPreference,
  type PreferenceFormatError,
  loadPreferences,
  pairsFromScores,
  parsePreferences,
  readPreferences,
} from "../src/index.js";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const cut = (bytes: Uint8Array, size: number): Uint8Array[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.slice(i * size, (i + 1) * size)); // prettier-ignore
const records = (found: readonly FoundPreference[]) => found.map(({ record }) => record);
const quoted = (cell: string): string => `"${cell.replaceAll('"', '""')}"`;
const user = (content: string) => ({ role: "user", content });
const assistant = (content: string) => ({ role: "assistant", content });

describe("CSV", () => {
  const text =
    "\uFEFFprompt,chosen,rejected,weight,note\r\n" +
    '"Say ""hi"", please"," hi ","line one\r\nline two",2,\r\n' +
    "\r\n" +
    'q,4,5,,"seen, twice"\r\n' +
    "q,,5,,";
  const want = [
    { prompt: 'Say "hi", please', chosen: " hi ", rejected: "line one\r\nline two", weight: 2 },
    { prompt: "q", chosen: "4", rejected: "5", columns: { note: "seen, twice" } },
    { prompt: "q", chosen: "", rejected: "5" },
  ];

  it.each([1, 2, 7, 1000])("is read by RFC 4180 in chunks of %i bytes", async (size) => {
    const { preferences, summary } = await loadPreferences(cut(bytesOf(text), size));
    expect(records(preferences)).toEqual(want);
    expect(preferences.map(({ line }) => line)).toEqual([1, 2, 3]);
    expect(summary).toEqual({ format: "CSV", rows: 3, records: 3, layouts: { pair: 3 }, skipped: {}, allTied: 0 }); // prettier-ignore
  });

  it("gives back any text that was written into it", async () => {
    const cell = fc.string({ maxLength: 12, unit: fc.constantFrom("a", '"', ",", "\n", "\r\n", " ", ";", "[", "é") }); // prettier-ignore
    const table = fc.array(fc.tuple(cell, cell, cell).filter(([, a, b]) => a !== b), { minLength: 1, maxLength: 5 }); // prettier-ignore
    await fc.assert(
      fc.asyncProperty(table, fc.integer({ min: 1, max: 40 }), async (rows, size) => {
        const lines = ["prompt,chosen,rejected", ...rows.map((row) => row.map(quoted).join(","))];
        const { preferences } = await loadPreferences(cut(bytesOf(lines.join("\n")), size));
        expect(records(preferences)).toEqual(rows.map(([prompt, chosen, rejected]) => ({ prompt, chosen, rejected }))); // prettier-ignore
      }),
      { numRuns: 100 },
    );
  });

  it("may be separated by semicolons, tabs or bars, and hold messages and lists as JSON", async () => {
    const chat = JSON.stringify([assistant("a")]);
    const other = JSON.stringify([assistant("b")]);
    for (const sign of [";", "\t", "|"]) {
      const line = ["q", chat, other].map(quoted).join(sign);
      const { preferences } = await loadPreferences(`${["prompt", "chosen", "rejected"].join(sign)}\n${line}\n`); // prettier-ignore
      expect(records(preferences)).toEqual([{ prompt: [user("q")], chosen: [assistant("a")], rejected: [assistant("b")] }]); // prettier-ignore
    }
    const list = await loadPreferences('prompt,responses,scores\nq,"[""a"",""b""]","[1,9]"\n');
    expect(records(list.preferences)).toEqual([{ prompt: "q", chosen: "b", rejected: "a", scores: [9, 1] }]); // prettier-ignore
    const single = await loadPreferences("prompt,completion,label\nq,a,True\nq,b,0\n");
    expect(records(single.preferences).map((r) => "desirable" in r && r.desirable)).toEqual([true, false]); // prettier-ignore
  });

  it("that is wrong is refused by the record and the file, and counted when it is skipped", async () => {
    const bad = 'prompt,chosen,rejected,weight\nq,a\nq,a,a,\nq,a,b,heavy\nq,a,b,1\nq,"a,b,1\n';
    const errors: PreferenceFormatError[] = [];
    const { preferences, summary } = await loadPreferences(bad, { name: "votes.csv", onError: (e) => errors.push(e) }); // prettier-ignore
    expect(preferences).toHaveLength(1);
    expect(errors.map(({ line, reason }) => [line, reason])).toEqual([
      [1, "INVALID_CSV"],
      [2, "IDENTICAL_RESPONSES"],
      [3, "INVALID_TYPE"],
      [5, "INVALID_CSV"],
    ]);
    expect(errors[2]).toMatchObject({ field: "weight", file: "votes.csv" });
    expect(errors[2]!.message).toMatch(/^votes.csv, line 3: field "weight" must be/);
    expect(summary.skipped).toEqual({ INVALID_CSV: 2, IDENTICAL_RESPONSES: 1, INVALID_TYPE: 1 });
    expect(summary.rows).toBe(5);
    await expect(loadPreferences("a,b\n1,2\n")).rejects.toThrow(/line 1: no JSON/);
    await expect(loadPreferences("prompt,responses\nq,two of them\n")).rejects.toThrow(/field "responses" must be a list in JSON/); // prettier-ignore
  });
});

describe("Parquet", () => {
  const column = (name: string, data: unknown[], type?: string) => ({ name, data, ...(type && { type }) }); // prettier-ignore
  const file = parquetWriteBuffer({
    columnData: [
      column("prompt", ["q", "r", "s"], "STRING"),
      column("chosen", ["a", "é ", "same"], "STRING"),
      column("rejected", ["b", "", "same"], "STRING"),
      column("score_chosen", [8.5, 1, 1], "DOUBLE"),
      column("score_rejected", [3, 0.5, 0], "DOUBLE"),
      column("prompt_id", [1n, 2n, 3n], "INT64"),
    ] as never,
    rowGroupSize: 2,
  });

  it("is read by the optional hyparquet, row group by row group, in chunks of any size", async () => {
    for (const size of [3, 1000]) {
      const { preferences, summary } = await loadPreferences(cut(new Uint8Array(file), size), { onError: "skip" }); // prettier-ignore
      expect(records(preferences)).toEqual([
        { prompt: "q", chosen: "a", rejected: "b", scores: [8.5, 3], columns: { prompt_id: 1 } },
        { prompt: "r", chosen: "é ", rejected: "", scores: [1, 0.5], columns: { prompt_id: 2 } },
      ]);
      expect(summary).toMatchObject({ format: "Parquet", rows: 3, skipped: { IDENTICAL_RESPONSES: 1 } }); // prettier-ignore
    }
  });

  it("that is damaged is refused with a typed error, and never hangs", async () => {
    const bytes = new Uint8Array(file);
    for (const end of [4, 20, bytes.length - 9])
      await expect(loadPreferences(bytes.slice(0, end))).rejects.toMatchObject({ reason: "INVALID_PARQUET" }); // prettier-ignore
  });
});

describe("a summary", () => {
  it("says the format, the layouts, and what gave nothing", async () => {
    const row = { prompt: "q", chosen: "a", rejected: "b" };
    const tied = { prompt: "q", responses: ["a", "b"], scores: [1, 1] };
    const lines = [row, tied, { prompt: "q", completion: "a", label: true }].map((x) => JSON.stringify(x)); // prettier-ignore
    const { summary } = await loadPreferences(`${lines.join("\n")}\n{oops\n`, { onError: "skip" });
    expect(summary).toEqual({
      format: "JSON lines",
      rows: 4,
      records: 2,
      layouts: { pair: 1, "scored list": 1, unpaired: 1 },
      skipped: { INVALID_JSON: 1 },
      allTied: 1,
    });
    expect((await loadPreferences("\n \n")).summary.format).toBe("empty");
    expect((await loadPreferences(new Blob([`[${lines.join()}]`]))).summary.format).toBe("JSON array"); // prettier-ignore
    expect((await loadPreferences(bytesOf(lines.join("\n")))).summary.records).toBe(2);
    let ended = 0;
    for await (const _ of readPreferences(lines[0]!, { onEnd: () => ended++ })) expect(ended).toBe(0); // prettier-ignore
    expect(ended).toBe(1);
  });
});

describe("votes and grades", () => {
  it("of the arena's turns become conversations that differ from the first answer on", () => {
    const turns = { prompt: '["q","and?"]', response_a: '["a","c"]', response_b: '["b","d"]' };
    const won = (a: number, b: number, tie: number) => ({ ...turns, winner_model_a: a, winner_model_b: b, winner_tie: tie }); // prettier-ignore
    const [a, b] = [[assistant("a"), user("and?"), assistant("c")], [assistant("b"), user("and?"), assistant("d")]]; // prettier-ignore
    expect(parsePreferences(won(0, 1, 0)).records).toEqual([{ prompt: [user("q")], chosen: b, rejected: a }]); // prettier-ignore
    expect(parsePreferences(won(0, 0, 1)).records).toEqual([{ prompt: [user("q")], first: a, second: b, preference: 0.5 }]); // prettier-ignore
    expect(() => parsePreferences(won(1, 1, 0), 3)).toThrow(/line 3: fields "winner_model_a"/);
  });

  it("of HelpSteer prefer the first response where they are negative, by a margin", () => {
    const row = { context: [user("q")], response1: "a", response2: "b", language: "english" };
    const of = (overall_preference: number) => parsePreferences({ ...row, overall_preference }).records[0]; // prettier-ignore
    expect(of(-2)).toEqual({ prompt: [user("q")], chosen: "a", rejected: "b", margin: 2, columns: { language: "english" } }); // prettier-ignore
    expect(of(3)).toMatchObject({ chosen: "b", margin: 3 });
    expect(of(0)).toMatchObject({ first: "a", second: "b", preference: 0.5 });
    expect(() => of(7)).toThrow(/field "overall_preference" must be a whole number from -3/);
    const single = parsePreferences({ prompt: "q", response: "a", helpfulness: 4, verbosity: 2 });
    expect(single).toEqual({ layout: "scored response", records: [{ prompt: "q", completion: "a", score: 4, columns: { verbosity: 2 } }] }); // prettier-ignore
  });

  it("of named responses say which is better, and who judged", () => {
    const row = { instruction: "q", response_a: "a", response_b: "b", annotator_id: "w7" };
    expect(parsePreferences({ ...row, preference: "response_b" }).records).toEqual([{ prompt: "q", chosen: "b", rejected: "a", annotator: "w7" }]); // prettier-ignore
    expect(parsePreferences({ ...row, winner: "tie" }).records[0]).toMatchObject({ preference: 0.5, annotator: "w7" }); // prettier-ignore
    expect(() => parsePreferences({ ...row, preference: "B" })).toThrow(/field "preference" must be/); // prettier-ignore
  });

  it("of single responses make pairs within a prompt, ties none", () => {
    const scored = [["q", "a", 1], ["r", "x", 2], ["q", "b", 3], ["q", "c", 1]] as const; // prettier-ignore
    const list = scored.map(([prompt, completion, score]) => ({ prompt, completion, score }));
    expect(pairsFromScores(list).map(({ chosen, rejected, scores }) => [chosen, rejected, scores])).toEqual([["b", "a", [3, 1]], ["b", "c", [3, 1]]]); // prettier-ignore
    expect(() => pairsFromScores([{ prompt: "q", completion: "a", score: 1 }, { prompt: "q", completion: "a", score: 2 }])).toThrow(/same response/); // prettier-ignore
  });
});

describe("HH transcripts", () => {
  it("that share all turns but the last answer are cut there, whatever those answers begin with", () => {
    const said = fc.string({ minLength: 1, maxLength: 20, unit: fc.constantFrom("a", " ", "Human:", "Assistant:", "\n", "b") }).filter((t) => t.trim() !== "" && !/\n\n(Human|Assistant):/.test(`x${t}`) && !/^\n?(Human|Assistant):/.test(t) && !t.endsWith("\n")); // prettier-ignore
    const talk = fc.tuple(fc.array(fc.tuple(said, said), { maxLength: 4 }), said, said, said);
    fc.assert(
      fc.property(talk, ([before, question, a, b]) => {
        fc.pre(a.trim() !== b.trim());
        const start = before.map(([q, r]) => `\n\nHuman: ${q}\n\nAssistant: ${r}`).join("");
        const end = (answer: string) => `${start}\n\nHuman: ${question}\n\nAssistant: ${answer}`;
        const [record] = parsePreferences({ chosen: end(a), rejected: end(b) }).records;
        const prompt = before.flatMap(([q, r]) => [user(q.trim()), assistant(r.trim())]);
        expect(record).toMatchObject({
          prompt: [...prompt, user(question.trim())],
          chosen: [assistant(a.trim())],
          rejected: [assistant(b.trim())],
        });
      }),
      { numRuns: 2000 },
    );
  });
});
