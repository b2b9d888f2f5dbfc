// Valid calls of every public function, taken from the examples in doc comments and guides: the examples run with every import recorded.
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { globSync } from "tinyglobby";
import { codeBlocks, toStatements } from "../doctest.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const AsyncFunction = (async () => {}).constructor;

/** The entries of all packages, as users name them. */
export const entries = readdirSync(`${root}packages`).flatMap((name) =>
  Object.keys(JSON.parse(readFileSync(`${root}packages/${name}/package.json`, "utf8")).exports)
    .filter((key) => key !== "./package.json")
    .map((key) => `@provably/${name}${key.slice(1)}`),
);

/** Every exported function once, by entry and name; values that two entries share count for the first. */
export async function publicFunctions() {
  const seen = new Set();
  const found = [];
  for (const entry of entries)
    for (const [name, value] of Object.entries(await import(entry))) {
      if (typeof value !== "function" || seen.has(value) || /^class\b/.test(Function.prototype.toString.call(value))) continue;
      seen.add(value);
      found.push({ entry, name, f: value });
    }
  return found;
}

/** For each function the argument lists of its calls in the examples. */
export async function recordedCalls() {
  const calls = new Map();
  const wrappers = new Map();
  const wrap = (f) => {
    if (typeof f !== "function" || /^class\b/.test(Function.prototype.toString.call(f))) return f;
    if (!wrappers.has(f))
      wrappers.set(f, (...args) => {
        const list = calls.get(f) ?? [];
        if (list.length < 4) calls.set(f, [...list, args]);
        return f(...args);
      });
    return wrappers.get(f);
  };
  const load = async (from) => {
    const module = await import(from);
    return from.startsWith("@provably/") ? Object.fromEntries(Object.entries(module).map(([name, value]) => [name, wrap(value)])) : module;
  };
  const files = globSync(["packages/*/src/**/*.ts", "packages/*/README.md", "docs/guides/*.md"], { cwd: root });
  for (const file of files)
    for (const block of codeBlocks(readFileSync(root + file, "utf8"), file.endsWith(".md"))) {
      const body = toStatements(block).replaceAll(/await import\(/g, "await load(");
      try {
        const { outputText } = ts.transpileModule(body, { compilerOptions: { target: "ES2022", module: "ESNext" } });
        await new AsyncFunction("load", outputText)(load);
      } catch {
        // examples are tested elsewhere; here they only lend their calls
      }
    }
  return calls;
}
