/** The tasks that a worker has: modules in one folder, found by the hash of their code, never by a name that somebody sent. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Code, codeOf, differences } from "../task/code.js";

export interface TasksFolder {
  /** The address of the module with this code, or in words why there is none. */
  readonly find: (code: Code) => Promise<URL | string>;
}

const AGAIN_MS = 1000;

export function tasksFolder(folder: string): TasksFolder {
  let known = new Map<string, { readonly url: URL; readonly packages: Code["packages"] }>();
  let looked = -Infinity;
  const look = async (): Promise<void> => {
    // a new file is found within a second; many jobs for none do not read the folder more often
    if (performance.now() - looked < AGAIN_MS) return;
    looked = performance.now();
    const found: typeof known = new Map();
    for (const name of await readdir(folder))
      if (/\.task\.m?js$/.test(name)) {
        const url = pathToFileURL(join(folder, name));
        const { hash, packages } = await codeOf(url.href);
        found.set(hash, { url, packages });
      }
    known = found;
  };
  return {
    async find(code) {
      await look();
      const entry = known.get(code.hash);
      if (entry === undefined)
        return `no module of this worker has the hash ${code.hash.slice(0, 12)}… of "${code.task}"; its folder must hold the same files, named *.task.mjs`;
      const differing = differences(code, { ...code, packages: entry.packages });
      return differing === "" ? entry.url : `this worker has other versions: ${differing}`;
    },
  };
}
