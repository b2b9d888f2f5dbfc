/** Results in memory. */
import type { Store } from "./store.js";

/**
 * A store in memory: what is in it goes with the process. The default.
 *
 * @returns an empty store
 * @example
 * ```ts
 * import { memory } from "@provably/sweep";
 *
 * const store = memory();
 * await store.put("a", Uint8Array.of(1));
 * await store.list(""); // => ["a"]
 * ```
 * @category Stores
 */
export function memory(): Store {
  const kept = new Map<string, Uint8Array>();
  return Object.freeze<Store>({
    get: (name) => Promise.resolve(kept.get(name)),
    put(name, bytes) {
      kept.set(name, bytes);
      return Promise.resolve();
    },
    list: (prefix) => Promise.resolve([...kept.keys()].filter((name) => name.startsWith(prefix))),
    remove(name) {
      kept.delete(name);
      return Promise.resolve();
    },
    isMemory: true,
  });
}
