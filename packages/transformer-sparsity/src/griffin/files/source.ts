/** Where the files of a model come from: a folder, the network, or memory. Parts of files are read, so that no file need fit in one buffer. */
import { FormatError } from "@provably/core-tensor";
import {
  abortSignal,
  anyFunction,
  anyString,
  check,
  checkOptions,
  mapOf,
  satisfying,
  wholeNumber,
} from "@provably/core-tensor/internal";

/**
 * Named files that can be read in parts.
 * @category Files
 */
export interface ModelFiles {
  /** Size in bytes; undefined when there is no such file. */
  size(name: string): Promise<number | undefined>;
  /** Bytes `from` up to, not including, `to`. */
  read(name: string, from: number, to: number): Promise<Uint8Array>;
}

/**
 * Files in memory: bytes, or blobs such as the files of an `<input type="file">`.
 *
 * @param files - contents by name
 * @returns see {@link ModelFiles}
 * @example
 * ```ts
 * import { filesFromMemory } from "@provably/transformer-sparsity/griffin";
 *
 * await filesFromMemory({ "config.json": new Uint8Array(3) }).size("config.json"); // => 3
 * ```
 * @category Files
 */
export function filesFromMemory(files: Readonly<Record<string, Uint8Array | Blob>>): ModelFiles {
  check("filesFromMemory", "files", files, mapOf(contents));
  const find = (name: string): Uint8Array | Blob | undefined =>
    typeof name === "string" && Object.hasOwn(files, name) ? files[name] : undefined;
  return {
    size(name) {
      const file = find(name);
      return Promise.resolve(file instanceof Uint8Array ? file.length : file?.size);
    },
    async read(name, from, to) {
      const file = find(name);
      if (file === undefined) throw new FormatError(`filesFromMemory: there is no file "${name}"`);
      check("filesFromMemory", "from", from, wholeNumber(0, Number.MAX_SAFE_INTEGER));
      check("filesFromMemory", "to", to, wholeNumber(0, Number.MAX_SAFE_INTEGER));
      if (
        file instanceof Uint8Array &&
        file.length === 0 &&
        file.buffer.byteLength === 0 &&
        from !== to
      )
        throw new FormatError(
          `filesFromMemory: the file "${name}" has no bytes; was its buffer transferred to a worker?`,
        );
      return file instanceof Uint8Array
        ? file.subarray(from, to)
        : new Uint8Array(await file.slice(from, to).arrayBuffer());
    },
  };
}

/**
 * Options of {@link filesFromUrl}.
 * @category Files
 */
