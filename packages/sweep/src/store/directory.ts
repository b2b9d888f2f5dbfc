/** Results in a folder. */
import { DomainError } from "@provably/core-tensor";
import { show } from "@provably/core-tensor/internal";
import { StoreError, messageOf } from "../errors.js";
import { builtin } from "../task/builtin.js";
import type { Store } from "./store.js";

const NAME = /^[a-z0-9][a-z0-9.-]*(\/[a-z0-9][a-z0-9.-]*)*$/;

/** The name itself, where it leads nowhere else. */
export function checkName(name: string): string {
  if (NAME.test(name) && !name.includes("..")) return name;
  throw new StoreError(`sweep: ${show(name)} is no name in a store`);
}

/**
 * A store in a folder, which may lie on a file system that machines share. Made when the first result is written.
 *
 * A file is written beside its place and then moved there, so a process that is killed leaves no half of one.
 *
 * @param folder - path or `file:` address
 * @returns the store; Node only
 * @throws `DomainError` when `folder` is no path
 * @example
 * ```ts no-run
 * import { key } from "@provably/core-tensor/random";
 * import { directory, grid, sweep } from "@provably/sweep";
 *
 * await sweep(new URL("./gap.task.mjs", import.meta.url), key(0), {
 *   cases: grid({ numSamples: [100, 1000] }),
 *   store: directory("results/gap"),
 * });
 * ```
 * @category Stores
 */
export function directory(folder: string | URL): Store {
  if ((typeof folder !== "string" && !(folder instanceof URL)) || String(folder) === "")
    throw new DomainError(`directory: folder must be a path, got ${show(folder)}`);
  const files = filesOf(folder);
  const wrapped = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (error instanceof StoreError) throw error;
      throw new StoreError(`directory: ${what} in ${show(String(folder))}: ${messageOf(error)}`);
    }
  };
  return Object.freeze<Store>({
    get: (name) => wrapped(`${name} cannot be read`, () => files().get(checkName(name))),
    put: (name, bytes) =>
      wrapped(`${name} cannot be written`, () => files().put(checkName(name), bytes)),
    list: (prefix) => wrapped("files cannot be listed", () => files().list(prefix)),
    remove: (name) => wrapped(`${name} cannot be removed`, () => files().remove(checkName(name))),
  });
}

function filesOf(folder: string | URL): () => Store {
  let made: Store | undefined;
  return () => (made ??= open(folder));
}

/** Errors of the file system that say that there is nothing. */
const isMissing = (error: unknown): boolean =>
  (error as { code?: unknown } | null)?.code === "ENOENT";

function open(folder: string | URL): Store {
  const [fs, path, url] = [
    builtin<typeof import("node:fs/promises")>("node:fs/promises"),
    builtin<typeof import("node:path")>("node:path"),
    builtin<typeof import("node:url")>("node:url"),
  ];
  if (fs === undefined || path === undefined || url === undefined)
    throw new StoreError("directory: a folder needs Node 20.16 or newer");
  const place = String(folder);
  const root = place.startsWith("file:") ? url.fileURLToPath(place) : path.resolve(place);
  let count = 0;
  return {
    async get(name) {
      try {
        return new Uint8Array(await fs.readFile(path.join(root, name)));
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    },
    async put(name, bytes) {
      const target = path.join(root, name);
      await fs.mkdir(path.dirname(target), { recursive: true });
      const beside = `${target}.${process.pid}-${count++}.part`;
      await fs.writeFile(beside, bytes, { flush: true });
      await fs.rename(beside, target);
    },
    async list(prefix) {
      const start = path.join(root, prefix.slice(0, prefix.lastIndexOf("/") + 1));
      try {
        const found = await fs.readdir(start, { recursive: true, withFileTypes: true });
        return found
          .filter((entry) => entry.isFile() && !entry.name.endsWith(".part"))
          .map((entry) =>
            path.relative(root, path.join(entry.parentPath, entry.name)).replaceAll("\\", "/"),
          )
          .filter((name) => name.startsWith(prefix));
      } catch (error) {
        if (isMissing(error)) return [];
        throw error;
      }
    },
    remove: (name) => fs.rm(path.join(root, name), { force: true }),
  };
}
