// Valid calls of every public function, taken from the examples in doc comments: the examples run with every import recorded.
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { globSync } from "tinyglobby";
import { codeBlocks, toStatements } from "../doctest.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const AsyncFunction = (async () => {}).constructor;
const KEPT = 4;

/** The public entries of all packages, as users name them; `only` keeps those of one package. */
export function entriesOf(only = "") {
  return readdirSync(`${root}packages`)
    .filter((name) => name.includes(only))
    .flatMap((name) =>
      Object.keys(JSON.parse(readFileSync(`${root}packages/${name}/package.json`, "utf8")).exports)
        .filter((key) => key !== "./package.json" && key !== "./internal")
        .map((key) => `@provably/${name}${key.slice(1)}`),
    );
}

const isClass = (value) => /^class\b/.test(Function.prototype.toString.call(value));

/** Every exported function once, by entry and name (values that two entries share count for the first), and every class of errors. */
export async function publicFunctions(only) {
  const seen = new Set();
  const functions = [];
  const errors = [];
  for (const entry of entriesOf(only))
    for (const [name, value] of Object.entries(await import(entry))) {
      if (typeof value !== "function" || seen.has(value)) continue;
      seen.add(value);
      if (!isClass(value)) functions.push({ entry, name, f: value });
      else if (value.prototype instanceof Error) errors.push(value);
    }
  return { functions, errors };
}

/** What callbacks of examples threw: it is theirs, not the library's. */
const thrown = new WeakSet();
export const isFromCallback = (error) =>
  typeof error === "object" && error !== null && thrown.has(error);

function mark(error) {
  if (typeof error === "object" && error !== null) thrown.add(error);
  throw error;
}

/** Examples pass functions of the library as callbacks too: what those throw there is the callback's. */
function callMarked(f, args) {
  try {
    return f(...args);
  } catch (error) {
    return mark(error);
  }
}

const bareName = (label) => /^\S+ (\w+)/.exec(label)[1];

const guards = new WeakMap();
function guard(f) {
  if (!guards.has(f))
    guards.set(f, (...args) => {
      try {
        const result = f(...args);
        return typeof result?.then === "function" ? result.then(undefined, mark) : result;
      } catch (error) {
        return mark(error);
      }
    });
  return guards.get(f);
}

/**
 * For each function the argument lists of its quickest calls in the examples. Functions that a call returned, alone or in a record
 * (`grad(f)`, the `update` of an optimiser), are recorded under the name of what made them; devices are left out, their members are internal.
 * With `labels` only the examples run that can lend a call that is still missing.
 */
export async function recordedCalls(only, labels) {
  const missing = labels && new Set(labels);
  const lends = (block) =>
    missing === undefined || [...missing].some((label) => block.code.includes(bareName(label)));
  const calls = new Map();
  const returned = new Map();
  const wrappers = new Map();
  const wrapped = new Set();
  const keep = (f, args, ms) => {
    const list = [...(calls.get(f) ?? []), { args, ms }];
    calls.set(f, list.sort((a, b) => a.ms - b.ms).slice(0, KEPT)); // prettier-ignore
  };
  const keepReturned = (f, label) => {
    const alike = [...returned.values()].filter((other) => other === label).length;
    if (alike < KEPT && !/^core-tensor\/gpu/.test(label)) returned.set(f, label);
    return wrap(f, label);
  };
  const wrap = (f, label) => {
    if (isClass(f) || wrapped.has(f)) return f;
    if (!wrappers.has(f)) {
      const wrapper = (...given) => {
        const args = given.map((x) =>
          typeof x === "function" && !wrapped.has(x) && !isClass(x) ? guard(x) : x,
        );
        const start = performance.now();
        const result = callMarked(f, args);
        const done = (value) => {
          keep(f, args, performance.now() - start);
          missing?.delete(label);
          return args.includes(value) ? value : wrapResult(value, label);
        };
        return typeof result?.then === "function" ? result.then(done) : done(result);
      };
      wrapped.add(wrapper);
      wrappers.set(f, wrapper);
    }
    return wrappers.get(f);
  };
  const wrapResult = (value, label) => {
    if (typeof value === "function" && Object.keys(value).length === 0)
      return keepReturned(value, `${label}(…)`);
    if (
      typeof value !== "object" ||
      value === null ||
      Object.getPrototypeOf(value) !== Object.prototype ||
      Object.isFrozen(value)
    )
      return value;
    // in place: some records are known by identity
    for (const [name, member] of Object.entries(value))
      if (typeof member === "function" && !isClass(member) && !wrapped.has(member))
        value[name] = keepReturned(member, `${label}(…).${name}`);
    return value;
  };
  const load = async (from) => {
    const module = await import(from);
    if (!from.startsWith("@provably/")) return module;
    return Object.fromEntries(
      Object.entries(module).map(([name, value]) => [
        name,
        typeof value === "function" ? wrap(value, `${from.slice(10)} ${name}`) : value,
      ]),
    );
  };
  const files = globSync(`packages/*${only ?? ""}*/src/**/*.ts`, { cwd: root }).sort();
  for (const file of files)
    for (const block of codeBlocks(readFileSync(root + file, "utf8"), false)) {
      if (!lends(block)) continue;
      const body = toStatements(block).replaceAll(/await import\(/g, "await load(");
      try {
        const { outputText } = ts.transpileModule(body, {
          compilerOptions: { target: "ES2022", module: "ESNext" },
        });
        await new AsyncFunction("load", outputText)(load);
      } catch {
        // examples are tested elsewhere; here they only lend their calls
      }
    }
  return { calls, returned };
}

/** The names of the optional fields that each public function takes, by the report of the interface: most of them stand in no example. */
export function optionNames() {
  const options = new Map();
  for (const file of globSync("packages/*/test/api.txt", { cwd: root })) {
    const lines = readFileSync(root + file, "utf8").split("\n");
    const types = new Map(
      lines.map((line) => /^(\w+): interface (.*)$/.exec(line)?.slice(1) ?? []),
    );
    const named = (text, seen = new Set()) => [
      ...[...text.matchAll(/readonly (\w+)\?:/g)].map(([, name]) => name),
      ...[...text.matchAll(/\b\w+Options\b/g)].flatMap(([type]) =>
        seen.has(type) || !types.has(type) ? [] : named(types.get(type), seen.add(type)),
      ),
    ];
    for (const line of lines) {
      const [, name, rest] = /^(\w+): function (.*)$/.exec(line) ?? [];
      if (name !== undefined) options.set(name, [...new Set(named(rest.replace(/\): .*?$/, "")))]);
    }
  }
  return options;
}

/** The functions whose doc comment speaks of NaN, by name: from them it is a documented value. */
export function namesWithNan() {
  const names = new Set();
  for (const file of globSync("packages/*/src/**/*.ts", { cwd: root }))
    for (const [, doc, name] of readFileSync(root + file, "utf8").matchAll(
      /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*export (?:async )?function\*? (\w+)/g,
    ))
      if (/NaN/.test(doc)) names.add(name);
  return names;
}
