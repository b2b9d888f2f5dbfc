/** Actions that a state does not have: their rows and rewards are fillers, which nothing looks at. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  array,
} from "@provably/core-tensor";
import { flatNumbers } from "@provably/core-tensor/internal";
import { float64, placeOf } from "../internal/read.js";
import type { SparseLists } from "./sparse.js";

/** Which actions there are, by step (one for all where `steps` is undefined), state and action. */
export interface Allowed {
  readonly steps: number | undefined;
  /** 1 where there is the action, [(steps,) states, actions]. */
  readonly mask: Uint8Array;
}

export interface ModelSizes {
  readonly numStates: number;
  readonly numActions: number;
}

/** The mask that a caller gave, of true and false or 1 and 0; every state must keep an action. */
export function readAllowed(
  fn: string,
  given: ArrayInput,
  { numStates, numActions }: ModelSizes,
): Allowed {
  const read = float64(fn, "allowed", given);
  const places = read.shape.slice(-2).join();
  if (![2, 3].includes(read.shape.length) || places !== `${numStates},${numActions}`)
    throw new ShapeError(
      `${fn}: allowed must have shape [${numStates}, ${numActions}] or [H, ${numStates}, ${numActions}], got [${read.shape.join(", ")}]`,
    );
  const flags = flatNumbers(read);
  flags.forEach((x, i) => {
    if (x !== 0 && x !== 1)
      throw new DomainError(
        `${fn}: allowed[${placeOf(i, read.shape).join(", ")}] must be true or false, got ${x}`,
      );
  });
  return checkStates(
    fn,
    {
      steps: read.shape.length === 3 ? read.shape[0] : undefined,
      mask: Uint8Array.from(flags),
    },
    numActions,
  );
}

/** Rewards of −∞ say that there is no such action, as in toolboxes that have no other way. */
export function forbiddenByReward(
  fn: string,
  rewards: NdArray,
  axes: string,
  { numActions }: ModelSizes,
): Allowed | undefined {
  if (axes !== "SA" && axes !== "HSA") return undefined;
  const r = flatNumbers(rewards);
  if (!r.includes(-Infinity)) return undefined;
  return checkStates(
    fn,
    {
      steps: axes === "HSA" ? rewards.shape[0] : undefined,
      mask: Uint8Array.from(r, (x) => (x === -Infinity ? 0 : 1)),
    },
    numActions,
  );
}

function checkStates(fn: string, allowed: Allowed, numActions: number): Allowed {
  const { mask } = allowed;
  for (let at = 0; at < mask.length; at += numActions)
    if (!mask.subarray(at, at + numActions).includes(1))
      throw new DomainError(
        `${fn}: every state must have an action, state ${(at / numActions) % (mask.length / numActions / (allowed.steps ?? 1))} has none${allowed.steps === undefined ? "" : ` at step ${Math.floor(at / numActions / (mask.length / numActions / allowed.steps))}`}`,
      );
  return allowed;
}

/** Both masks at once. */
export function bothAllow(a: Allowed | undefined, b: Allowed | undefined): Allowed | undefined {
  if (!a || !b) return a ?? b;
  const long = a.mask.length >= b.mask.length ? a : b;
  const short = long === a ? b : a;
  return {
    steps: long.steps,
    mask: long.mask.map((x, i) => x & short.mask[i % short.mask.length]!),
  };
}

/** Dense rows in which those of missing actions stay where they are, whatever was written there. */
export function fillRows(
  transitions: NdArray<"float64">,
  { mask, steps }: Allowed,
): NdArray<"float64"> {
  const { shape } = transitions;
  const [numStates, numActions] = shape.slice(-3) as [number, number];
  const rows = numStates * numActions;
  const data = Float64Array.from(flatNumbers(transitions));
  for (let row = 0; row < data.length / numStates; row++) {
    // where only the mask depends on the step, a row may be needed at another one
    const missing =
      shape.length === 4 || steps === undefined
        ? mask[row % mask.length] === 0
        : !allowedEver(mask, row, rows);
    if (!missing) continue;
    data.fill(0, row * numStates, (row + 1) * numStates);
    data[row * numStates + (Math.floor(row / numActions) % numStates)] = 1;
  }
  return array<"float64">(data, { shape });
}

function allowedEver(mask: Uint8Array, row: number, rows: number): boolean {
  for (let at = row; at < mask.length; at += rows) if (mask[at]) return true;
  return false;
}

/** Sparse rows in which those of missing actions stay where they are, and the places that entries came from (−1: none). */
export function fillSparse(
  given: SparseLists,
  { mask }: Allowed,
): { readonly lists: SparseLists; readonly from: Int32Array } {
  const [numStates, numActions] = Array.from(given.shape) as [number, number];
  const rows = numStates * numActions;
  const pointers = [0];
  const [columns, probabilities, from]: number[][] = [[], [], []];
  for (let row = 0; row < rows; row++) {
    if (allowedEver(mask, row, rows))
      for (let k = given.rowPointers[row]!; k < given.rowPointers[row + 1]!; k++) {
        columns!.push(given.columns[k]!);
        probabilities!.push(given.probabilities[k]!);
        from!.push(k);
      }
    else {
      columns!.push(Math.floor(row / numActions));
      probabilities!.push(1);
      from!.push(-1);
    }
    pointers.push(columns!.length);
  }
  return {
    lists: {
      shape: given.shape,
      rowPointers: pointers,
      columns: columns!,
      probabilities: probabilities!,
    },
    from: Int32Array.from(from!),
  };
}

/** Rewards with 0 for missing actions. */
export function fillRewards(
  rewards: NdArray<"float64">,
  axes: string,
  { mask }: Allowed,
): NdArray<"float64"> {
  if (axes === "S" || axes === "entries") return rewards;
  const data = Float64Array.from(flatNumbers(rewards));
  const block = axes.endsWith("AS") ? rewards.shape.at(-1)! : 1;
  const timed = axes.startsWith("H");
  const rows = mask.length;
  for (let cell = 0; cell < data.length / block; cell++) {
    const missing =
      timed || data.length / block >= rows
        ? mask[cell % rows] === 0
        : !allowedEver(mask, cell, data.length / block);
    if (missing) data.fill(0, cell * block, (cell + 1) * block);
  }
  return array<"float64">(data, { shape: rewards.shape });
}
