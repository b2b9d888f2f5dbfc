/** A worker of a queue: takes jobs from Redis, looks at them, and has them computed by threads. */
import { createHash, randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { UnrecoverableError, Worker } from "bullmq";
import { openThreads } from "../node/pool.js";
import { PREFIX, openRedis } from "../node/connection.js";
import { PAYLOAD_SECONDS, REFUSED, payloadPrefix, workersKey } from "../node/queue-names.js";
import type { Answer, Job } from "../schedule/job.js";
import { directory } from "../store/directory.js";
import { LARGE, packOutcomes, sizeOf } from "../store/payload.js";
import { storeIn } from "../node/redis-store.js";
import { tasksFolder } from "./tasks-folder.js";
import { jobOf } from "./validate.js";

export interface WorkerGiven {
  readonly options: Record<string, unknown>;
  readonly queue: string;
  readonly tasks: string;
  readonly threads: number;
  /** A folder that is also the store of the sweep. */
  readonly store: string | undefined;
  /** A worker that is not heard of for so long has died. */
  readonly lockSeconds: number;
  readonly memoryMb: number | undefined;
  readonly log: (line: string) => void;
}

const [SHOW_MS, SHOWN_S] = [3000, 10];
const SHOW = `
local now = redis.call('time')[1]
redis.call('zadd', KEYS[1], now + ARGV[2], ARGV[1])`;

/** Starts a worker; what it returns ends it, after the jobs that it has. */
export async function startWorker(given: WorkerGiven): Promise<() => Promise<void>> {
  const { options, queue, threads, log } = given;
  const name = `${hostname()} ${process.pid} ${randomUUID().slice(0, 6)}`;
  const redis = await openRedis("provably-worker", options);
  const folder = tasksFolder(given.tasks);
  const ended = new AbortController();
  const pool = await openThreads("provably-worker", threads, {
    signal: ended.signal,
    memoryMb: given.memoryMb,
    prefix: `${name}, `,
  });
  const payloads =
    given.store === undefined
      ? storeIn(() => Promise.resolve(redis), payloadPrefix(queue), PAYLOAD_SECONDS)
      : directory(given.store);

  const send = async (answer: Answer): Promise<unknown> => {
    if (!("outcomes" in answer) || sizeOf(answer.outcomes) <= LARGE) return answer;
    const bytes = packOutcomes(answer.outcomes);
    const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 32);
    const payload = `payloads/${hash}-${randomUUID().slice(0, 8)}.safetensors`;
    await payloads.put(payload, bytes);
    return { worker: answer.worker, ms: answer.ms, payload, isShared: given.store !== undefined };
  };
  const refuse = (reason: string): never => {
    log(`refused a job: ${reason}`);
    throw new UnrecoverableError(`${REFUSED}${reason}`.slice(0, 2000));
  };
  const handle = async (data: unknown): Promise<unknown> => {
    const job: Job | string = jobOf(data);
    if (typeof job === "string") return refuse(job);
    if (job.notOn?.startsWith(`${name}, `) === true) return { declined: name };
    const url = await folder.find(job.code);
    if (typeof url === "string") return refuse(url);
    const answer = await pool.run(job, url.href);
    if ("refused" in answer) return refuse(answer.refused);
    return send(answer);
  };
  const show = () =>
    redis.eval(SHOW, 1, workersKey(queue), `${name} ${threads}`, SHOWN_S).catch(() => {});
  await show();
  const timer = setInterval(() => void show(), SHOW_MS);
  const worker = new Worker(queue, ({ data }: { readonly data: unknown }) => handle(data), {
    connection: options,
    prefix: PREFIX,
    concurrency: threads,
    lockDuration: 1000 * given.lockSeconds,
    stalledInterval: 1000 * given.lockSeconds,
    // who coordinates looks for the task that did it
    maxStalledCount: 0,
  });
  let said = "";
  worker.on("error", ({ message }) => {
    if (message !== said) log(`Redis: ${message}`);
    said = message;
  });
  worker.on("ready", () => {
    said = "";
  });
  log(`${threads} threads wait for jobs of the queue "${queue}"`);
  return async () => {
    clearInterval(timer);
    await worker.close();
    ended.abort();
    await pool.close();
    redis.disconnect();
  };
}
