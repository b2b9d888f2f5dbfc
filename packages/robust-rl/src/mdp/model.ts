/** Finite Markov decision processes, checked once. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  array,
  transpose,
} from "@provably/core-tensor";
import {
  anything,
  check,
  numberList,
  oneOf,
  optional,
  recordOf,
  recordWith,
  flatNumbers,
} from "@provably/core-tensor/internal";
import { float64, placeOf } from "../internal/read.js";
import { checkRows } from "../internal/distributions.js";

/**
 * Transition probabilities of which most are zero, in compressed rows: row $sA + a$ has its successors in
 * `columns[rowPointers[row] … rowPointers[row + 1] − 1]`, in any order; the probabilities of a successor that is
 * listed more than once add up.
 * @category Decision processes
 */
export interface SparseTransitions {
  /** `[states, actions, states]`. */
  readonly shape: readonly [number, number, number];
  /** Where each row begins, and the end: states · actions + 1 numbers. */
  readonly rowPointers: Int32Array;
  /** Successor states. */
  readonly columns: Int32Array;
  /** Their probabilities. */
  readonly probabilities: Float64Array;
}

/**
 * {@link SparseTransitions} in lists or typed arrays of any kind, as they come from other tools.
 * @category Decision processes
 */
export type SparseLists = { readonly [Part in keyof SparseTransitions]: ArrayLike<number> };

/**
 * Rewards on arrival, one for every entry of sparse transitions and in their order.
 * @category Decision processes
 */
export interface SparseRewards {
  readonly entries: ArrayLike<number>;
}

/**
 * What the axes of rewards are: S state, A action, a last S the state that is reached, a leading H the step.
 * @category Decision processes
 */
export type RewardAxes = "S" | "SA" | "SAS" | "HSA" | "HSAS";

/**
 * A decision process as it is written down, see {@link mdp}.
 * @category Decision processes
 */
export interface MdpParts {
  /** $P(s' \mid s, a)$: [states, actions, states], [steps, states, actions, states], or sparse. */
  readonly transitions: ArrayInput | SparseTransitions | SparseLists;
  /**
   * $r$: [states], [states, actions], [states, actions, states] on arrival, each of the last two also with leading
   * steps; or {@link SparseRewards}.
   */
  readonly rewards: ArrayInput | SparseRewards;
  /**
   * The order of the axes of transitions: `"SAS"`, `"HSAS"`, or `"ASS"` for [actions, states, states], as toolboxes
   * have it. Needed where there are as many actions as states, since a cube can be read both ways.
   */
  readonly axes?: "SAS" | "ASS" | "HSAS";
  /** The axes of rewards; `"ASS"` is [actions, states, states]. Needed where the shape can be read in more ways. */
  readonly rewardAxes?: RewardAxes | "ASS";
}

/**
 * A Markov decision process with finitely many states and actions. Make one with {@link mdp}, which checks it.
 * @category Decision processes
 */
export interface Mdp {
  readonly numStates: number;
  readonly numActions: number;
  /** Number of steps when transitions or rewards depend on the step, else `undefined`. */
  readonly steps: number | undefined;
  /** $P(s' \mid s, a)$: [states, actions, states], or [steps, states, actions, states], or sparse, as given. */
  readonly transitions: NdArray<"float64"> | SparseTransitions;
  /** $r$ as given, the entries of {@link SparseRewards} in one row. */
  readonly rewards: NdArray<"float64">;
  /** What the axes of rewards are. Those that depend on the state that is reached enter the worst case. */
  readonly rewardAxes: RewardAxes | "entries";
}

/** Whether rewards depend on the state that is reached. */
export const onArrival = ({ rewardAxes }: Mdp): boolean =>
  rewardAxes === "SAS" || rewardAxes === "HSAS" || rewardAxes === "entries";

export function isSparse(x: Mdp["transitions"]): x is SparseTransitions {
  return "rowPointers" in x;
}

