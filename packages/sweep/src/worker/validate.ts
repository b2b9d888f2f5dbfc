/** Jobs as they come out of a queue: anyone who can reach Redis may have put them there. */
import { show } from "@provably/core-tensor/internal";
import { isRecord } from "@provably/core-tensor/internal";
import { PROTOCOL } from "../node/queue-names.js";
import type { Job } from "../schedule/job.js";
import { decode } from "../task/value.js";

const [MOST_PARTS, MOST_TASKS, MOST_TEXT] = [1e5, 1e6, 1e6];
const HASH = /^[0-9a-f]{64}$/;
const KEY = /^[0-9a-f]{32}$/;

/** A job, or in words why it is none. */
export function jobOf(data: unknown): Job | string {
  if (!isRecord(data)) return `the data of a job must be a record, got ${show(data)}`;
  if (data["protocol"] !== PROTOCOL)
    return `the job speaks the protocol ${show(data["protocol"])}, this worker ${PROTOCOL}; run the same release everywhere`;
  const problem = codeFault(data["code"]) ?? partsFault(data["parts"]);
  if (problem !== undefined) return problem;
  const { id, code, parts, notOn } = data as unknown as Job;
  if (typeof id !== "string" || id.length > 100) return `id must be text, got ${show(id)}`;
  if (notOn === undefined) return { id, code, parts };
  return typeof notOn === "string"
    ? { id, code, parts, notOn }
    : `notOn must be text, got ${show(notOn)}`;
}

function codeFault(code: unknown): string | undefined {
  if (!isRecord(code)) return `code must be a record, got ${show(code)}`;
  const { task, hash, packages } = code;
  if (typeof task !== "string" || task.length > 100)
    return `code.task must be text, got ${show(task)}`;
  if (typeof hash !== "string" || !HASH.test(hash))
    return `code.hash must be 64 hexadecimal digits, got ${show(hash)}`;
  const known =
    isRecord(packages) && Object.values(packages).every((version) => typeof version === "string");
  return known ? undefined : `code.packages must name versions, got ${show(packages)}`;
}

function partsFault(parts: unknown): string | undefined {
  if (!Array.isArray(parts) || parts.length === 0 || parts.length > MOST_PARTS)
    return `parts must be a list of 1 to ${MOST_PARTS}, got ${show(parts)}`;
  let [count, length] = [0, 0];
  for (const [i, part] of (parts as readonly unknown[]).entries()) {
    const problem = partFault(part);
    if (problem !== undefined) return `parts[${i}]${problem}`;
    const { settings, from, to } = part as Job["parts"][number];
    count += to - from;
    length += settings.length;
  }
  if (count > MOST_TASKS) return `a job has at most ${MOST_TASKS} tasks, got ${count}`;
  return length > 10 * MOST_TEXT ? `the settings of a job are too long: ${length}` : undefined;
}

function partFault(part: unknown): string | undefined {
  if (!isRecord(part)) return ` must be a record, got ${show(part)}`;
  const { settings, key, from, to } = part;
  if (typeof key !== "string" || !KEY.test(key))
    return `.key must be a random key, got ${show(key)}`;
  const isRange = Number.isSafeInteger(from) && Number.isSafeInteger(to) && (from as number) >= 0;
  if (!isRange || (to as number) <= (from as number))
    return ` must have from < to, got ${show(from)} and ${show(to)}`;
  if (typeof settings !== "string" || settings.length > MOST_TEXT)
    return `.settings must be text of at most ${MOST_TEXT} letters`;
  try {
    return isRecord(decode(settings)) ? undefined : ".settings must be a record as text";
  } catch {
    return ".settings must be a record as text";
  }
}
