/** Rewards, and what their axes are. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  array,
  transpose,
} from "@provably/core-tensor";
import { check, flatNumbers, numberList, recordOf } from "@provably/core-tensor/internal";
import { float64, placeOf } from "../internal/read.js";
import type { Mdp, MdpParts, RewardAxes, SparseRewards } from "./process.js";

export function readRewards(
  fn: string,
  { rewards: given, rewardAxes, axes }: MdpParts,
  { numStates, numActions, steps, sparse }: Extents,
): Pick<Mdp, "rewards" | "rewardAxes"> {
  if (Object.hasOwn(given as object, "entries")) {
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
  checkFinite(fn, "rewards", flatNumbers(read), read.shape, forbids(chosen));
  return chosen === "ASS"
    ? { rewards: transpose(read, [1, 0, 2]) as NdArray<"float64">, rewardAxes: "SAS" }
    : { rewards: read, rewardAxes: chosen };
}

interface Extents {
  readonly numStates: number;
  readonly numActions: number;
  readonly steps: number | undefined;
  readonly sparse: { readonly columns: ArrayLike<number> } | undefined;
}

/** Whether rewards of −∞ may say that an action is missing. */
const forbids = (axes: string): boolean => axes === "SA" || axes === "HSA";

/** −∞ is let through where it says that an action is missing. */
export function checkFinite(
  fn: string,
  name: string,
  x: Float64Array,
  shape: readonly number[],
  forbids = false,
): void {
  x.forEach((r, i) => {
    if (!Number.isFinite(r) && !(forbids && r === -Infinity))
      throw new DomainError(
        `${fn}: ${name}[${placeOf(i, shape).join(", ")}] must be finite, got ${r}`,
      );
  });
}
