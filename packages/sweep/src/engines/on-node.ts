/** What only Node can do lies in a file of its own, which bundlers for browsers do not see. */
import { EngineError, messageOf } from "../errors.js";
import { builtin } from "../task/builtin.js";

type NodeParts = typeof import("../node/index.js");

/** Threads, queues and stores in Redis, loaded when the first of them is asked for. */
export async function loadNode(fn: string): Promise<NodeParts> {
  if (builtin("node:worker_threads") === undefined)
    throw new EngineError(
      `${fn}: it needs Node 20.16 or newer; in a browser use workers() or inline()`,
    );
  const file = import.meta.url.endsWith(".ts") ? "../node/index.ts" : "./node.js";
  const url = new URL(file, import.meta.url).href;
  try {
    return (await import(/* @vite-ignore */ /* webpackIgnore: true */ url)) as NodeParts;
  } catch (error) {
    throw new EngineError(
      `${fn}: ${messageOf(error)}; a bundle must leave @provably/sweep outside, as it has files of its own`,
    );
  }
}