const MODEL = recordWith({
  transitions: anything,
  rewards: anything,
  rewardAxes: optional(oneOf("S", "SA", "SAS", "HSA", "HSAS", "entries")),
});

/** Processes that {@link mdp} has looked at from all sides. */
const known = new WeakSet<Mdp>();

/** A process that {@link mdp} has made; any other is read from the beginning, under the name of the caller. */
export function checkMdp(fn: string, model: Mdp): Mdp {
  if (typeof model === "object" && known.has(model)) return model;
  const { transitions, rewards, rewardAxes } = check(fn, "model", model, MODEL);
  const timed = (transitions as { readonly shape?: ArrayLike<number> }).shape?.length === 4;
  const again = readMdp(fn, {
    transitions,
    rewards: rewardAxes === "entries" ? { entries: flatNumbers(rewards) } : rewards,
    axes: timed ? "HSAS" : "SAS",
    ...(rewardAxes === undefined || rewardAxes === "entries" ? {} : { rewardAxes }),
  });
  for (const name of ["numStates", "numActions", "steps"] as const)
    if (model[name] !== again[name])
      throw new DomainError(
        `${fn}: model.${name} must be ${again[name]}, as its arrays say, got ${model[name]}; make models with mdp()`,
      );
  return again;
}

/**
 * A Markov decision process from its transition probabilities and rewards.
 *
 * Rewards of shape [states] are for being in a state, whatever the action. Rewards on arrival enter the worst case:
 * $Q(s,a) = \inf_q \sum_{s'} q(s')\,(r(s,a,s') + \gamma V(s'))$.
 *
 * @param model - see {@link MdpParts}; rows of transitions sum to 1 within 1e-8
 * @returns the checked process
 * @throws `ShapeError` when the shapes do not fit each other, or can be read in more ways than one
 * @throws `DomainError` when a row is not a distribution or a reward not finite; the message names the index
 * @example
 * ```ts
 * import { mdp } from "@provably/robust-rl";
 *
 * const model = mdp({ transitions: [[[0.9, 0.1]], [[0, 1]]], rewards: [[1], [0]] });
 * model.numStates; // => 2
 * mdp({ transitions: [[[0.9, 0.2]]], rewards: [[1]] }); // throws ShapeError
 *
 * // As many actions as states: the order of the axes must be said.
 * mdp({ transitions: [[[1, 0], [0, 1]], [[0, 1], [1, 0]]], rewards: [1, 0], axes: "SAS" }).numActions; // => 2
 * ```
 * @category Decision processes
 */
export function mdp(model: MdpParts): Mdp {
  check("mdp", "model", model, recordOf<MdpParts>(PARTS));
  return readMdp("mdp", model);
}

const PARTS = {
  transitions: anything,
  rewards: anything,
  axes: optional(oneOf("SAS", "ASS", "HSAS")),
  rewardAxes: optional(oneOf("S", "SA", "SAS", "HSA", "HSAS", "ASS")),
};

function readMdp(fn: string, given: MdpParts): Mdp {
  const sparse = hasField(given.transitions, "rowPointers")
    ? readSparse(fn, given.transitions as SparseLists)
    : undefined;
  const dense = sparse ? undefined : readDense(fn, given.transitions as ArrayInput, given.axes);
  if (sparse && given.axes !== undefined && given.axes !== "SAS")
    throw new DomainError(`${fn}: axes of sparse transitions must be "SAS", got "${given.axes}"`);
  const shape = (sparse ?? dense!).shape;
  const [numStates, numActions] = shape.slice(-3) as [number, number];
  const steps = shape.length === 4 ? shape[0] : undefined;
  const { rewards, rewardAxes } = readRewards(fn, given, { numStates, numActions, steps, sparse });
  const timed = rewardAxes === "HSA" || rewardAxes === "HSAS";
  const model: Mdp = {
    numStates,
    numActions,
    steps: steps ?? (timed ? (rewards as NdArray).shape[0] : undefined),
    transitions: sparse ?? dense!,
    rewards,
    rewardAxes,
  };
  known.add(model);
  return model;
}

