import { describe, expect, it } from "vitest";
import { key } from "@provably/core-tensor/random";
import {
  type FoundPreference,
  type PreferenceRecord,
  flipLabels,
  pairsFromRanking,
  parsePreferences,
  readPreferences,
  toUnpaired,
} from "../src/index.js";

const user = (content: string) => ({ role: "user", content });
const assistant = (content: unknown) => ({ role: "assistant", content });
const one = (value: unknown): Record<string, unknown> => {
  const { records } = parsePreferences(value);
  expect(records).toHaveLength(1);
  return records[0] as unknown as Record<string, unknown>;
};
const pair = { prompt: "q", chosen: "a", rejected: "b" };

describe("prompts", () => {
  it("that both responses repeat are counted once", () => {
    const want = { prompt: [user("q")], chosen: [assistant("a")], rejected: [assistant("b")] };
    const whole = { chosen: [user("q"), assistant("a")], rejected: [user("q"), assistant("b")] };
    expect(one(whole)).toEqual(want);
    expect(one({ prompt: "q", ...whole })).toEqual(want);
    expect(one({ prompt: [user("q")], ...whole })).toEqual(want);
    expect(one({ prompt: "q", chosen: want.chosen, rejected: want.rejected })).toEqual(want);
  });

  it("that are not in the conversations beside them are refused", () => {
    const whole = { chosen: [user("q"), assistant("a")], rejected: [user("q"), assistant("b")] };
    for (const prompt of ["another", [user("another")]])
      expect(() => parsePreferences({ prompt, ...whole }, 7)).toThrow(/^line 7: .*"?prompt"?/);
    const apart = { chosen: [user("q"), assistant("a")], rejected: [user("r"), assistant("b")] };
    expect(() => parsePreferences(apart)).toThrow(/no common beginning/);
  });

  it("inside texts end before the last space of the common beginning", () => {
    expect(one({ chosen: "It is black.", rejected: "It is blue." })).toEqual({ prompt: "It is", chosen: " black.", rejected: " blue." }); // prettier-ignore
    expect(() => parsePreferences({ chosen: "black", rejected: "blue" })).toThrow(/no common beginning/); // prettier-ignore
    expect(() => parsePreferences({ chosen: "It is", rejected: "It is" })).toThrow(/are the same/);
  });

  it("of transcripts are the turns before they differ", () => {
    const start = "\n\nHuman: hi\n\nAssistant: hello\n\nHuman: write Human: twice";
    const record = one({ chosen: `${start}\n\nAssistant: Human: Human:`, rejected: `${start}\n\nAssistant: no\n\nHuman: please\n\nAssistant: no` }); // prettier-ignore
    expect(record["prompt"]).toEqual([user("hi"), assistant("hello"), user("write Human: twice")]);
    expect(record["chosen"]).toEqual([assistant("Human: Human:")]);
    expect(record["rejected"]).toEqual([assistant("no"), user("please"), assistant("no")]);
    expect((record["raw"] as { prompt: string }).prompt).toBe(`${start}\n\nAssistant:`);
    expect(() => parsePreferences({ chosen: `${start}\n\nAssistant: a`, rejected: `${start}\n\nAssistant: b\n\nHuman: c` }, 3)).toThrow(/line 3: field "rejected"/); // prettier-ignore
  });
});

describe("responses", () => {
  it("that are messages are handed through, tool calls, names and parts included", () => {
    const call = { role: "assistant", content: null, tool_calls: [{ id: "1" }], name: "x" };
    const parts = assistant([{ type: "text", text: "a" }]);
    const record = one({ prompt: [user("q")], chosen: [call], rejected: [parts] });
    expect(record["chosen"]).toEqual([call]);
    expect(record["rejected"]).toEqual([parts]);
  });

  it("may be empty, but not the same, whatever the order of their fields", () => {
    expect(one({ ...pair, rejected: "" })["rejected"]).toBe("");
    expect(() => parsePreferences({ prompt: "q", chosen: [assistant("a")], rejected: [{ content: "a", role: "assistant" }] })).toThrow(/are the same/); // prettier-ignore
    expect(() => parsePreferences({ ...pair, chosen: [assistant("a")] })).toThrow(/must both be/);
  });
});

