/** The code of a task: its module, what that imports from its own folder, and the versions of the packages of this house. */
import { DomainError } from "@provably/core-tensor";
import { show } from "@provably/core-tensor/internal";
import { messageOf } from "../errors.js";
import { builtin } from "./builtin.js";
import { sha256 } from "./hash.js";
import { type Task, asTask, taskOf } from "./task.js";

/** What two workers must share to give the same bits. */
export interface Code {
  /** Name of the task. */
  readonly task: string;
  /** SHA-256 of the module and of the modules that it imports by relative paths. */
  readonly hash: string;
  /** Versions of the packages of this house that they import. */
  readonly packages: Readonly<Record<string, string>>;
}

/** A task with its code; `url` is missing where it was passed as a value. */
export interface LoadedTask {
  readonly task: Task;
  readonly code: Code;
  readonly url?: string;
}

/** Stand for the code of tasks that were passed as values: nobody knows it, so each of them is its own. */
const hashes = new WeakMap<Task, string>();

function hashOfValue(task: Task): string {
  if (!hashes.has(task)) {
    const words = crypto.getRandomValues(new Uint32Array(8));
    hashes.set(task, Array.from(words, (w) => w.toString(16).padStart(8, "0")).join(""));
  }
  return hashes.get(task)!;
}

/** A task by the address of its module, or as it is. */
export async function loadTask(fn: string, given: unknown): Promise<LoadedTask> {
  if (!(given instanceof URL) && typeof given !== "string") {
    const task = asTask(fn, "task", given);
    return { task, code: { task: task.name, hash: hashOfValue(task), packages: {} } };
  }
  const url = addressOf(fn, given);
  let module: unknown;
  try {
    module = await import(/* @vite-ignore */ /* webpackIgnore: true */ url);
  } catch (error) {
    throw new DomainError(`${fn}: task: ${show(url)} cannot be imported: ${messageOf(error)}`);
  }
  const task = taskOf(fn, url, module);
  return { task, url, code: { task: task.name, ...(await codeOf(url)) } };
}

function addressOf(fn: string, given: URL | string): string {
  try {
    return new URL(given).href;
  } catch {
    throw new DomainError(
      `${fn}: task must be made by defineTask, or be the address of its module, as new URL("./my.task.mjs", import.meta.url), got ${show(given)}`,
    );
  }
}

const IMPORT = /(?:\bfrom\s*|\bimport\s*\(?\s*)(["'])((?:\.\.?\/|@provably\/)[^"']+)\1/g;

/** Hash and versions of a module and of what it imports. */
export async function codeOf(url: string): Promise<Omit<Code, "task">> {
  const seen = new Map<string, string>();
  const packages = new Set<string>();
  const visit = async (at: string): Promise<void> => {
    if (seen.has(at)) return;
    const text = await textOf(at);
    seen.set(at, text);
    for (const [, , from] of text.matchAll(IMPORT))
      if (from!.startsWith(".")) await visit(new URL(from!, at).href);
      else packages.add(from!.split("/").slice(0, 2).join("/"));
  };
  await visit(url);
  const folder = new URL(".", url).href;
  const parts = [...seen].map(([at, text], i) => [i === 0 ? "" : at.replace(folder, ""), text]);
  return {
    hash: await sha256(JSON.stringify(parts)),
    packages: Object.fromEntries(
      [...packages].sort().map((name) => [name, versionOf(name, url)] as const),
    ),
  };
}

async function textOf(url: string): Promise<string> {
  const fs = builtin<typeof import("node:fs/promises")>("node:fs/promises");
  if (url.startsWith("file:") && fs !== undefined) return fs.readFile(new URL(url), "utf8");
  return (await fetch(url)).text();
}

/** The version that a module gets when it imports a package; empty where there is no way to know. */
function versionOf(name: string, from: string): string {
  const [fs, module] = [
    builtin<typeof import("node:fs")>("node:fs"),
    builtin<typeof import("node:module")>("node:module"),
  ];
  if (fs === undefined || module === undefined || !from.startsWith("file:")) return "";
  try {
    const file = module.createRequire(from).resolve(`${name}/package.json`);
    return (JSON.parse(fs.readFileSync(file, "utf8")) as { version: string }).version;
  } catch {
    return "";
  }
}

/** What differs between two codes, in words; empty where nothing does. */
export function differences(a: Code, b: Code): string {
  const said: string[] = [];
  if (a.task !== b.task) said.push(`the task is ${show(a.task)}, not ${show(b.task)}`);
  if (a.hash !== b.hash)
    said.push(`its module has the hash ${a.hash.slice(0, 12)}…, not ${b.hash.slice(0, 12)}…`);
  for (const name of new Set([...Object.keys(a.packages), ...Object.keys(b.packages)])) {
    const [x, y] = [a.packages[name] ?? "none", b.packages[name] ?? "none"];
    if (x !== y) said.push(`${name} is ${x}, not ${y}`);
  }
  return said.join("; ");
}
