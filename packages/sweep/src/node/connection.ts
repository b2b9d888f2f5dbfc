/** Connections to Redis or Valkey. What they are made of is never written into a message: it may hold a password. */
import { DomainError } from "@provably/core-tensor";
import { isRecord, show } from "@provably/core-tensor/internal";
import { EngineError, messageOf } from "../errors.js";
import { optionalPackage } from "./optional.js";

/** As much of a client as is used. */
export interface RedisClient {
  readonly get: (key: string) => Promise<string | null>;
  readonly getBuffer: (key: string) => Promise<Uint8Array | null>;
  readonly set: (
    key: string,
    value: string | Uint8Array,
    ...more: (string | number)[]
  ) => Promise<unknown>;
  readonly del: (key: string) => Promise<unknown>;
  readonly eval: (
    script: string,
    numKeys: number,
    ...args: (string | number)[]
  ) => Promise<unknown>;
  readonly scan: (cursor: string, ...more: (string | number)[]) => Promise<[string, string[]]>;
  readonly info: (section: string) => Promise<string>;
  readonly on: (event: string, listener: (error: unknown) => void) => unknown;
  readonly connect: () => Promise<void>;
  readonly disconnect: () => void;
}
type RedisClass = new (options: object) => RedisClient;

/** Everything of this package lies under this prefix. */
export const PREFIX = "provably";

/** Options of ioredis, from an address or as they are; commands wait while Redis is away. */
export function redisOptions(fn: string, connection: unknown): Record<string, unknown> {
  const patient = {
    maxRetriesPerRequest: null,
    retryStrategy: (times: number) => Math.min(2000, 100 * times),
  };
  if (isRecord(connection)) return { ...connection, ...patient };
  const problem = `${fn}: connection must be an address such as redis://host:6379, or the options of ioredis`;
  if (typeof connection !== "string") throw new DomainError(`${problem}, got ${show(connection)}`);
  let url: URL;
  try {
    url = new URL(connection);
  } catch {
    // not shown: it may hold a password
    throw new DomainError(`${problem}, got text that is no address`);
  }
  if (url.protocol !== "redis:" && url.protocol !== "rediss:")
    throw new DomainError(`${problem}, got the scheme ${show(url.protocol)}`);
  const text = (value: string) => (value === "" ? undefined : decodeURIComponent(value));
  return {
    host: url.hostname || "localhost",
    port: Number(url.port || 6379),
    username: text(url.username),
    password: text(url.password),
    db: Number(url.pathname.slice(1) || 0),
    ...(url.protocol === "rediss:" ? { tls: {} } : {}),
    ...patient,
  };
}

const OLDEST = [5, 0];
const PATIENCE_MS = 10_000;

/** A client that is connected; one that refuses, does not answer, or is too old is a typed error. */
export async function openRedis(
  fn: string,
  options: Record<string, unknown>,
): Promise<RedisClient> {
  const module = await optionalPackage<{ Redis: RedisClass }>(fn, "ioredis");
  let first: unknown;
  // until it has answered once there is nothing to wait for
  const trial = new module.Redis({
    ...options,
    lazyConnect: true,
    retryStrategy: () => null,
    connectTimeout: PATIENCE_MS,
  });
  trial.on("error", (error) => {
    first ??= error;
  });
  try {
    await trial.connect();
    checkVersion(fn, await trial.info("server"));
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw new EngineError(`${fn}: Redis cannot be used: ${messageOf(first ?? error)}`);
  } finally {
    trial.disconnect();
  }
  const client = new module.Redis(options);
  client.on("error", () => {});
  return client;
}

function checkVersion(fn: string, info: string): void {
  const version = /redis_version:(\d+)\.(\d+)\S*/.exec(info);
  if (version === null) return;
  const [major, minor] = [Number(version[1]), Number(version[2])];
  if (major < OLDEST[0]! || (major === OLDEST[0] && minor < OLDEST[1]!))
    throw new EngineError(`${fn}: Redis 5 or newer is needed, got ${version[0].slice(14)}`);
}
