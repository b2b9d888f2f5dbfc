/** Compiled functions whose programs run on a device, and therefore return promises. */
import { DomainError } from "../errors.js";
import { treeFill } from "../tree/tree.js";
import type { DeviceProgram, ProgramDevice } from "../graph/device.js";
import type { Graph } from "../graph/graph.js";
import { callOf } from "./signature.js";
import { simplify } from "../graph/simplify.js";
import { type Traced, traceGraph } from "../graph/trace.js";

export interface OnDevice {
  readonly traced: Traced;
  readonly graph: Graph;
  readonly executable: DeviceProgram;
}

/** Frees the programs of compiled functions that nobody can call any more: a device's memory is not seen by the garbage collector. */
const abandoned = new FinalizationRegistry<ReadonlyMap<string, OnDevice>>((programs) => {
  for (const { executable } of programs.values()) executable.free();
});

/** `f` on a device, traced once for each kind of arguments; `programs` is where its programs are kept. */
export function onDevice<Args extends unknown[], Y>(
  f: (...args: Args) => Y,
  device: ProgramDevice,
  cacheSize: number,
  programs: Map<string, OnDevice>,
): (...args: Args) => Promise<Y> {
  // async, so that every error is a rejection; up to the first await it runs at once, and by then the inputs are read
  const compiled = async (...args: Args): Promise<Y> => {
    const call = callOf(args);
    if (call === undefined) return refuse();
    let program = programs.get(call.key);
    if (program === undefined) {
      const traced = traceGraph(f, call.args);
      if (traced.captures.length > 0) return refuse();
      const graph = simplify(traced.graph);
      program = { traced, graph, executable: device.program(graph) };
    } else programs.delete(call.key);
    programs.set(call.key, program);
    if (programs.size > cacheSize) {
      const [oldest, { executable }] = programs.entries().next().value!;
      executable.free();
      programs.delete(oldest);
    }
    return treeFill(program.traced.result, await program.executable.run(call.leaves)) as Y;
  };
  abandoned.register(compiled, programs);
  return compiled;
}

function refuse(): never {
  throw new DomainError(
    "compile: a function on a device returns a promise, which no transform can see through; transform first, then compile",
  );
}
