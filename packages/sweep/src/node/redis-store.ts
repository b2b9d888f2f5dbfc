/** Bytes by name in Redis. */
import { StoreError, messageOf } from "../errors.js";
import { checkName } from "../store/directory.js";
import type { Store } from "../store/store.js";
import { PREFIX, type RedisClient, openRedis, redisOptions } from "./connection.js";

/** The store of a sweep in Redis. */
export async function openRedisStore(connection: unknown, owner: string): Promise<Store> {
  const client = await openRedis("redis", redisOptions("redis", connection));
  return {
    ...storeIn(() => Promise.resolve(client), `${PREFIX}:store:${owner}:`),
    close() {
      client.disconnect();
      return Promise.resolve();
    },
  };
}

/** A store under a prefix of a client; with `seconds` what is written vanishes by itself. */
export function storeIn(
  client: () => Promise<RedisClient>,
  prefix: string,
  seconds?: number,
): Store {
  const wrapped = async <T>(what: string, work: (c: RedisClient) => Promise<T>): Promise<T> => {
    const c = await client();
    try {
      return await work(c);
    } catch (error) {
      throw new StoreError(`redis: ${what}: ${messageOf(error)}`);
    }
  };
  return {
    get: (name) =>
      wrapped(
        `${name} cannot be read`,
        async (c) => (await c.getBuffer(prefix + checkName(name))) ?? undefined,
      ),
    put: (name, bytes) =>
      wrapped(`${name} cannot be written`, async (c) => {
        // ioredis takes the bytes of Node's buffers alone for bytes
        const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        const expiry = seconds === undefined ? [] : ["EX", seconds];
        await c.set(prefix + checkName(name), buffer, ...expiry);
      }),
    list: (start) =>
      wrapped("names cannot be listed", async (c) => {
        const found = new Set<string>();
        let cursor = "0";
        do {
          const [next, keys] = await c.scan(
            cursor,
            "MATCH",
            `${literal(prefix + start)}*`,
            "COUNT",
            1000,
          );
          for (const key of keys) found.add(key.slice(prefix.length));
          cursor = next;
        } while (cursor !== "0");
        return [...found];
      }),
    remove: (name) =>
      wrapped(`${name} cannot be removed`, async (c) => {
        await c.del(prefix + checkName(name));
      }),
  };
}

/** A text that a pattern of Redis takes as it is. */
const literal = (text: string): string => text.replaceAll(/[*?[\]\\^-]/g, "\\$&");
