/** One reader of the rows and rewards of a process, whatever their storage. */
import { DomainError, type NdArray, toTypedArray } from "@provably/core-tensor";
import { flatNumbers } from "@provably/core-tensor/internal";
import { isSparse, onArrival } from "./model.js";
import type { Mdp } from "./process.js";

/** The successors that each row lists: ascending, each once, all with mass. */
export interface Listed {
  readonly pointers: Int32Array;
  readonly columns: Int32Array;
  readonly probabilities: Float64Array;
  /** Rewards on arrival of the entries, where they are given like that. */
  readonly rewards: Float64Array | undefined;
}

/** Row number $sA + a$ of a step holds the distribution of what follows on action a in state s. */
export interface Rows {
  readonly numStates: number;
  readonly numActions: number;
  /** Rows of a step. */
  readonly count: number;
  readonly onArrival: boolean;
  /** Sparse rows. */
  readonly listed: Listed | undefined;
  /** Dense rows, of all steps one after the other. */
  readonly dense: Float64Array | undefined;
  /** The number of the first dense row of a step. */
  readonly first: (step: number) => number;
  /** $r(s, a)$ where rewards do not depend on the state that is reached, else 0. */
  readonly reward: (step: number, row: number) => number;
  /** $r(s, a, s')$ beyond `reward`. */
  readonly arrival: (step: number, row: number, to: number) => number;
  /** Whether the state has the action; absent when all have all. */
  readonly allows: ((step: number, row: number) => boolean) | undefined;
}

const read = new WeakMap<Mdp, Rows>();

export function rowsOf(fn: string, model: Mdp): Rows {
  const before = read.get(model);
  if (before !== undefined) return before;
  const rows = makeRows(fn, model);
  read.set(model, rows);
  return rows;
}

function makeRows(fn: string, model: Mdp): Rows {
  const { numStates, numActions, transitions, rewards, rewardAxes, allowed } = model;
  const count = numStates * numActions;
  const sparse = isSparse(transitions);
  const timed = !sparse && transitions.shape.length === 4;
  const listed = sparse ? list(fn, model) : undefined;
  const r = flatNumbers(rewards);
  const none = (): number => 0;
  const reward = {
    S: (_: number, row: number) => r[Math.floor(row / numActions)]!,
    SA: (_: number, row: number) => r[row]!,
    HSA: (step: number, row: number) => r[step * count + row]!,
    SAS: none,
    HSAS: none,
    entries: none,
  }[rewardAxes];
  const arrival =
    rewardAxes === "SAS"
      ? (_: number, row: number, to: number) => r[row * numStates + to]!
      : rewardAxes === "HSAS"
        ? (step: number, row: number, to: number) => r[(step * count + row) * numStates + to]!
        : rewardAxes === "entries"
          ? (_: number, row: number, to: number) => entryOf(listed!, row, to)
          : none;
  return {
    numStates,
    numActions,
    count,
    onArrival: onArrival(model),
    listed,
    dense: sparse ? undefined : flatNumbers(transitions),
    first: (step) => (timed ? step * count : 0),
    reward,
    arrival,
    allows: allowed && allowsOf(flatInts(allowed), count),
  };
}

const flatInts = (x: NdArray): ArrayLike<number> => toTypedArray(x);

const allowsOf = (mask: ArrayLike<number>, count: number) =>
  mask.length > count
    ? (step: number, row: number): boolean => mask[step * count + row] === 1
    : (_: number, row: number): boolean => mask[row] === 1;

/** Sparse rows put in order. */
function list(
  fn: string,
  { transitions, rewards, rewardAxes, numStates, numActions }: Mdp,
): Listed {
  if (!isSparse(transitions)) throw new DomainError(`${fn}: transitions must be sparse`);
  const { rowPointers, columns, probabilities } = transitions;
  const entries = rewardAxes === "entries" ? flatNumbers(rewards) : undefined;
  const rows = numStates * numActions;
  const pointers = new Int32Array(rows + 1);
  const outColumns = new Int32Array(columns.length);
  const outProbabilities = new Float64Array(columns.length);
  const outRewards = entries && new Float64Array(columns.length);
  let at = 0;
  for (let row = 0; row < rows; row++) {
    const places: number[] = [];
    for (let k = rowPointers[row]!; k < rowPointers[row + 1]!; k++)
      if (probabilities[k]! > 0) places.push(k);
    places.sort((a, b) => columns[a]! - columns[b]! || a - b);
    const begin = at;
    for (const k of places) {
      const again = at > begin && outColumns[at - 1] === columns[k];
      if (again && outRewards && outRewards[at - 1] !== entries[k])
        throw new DomainError(
          `${fn}: rewards.entries must agree where a successor is listed again, got ${outRewards[at - 1]} and ${entries[k]} for state ${columns[k]} of row [${Math.floor(row / numActions)}, ${row % numActions}]`,
        );
      if (again) outProbabilities[at - 1]! += probabilities[k]!;
      else {
        outColumns[at] = columns[k]!;
        outProbabilities[at] = probabilities[k]!;
        if (outRewards) outRewards[at] = entries[k]!;
        at++;
      }
    }
    pointers[row + 1] = at;
  }
  return {
    pointers,
    columns: outColumns.subarray(0, at),
    probabilities: outProbabilities.subarray(0, at),
    rewards: outRewards?.subarray(0, at),
  };
}

/** The reward of a successor among those listed, by bisection; 0 when it is not there. */
function entryOf({ pointers, columns, rewards }: Listed, row: number, to: number): number {
  let [low, high] = [pointers[row]!, pointers[row + 1]! - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (columns[middle] === to) return rewards![middle]!;
    if (columns[middle]! < to) low = middle + 1;
    else high = middle - 1;
  }
  return 0;
}

/** Adds the probabilities of a row, times `share`, to what is in `out` from `at` on. */
export function addRow(
  { numStates, listed, dense, first }: Rows,
  step: number,
  row: number,
  share: number,
  out: Float64Array,
  at: number,
): void {
  if (listed) {
    for (let k = listed.pointers[row]!; k < listed.pointers[row + 1]!; k++)
      out[at + listed.columns[k]!]! += share * listed.probabilities[k]!;
    return;
  }
  const from = (first(step) + row) * numStates;
  for (let s = 0; s < numStates; s++) out[at + s]! += share * dense![from + s]!;
}

/** The reward that a row gives on average under the nominal kernel. */
export function expectedReward(rows: Rows, step: number, row: number): number {
  const { onArrival: late, listed, dense, first, numStates, reward, arrival } = rows;
  let sum = reward(step, row);
  if (!late) return sum;
  if (listed)
    for (let k = listed.pointers[row]!; k < listed.pointers[row + 1]!; k++)
      sum += listed.probabilities[k]! * arrival(step, row, listed.columns[k]!);
  else
    for (let s = 0; s < numStates; s++)
      sum += dense![(first(step) + row) * numStates + s]! * arrival(step, row, s);
  return sum;
}