export interface FetchOptions {
  /** What asks for the files, with the signature of the global `fetch`; default that one. */
  readonly fetch?: typeof fetch;
  /** Ends what is being fetched; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

const FETCH = { fetch: anyFunction, signal: abortSignal };

/**
 * Files below a URL, by `fetch`. Parts are asked for with range requests, so that no more than one tensor is on its way at a time; a server that ignores them sends each file once, which is then kept in memory.
 *
 * @param base - URL of the folder
 * @param options - see {@link FetchOptions}
 * @returns see {@link ModelFiles}
 * @throws `FormatError` when a file that is read cannot be had
 * @example
 * ```ts
 * import { filesFromUrl } from "@provably/transformer-sparsity/griffin";
 *
 * const fetch = async () => new Response(null, { headers: { "content-length": "3" } });
 * await filesFromUrl("https://example.org/model/", { fetch }).size("config.json"); // => 3
 * ```
 * @category Files
 */
export function filesFromUrl(base: string | URL, options: FetchOptions = {}): ModelFiles {
  check("filesFromUrl", "base", base, place);
  const given = checkOptions<FetchOptions>("filesFromUrl", options, FETCH);
  const { fetch: request = fetch, signal } = given;
  const root = String(base).endsWith("/") ? String(base) : `${String(base)}/`;
  const whole = new Map<string, Promise<Uint8Array>>();
  const ask = async (name: string, init: RequestInit): Promise<Response> => {
    try {
      return await request(root + name, { ...init, ...(signal && { signal }) });
    } catch (error) {
      signal?.throwIfAborted();
      throw new FormatError(
        `filesFromUrl: ${root + name} cannot be fetched (${error instanceof Error ? error.message : String(error)})`,
      );
    }
  };
  return {
    async size(name) {
      check("filesFromUrl", "name", name, anyString);
      const response = await ask(name, { method: "HEAD" });
      if (!response.ok) return undefined;
      const length = response.headers.get("content-length");
      // compressed transfers give the compressed length, and some servers give none
      if (length !== null && response.headers.get("content-encoding") === null)
        return Number(length);
      return (await keep(name)).length;
    },
    async read(name, from, to) {
      check("filesFromUrl", "name", name, anyString);
      const kept = whole.get(name);
      if (kept) return (await kept).subarray(from, to);
      if (to <= from) return new Uint8Array(0);
      const response = await ask(name, { headers: { range: `bytes=${from}-${to - 1}` } });
      if (!response.ok)
        throw new FormatError(`filesFromUrl: ${root + name} answers ${response.status}`);
      if (response.status === 206) return part(response, root + name, from, to);
      whole.set(
        name,
        response.arrayBuffer().then((buffer) => new Uint8Array(buffer)),
      );
      return (await whole.get(name)!).subarray(from, to);
    },
  };
  function keep(name: string): Promise<Uint8Array> {
    const kept =
      whole.get(name) ??
      ask(name, {}).then(async (response) => new Uint8Array(await response.arrayBuffer()));
    whole.set(name, kept);
    return kept;
  }
}

/** The bytes of an answer to a range request, which must be those that were asked for. */
async function part(
  response: Response,
  place: string,
  from: number,
  to: number,
): Promise<Uint8Array> {
  const range = response.headers.get("content-range");
  const [, first] = /^bytes (\d+)-/.exec(range ?? "") ?? [];
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (bytes.length !== to - from || (first !== undefined && Number(first) !== from))
    throw new FormatError(
      `filesFromUrl: ${place} was asked for bytes ${from} to ${to - 1}, and answers with ${bytes.length} bytes${range === null ? "" : ` (${range})`}`,
    );
  return bytes;
}

/**
 * Files of a folder on disk, in Node.
 *
 * @param folder - path or `file:` URL
 * @returns see {@link ModelFiles}
 * @throws `FormatError` outside Node
 * @example
 * ```ts
 * import { filesFromFolder } from "@provably/transformer-sparsity/griffin";
 *
 * (await filesFromFolder(".").size("package.json")) !== undefined; // => true
 * ```
 * @category Files
 */
export function filesFromFolder(folder: string | URL): ModelFiles {
  check("filesFromFolder", "folder", folder, place);
  // asked for by name at run time, so that bundlers for browsers have nothing to resolve
  const builtin = (globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } })
    .process?.getBuiltinModule;
  if (!builtin)
    throw new FormatError(
      "filesFromFolder: needs Node 20.16 or newer; use filesFromUrl or filesFromMemory in a browser",
    );
  const fs = builtin("node:fs/promises") as typeof import("node:fs/promises");
  const { fileURLToPath } = builtin("node:url") as typeof import("node:url");
  const { join } = builtin("node:path") as typeof import("node:path");
  const path =
    typeof folder === "string" && !folder.startsWith("file:") ? folder : fileURLToPath(folder);
  return {
    async size(name) {
      try {
        const info = await fs.stat(join(path, name));
        return info.isFile() ? info.size : undefined;
      } catch {
        return undefined;
      }
    },
    async read(name, from, to) {
      const file = await fs.open(join(path, name), "r");
      try {
        const bytes = new Uint8Array(to - from);
        let at = 0;
        while (at < bytes.length) {
          const { bytesRead } = await file.read(bytes, at, bytes.length - at, from + at);
          if (bytesRead === 0)
            throw new FormatError(
              `filesFromFolder: ${name} ends at ${from + at}, expected ${to} bytes`,
            );
          at += bytesRead;
        }
        return bytes;
      } finally {
        await file.close();
      }
    },
  };
}

const place = satisfying("text or a URL", (x) => typeof x === "string" || x instanceof URL);
const contents = satisfying(
  "a Uint8Array or a Blob",
  (x) => x instanceof Uint8Array || (typeof Blob === "function" && x instanceof Blob),
);

/** A whole file of at most `limit` bytes, or undefined when there is none. */
export async function readWhole(
  files: ModelFiles,
  name: string,
  limit: number,
): Promise<Uint8Array | undefined> {
  const size = await files.size(name);
  if (size === undefined) return undefined;
  if (size > limit) throw new FormatError(`${name} has ${size} bytes, expected at most ${limit}`);
  return files.read(name, 0, size);
}
