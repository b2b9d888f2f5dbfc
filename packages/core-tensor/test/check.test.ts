import { describe, expect, it } from "vitest";
import { DomainError, checkChoice, checkCount, checkHooks } from "../src/index.js";

const any = (x: unknown): never => x as never;

describe("checks of arguments", () => {
  it("pass counts through, and name what is none", () => {
    expect(checkCount("f", "n", 3)).toBe(3);
    expect(checkCount("f", "n", 0, 0)).toBe(0);
    for (const [wrong, got] of [
      [0, "0"],
      [1.5, "1.5"],
      [NaN, "NaN"],
      [any("3"), '"3"'],
      [any(Symbol("s")), "Symbol(s)"],
    ] as const)
      expect(() => checkCount("f", "n", wrong)).toThrow(
        new DomainError(`f: n must be an integer ≥ 1, got ${got}`),
      );
    expect(() => checkCount("f", "n", 3, any(Symbol("s")))).toThrow(DomainError);
    expect(() => checkCount("f", "n", 2 ** 31)).toThrow(
      "f: n must be an integer ≥ 1 and below 2³¹, got 2147483648",
    );
  });

  it("know the words of a choice", () => {
    expect(checkChoice("f", "kind", "a", ["a", "b"])).toBe("a");
    expect(() => checkChoice("f", "kind", any("c"), ["a", "b"])).toThrow(
      new DomainError('f: kind must be one of "a", "b", got "c"'),
    );
    expect(() => checkChoice("f", "kind", any(Object.create(null)), ["a"])).toThrow(DomainError);
  });

  it("know the hooks of long work", () => {
    expect(() => checkHooks("f", {})).not.toThrow();
    expect(() =>
      checkHooks("f", { onProgress: () => 1, signal: new AbortController().signal }),
    ).not.toThrow();
    expect(() => checkHooks("f", { onProgress: 1 })).toThrow(
      new DomainError("f: onProgress must be a function, got 1"),
    );
    expect(() => checkHooks("f", { signal: {} })).toThrow(
      /f: signal must be an AbortSignal, got an object/,
    );
    expect(() => checkHooks("f", any(null))).toThrow(/f: options must be an object, got null/);
  });
});
