/** The parts of this package that need Node. */
export { cores, openThreads } from "./pool.js";
export { openQueue } from "./queue.js";
export { openRedisStore } from "./redis-store.js";
