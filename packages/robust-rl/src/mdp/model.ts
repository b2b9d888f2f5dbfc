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
  oneOf,
  optional,
  recordOf,
  recordWith,
  tensor,
  flatNumbers,
} from "@provably/core-tensor/internal";
import { float64 } from "../internal/read.js";
import { checkRows } from "../internal/distributions.js";
import {
  type Allowed,
  bothAllow,
  fillRewards,
  fillRows,
  fillSparse,
  forbiddenByReward,
  readAllowed,
} from "./allowed.js";
import type { Mdp, MdpParts } from "./process.js";
import { readRewards } from "./rewards.js";
import {
  type SparseLists,
  type SparseTransitions,
  checkSparseParts,
  readSparse,
} from "./sparse.js";

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
  allowed: optional(tensor),
});

/** Processes that {@link mdp} has looked at from all sides. */
const known = new WeakSet<Mdp>();

/** A process that {@link mdp} has made; any other is read from the beginning, under the name of the caller. */
export function checkMdp(fn: string, model: Mdp): Mdp {
  if (typeof model === "object" && known.has(model)) return model;
  const { transitions, rewards, rewardAxes, allowed } = check(fn, "model", model, MODEL);
  const timed = (transitions as { readonly shape?: ArrayLike<number> }).shape?.length === 4;
  const again = readMdp(fn, {
    transitions,
    rewards: rewardAxes === "entries" ? { entries: flatNumbers(rewards) } : rewards,
    axes: timed ? "HSAS" : "SAS",
    ...(rewardAxes === undefined || rewardAxes === "entries" ? {} : { rewardAxes }),
    ...(allowed && { allowed }),
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
  allowed: optional(anything),
};

function readMdp(fn: string, given: MdpParts): Mdp {
  const lists = hasField(given.transitions, "rowPointers")
    ? checkSparseParts(fn, given.transitions as SparseLists)
    : undefined;
  if (lists && given.axes !== undefined && given.axes !== "SAS")
    throw new DomainError(`${fn}: axes of sparse transitions must be "SAS", got "${given.axes}"`);
  const table = lists ? undefined : readDense(fn, given.transitions as ArrayInput, given.axes);
  const shape = Array.from((lists ?? table!).shape);
  const [numStates, numActions] = shape.slice(-3) as [number, number];
  const steps = shape.length === 4 ? shape[0] : undefined;
  const sizes = { numStates, numActions, steps, sparse: lists };
  const { rewards, rewardAxes } = readRewards(fn, given, sizes);
  const allowed = bothAllow(
    given.allowed === undefined ? undefined : readAllowed(fn, given.allowed, sizes),
    forbiddenByReward(fn, rewards, rewardAxes, sizes),
  );
  const timed = rewardAxes === "HSA" || rewardAxes === "HSAS";
  const known = [steps, timed ? rewards.shape[0] : undefined, allowed?.steps].filter(
    (h) => h !== undefined,
  );
  if (known.some((h) => h !== known[0]))
    throw new ShapeError(
      `${fn}: transitions, rewards and allowed disagree about the number of steps: ${known.join(", ")}`,
    );
  return remembered({
    numStates,
    numActions,
    steps: known[0],
    rewardAxes,
    ...(lists
      ? filledSparse(fn, lists, rewards, rewardAxes, allowed)
      : filledDense(fn, table!, rewards, rewardAxes, allowed)),
    allowed: allowed && maskArray(allowed, numStates, numActions),
  });
}

function remembered(model: Mdp): Mdp {
  known.add(model);
  return model;
}

const maskArray = ({ mask, steps }: Allowed, numStates: number, numActions: number): NdArray =>
  array(Int32Array.from(mask), {
    dtype: "int32",
    shape: [...(steps === undefined ? [] : [steps]), numStates, numActions],
  });

type Filled = Pick<Mdp, "transitions" | "rewards">;

function filledDense(
  fn: string,
  table: NdArray<"float64">,
  rewards: NdArray<"float64">,
  axes: string,
  allowed: Allowed | undefined,
): Filled {
  const transitions = allowed ? fillRows(table, allowed) : table;
  checkRows(
    fn,
    "transitions",
    flatNumbers(transitions),
    table.shape.at(-1)!,
    table.shape.slice(0, -1),
  );
  return { transitions, rewards: allowed ? fillRewards(rewards, axes, allowed) : rewards };
}

function filledSparse(
  fn: string,
  lists: SparseLists,
  rewards: NdArray<"float64">,
  axes: string,
  allowed: Allowed | undefined,
): Filled {
  if (!allowed) return { transitions: readSparse(fn, lists), rewards };
  const filled = fillSparse(lists, allowed);
  const transitions = readSparse(fn, filled.lists);
  if (axes !== "entries") return { transitions, rewards: fillRewards(rewards, axes, allowed) };
  const entries = flatNumbers(rewards);
  const moved = Float64Array.from(filled.from, (k) => (k < 0 ? 0 : entries[k]!));
  return { transitions, rewards: array<"float64">(moved) };
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
  return order === "ASS" ? (transpose(read, [1, 0, 2]) as NdArray<"float64">) : read;
}
