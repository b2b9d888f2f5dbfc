/**
 * One sweep over settings and seeds: the same bits on one thread, a pool of threads, and a cluster.
 *
 * @packageDocumentation
 */

// sweeps
export { sweep, type SweepOptions } from "./sweep.js";
export type { SweepFailure, SweepResult, SweepRow } from "./run/result.js";
export type { SweepProgress } from "./run/run.js";

// tasks
export { defineTask, type Task, type TaskContext } from "./task/task.js";
export { grid, type Case, type Setting } from "./task/cases.js";

// engines
export { inline } from "./engines/inline.js";
export { threads, type ThreadsOptions } from "./engines/threads.js";
export { serve, workers, type WorkersOptions } from "./engines/workers.js";
export { queue, type QueueOptions } from "./engines/queue.js";
export type { Engine } from "./engines/engine.js";
export type { RedisConnection } from "./engines/redis.js";

// stores
export { memory } from "./store/memory.js";
export { directory } from "./store/directory.js";
export { redis, type RedisStoreOptions } from "./store/redis.js";
export type { Store } from "./store/store.js";

// reductions
export { mean } from "./reduce/mean.js";
export { quantiles } from "./reduce/quantiles.js";
export { collect } from "./reduce/collect.js";
export type {
  MeanOfReplicates,
  QuantileOfReplicates,
  Reduced,
  Reduction,
} from "./reduce/reduction.js";
export type { ReduceFields } from "./reduce/table.js";

// errors
export { DeterminismError, EngineError, StoreError, TaskError, WorkerLostError } from "./errors.js";