describe("numbers beside a pair", () => {
  it("are read under their names, and nothing else passes for one", () => {
    expect(one({ ...pair, weight: 2, margin: 0, score_chosen: 3, score_rejected: 1 })).toEqual({ ...pair, weight: 2, margin: 0, scores: [3, 1] }); // prettier-ignore
    expect(one({ ...pair, weight: null, margin: "" })).toEqual(pair);
    expect(one({ ...pair, reference_chosen_logps: -1, reference_rejected_logps: -2 })).toEqual({ ...pair, refChosen: -1, refRejected: -2 }); // prettier-ignore
    for (const bad of [{ weight: 0 }, { weight: "2" }, { margin: NaN }, { ref_chosen_logps: -1 }, { score_chosen: 1 }, { refChosen: -1, refRejected: -1, ref_chosen_logps: -2, ref_rejected_logps: -1 }]) // prettier-ignore
      expect(() => parsePreferences({ ...pair, ...bad }, 4), JSON.stringify(bad)).toThrow(/^line 4: fields? "/); // prettier-ignore
  });

  it("fields of other layouts that are null are none", () => {
    expect(one({ ...pair, completion: null, label: null, weight: null })).toEqual(pair);
    expect(one({ prompt: null, chosen: "It is a", rejected: "It is b" })["prompt"]).toBe("It is");
    const shp = { history: "q", human_ref_A: "a", human_ref_B: "b", labels: 0, score_A: 1, score_B: 9 }; // prettier-ignore
    expect(one(shp)).toEqual({ prompt: "q", chosen: "b", rejected: "a", columns: { score_A: 1, score_B: 9 } }); // prettier-ignore
  });

  it("other columns are kept in sight, and misspelt ones refused", () => {
    expect(one({ ...pair, prompt_id: 7, source: "x", chosen_model: "m" })["columns"]).toEqual({ prompt_id: 7, source: "x", chosen_model: "m" }); // prettier-ignore
    for (const name of ["weigth", "Weight", "margins", "ref_chosen_logp", "label", "winner", "ties"])
      expect(() => parsePreferences({ ...pair, [name]: 1 }, 2), name).toThrow(new RegExp(`^line 2: field "${name}" is not read`)); // prettier-ignore
  });
});

describe("other layouts", () => {
  it("scored and ranked lists give every pair, ties none", () => {
    const list = { prompt: "q", responses: ["a", "b", "c"], ranks: [2, 1, 2] };
    expect(parsePreferences(list).records).toEqual([
      { prompt: "q", chosen: "b", rejected: "a", ranks: [1, 2] },
      { prompt: "q", chosen: "b", rejected: "c", ranks: [1, 2] },
    ]);
    const raw = { instruction: "q", completions: [{ response: "a", overall_score: 1, model: "m" }, { response: "b", overall_score: 7 }] }; // prettier-ignore
    expect(one(raw)).toEqual({ prompt: "q", chosen: "b", rejected: "a", scores: [7, 1] });
    for (const scores of [[1, 2], ["1", "2", "3"], [1, 2, null], 3, undefined])
      expect(() => parsePreferences({ prompt: "q", responses: ["a", "b", "c"], scores }, 5)).toThrow(/^line 5: field "/); // prettier-ignore
    expect(() => parsePreferences({ prompt: "q", responses: ["a", "a"], scores: [1, 2] })).toThrow(/are the same/); // prettier-ignore
  });

  it("votes and labels are taken by their own codes only", () => {
    const votes = { conversation_a: [user("q"), assistant("a")], conversation_b: [user("q"), assistant("b")] }; // prettier-ignore
    expect(one({ ...votes, winner: "tie (bothbad)" })).toEqual({ prompt: [user("q")], first: [assistant("a")], second: [assistant("b")], preference: 0.5 }); // prettier-ignore
    const refusals = [
      { ...votes, winner: "a" },
      { prompt: "q", completion: "a", label: -1 },
      { prompt: "q", completion: "a", label: "good" },
      { history: "q", human_ref_A: "a", human_ref_B: "b", labels: 2 },
      { history: "q", human_ref_A: "a", human_ref_B: "b" },
    ];
    for (const row of refusals)
      expect(() => parsePreferences(row, 6)).toThrow(/^line 6: field "(winner|labels?)"/);
    expect(one({ prompt: "q", completion: "a", label: 0 })["desirable"]).toBe(false);
  });

  it("nobody knows are refused with what they have and what is known", () => {
    expect(() => parsePreferences({ text: "a", rating: 3 })).toThrow(/no known layout has the fields \["text", "rating"\]; known: arena/); // prettier-ignore
  });
});

describe("files", () => {
  const all = async (chunks: Iterable<string | Uint8Array>): Promise<FoundPreference[]> => {
    const found: FoundPreference[] = [];
    for await (const one of readPreferences(chunks)) found.push(one);
    return found;
  };
  const records = [pair, { ...pair, chosen: 'a], "x" \\' }, { ...pair, rejected: "[{" }];

  it.each([1, 2, 3, 1000])("that are one array are read in chunks of %i bytes", async (size) => {
    const bytes = new TextEncoder().encode(`\uFEFF\n ${JSON.stringify(records, null, 1)}\n`);
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.slice(i * size, (i + 1) * size)); // prettier-ignore
    expect((await all(chunks)).map(({ line, record }) => [line, record])).toEqual(records.map((record, i) => [i + 1, record])); // prettier-ignore
  });

  it("that end too soon, or are not UTF-8, are refused by the record", async () => {
    await expect(all(["[]"])).resolves.toEqual([]);
    const text = JSON.stringify(records);
    await expect(all([text.slice(0, -1)])).rejects.toMatchObject({ line: 3, reason: "INVALID_JSON" }); // prettier-ignore
    await expect(all([`${text.slice(0, -1)},]`])).rejects.toMatchObject({ line: 4 });
    const latin = Uint8Array.from('{"prompt":"caf\u00e9","chosen":"a","rejected":"b"}', (c) => c.charCodeAt(0)); // prettier-ignore
    await expect(all([latin])).rejects.toThrow(/line 1: no UTF-8/);
  });
});

describe("tools", () => {
  const cached: PreferenceRecord = { ...pair, refChosen: -1, refRejected: -2, scores: [3, 1], margin: 2, weight: 4 }; // prettier-ignore

  it("flipped labels take their cached log-probabilities and scores along", () => {
    expect(flipLabels(key(0), [cached], 1)).toEqual([{ ...pair, chosen: "b", rejected: "a", refChosen: -2, refRejected: -1, scores: [1, 3], margin: 2, weight: 4 }]); // prettier-ignore
  });

  it("single responses keep the weight, and what they cannot keep is refused", () => {
    expect(toUnpaired([{ ...pair, weight: 4 }]).map((r) => [r.completion, r.desirable, r.weight])).toEqual([["a", true, 4], ["b", false, 4]]); // prettier-ignore
    expect(() => toUnpaired([cached])).toThrow(/records\[0\].margin has no place|records\[0\].ref/);
    expect(() => toUnpaired([{ prompt: "q", first: "a", second: "b", preference: 0.5 } as never])).toThrow(/records\[0\].chosen/); // prettier-ignore
  });

  it("a ranking that names a response twice is refused", () => {
    expect(() => pairsFromRanking("q", ["a", "b", "a"])).toThrow(
      /responses\[2\] is responses\[0\]/,
    );
  });
});
