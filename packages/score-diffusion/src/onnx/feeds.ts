/** Inputs of a network beside points and time: labels, text embeddings, images of control; the same in every call or by level, for all rows or for each. */
import {
  type ArrayInput,
  DomainError,
  ShapeError,
  asType,
  toTypedArray,
} from "@provably/core-tensor";
import { show } from "@provably/core-tensor/internal";
import type { NoiseLevel } from "../schedule/level.js";
import type { OnnxRuntime, OnnxTensor, Values } from "./runtime.js";
import { FEED_TYPES, type FeedType, encode } from "./tensors.js";

/**
 * The value of an input beside points and time: numbers, a tensor of the runtime, or a function of the level that gives one of them. Where the input's first
 * extent is that of the points, a value of as many rows as there are points is cut with them, and one of a single row is repeated.
 * @category Networks
 */
export type OnnxFeed = ArrayInput | OnnxTensor | ((level: NoiseLevel) => ArrayInput | OnnxTensor);

/** A value as numbers of a type, row-major. */
interface FeedNumbers {
  readonly type: FeedType;
  readonly dims: readonly number[];
  readonly numbers: ArrayLike<number>;
}

/** A tensor of the runtime, not an array of core-tensor. */
function isTensor(value: unknown): value is OnnxTensor & { readonly type?: unknown } {
  return typeof value === "object" && value !== null && "dims" in value && "data" in value;
}

function numbersOf(fn: string, name: string, value: ArrayInput, inputs: Values): FeedNumbers {
  const said = inputs.get(name);
  const type = said?.type ?? "float32";
  if (!(FEED_TYPES as readonly string[]).includes(type))
    throw new DomainError(
      `${fn}: feeds.${name} must be a tensor of the runtime, since the input takes ${type}`,
    );
  const array = asType(value, "float64");
  const rank = said?.shape?.length;
  if (rank !== undefined && array.shape.length !== rank)
    throw new ShapeError(
      `${fn}: feeds.${name} must have the extents [${said!.shape!.join(", ")}], got [${array.shape.join(", ")}]`,
    );
  array.shape.forEach((extent, i) => {
    const wanted = said?.shape?.[i];
    if (i > 0 && typeof wanted === "number" && wanted !== extent)
      throw new ShapeError(
        `${fn}: feeds.${name} must have the extents [${said!.shape!.join(", ")}], got [${array.shape.join(", ")}]`,
      );
  });
  return {
    type: type as FeedType,
    dims: array.shape,
    numbers: toTypedArray<"float64">(array),
  };
}

/** How an input gets its value in every call. */
export interface FeedRows {
  readonly name: string;
  /** Whether its rows are those of the points. */
  readonly byRow: boolean;
  /** The value for some rows of n points, by number; all of it where it is shared. */
  of(level: NoiseLevel, n: number, rows: readonly number[]): OnnxTensor;
}

/** The values of an input; `rowwise` where the session does not say whether its rows are those of the points. */
export function feedRows(
  fn: string,
  runtime: Pick<OnnxRuntime, "Tensor">,
  inputs: Values,
  sampleInput: string,
  name: string,
  feed: OnnxFeed,
  rowwise: boolean,
): FeedRows {
  const batch = inputs.get(sampleInput)?.shape?.[0];
  const first = inputs.get(name)?.shape?.[0];
  // an extent by the same word as that of the points, or both fixed alike
  const byRow = first === undefined ? rowwise : first === batch;
  const of: FeedRows["of"] = (level, n, rows) => {
    const value: unknown = typeof feed === "function" ? feed(level) : feed;
    if (value === undefined || value === null)
      throw new DomainError(`${fn}: feeds.${name} must have a value, got ${show(value)}`);
    if (isTensor(value)) {
      if (!byRow || value.dims[0] === rows.length) return value;
      throw new ShapeError(
        `${fn}: feeds.${name} must have ${rows.length} rows as a tensor of the runtime, got [${value.dims.join(", ")}]; give numbers instead, which are cut and repeated with the points`,
      );
    }
    const { type, dims, numbers } = numbersOf(fn, name, value as ArrayInput, inputs);
    const tensor = (values: ArrayLike<number>, extents: readonly number[]): OnnxTensor =>
      new runtime.Tensor(type as never, encode(type, values) as never, extents);
    if (!byRow) return tensor(numbers, dims);
    const [given = 1, ...rest] = dims;
    if (given !== n && given !== 1)
      throw new ShapeError(
        `${fn}: feeds.${name} must have one row, or one for each of the ${n} points, got ${given}`,
      );
    const size = rest.reduce((a, b) => a * b, 1);
    const out = new Float64Array(rows.length * size);
    rows.forEach((row, i) => {
      for (let k = 0; k < size; k++)
        out[i * size + k] = numbers[(given === 1 ? 0 : row) * size + k]!;
    });
    return tensor(out, [rows.length, ...rest]);
  };
  return { name, byRow, of };
}
