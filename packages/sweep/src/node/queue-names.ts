/** What coordinators and workers of a queue have in common. */
import { PREFIX } from "./connection.js";

/** Version of what is sent. */
export const PROTOCOL = 1;

/** Who coordinates; one at a time. */
export const lockKey = (name: string): string => `${PREFIX}-sweep:${name}:coordinator`;
/** Which workers are there: names and threads, with the time until which they count. */
export const workersKey = (name: string): string => `${PREFIX}-sweep:${name}:workers`;
/** Where workers without a store of their own put large results. */
export const payloadPrefix = (name: string): string => `${PREFIX}-sweep:${name}:payload:`;
/** Large results that nobody took vanish after a day. */
export const PAYLOAD_SECONDS = 86_400;

/** How a worker answers a job that it refuses: the reason for which BullMQ has it fail. */
export const REFUSED = "ERR_JOB: ";
