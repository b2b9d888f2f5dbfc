/**
 * Time that does not depend on what else the machine does: processor time of this process, in units
 * of a fixed piece of work done in the same process at the same moment.
 */

/** Milliseconds of processor time that this process has taken. */
export function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** What {@link reference} takes on a quiet machine of today, in milliseconds. */
const REFERENCE = 16;
let sink = 0;

function reference(): void {
  let x = 0.5;
  for (let i = 0; i < 2 ** 23; i++) x = 3.9 * x * (1 - x);
  sink += x;
}

/**
 * How many times slower than a quiet machine this process computes just now, at least 1: caches,
 * clock rates and virtual cores are shared with others even where processor time is counted.
 */
export function slowness(): number {
  reference();
  const before = processorTime();
  for (let n = 0; n < 3; n++) reference();
  return Math.max(1, (processorTime() - before) / 3 / REFERENCE + (Number.isNaN(sink) ? 1 : 0));
}

/**
 * Milliseconds of processor time within which an abort must end long work in the tests: thrice the
 * 200 ms that `npm run stress -- abort` measures on a quiet machine, times what this one is slower.
 */
export function abortLimit(): number {
  return 600 * slowness();
}
