/** What a training is gone on with, in a file. */
import { FormatError, type NdArray } from "@provably/core-tensor";
import {
  anyRecord,
  anyString,
  anything,
  check,
  checkOptions,
  either,
  oneOf,
  recordWith,
  show,
  typedArray,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { decodeSafetensors, encodeSafetensors } from "@provably/core-tensor/io";
import { isPlain, mapPaths } from "./paths.js";

/**
 * Where a run of {@link trainPreferences} stands: trees of arrays. {@link encodeCheckpoint} makes a file of it.
 * @category Language models
 */
export interface PreferenceTrainingState<P = unknown> {
  /** Steps taken so far. */
  readonly step: number;
  readonly params: P;
  /** The optimiser's own state. */
  readonly optimizer: unknown;
  /** The best parameters so far on held-out pairs, and how many evaluations ago. */
  readonly best?:
    { readonly params: P; readonly loss: number; readonly waited: number } | undefined;
}

export const STATE = recordWith({
  step: wholeNumber(0),
  params: anything,
  optimizer: anything,
}) as never;

const MARK = "$array";
const KIND = "preference training";

/**
 * A state of training as a file: safetensors, which other tools can look into, or text for where only JSON passes. Both hold every bit.
 *
 * @param state - from a result or a report of {@link trainPreferences}
 * @param options - `format`: `"safetensors"`, the default, gives bytes, `"json"` text
 * @returns the file
 * @throws `FormatError` for a tree with what is neither an array nor JSON
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { decodeCheckpoint, encodeCheckpoint } from "@provably/rlhf-vpo";
 *
 * const state = { step: 7, params: { w: array([1, 2]) }, optimizer: {} };
 * const text = encodeCheckpoint(state, { format: "json" });
 * const { step, params } = decodeCheckpoint(text);
 * step; // => 7
 * toNested(params.w); // => [1, 2]
 * ```
 * @category Language models
 */
export function encodeCheckpoint(
  state: PreferenceTrainingState,
  options?: { readonly format?: "safetensors" },
): Uint8Array;
export function encodeCheckpoint(
  state: PreferenceTrainingState,
  options: { readonly format: "json" },
): string;
export function encodeCheckpoint(
  state: PreferenceTrainingState,
  options: { readonly format?: "safetensors" | "json" } = {},
): Uint8Array | string {
  const fn = "encodeCheckpoint";
  const { format = "safetensors" } = checkOptions(fn, options, {
    format: oneOf("safetensors", "json"),
  });
  check(fn, "state", state, STATE);
  const tensors: Record<string, NdArray> = {};
  const structure = mapPaths(state, "", (x, path) => {
    if (path in tensors)
      throw new FormatError(`${fn}: two arrays of the state have the path ${show(path)}`);
    tensors[path] = x;
    return { [MARK]: path };
  });
  refuseOthers(fn, structure, "state");
  const bytes = encodeSafetensors(tensors, { kind: KIND, structure: JSON.stringify(structure) });
  return format === "json" ? JSON.stringify({ kind: KIND, safetensors: toBase64(bytes) }) : bytes;
}

/** What JSON would lose: undefined, functions, numbers that are not finite. */
function refuseOthers(fn: string, node: unknown, path: string): void {
  if (node === undefined || node === null || typeof node === "string" || typeof node === "boolean")
    return;
  if (typeof node === "number" && Number.isFinite(node) && !Object.is(node, -0)) return;
  if (Array.isArray(node) || isPlain(node)) {
    if (isPlain(node) && MARK in node && Object.keys(node).length > 1)
      throw new FormatError(`${fn}: ${path} must not have the name ${MARK}`);
    for (const [key, x] of Object.entries(node)) refuseOthers(fn, x, `${path}.${key}`);
    return;
  }
  throw new FormatError(`${fn}: ${path} must be an array or JSON, got ${show(node)}`);
}

/**
 * The state in a file of {@link encodeCheckpoint}, bit by bit as it was.
 *
 * @param file - bytes or text
 * @returns see {@link PreferenceTrainingState}
 * @throws `FormatError` for anything else, cut off or changed
 * @example
 * ```ts
 * import { decodeCheckpoint, encodeCheckpoint } from "@provably/rlhf-vpo";
 *
 * decodeCheckpoint(encodeCheckpoint({ step: 3, params: {}, optimizer: {} })).step; // => 3
 * ```
 * @category Language models
 */
export function decodeCheckpoint(file: Uint8Array | string): PreferenceTrainingState {
  const fn = "decodeCheckpoint";
  check(fn, "file", file, either(anyString, typedArray("Uint8Array")) as never);
  const bytes = typeof file === "string" ? fromBase64(fn, textOf(fn, file)) : file;
  const { tensors, metadata } = decodeSafetensors(bytes);
  if (metadata["kind"] !== KIND || metadata["structure"] === undefined)
    throw new FormatError(`${fn}: file must come from encodeCheckpoint`);
  const used = new Set<string>();
  const fill = (node: unknown): unknown => {
    if (Array.isArray(node)) return node.map(fill);
    if (!isPlain(node)) return node;
    const path = node[MARK];
    if (path === undefined)
      return Object.fromEntries(Object.entries(node).map(([key, x]) => [key, fill(x)]));
    if (typeof path !== "string" || !Object.hasOwn(tensors, path))
      throw new FormatError(`${fn}: file has no array ${show(path)}`);
    used.add(path);
    return tensors[path];
  };
  const state = fill(parse(fn, metadata["structure"]));
  const left = Object.keys(tensors).find((path) => !used.has(path));
  if (left !== undefined)
    throw new FormatError(`${fn}: file holds an array ${show(left)} that is not of the state`);
  return check(fn, "state", state as object, STATE) as PreferenceTrainingState;
}

function parse(fn: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new FormatError(`${fn}: file holds no JSON where its structure should be`);
  }
}

function textOf(fn: string, file: string): string {
  const outer = check(fn, "file", parse(fn, file) as object, anyRecord) as Readonly<
    Record<string, unknown>
  >;
  if (outer["kind"] !== KIND || typeof outer["safetensors"] !== "string")
    throw new FormatError(`${fn}: file must come from encodeCheckpoint`);
  return outer["safetensors"];
}

/** Letters a piece: `String.fromCharCode` takes so many arguments everywhere. */
const PIECE = 0x6000;

function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += PIECE)
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + PIECE)));
  return text;
}

function fromBase64(fn: string, text: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  } catch {
    throw new FormatError(`${fn}: file holds no base64 where its arrays should be`);
  }
}
