/** A coordinator's side of a queue. */
import { EngineError, messageOf } from "../errors.js";
import type { Answer, Job } from "../schedule/job.js";
import { unpackOutcomes } from "../store/payload.js";
import type { Store } from "../store/store.js";
import type { EngineContext, Runner } from "../engines/engine.js";
import { PREFIX, type RedisClient, openRedis, redisOptions } from "./connection.js";
import { takeLock } from "./lock.js";
import { optionalPackage } from "./optional.js";
import { PAYLOAD_SECONDS, PROTOCOL, REFUSED, payloadPrefix, workersKey } from "./queue-names.js";
import { storeIn } from "./redis-store.js";

/** As much of BullMQ as is used. */
interface BullJob {
  readonly returnvalue: unknown;
  readonly failedReason?: string;
}
interface BullQueue {
  readonly add: (name: string, data: object, options: object) => Promise<unknown>;
  readonly getJobState: (id: string) => Promise<string>;
  readonly getJob: (id: string) => Promise<BullJob | undefined>;
  readonly drain: (delayed: boolean) => Promise<unknown>;
  readonly on: (event: string, listener: () => void) => unknown;
  readonly close: () => Promise<unknown>;
}
interface BullEvents {
  readonly on: (event: string, listener: (event: never) => void) => unknown;
  readonly waitUntilReady: () => Promise<unknown>;
  readonly close: () => Promise<unknown>;
}
interface Bull {
  readonly Queue: new (name: string, options: object) => BullQueue;
  readonly QueueEvents: new (name: string, options: object) => BullEvents;
}

/** Finished jobs stay for a moment, in case that the event of their end is lost; dead ones for a look at them. */
const [KEEP_FINISHED, KEEP_FAILED, KEEP_EVENTS] = [200, 1000, 200];
/** How often a job that nothing was heard of is asked for. */
const [POLL_MS, SILENT_MS] = [1000, 3000];
const AGAIN_MS = 40;

interface Pending {
  readonly settle: (answer: Answer) => void;
  since: number;
  /** How often Redis did not know it. */
  unknown: number;
}

/** Opens a queue for a sweep. */
export async function openQueue(
  connection: unknown,
  name: string,
  { loaded, identity, store }: EngineContext,
): Promise<Runner> {
  if (loaded.url === undefined)
    throw new EngineError(
      'queue: workers load the task themselves: give the address of its module, as new URL("./my.task.mjs", import.meta.url)',
    );
  const options = redisOptions("queue", connection);
  const bull = await optionalPackage<Bull>("queue", "bullmq");
  const redis = await openRedis("queue", options);
  const pending = new Map<string, Pending>();
  let [isAway, numThreads, fatal, onChange] = [false, 0, undefined as Error | undefined, () => {}];
  const end = (error: Error): void => {
    fatal = error;
    for (const { settle } of pending.values()) settle({ declined: "" });
  };
  const check = (): void => {
    if (fatal !== undefined) throw fatal;
  };
  redis.on("close", () => {
    isAway = true;
  });
  redis.on("ready", () => {
    isAway = false;
  });
  const closing: (() => Promise<unknown>)[] = [() => Promise.resolve(redis.disconnect())];
  try {
    const lock = await takeLock(redis, name, { identity, task: loaded.code.task }, end);
    closing.unshift(() => lock.release());
    const jobs = new bull.Queue(name, {
      connection: options,
      prefix: PREFIX,
      streams: { events: { maxLen: KEEP_EVENTS } },
    });
    jobs.on("error", () => {});
    closing.unshift(() => jobs.close());
    // of a coordinator that died
    await jobs.drain(true);
    const events = new bull.QueueEvents(name, { connection: options, prefix: PREFIX });
    events.on("error", () => {});
    closing.unshift(() => events.close());
    await events.waitUntilReady();
    const run = crypto.randomUUID().slice(0, 8);
    const payloads = storeIn(() => Promise.resolve(redis), payloadPrefix(name), PAYLOAD_SECONDS);
    const settle = (id: string, answer: Answer): void => {
      const waiting = pending.get(id);
      pending.delete(id);
      waiting?.settle(answer);
    };
    const finished = (id: string, value: unknown): void => {
      if (!pending.has(id)) return;
      pending.get(id)!.since = Infinity;
      answerOf(value, store, payloads).then(
        (answer) => settle(id, answer),
        (error: unknown) => end(error instanceof Error ? error : new EngineError(String(error))),
      );
    };
    events.on("completed", ({ jobId, returnvalue }: { jobId: string; returnvalue: unknown }) =>
      finished(jobId, returnvalue),
    );
    events.on("failed", ({ jobId, failedReason }: { jobId: string; failedReason: string }) =>
      settle(jobId, failure(failedReason)),
    );
    const look = async (id: string, waiting: Pending): Promise<void> => {
      const state = await jobs.getJobState(id);
      if (state === "unknown" && ++waiting.unknown > 1) settle(id, { declined: "Redis" });
      if (state !== "completed" && state !== "failed") return;
      const job = await jobs.getJob(id);
      if (job === undefined) return;
      if (state === "completed") finished(id, job.returnvalue);
      else settle(id, failure(job.failedReason ?? ""));
    };
    const poll = async (): Promise<void> => {
      const before = numThreads;
      numThreads = await countThreads(redis, name);
      if (numThreads !== before) onChange();
      for (const [id, waiting] of pending)
        if (performance.now() - waiting.since > SILENT_MS) await look(id, waiting);
    };
    await poll();
    let isPolling = false;
    const timer = setInterval(() => {
      if (isPolling || isAway) return;
      isPolling = true;
      poll()
        .catch(() => {})
        .finally(() => (isPolling = false));
    }, POLL_MS);
    closing.unshift(async () => {
      clearInterval(timer);
      if (!isAway) await jobs.drain(true);
    });
    return {
      numWorkers: () => numThreads,
      isWaiting: () => isAway,
      watch(callback) {
        onChange = callback;
      },
      async run(job) {
        check();
        const id = `${run}-${job.id}`;
        const answer = new Promise<Answer>((resolve) =>
          pending.set(id, { settle: resolve, since: performance.now(), unknown: 0 }),
        );
        const { numReturns = 0, ...sent } = job;
        await added(jobs, id, sent, AGAIN_MS * numReturns);
        const found = await answer;
        check();
        return found;
      },
      close: () => closeAll(closing),
    };
  } catch (error) {
    await closeAll(closing);
    throw error instanceof EngineError
      ? error
      : new EngineError(`queue: Redis cannot be used: ${messageOf(error)}`);
  }
}

