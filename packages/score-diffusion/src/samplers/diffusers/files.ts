/** The files of a pipeline: in a folder, below an address, or read by a function. */
import { FormatError } from "@provably/core-tensor";
import { check, satisfying, show, typedArray } from "@provably/core-tensor/internal";
import { parseConfig } from "./config.js";

/**
 * Where the files of a pipeline are: a folder's path, an address, or what reads a file by its name below the pipeline, such as `unet/model.onnx`,
 * and answers `undefined` where there is none.
 * @category Diffusers
 */
export type PipelineFiles = string | URL | ((name: string) => Promise<Uint8Array | undefined>);

/** A file's bytes, or undefined where there is none. */
export type ReadFile = (name: string) => Promise<Uint8Array | undefined>;

const FILES = satisfying<PipelineFiles>(
  "a folder, an address, or a function that reads a file by its name",
  (x) => typeof x === "string" || x instanceof URL || typeof x === "function",
);

const isAddress = (place: string): boolean => /^[a-z]+:\/\//i.test(place);

/** What reads the files of a pipeline. */
export function readerOf(fn: string, files: PipelineFiles): ReadFile {
  check(fn, "files", files, FILES);
  if (typeof files === "function")
    return async (name) => {
      const bytes = await files(name);
      if (bytes !== undefined && typedArray("Uint8Array")(bytes) !== undefined)
        throw new FormatError(`${fn}: files must give bytes of ${name}, got ${show(bytes)}`);
      return bytes;
    };
  const place = String(files);
  return isAddress(place) && !place.startsWith("file:")
    ? fromAddress(fn, place)
    : fromFolder(fn, place);
}

function fromAddress(fn: string, place: string): ReadFile {
  const base = place.endsWith("/") ? place : `${place}/`;
  return async (name) => {
    const response = await fetch(new URL(name, base));
    if (response.status === 404) return undefined;
    if (!response.ok)
      throw new FormatError(`${fn}: ${name} could not be fetched, status ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  };
}

function fromFolder(fn: string, place: string): ReadFile {
  // asked for by name at run time, so that bundlers for browsers have nothing to resolve
  const builtin = (globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } })
    .process?.getBuiltinModule;
  if (!builtin)
    throw new FormatError(
      `${fn}: a folder needs Node 20.16 or newer; give an address, or a function that reads files`,
    );
  const fs = builtin("node:fs/promises") as typeof import("node:fs/promises");
  const { fileURLToPath } = builtin("node:url") as typeof import("node:url");
  const { join } = builtin("node:path") as typeof import("node:path");
  const folder = place.startsWith("file:") ? fileURLToPath(place) : place;
  return async (name) => {
    try {
      return new Uint8Array(await fs.readFile(join(folder, name)));
    } catch (error) {
      if ((error as { code?: unknown }).code === "ENOENT") return undefined;
      throw new FormatError(`${fn}: ${name} cannot be read: ${(error as Error).message}`);
    }
  };
}

/** A JSON file as Python writes it; undefined where there is none. */
export async function jsonOf(
  fn: string,
  read: ReadFile,
  name: string,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const bytes = await read(name);
  if (bytes === undefined) return undefined;
  const parsed = parseConfig(`${fn}: ${name}`, new TextDecoder().decode(bytes));
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
    throw new FormatError(`${fn}: ${name} must hold an object, got ${show(parsed)}`);
  return parsed as Readonly<Record<string, unknown>>;
}
