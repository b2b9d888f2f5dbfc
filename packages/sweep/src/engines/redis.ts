/** What coordinators, workers and stores are told of Redis. */
import { type Guard, satisfying } from "@provably/core-tensor/internal";

/**
 * Where Redis is: an address such as `redis://host:6379` or `rediss://user:password@host:6380/0`, or the options of ioredis (`host`, `port`,
 * `username`, `password`, `db`, `tls`).
 * @category Engines
 */
export type RedisConnection = string | Readonly<Record<string, unknown>>;

export const redisConnection: Guard<RedisConnection> = /* @__PURE__ */ satisfying(
  "an address such as redis://host:6379, or the options of ioredis",
  // what it is exactly is not shown: it may hold a password
  (x) =>
    (typeof x === "string" && /^rediss?:\/\//.test(x)) ||
    (typeof x === "object" && x !== null && !Array.isArray(x)),
);

export const queueName: Guard<string> = /* @__PURE__ */ satisfying(
  "1 to 100 letters, digits, - and _",
  (x) => typeof x === "string" && /^[\w-]{1,100}$/.test(x),
);