const hasField = (x: unknown, name: string): boolean =>
  typeof x === "object" && x !== null && Object.hasOwn(x, name);

/** Dense transitions in the order [(steps,) states, actions, states]. */
function readDense(fn: string, given: ArrayInput, axes: MdpParts["axes"]): NdArray<"float64"> {
  const read = float64(fn, "transitions", given);
  const [a, b, c] = read.shape.slice(-3);
  const places = read.shape.length;
  const cube = places === 3 && a === b && b === c && a! > 1;
  if (cube && axes === undefined)
    throw new ShapeError(
      `${fn}: transitions of shape [${read.shape.join(", ")}] have as many actions as states and can be read in two orders; say axes: "SAS" for [states, actions, states] or axes: "ASS" for [actions, states, states]`,
    );
  const order = axes ?? (places === 4 ? "HSAS" : "SAS");
  const fits = order.length === places && (order === "ASS" ? b === c : a === c) && read.size > 0;
  if (!fits) {
    const toolbox = axes === undefined && places === 3 && b === c;
    throw new ShapeError(
      `${fn}: transitions must have shape ${order === "ASS" ? "[A, S, S]" : order === "HSAS" ? "[H, S, A, S]" : "[S, A, S] or [H, S, A, S]"} with S, A ≥ 1, got [${read.shape.join(", ")}]${toolbox ? '; say axes: "ASS" for [actions, states, states]' : ""}`,
    );
  }
  const transitions = order === "ASS" ? (transpose(read, [1, 0, 2]) as NdArray<"float64">) : read;
  checkRows(fn, "transitions", flatNumbers(read), read.shape.at(-1)!, read.shape.slice(0, -1));
  return transitions;
}

interface Extents {
  readonly numStates: number;
  readonly numActions: number;
  readonly steps: number | undefined;
  readonly sparse: SparseTransitions | undefined;
}

function readRewards(
  fn: string,
  { rewards: given, rewardAxes, axes }: MdpParts,
  { numStates, numActions, steps, sparse }: Extents,
): Pick<Mdp, "rewards" | "rewardAxes"> {
  if (hasField(given, "entries")) {
    const { entries } = check(
      fn,
      "rewards",
      given as SparseRewards,
      recordOf<SparseRewards>({ entries: numberList }),
    );
    if (!sparse) throw new DomainError(`${fn}: rewards.entries need sparse transitions`);
    const read = Float64Array.from(entries);
    if (read.length !== sparse.columns.length)
      throw new ShapeError(
        `${fn}: rewards.entries must have one number for each of the ${sparse.columns.length} entries of transitions, got ${read.length}`,
      );
    checkFinite(fn, "rewards.entries", read, [read.length]);
    return { rewards: array<"float64">(read), rewardAxes: "entries" };
  }
  const read = float64(fn, "rewards", given as ArrayInput);
  const H = steps ?? read.shape[0];
  const [S, A] = [numStates, numActions];
  const shapes: Readonly<Record<RewardAxes | "ASS", readonly (number | undefined)[]>> = {
    S: [S],
    SA: [S, A],
    SAS: [S, A, S],
    ASS: [A, S, S],
    HSA: [H, S, A],
    HSAS: [H, S, A, S],
  };
  const fits = (Object.keys(shapes) as (keyof typeof shapes)[]).filter(
    (name) => shapes[name].join() === read.shape.join(),
  );
  // only who has transitions in the order of toolboxes has rewards in it
  const likely = fits.filter((name) => name !== (axes === "ASS" ? "SAS" : "ASS"));
  if (rewardAxes === undefined && likely.length > 1 && read.size > 1)
    throw new ShapeError(
      `${fn}: rewards of shape [${read.shape.join(", ")}] can be read in more ways than one; say rewardAxes: ${likely.map((name) => `"${name}"`).join(" or ")}`,
    );
  const chosen = rewardAxes ?? likely[0] ?? fits[0];
  if (chosen === undefined || !fits.includes(chosen)) {
    const h = steps ?? "H";
    throw new ShapeError(
      `${fn}: rewards must have shape ${rewardAxes === undefined ? `[${S}], [${S}, ${A}], [${S}, ${A}, ${S}], [${h}, ${S}, ${A}] or [${h}, ${S}, ${A}, ${S}]` : `[${shapes[rewardAxes].join(", ")}]`}, got [${read.shape.join(", ")}]`,
    );
  }
  checkFinite(fn, "rewards", flatNumbers(read), read.shape);
  return chosen === "ASS"
    ? { rewards: transpose(read, [1, 0, 2]) as NdArray<"float64">, rewardAxes: "SAS" }
    : { rewards: read, rewardAxes: chosen };
}

