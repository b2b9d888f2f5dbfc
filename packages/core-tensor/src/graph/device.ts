/**
 * What `compile` asks of a device that computes asynchronously. The package's main entries know only this interface; its
 * implementations come from `@provably/core-tensor/gpu`, so that who computes on the CPU loads no line of them.
 */
import type { DenseArray } from "../array/ndarray.js";
import type { Graph } from "./graph.js";

/** A graph made ready for one device. */
export interface DeviceProgram {
  /** The outputs of the graph for these inputs. Calls may overlap; each reads its inputs before it first waits. */
  run(inputs: readonly DenseArray[]): Promise<DenseArray[]>;
  /** Kernels, fused nodes, memory, and what the device does otherwise than the CPU, as lines of text. */
  explain(): string;
  /** Gives the device's memory back; the program cannot run any more. */
  free(): void;
}

/**
 * Where compiled programs can run; made by `webgpu`, `webasm` and `auto` of `@provably/core-tensor/gpu`, and passed to `compile`.
 * @category Devices
 */
export interface Device {
  /** What computes. */
  readonly kind: "webgpu" | "webasm" | "auto";
  /** For people: kind and maker. */
  readonly name: string;
  /** Gives everything back; programs on the device fail from then on. */
  close(): Promise<void>;
}

/** What a device is to `compile`. */
export interface ProgramDevice extends Device {
  /** A program for a graph; throws a `DeviceError` naming the primitives that have no form on this device, or when the device is gone. */
  program(graph: Graph): DeviceProgram;
}
