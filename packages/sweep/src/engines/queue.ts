/** Machines around a Redis, by BullMQ. */
import { type Schema, check, checkOptions } from "@provably/core-tensor/internal";
import type { Engine } from "./engine.js";
import { loadNode } from "./on-node.js";
import { type RedisConnection, queueName, redisConnection } from "./redis.js";

/**
 * Options of {@link queue}.
 * @category Engines
 */
export interface QueueOptions {
  /** Where Redis is. */
  readonly connection: RedisConnection;
  /** Name of the queue, as workers are given it: letters, digits, `-` and `_`. */
  readonly name: string;
}

const OPTIONS: Schema<QueueOptions> = { connection: redisConnection, name: queueName };

/**
 * Runs tasks on the machines that listen to a queue in Redis or Valkey, by `bullmq` and `ioredis`, which you install.
 *
 * On every machine runs `npx provably-worker --connection redis://host:6379 --queue gap --tasks ./tasks`; workers come and go as they like.
 * A job whose worker dies is given to another, a coordinator that dies goes on from its store, and while Redis is away the run waits.
 *
 * @param options - see {@link QueueOptions}
 * @returns engine for the option `engine` of {@link sweep}
 * @throws `DomainError` when the name or the connection is none
 * @example
 * ```ts
 * import { queue } from "@provably/sweep";
 *
 * queue({ connection: "redis://localhost:6379", name: "gap" }).kind; // => "queue"
 * ```
 * @category Engines
 */
export function queue(options: QueueOptions): Engine {
  const { connection, name } = checkOptions("queue", options, OPTIONS);
  check("queue", "name", name, queueName);
  check("queue", "connection", connection, redisConnection);
  return Object.freeze<Engine>({
    kind: "queue",
    async open(context) {
      const { openQueue } = await loadNode("queue");
      return openQueue(connection, name, context);
    },
  });
}
