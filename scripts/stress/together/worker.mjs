// Runs the tasks in the order it is given, and reports the bits of each.
import { parentPort, workerData } from "node:worker_threads";
import { bitsOf } from "../determinism/bits.mjs";
import { tasks } from "./tasks.mjs";

const found = {};
for (const name of workerData.order) found[name] = (await bitsOf({}, tasks[name])).bits;
parentPort.postMessage(found);
