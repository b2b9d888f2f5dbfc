/** What a thread of the pool runs. */
import { move, transferableSymbol, valueSymbol } from "piscina";
import { messageOf } from "../errors.js";
import { answerJob } from "../schedule/job.js";
import { LARGE, packOutcomes, sizeOf } from "../store/payload.js";
import { type Task, taskOf } from "../task/task.js";
import type { ThreadAnswer, ThreadRequest } from "./pool.js";

const loaded = new Map<string, Promise<Task>>();
const never = new AbortController().signal;

async function load(url: string): Promise<Task> {
  return taskOf("sweep", url, await import(url));
}

/** Answers a job. */
export default async function answer({ url, job, worker }: ThreadRequest): Promise<ThreadAnswer> {
  let task: Task;
  try {
    // of a module that has changed there is a new one
    const address = `${url}?${job.code.hash.slice(0, 16)}`;
    if (!loaded.has(address)) loaded.set(address, load(address));
    task = await loaded.get(address)!;
  } catch (error) {
    return { refused: messageOf(error) };
  }
  const { outcomes, ms } = await answerJob(task, job, worker, never);
  if (sizeOf(outcomes) <= LARGE) return { worker, outcomes, ms };
  const packed = packOutcomes(outcomes);
  // moved to the thread that asked, not copied
  const moved = { [transferableSymbol]: packed.buffer, [valueSymbol]: { worker, packed, ms } };
  return move(moved) as unknown as ThreadAnswer;
}