function checkFinite(fn: string, name: string, x: Float64Array, shape: readonly number[]): void {
  x.forEach((r, i) => {
    if (!Number.isFinite(r))
      throw new DomainError(
        `${fn}: ${name}[${placeOf(i, shape).join(", ")}] must be finite, got ${r}`,
      );
  });
}

const SPARSE = recordOf<SparseLists>({
  shape: numberList,
  rowPointers: numberList,
  columns: numberList,
  probabilities: numberList,
});

function readSparse(fn: string, given: SparseLists): SparseTransitions {
  const parts = check(fn, "transitions", given, SPARSE);
  const shape = Array.from(parts.shape) as [number, number, number];
  const [states, actions, successors] = shape;
  if (
    shape.length !== 3 ||
    !shape.every((n) => Number.isInteger(n) && n > 0) ||
    states !== successors
  )
    throw new ShapeError(
      `${fn}: sparse transitions must have shape [S, A, S] with S, A ≥ 1, got [${shape.join(", ")}]`,
    );
  const whole = (name: "rowPointers" | "columns", below: number): Int32Array => {
    for (let k = 0; k < parts[name].length; k++) {
      const x = parts[name][k]!;
      if (!(Number.isInteger(x) && x >= 0 && x < below))
        throw new DomainError(
          `${fn}: transitions.${name}[${k}] must be ${name === "columns" ? `a state below ${successors}` : "a place in columns"}, got ${x}`,
        );
    }
    return Int32Array.from(parts[name]);
  };
  const probabilities = Float64Array.from(parts.probabilities);
  const entries = probabilities.length;
  const [rowPointers, columns] = [whole("rowPointers", entries + 1), whole("columns", successors)];
  const rows = states * actions;
  if (
    rowPointers.length !== rows + 1 ||
    rowPointers[0] !== 0 ||
    rowPointers[rows] !== entries ||
    columns.length !== entries
  )
    throw new ShapeError(
      `${fn}: sparse transitions of shape [${shape.join(", ")}] need ${rows + 1} row pointers from 0 to the number of entries, got ${rowPointers.length} pointers ending at ${rowPointers[rowPointers.length - 1]}, ${columns.length} columns, ${entries} probabilities`,
    );
  for (let row = 0; row < rows; row++) {
    const [from, to] = [rowPointers[row]!, rowPointers[row + 1]!];
    if (to < from)
      throw new ShapeError(
        `${fn}: row pointers must not fall, got ${from} then ${to} at row ${row}`,
      );
    let sum = 0;
    for (let k = from; k < to; k++) {
      const p = probabilities[k]!;
      if (!(p >= 0))
        throw new DomainError(`${fn}: probabilities[${k}] must be a probability, got ${p}`);
      sum += p;
    }
    if (!(Math.abs(sum - 1) <= 1e-8))
      throw new DomainError(
        `${fn}: transitions[${Math.floor(row / actions)}, ${row % actions}, :] must sum to 1, got ${sum}; divide each row by its sum`,
      );
  }
  return { shape, rowPointers, columns, probabilities };
}
