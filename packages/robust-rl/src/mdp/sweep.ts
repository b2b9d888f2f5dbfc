/** One sweep over the rows of a process: nature's worst case of each, whatever the storage. */
import { flatNumbers } from "@provably/core-tensor/internal";
import { type Nature, type SortedValues, sortAgain, sortValues } from "../uncertainty/mass.js";
import type { UncertaintySet } from "../uncertainty/set.js";
import type { Problem } from "./problem.js";
import { addRow } from "./rows.js";

/** inf q·z for a row given by number, whatever the storage; z is the value, or reward and discounted value, of what follows. */
type RowCase = (row: number, radius: number, nature: Nature | undefined) => number;

/** The robust value of one state and action, r + γ inf q·v; `nature` receives the kernel row. */
export type ActionValue = (row: number, nature?: Nature) => number;

type Separate = Problem & { readonly set: UncertaintySet };

/** The robust action values of one step, for the rows asked for. */
export function sweepOf(problem: Separate, values: Float64Array, step: number): ActionValue {
  const { rows, discount } = problem;
  const { onArrival, reward } = rows;
  const radius = radiusOfRow(problem, step);
  const worst = rowCase(problem, values, step);
  return onArrival
    ? (row, nature) => worst(row, radius(row), nature)
    : (row, nature) => reward(step, row) + discount * worst(row, radius(row), nature);
}

/** The radius of every row of a step. */
export function radiusOfRow({ rows, set }: Separate, step: number): (row: number) => number {
  const { radius } = set;
  if (typeof radius === "number") return () => radius;
  const radii = flatNumbers(radius);
  const first = radii.length > rows.count ? step * rows.count : 0;
  return (row) => radii[first + row]!;
}

function rowCase(problem: Separate, values: Float64Array, step: number): RowCase {
  const { rows, set } = problem;
  const { dense, onArrival, first, numStates } = rows;
  if (rows.listed && (!set.leavesSupport || set.onlyToTheWorst))
    return compactRows(problem, values, step);
  if (!dense || onArrival) return spreadRows(problem, values, step);
  const worst = set.worstCase(sortValues(values));
  const offset = first(step);
  return (row, radius, nature) => {
    const index = offset + row;
    return worst(dense, index * numStates, radius, nature, index);
  };
}

/** Where sparse rows of one length are laid out for nature: filled anew for each. */
interface Bench {
  readonly p: Float64Array;
  readonly sorted: SortedValues & { readonly states: Int32Array };
  readonly worst: ReturnType<UncertaintySet["worstCase"]>;
  readonly nature: Nature;
}

function bench(set: UncertaintySet, n: number): Bench {
  const sorted = { ...sortValues(new Float64Array(n)), states: new Int32Array(n) };
  return {
    p: new Float64Array(n),
    sorted,
    worst: set.worstCase(sorted),
    nature: { kernel: new Float64Array(n), at: 0, dual: 0 },
  };
}

/** Sparse rows made compact: the listed successors, and the worst of all states where nature may go anywhere. */
function compactRows(
  { rows, set, discount }: Separate,
  values: Float64Array,
  step: number,
): RowCase {
  const { listed, onArrival, arrival, numStates } = rows;
  const { pointers, columns, probabilities } = listed!;
  const everywhere = set.leavesSupport;
  const worth = onArrival
    ? (row: number, s: number): number => arrival(step, row, s) + discount * values[s]!
    : (_: number, s: number): number => values[s]!;
  let worst = 0;
  for (let s = 1; s < numStates; s++) if (values[s]! < values[worst]!) worst = s;
  const worstOf = (row: number): number => {
    if (!onArrival) return worst;
    let lowest = 0;
    for (let s = 1; s < numStates; s++) if (worth(row, s) < worth(row, lowest)) lowest = s;
    return lowest;
  };
  const benches: (Bench | undefined)[] = [];
  return (row, radius, nature) => {
    const [from, to] = [pointers[row]!, pointers[row + 1]!];
    const length = to - from;
    const n = length + (everywhere ? 1 : 0);
    const place = (benches[n] ??= bench(set, n));
    const { p, sorted } = place;
    for (let k = 0; k < length; k++) {
      const s = columns[from + k]!;
      p[k] = probabilities[from + k]!;
      sorted.values[k] = worth(row, s);
      sorted.states[k] = s;
    }
    if (everywhere) {
      const lowest = worstOf(row);
      sorted.values[length] = worth(row, lowest);
      sorted.states[length] = lowest;
    }
    sortAgain(sorted);
    if (!nature) return place.worst(p, 0, radius, undefined, row);
    const value = place.worst(p, 0, radius, place.nature, row);
    nature.kernel.fill(0, nature.at, nature.at + numStates);
    for (let k = 0; k < n; k++)
      nature.kernel[nature.at + sorted.states[k]!]! += place.nature.kernel[k]!;
    nature.dual = place.nature.dual;
    return value;
  };
}

/** Rows written out over all states. */
function spreadRows(
  { rows, set, discount }: Separate,
  values: Float64Array,
  step: number,
): RowCase {
  const { numStates: n, onArrival, arrival, first } = rows;
  const p = new Float64Array(n);
  const sorted = sortValues(onArrival ? new Float64Array(n) : values);
  const worst = set.worstCase(sorted);
  return (row, radius, nature) => {
    p.fill(0);
    addRow(rows, step, row, 1, p, 0);
    if (onArrival) {
      for (let s = 0; s < n; s++) sorted.values[s] = arrival(step, row, s) + discount * values[s]!;
      sortAgain(sorted);
    }
    return worst(p, 0, radius, nature, first(step) + row);
  };
}
