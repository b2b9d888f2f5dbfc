/** Results in Redis. */
import { type Schema, anyString, check, checkOptions } from "@provably/core-tensor/internal";
import { loadNode } from "../engines/on-node.js";
import { type RedisConnection, redisConnection } from "../engines/redis.js";
import type { Store } from "./store.js";

/**
 * Options of {@link redis}.
 * @category Stores
 */
export interface RedisStoreOptions {
  /** Sweeps with different names do not see each other; default `"sweep"`. */
  readonly name?: string;
}

const OPTIONS: Schema<RedisStoreOptions> = { name: anyString };

/**
 * A store in Redis or Valkey, by `ioredis`, which you install. Its memory holds all results, so this is for small ones.
 *
 * @param connection - see {@link RedisConnection}
 * @param options - see {@link RedisStoreOptions}
 * @returns the store; it connects when it is first used
 * @throws `DomainError` when `connection` is none
 * @example
 * ```ts
 * import { redis } from "@provably/sweep";
 *
 * typeof redis("redis://localhost:6379", { name: "gap" }).get; // => "function"
 * ```
 * @category Stores
 */
export function redis(connection: RedisConnection, options: RedisStoreOptions = {}): Store {
  const { name = "sweep" } = checkOptions("redis", options, OPTIONS);
  check("redis", "connection", connection, redisConnection);
  let opened: Promise<Store> | undefined;
  const store = () =>
    (opened ??= loadNode("redis").then(({ openRedisStore }) => openRedisStore(connection, name)));
  return Object.freeze<Store>({
    get: async (at) => (await store()).get(at),
    put: async (at, bytes) => (await store()).put(at, bytes),
    list: async (prefix) => (await store()).list(prefix),
    remove: async (at) => (await store()).remove(at),
    async close() {
      const ending = opened;
      opened = undefined;
      await (await ending)?.close?.();
    },
  });
}
