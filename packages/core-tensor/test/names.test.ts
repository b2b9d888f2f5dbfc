// Whatever is wrong with a call, the error names the function that was called, and not one inside it.
import {
  type NdArray,
  add,
  array,
  grad,
  isCoreTensorError,
  less,
  meanSquaredError,
  sum,
  vjp,
  zeros,
} from "@provably/core-tensor";
import { whileLoop } from "@provably/core-tensor/compile";
import { within } from "@provably/core-tensor/internal";
import { describe, expect, it } from "vitest";
import { isFromCallback, publicFunctions, recordedCalls } from "../../../scripts/stress/calls.mjs";
import { generator, print, spoiltArguments } from "../../../scripts/stress/hostile.mjs";

/** What people pass by mistake, in place of each argument. */
const WRONG: readonly (() => unknown)[] = [
  () => undefined,
  () => null,
  () => NaN,
  () => -1,
  () => 1.5,
  () => 99,
  () => "abc",
  () => "1",
  () => true,
  () => 10n,
  () => Symbol("x"),
  () => ({}),
  () => [],
  () => ["1", "2"],
  () => [1, null],
  () => [undefined],
  () => [[1], [2, 3]],
  () => [[1, 2], [3]],
  () => [1, 2, 3, 4, 5],
  () => [[[1, 2, 3, 4, 5, 6, 7]]],
  () => zeros([7, 3]),
  () => zeros([0]),
  () => zeros([2, 2, 2, 2, 2], { dtype: "bool" }),
  () => new Map(),
  () => new Date(0),
  () => new BigInt64Array(2),
  () => () => 1,
  () => [1e6, 1e6],
  () => ({ axis: 99 }),
  () => ({ axes: 0 }),
  () => ({ data: [1], shape: [3], stride: [1], offset: 0 }),
];

const SPOILT = 60;

// functions of /internal are told the name; a loop runs for as long as its condition holds
const { functions } = await publicFunctions("core-tensor");
const { calls, returned } = await recordedCalls("core-tensor");
const exported = new Set(functions.map(({ f }) => f));
const targets = [
  ...functions.filter(({ entry }) => !entry.endsWith("/internal")),
  ...[...returned]
    .filter(([f]) => !exported.has(f) && calls.has(f))
    .map(([f, label]) => ({ entry: label.split(" ")[0]!, name: label.split(" ")[1]!, f })),
].filter(({ name }) => name !== "whileLoop");

/** The messages that do not name `own`, each once, with the arguments. */
async function misnamed(
  own: string,
  f: (...args: unknown[]) => unknown,
  lists: Iterable<unknown[]>,
): Promise<string[]> {
  const found = new Map<string, string>();
  for (const args of lists) {
    const given = print(args).slice(0, 200);
    try {
      await f(...args);
    } catch (error) {
      if (isFromCallback(error) || /caller's own|been revoked/.test(String(error))) continue;
      const { message } = error as Error;
      if (isCoreTensorError(error) && message.startsWith(`${own}: `)) continue;
      const kind = message.split(":")[0]!;
      if (!found.has(kind)) found.set(kind, `${message.slice(0, 160)} ← ${given}`);
    }
  }
  return [...found.values()];
}

function* spoilt(valid: unknown[][]): Iterable<unknown[]> {
  const [first = []] = valid;
  for (let at = 0; at <= first.length; at++)
    for (const wrong of WRONG) yield [...first.slice(0, at), wrong(), ...first.slice(at + 1)];
  const pick = generator(11);
  for (let i = 0; i < SPOILT; i++) {
    const args = spoiltArguments(valid, pick);
    // a promise that nobody waits for is rejected behind everybody's back
    if (!hasAsync(args)) yield args;
  }
}

const AsyncFunction = (async () => {}).constructor;

function hasAsync(x: unknown, depth = 0): boolean {
  if (typeof x === "function") return x.constructor === AsyncFunction;
  try {
    return Array.isArray(x) && depth < 4 && x.some((entry) => hasAsync(entry, depth + 1));
  } catch {
    return false; // revoked
  }
}

describe("an error", () => {
  it.each(targets.map(({ entry, name, f }) => [`${entry} ${name}`, name, f] as const))(
    "of %s names it",
    async (_, name, f) => {
      const valid = (calls.get(f) ?? []).map(({ args }) => args);
      expect(await misnamed(name.split("(")[0]!, f, spoilt(valid))).toEqual([]);
    },
  );

  it.each<[string, () => unknown, string]>([
    ["a pullback", () => vjp((x) => sum(x), array([1, 2]))[1](zeros([3])), "vjp: "],
    ["a loop", () => whileLoop(any(1), any(1), 1), "whileLoop: "],
    [
      "a loop's option",
      () => whileLoop(less2, same, array(1), any({ maxSteps: 2 })),
      "whileLoop: ",
    ],
    [
      "what is done within it",
      () => within("outer", () => add([1, 2], [1, 2, 3])),
      "outer: shapes",
    ],
  ])("of %s names the function as well", (_, call, start) => {
    expect(call).toThrow(new RegExp(`^${start}`));
  });

  it("that a callback throws stays as it is", () => {
    const f = (x: NdArray): NdArray => sum(add(x, [1, 2, 3]));
    expect(() => grad(f)(array([1, 2]))).toThrow(/^add: shapes/);
    expect(() => within("outer", () => fail())).toThrow(/^mine: not typed/);
  });

  it("shows the outer name in its stack too", () => {
    let stack: string | undefined;
    try {
      meanSquaredError([1, 2], [1, 2, 3]);
    } catch (error) {
      stack = (error as Error).stack;
    }
    expect(stack).toMatch(/^ShapeError: meanSquaredError: /);
  });
});

const any = (value: unknown): never => value as never;
const less2 = (x: NdArray): NdArray => less(x, 2);
const same = (x: NdArray): NdArray => x;
const fail = (): never => {
  throw new Error("mine: not typed");
};
