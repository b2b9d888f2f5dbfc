// One word for an idea: the public interfaces use the words of docs/guides/glossary.md, and no name means two things.
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const names = readdirSync(`${root}packages`).sort();

/** Every declaration of a package's interface: its name and its text. */
const declarations = (name) =>
  [
    ...readFileSync(`${root}packages/${name}/test/api.txt`, "utf8").matchAll(
      /^(\w+): (?!as in )(.+)$/gm,
    ),
  ].map(([, symbol, text]) => ({ symbol, text }));

const rows = readFileSync(`${root}docs/guides/glossary.md`, "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| ") && !/^\| (-|idea)/.test(line))
  .map((line) => line.split("|").slice(1, -1));
const words = (cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, word]) => word);
/** Packages in which a word is right, from "`word` in package (why), package (why)". */
const exceptions = (cell) =>
  new Map(
    [...cell.matchAll(/`(\w+)` in ([^`]*)/g)].map(([, word, where]) => [
      word,
      names.filter((name) => where.includes(name)),
    ]),
  );
const forbidden = rows.flatMap(([, , not, except]) =>
  words(not).map((word) => ({ word, right: exceptions(except).get(word) ?? [] })),
);

describe("the glossary", () => {
  it("has a word for every idea that it forbids words for", () => {
    expect(forbidden.length).toBeGreaterThan(20);
    expect(rows.filter(([, word]) => !word.includes("`"))).toEqual([]);
  });

  it.each(names)("is kept by %s", (name) => {
    const wrong = declarations(name).flatMap(({ symbol, text }) => {
      const used = new Set([...text.matchAll(/\b([a-z]\w*)\??:/g)].map(([, word]) => word));
      return forbidden
        .filter(({ word, right }) => used.has(word) && !right.includes(name))
        .map(({ word }) => `${symbol}: ${word}`);
    });
    expect(wrong).toEqual([]);
  });

  it("has no public name with two meanings", () => {
    const owners = new Map();
    for (const name of names)
      for (const { symbol } of declarations(name))
        owners.set(symbol, [...(owners.get(symbol) ?? []), name]);
    // a reduction of a sweep is called after what it computes, as the function of arrays is
    const twice = [...owners].filter(
      ([symbol, [first, ...others]]) => symbol !== "mean" && others.some((x) => x !== first),
    );
    expect(twice).toEqual([]);
  });

  it("is right about what certificates are: one, or a record of them by name", () => {
    const all = names.flatMap((name) =>
      declarations(name).filter(({ symbol }) => symbol.startsWith("certify")),
    );
    // an estimate with an interval is a certificate too
    const single = "(Certificate|CertifiedEstimate)";
    const record = String.raw`(\w+Certificates?|\{ (readonly \w+\??: ${single}; )+\}|Readonly<Record<[^>]+, Certificate>>)`;
    const one = `(${single}|${record})`;
    const right = new RegExp(String.raw`\): (${one}|Promise<${one}>)( \||$)`);
    expect(all.length).toBeGreaterThan(20);
    expect(all.filter(({ text }) => !right.test(text)).map(({ symbol }) => symbol)).toEqual([]);
  });
});
