import { describe, expect, it } from "vitest";
import { DomainError } from "../src/index.js";
import {
  type Guard,
  anyString,
  certificate,
  check,
  checkOptions,
  listOf,
  longWork,
  nearestName,
  numberIn,
  oneOf,
  optional,
  recordOf,
  recordWith,
  wholeNumber,
} from "../src/internal/index.js";

const any = (x: unknown): never => x as never;

describe("checks of arguments", () => {
  it("pass counts through, and name what is none", () => {
    expect(check("f", "n", 3, wholeNumber())).toBe(3);
    expect(check("f", "n", 0, wholeNumber(0))).toBe(0);
    for (const [wrong, got] of [
      [0, "0"],
      [1.5, "1.5"],
      [NaN, "NaN"],
      [any("3"), '"3"'],
      [any(Symbol("s")), "Symbol(s)"],
    ] as const)
      expect(() => check("f", "n", wrong, wholeNumber())).toThrow(
        new DomainError(`f: n must be an integer ≥ 1, got ${got}`),
      );
    expect(() => check("f", "n", 2 ** 31, wholeNumber())).toThrow(
      "f: n must be an integer ≥ 1 and below 2³¹, got 2147483648",
    );
  });

  it("know the words of a choice", () => {
    expect(check("f", "kind", "a", oneOf("a", "b"))).toBe("a");
    expect(() => check("f", "kind", any("c"), oneOf("a", "b"))).toThrow(
      new DomainError('f: kind must be one of "a", "b", got "c"'),
    );
    expect(() => check("f", "kind", any(Object.create(null)), oneOf("a"))).toThrow(DomainError);
  });
});

describe("options", () => {
  interface Options {
    readonly numSteps?: number;
    readonly kind?: "euler" | "heun";
    readonly onProgress?: () => void;
  }
  const schema = {
    numSteps: wholeNumber(),
    kind: oneOf("euler", "heun"),
    onProgress: longWork.onProgress,
  };
  const read = (options: unknown): Options => checkOptions<Options>("sample", any(options), schema);

  it("pass through as they are", () => {
    const options = { numSteps: 3, kind: undefined };
    expect(read(options)).toBe(options);
    expect(read({})).toEqual({});
  });

  it.each([
    ["steps", "numSteps"],
    ["numstep", "numSteps"],
    ["num_steps", "numSteps"],
    ["iterations", "numSteps"],
    ["knid", "kind"],
    ["onprogress", "onProgress"],
  ])("that are misspelt are errors: %s, meant as %s", (wrong, right) => {
    expect(() => read({ [wrong]: 3 })).toThrow(
      new DomainError(
        `sample: unknown option "${wrong}"; did you mean "${right}"? known: numSteps, kind, onProgress`,
      ),
    );
  });

  it("that nobody knows are errors, also when their value is undefined", () => {
    for (const wrong of [{ zzz: 1 }, { zzz: undefined }, JSON.parse('{ "__proto__": 1 }')])
      expect(() => read(wrong)).toThrow(/^sample: unknown option ".*"; known: numSteps, kind, /);
    expect(() => checkOptions<object>("f", { x: 1 }, {})).toThrow(
      'f: unknown option "x"; there are no options',
    );
  });

  it("have the kinds that the schema says", () => {
    expect(() => read({ numSteps: 0 })).toThrow("sample: numSteps must be an integer ≥ 1, got 0");
    expect(() => read({ kind: "rk4" })).toThrow(
      'sample: kind must be one of "euler", "heun", got "rk4"',
    );
    for (const wrong of [null, 3, [], new Map(), new Float32Array(2), "axis"])
      expect(() => read(wrong)).toThrow(
        /^sample: options must be an object with any of numSteps, kind, onProgress, got /,
      );
  });

  it("are complete in their schema, or it does not compile", () => {
    const missing = (): unknown =>
      // @ts-expect-error kind and onProgress are missing
      checkOptions<Options>("f", {}, { numSteps: wholeNumber() });
    const narrow = (): unknown =>
      // @ts-expect-error a guard of "euler" alone refuses what the type allows
      checkOptions<Options>("f", {}, { ...schema, kind: oneOf("euler") });
    // @ts-expect-error the type has no such option
    const extra = (): unknown => checkOptions<Options>("f", {}, { ...schema, more: anyString });
    expect([missing, narrow, extra].length).toBe(3);
  });
});

describe("records", () => {
  const problem: Guard<object> = recordOf({
    rewards: listOf(numberIn(0, 1)),
    names: optional(listOf(anyString)),
  });

  it("name the place that does not fit", () => {
    expect(check("f", "problem", { rewards: [1] }, problem)).toEqual({ rewards: [1] });
    expect(() => check("f", "problem", { rewards: [0, 2] }, problem)).toThrow(
      "f: problem.rewards[1] must be in [0, 1], got 2",
    );
    expect(() => check("f", "problem", { reward: [0] }, problem)).toThrow(
      'f: problem.rewards must be given, got an object with keys [reward] (it has "reward")',
    );
    expect(() => check("f", "problem", { rewards: [0], name: ["a"] }, problem)).toThrow(
      'f: problem: unknown field "name"; did you mean "names"? known: rewards, names',
    );
    expect(() => check("f", "all", [{ rewards: [3] }], listOf(problem))).toThrow(
      "f: all[0].rewards[0] must be in [0, 1], got 3",
    );
  });

  it("of results may carry more", () => {
    const open = recordWith({ value: numberIn(0, 1) });
    expect(check("f", "result", { value: 1, other: 2 }, open)).toEqual({ value: 1, other: 2 });
  });
});

describe("the nearest name", () => {
  it.each([
    ["axes", ["axis", "keepDims"], "axis"],
    ["lr", ["learningRate", "beta"], "learningRate"],
    ["maxTokens", ["maxNewTokens", "seed"], "maxNewTokens"],
    ["colour", ["axis"], undefined],
    ["", ["axis"], undefined],
    ["x".repeat(10_000), ["axis"], undefined],
  ])("to %s of %j is %s", (name, known, nearest) => {
    expect(nearestName(name, known)).toBe(nearest);
  });
});

describe("certificates", () => {
  it("hold only by their verdict", () => {
    const evidence = { claim: "c", kind: "exact", value: 1 } as const;
    expect(certificate({ ...evidence, verdict: true })).toEqual({
      ...evidence,
      verdict: "holds",
      holds: true,
    });
    expect(certificate({ ...evidence, verdict: false })).toMatchObject({
      verdict: "fails",
      holds: false,
    });
    expect(certificate({ ...evidence, verdict: "undecided", note: "n" })).toMatchObject({
      verdict: "undecided",
      holds: false,
      note: "n",
    });
  });
});
