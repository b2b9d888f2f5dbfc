import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const page = readFileSync(
  new URL("../../../docs/guides/coming-from-numpy-jax-tfjs.md", import.meta.url),
  "utf8",
);

/** The tables of the page: the entry in the heading, and the names in the second column. */
const tables = page.split(/^## /m).flatMap((section) => {
  const entry = /^[^\n]*`(@provably\/core-tensor[^`]*)`/.exec(section)?.[1];
  if (entry === undefined) return [];
  const names = [...section.matchAll(/^\|\s*`[^`]+`\s*\|\s*`(\w+)`\s*\|$/gm)].map(([, name]) => name!); // prettier-ignore
  return [{ entry, heading: section.split("\n")[0]!, names }];
});

describe("the page for those who come from NumPy, JAX and TensorFlow.js", () => {
  it("has tables for them all", () => {
    expect(tables.length).toBeGreaterThanOrEqual(10);
    expect(tables.reduce((n, { names }) => n + names.length, 0)).toBeGreaterThan(230);
  });

  it.each(tables)("names only what is there: $heading", async ({ entry, names }) => {
    const module = (await import(entry)) as Record<string, unknown>;
    expect(names.filter((name) => typeof module[name] !== "function")).toEqual([]);
  });
});
