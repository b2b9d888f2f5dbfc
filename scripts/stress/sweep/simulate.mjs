// A sweep with a fake clock: everything is the real code but the engine, whose virtual workers end a job when the clock says so, and the store, which
// forgets what it is given.
import { key } from "@provably/core-tensor/random";
import { defineTask, mean, sweep } from "@provably/sweep";
import { generator } from "../hostile.mjs";

/** A heap of events by their time. */
function heap() {
  const items = [];
  const above = (i) => (i - 1) >> 1;
  const swap = (i, j) => ([items[i], items[j]] = [items[j], items[i]]);
  return {
    get size() {
      return items.length;
    },
    push(item) {
      let i = items.push(item) - 1;
      while (i > 0 && items[i].at < items[above(i)].at) {
        swap(i, above(i));
        i = above(i);
      }
    },
    pop() {
      const top = items[0];
      const last = items.pop();
      if (items.length > 0) {
        items[0] = last;
        for (let i = 0; ;) {
          let least = i;
          for (const child of [2 * i + 1, 2 * i + 2])
            if (child < items.length && items[child].at < items[least].at) least = child;
          if (least === i) break;
          swap(i, least);
          i = least;
        }
      }
      return top;
    },
  };
}

/**
 * Runs a sweep on virtual workers. A task takes `taskMs(case)` milliseconds on the average, between a half and three halves of it; a job costs `jobMs` on
 * top, for Redis and the way there and back. Gives what a cluster would see.
 */
export async function simulate({
  numWorkers,
  numCases,
  numReplicates,
  taskMs,
  jobMs = 5,
  bytesEach = 60,
}) {
  const pick = generator(1);
  const numTasks = numCases * numReplicates;
  const events = heap();
  const [line, free] = [[], Array.from({ length: numWorkers }, (_, i) => numWorkers - i)];
  let [clock, busyMs, numJobs, numBytes, mostAhead, scheduled] = [0, 0, 0, 0, 0, false];
  const start = () => {
    while (free.length > 0 && line.length > 0) {
      const [worker, { job, resolve }] = [free.pop(), line.shift()];
      const ms = job.parts.map(({ settings: text, from, to }) => {
        const each = taskMs(Number(text.slice(5, -1)));
        let sum = 0;
        for (let r = from; r < to; r++) sum += each * (0.5 + pick(1001) / 1000);
        return sum;
      });
      const work = ms.reduce((a, b) => a + b, 0);
      busyMs += work;
      const count = job.parts.reduce((sum, { from, to }) => sum + to - from, 0);
      numBytes += JSON.stringify(job).length + bytesEach * count;
      events.push({ at: clock + work + jobMs, worker, resolve, ms, count });
    }
  };
  // one event ends, everything that follows from it happens, then the next one
  const tick = () => {
    scheduled = false;
    if (events.size === 0) return;
    const { at, worker, resolve, ms, count } = events.pop();
    clock = at;
    free.push(worker);
    start();
    resolve({ worker: `virtual ${worker}`, outcomes: new Array(count).fill('{"x":0.123}'), ms });
    schedule();
  };
  const schedule = () => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(tick);
  };
  const runner = {
    numWorkers: () => numWorkers,
    run: (job) =>
      new Promise((resolve) => {
        numJobs++;
        line.push({ job, resolve });
        mostAhead = Math.max(mostAhead, line.length + numWorkers - free.length);
        start();
        schedule();
      }),
    close: async () => {},
  };
  const memory = [];
  let looked = 0;
  const { certificate } = await sweep(defineTask({ name: "virtual", run: () => 0 }), key(0), {
    cases: Array.from({ length: numCases }, (_, i) => ({ i })),
    replicates: numReplicates,
    engine: { kind: "inline", open: async () => runner },
    store: { ...forgetful, isMemory: true },
    reduce: { x: mean() },
    onProgress({ numAnswered }) {
      if (numAnswered < (looked * numTasks) / 20) return;
      looked++;
      globalThis.gc?.();
      memory.push(process.memoryUsage().heapUsed / 1e6);
    },
  });
  return {
    holds: certificate.holds,
    numTasks,
    seconds: clock / 1000,
    idle: 1 - busyMs / (clock * numWorkers),
    numJobs,
    jobsPerSecond: numJobs / (clock / 1000),
    bytesPerSecond: numBytes / (clock / 1000),
    mostAhead,
    memory,
  };
}

const forgetful = {
  get: async () => undefined,
  put: async () => {},
  list: async () => [],
  remove: async () => {},
};
