// Sweeps in the calling thread: keys, cases, reductions, failures, audits, and stores. Truth: the same loop written by hand.
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync, cpSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createHash } from "node:crypto";
import { item, mean as average } from "@provably/core-tensor";
import { foldIn, key, normal } from "@provably/core-tensor/random";
import {
  type SweepProgress,
  type Task,
  collect,
  defineTask,
  directory,
  grid,
  inline,
  mean,
  memory,
  quantiles,
  sweep,
} from "@provably/sweep";
import { afterAll, describe, expect, it } from "vitest";

const draws = new URL("./tasks/draws.task.mjs", import.meta.url);
const odd = new URL("./tasks/odd.task.mjs", import.meta.url);
const folder = mkdtempSync(join(tmpdir(), "sweep-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const sha = (text: string) => createHash("sha256").update(text).digest("hex");

describe("a sweep", () => {
  const cases = grid({ n: [5, 20] });
  const options = {
    cases,
    replicates: 50,
    engine: inline(),
    reduce: {
      average: [mean(), collect()],
      square: [mean(), quantiles([0.05, 0.5])],
      positive: mean(),
    },
  };

  it("gives what the same loop gives when it is written by hand", async () => {
    const { table, failures, certificate } = await sweep(draws, key(7), options);
    expect(failures).toEqual([]);
    for (const [i, { n }] of cases.entries()) {
      const caseKey = foldIn(key(7), sha(`{"n":${n}}`));
      const values = Array.from({ length: 50 }, (_, r) =>
        item(average(normal(foldIn(caseKey, r), [n], { dtype: "float64" }))),
      );
      const { settings, numAnswered, reductions } = table[i]!;
      expect(settings).toEqual({ n });
      expect(numAnswered).toBe(50);
      expect(reductions["average"]!.collect).toEqual(values);
      const m = values.reduce((sum, x) => sum + x, 0) / 50;
      const sd = Math.sqrt(values.reduce((sum, x) => sum + (x - m) ** 2, 0) / 49);
      expect(reductions["average"]!.mean!.value).toBeCloseTo(m, 14);
      expect(reductions["average"]!.mean!.standardError).toBeCloseTo(sd / Math.sqrt(50), 14);
      const squares = values.map((x) => x * x).sort((a, b) => a - b);
      expect(reductions["square"]!.quantiles![1]!.value).toBeCloseTo(
        (squares[24]! + squares[25]!) / 2,
        14,
      );
      expect(reductions["positive"]!.mean!.value).toBe(values.filter((x) => x > 0).length / 50);
    }
    expect(certificate).toMatchObject({ holds: true, value: 1, kind: "exact" });
  });

  it("does not change a result when cases and replicates are added, or names come in another order", async () => {
    const few = await sweep(odd, key(1), { cases: [{ what: "", wait: 0 }], replicates: 3, engine: inline(), reduce: { u: collect() } }); // prettier-ignore
    const more = await sweep(odd, key(1), { cases: [{ what: "counts" }, { wait: 0, what: "" }], replicates: 5, engine: inline(), reduce: { u: collect() } }); // prettier-ignore
    expect(more.table[1]!.reductions["u"]!.collect!.slice(0, 3)).toEqual(
      few.table[0]!.reductions["u"]!.collect,
    );
  });

  it("goes through numbers that JSON lacks, arrays and nested records unchanged", async () => {
    const numbers = await sweep(defineTask({ name: "n", run: () => ({ of: [Number.NaN, -0, Infinity, 5e-324], $: { a: new Int8Array([1, -1]) } }) }) as Task<object>, key(0), { cases: [{}] as never, engine: inline(), reduce: { of: collect(), $: collect() } }); // prettier-ignore
    expect(numbers.table[0]!.reductions["of"]!.collect).toEqual([
      [Number.NaN, -0, Infinity, 5e-324],
    ]);
    expect(numbers.table[0]!.reductions["$"]!.collect).toEqual([{ a: new Int8Array([1, -1]) }]);
  });

  it("tells how far it is, and ends by a signal", async () => {
    const seen: SweepProgress[] = [];
    await sweep(draws, key(0), { ...options, onProgress: (progress) => seen.push(progress) });
    expect(seen.at(-1)).toEqual({ numAnswered: 100, numFailed: 0, numTasks: 100, numWorkers: 1, numJobs: 0, state: "running" }); // prettier-ignore
    const controller = new AbortController();
    const ended = sweep(odd, key(0), {
      cases: [{ wait: 5 }],
      replicates: 1000,
      engine: inline(),
      signal: controller.signal,
    });
    setTimeout(() => controller.abort(new Error("enough")), 60);
    await expect(ended).rejects.toThrow("enough");
  });
});

describe("tasks that go wrong", () => {
  it("are listed with their error, and the rest goes on", async () => {
    const { table, failures, certificate } = await sweep(odd, key(0), {
      cases: [{ what: "throws" }, { what: "throws half" }, { what: "function" }, { what: "cycle" }],
      replicates: 20,
      engine: inline(),
    });
    expect(table[0]!.numAnswered).toBe(0);
    expect(table[1]!.numAnswered).toBeGreaterThan(0);
    expect(certificate.holds).toBe(false);
    expect(failures.length + table[1]!.numAnswered).toBe(80);
    const [first] = failures;
    expect(first).toMatchObject({ settings: { what: "throws" }, replicate: 0, attempts: 1 });
    expect(first!.error).toMatchObject({ name: "TaskError", code: "ERR_TASK", original: { name: "TypeError", message: "no such thing", code: "ERR_NONE" } }); // prettier-ignore
    const says = (what: string) =>
      failures.find(({ settings }) => settings.what === what)!.error.message;
    expect(says("function")).toMatch(/its result\.f must be a number.*a function/);
    expect(says("cycle")).toMatch(/its result\.self leads back to itself/);
  });

  it("are tried again as often as retries allows", async () => {
    const attempts = new Map<string, number>();
    const task = defineTask({
      name: "third time",
      run: (_: object, k) => {
        attempts.set(k, (attempts.get(k) ?? 0) + 1);
        if (attempts.get(k)! < 3) throw new Error("not yet");
        return { x: 1 };
      },
    });
    const given = { cases: [{}], replicates: 5, engine: inline() };
    const once = await sweep(task as Task<object> as never, key(0), { ...given, retries: 1 });
    expect(once.failures.map(({ attempts: n }) => n)).toEqual([2, 2, 2, 2, 2]);
    attempts.clear();
    expect((await sweep(task as never, key(0), { ...given, retries: 2 })).certificate.holds).toBe(
      true,
    );
  });

  it("that are impure are found by the audit and named", async () => {
    const { disagreements, certificate } = await sweep(odd, key(0), { cases: [{ what: "counts" }], replicates: 6, engine: inline(), audit: 1 }); // prettier-ignore
    expect(disagreements.length).toBe(6);
    expect(disagreements[0]).toMatchObject({ name: "DeterminismError", code: "ERR_DETERMINISM" });
    expect(disagreements[0]!.message).toMatch(/"odd" gave other bits.*\{"what":"counts"\}, replicate \d, on the calling thread/); // prettier-ignore
    expect(certificate).toMatchObject({ value: 1, holds: false });
  });

  it("that are pure pass the audit, and the certificate says how many were looked at", async () => {
    const { certificate } = await sweep(draws, key(0), { cases: grid({ n: [1, 2] }), replicates: 400, engine: inline(), audit: 0.1 }); // prettier-ignore
    expect(certificate.holds).toBe(true);
    const audited = Number(/^(\d+) of 800 tasks audited/.exec(certificate.note!)![1]);
    // binomial: 80 in the mean, with a standard deviation of 8.5
    expect(Math.abs(audited - 80)).toBeLessThan(4 * 8.5);
  });
});

describe("a store", () => {
  const given = { cases: grid({ n: [3, 4] }), replicates: 200, engine: inline(), reduce: { average: [mean(), quantiles([0.1])] } }; // prettier-ignore

  it("lets a run that was stopped go on, to the bits of the whole one", async () => {
    const whole = await sweep(draws, key(3), given);
    const place = join(folder, "stopped");
    let most = 0;
    for (let life = 0; life < 3; life++) {
      const controller = new AbortController();
      const onProgress = ({ numAnswered }: SweepProgress) => {
        if (numAnswered > most + 40) controller.abort();
        if (controller.signal.aborted) most = numAnswered;
      };
      await sweep(draws, key(3), { ...given, store: directory(place), signal: controller.signal, onProgress }).catch(() => {}); // prettier-ignore
    }
    expect(readdirSync(place).sort()).toContain("sweep.json");
    const resumed = await sweep(draws, key(3), { ...given, store: directory(place) });
    expect(resumed.table).toEqual(whole.table);
    // and nothing is computed when all is there
    const again = await sweep(draws, key(3), { ...given, store: directory(pathToFileURL(place)), engine: { kind: "inline", open: () => Promise.resolve({ numWorkers: () => 1, run: () => Promise.reject(new Error("work")), close: () => Promise.resolve() }) } }); // prettier-ignore
    expect(again.table).toEqual(whole.table);
  });

  it("serves more replicates and other keys beside the old ones", async () => {
    const store = memory();
    const few = await sweep(draws, key(3), { ...given, replicates: 20, store });
    const more = await sweep(draws, key(3), { ...given, replicates: 30, store, reduce: { average: collect() } }); // prettier-ignore
    expect(more.table[0]!.numAnswered).toBe(30);
    expect(few.table[0]!.numAnswered).toBe(20);
    const other = await sweep(draws, key(4), { ...given, replicates: 30, store, reduce: { average: collect() } }); // prettier-ignore
    expect(other.table).not.toEqual(more.table);
  });

  it("of other code is refused, and the refusal says what differs", async () => {
    const place = join(folder, "tasks");
    cpSync(new URL("./tasks/", import.meta.url), place, { recursive: true });
    const store = memory();
    const address = pathToFileURL(join(place, "draws.task.mjs"));
    // the copies lie outside of the workspace: only their hashes are looked at
    const { openArchive } = await import("../src/store/archive.js");
    const { codeOf } = await import("../src/task/code.js");
    const before = { task: "draws", ...(await codeOf(address.href)) };
    await openArchive(store, before, key(0), []);
    writeFileSync(join(place, "square.mjs"), "export const square = (x) => x ** 2;\n");
    const after = { task: "draws", ...(await codeOf(address.href)) };
    expect(after.hash).not.toBe(before.hash);
    await expect(openArchive(store, after, key(0), [])).rejects.toThrow(
      /the store holds results of other code: its module has the hash [0-9a-f]{12}…, not/,
    );
    const newer = { ...before, packages: { ...before.packages, "@provably/core-tensor": "9.0.0" } };
    await expect(openArchive(store, newer, key(0), [])).rejects.toThrow(
      /@provably\/core-tensor is 9\.0\.0, not /,
    );
  });

  it("tells tasks that are passed as values apart, whatever their names", async () => {
    const store = memory();
    const made = (x: number) => defineTask({ name: "same name", run: () => ({ x }) }) as never;
    const run = (task: never) => sweep(task, key(0), { cases: [{}], engine: inline(), store, reduce: { x: mean() } }); // prettier-ignore
    const one = made(1);
    await run(one);
    expect((await run(one)).table[0]!.reductions["x"]!.mean!.value).toBe(1);
    await expect(run(made(2))).rejects.toMatchObject({ code: "ERR_STORE" });
  });

  it("with a flipped bit is refused by name", async () => {
    const place = join(folder, "flipped");
    await sweep(draws, key(3), { ...given, store: directory(place) });
    const [under] = readdirSync(join(place, "results"));
    const [name] = readdirSync(join(place, "results", under!));
    const file = join(place, "results", under!, name!);
    const bytes = readFileSync(file);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(file, bytes);
    await expect(sweep(draws, key(3), { ...given, store: directory(place) })).rejects.toMatchObject({ code: "ERR_STORE", message: expect.stringContaining("is damaged") as string }); // prettier-ignore
  });

  it("that cannot be written ends the sweep with a typed error", async () => {
    writeFileSync(join(folder, "file"), "");
    await expect(sweep(draws, key(3), { ...given, store: directory(join(folder, "file", "x")) })).rejects.toMatchObject({ code: "ERR_STORE" }); // prettier-ignore
  });
});

describe("what is no sweep", () => {
  const task = defineTask({ name: "t", run: () => ({ x: "text" }) }) as Task<object> as never;
  const call = (options: object, given: unknown = task, k: unknown = key(0)) =>
    sweep(given as never, k as never, { cases: [{}], engine: inline(), ...options });
  it.each([
    [
      "cases with NaN",
      () => call({ cases: [{ a: 1 }, { a: { b: [Number.NaN] } }] }),
      /sweep: cases\[1\]\.a\.b\[0\] must not be NaN/,
    ],
    [
      "cases with undefined",
      () => call({ cases: [{ a: undefined }] }),
      /sweep: cases\[0\]\.a must be a number.*undefined/,
    ],
    [
      "cases with functions",
      () => call({ cases: [{ f: Math.sin }] }),
      /cases\[0\]\.f must be .* a function/,
    ],
    ["no cases", () => call({ cases: [] }), /cases must be a list of cases/],
    [
      "cases twice",
      () =>
        call({
          cases: [
            { a: 1, b: 2 },
            { b: 2, a: 1 },
          ],
        }),
      /cases\[1\] is the same as cases\[0\]/,
    ],
    [
      "a prototype",
      () => call({ cases: [JSON.parse('{"__proto__": 1}')] }),
      /no field "__proto__"/,
    ],
    ["no key", () => call({}, task, 0), /key must be a random key/],
    [
      "an unknown option",
      () => call({ replicas: 3 }),
      /unknown option "replicas"; did you mean "replicates"/,
    ],
    ["too many tasks", () => call({ replicates: 2 ** 30 }), /at most 2²⁸ tasks/],
    [
      "a module that is not there",
      () => call({}, new URL("./none.mjs", import.meta.url)),
      /cannot be imported/,
    ],
    [
      "a module without a default export",
      () => call({}, new URL("./tasks/square.mjs", import.meta.url)),
      /must export a task by default/,
    ],
    ["no task", () => call({}, { run: 1 }), /task must be made by defineTask/],
    ["a path without a scheme", () => call({}, "gap.task.mjs"), /new URL\("\.\/my\.task\.mjs"/],
    [
      "a field that is no number",
      () => call({ reduce: { x: mean() } }),
      /reduce\.x needs a number, true or false in every result, got "text"/,
    ],
    [
      "a field that is not there",
      () => call({ reduce: { "y.z": collect() } }),
      /reduce\.y\.z needs a value in every result/,
    ],
    [
      "a reduction that is none",
      () => call({ reduce: { x: "mean" } }),
      /reduce\.x must be .*made by mean/,
    ],
    [
      "a folder for a task without an address",
      () => call({ store: directory(folder) }),
      /store needs the address/,
    ],
  ])("is refused: %s", async (_, run, says) => {
    await expect(run()).rejects.toMatchObject({ code: "ERR_DOMAIN", message: expect.stringMatching(says) as string }); // prettier-ignore
  });
});