/** Puts a job into the queue. */
async function added(jobs: BullQueue, id: string, job: Job, delay: number): Promise<void> {
  try {
    await jobs.add(
      "job",
      { protocol: PROTOCOL, ...job },
      {
        jobId: id,
        delay,
        removeOnComplete: { count: KEEP_FINISHED },
        removeOnFail: { count: KEEP_FAILED },
      },
    );
  } catch (error) {
    const message = messageOf(error);
    const isFull = message.includes("OOM");
    throw new EngineError(
      isFull
        ? "queue: Redis is full (maxmemory); what is answered is in the store, and the sweep goes on from there when it has room"
        : `queue: a job cannot be added: ${message}`,
    );
  }
}

/** What a job that failed says. */
function failure(reason: string): Answer {
  return reason.startsWith(REFUSED)
    ? { refused: reason.slice(REFUSED.length) }
    : { crashed: reason.includes("stalled") ? "the worker did not come back" : reason };
}

/** An answer as a worker sent it; large results are fetched from where they lie. */
async function answerOf(value: unknown, store: Store, payloads: Store): Promise<Answer> {
  const found = (value ?? {}) as {
    readonly worker?: string;
    readonly ms?: readonly number[];
    readonly outcomes?: Extract<Answer, { outcomes: unknown }>["outcomes"];
    readonly payload?: string;
    readonly isShared?: boolean;
    readonly declined?: string;
    readonly crashed?: string;
  };
  const { worker = "", ms = [] } = found;
  if (typeof found.declined === "string") return { declined: found.declined };
  if (typeof found.crashed === "string") return { crashed: found.crashed };
  if (Array.isArray(found.outcomes)) return { worker, ms, outcomes: found.outcomes };
  if (typeof found.payload !== "string")
    return { crashed: "the worker answered something that is no answer" };
  const where = found.isShared === true ? store : payloads;
  const bytes = await where.get(found.payload);
  if (bytes === undefined)
    throw new EngineError(
      found.isShared === true
        ? `queue: ${worker} put a large result into its store, and it is not in that of the sweep: both must be the same folder`
        : `queue: a large result of ${worker} is not in Redis any more`,
    );
  const outcomes = unpackOutcomes(bytes);
  await where.remove(found.payload);
  return { worker, ms, outcomes };
}

/** Threads of all workers that have shown themselves lately. */
const COUNT = `
local now = redis.call('time')[1]
redis.call('zremrangebyscore', KEYS[1], '-inf', now)
return redis.call('zrange', KEYS[1], 0, -1)`;

async function countThreads(redis: RedisClient, name: string): Promise<number> {
  const members = (await redis.eval(COUNT, 1, workersKey(name))) as readonly string[];
  return members.reduce((sum, member) => sum + Number(member.split(" ").at(-1)), 0);
}

const CLOSE_MS = 3000;

/** Ends one after the other what was opened; with Redis away, or a run that was stopped, not for ever. */
async function closeAll(closing: readonly (() => Promise<unknown>)[]): Promise<void> {
  for (const close of closing) {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, CLOSE_MS);
    });
    await Promise.race([close().catch(() => {}), late]);
    clearTimeout(timer);
  }
}
