/**
 * The faster of CPU and GPU, by measurement: each program runs on both at its first call, and from then on where it was faster. Whether a
 * GPU pays depends on the adapter, the bus and the program; no table of sizes would know.
 */
import { executableOf } from "../compile.js";
import type { DeviceProgram, ProgramDevice } from "../../graph/device.js";
import type { Graph } from "../../graph/graph.js";
import type { Executable } from "../../graph/interpret.js";
import type { DenseArray } from "../../array/ndarray.js";
import { DTypeError, DeviceError } from "../../errors.js";
import type { GpuJsDevice } from "./device.js";
import { prepare } from "./program.js";

/** Runs up to this long are repeated, since the first is slowed by warming up. */
const SHORT_MS = 200;

/** A device that chooses for each program; `gpu` is the device, or why there is none. */
export function choosing(gpu: GpuJsDevice | string): ProgramDevice {
  return {
    kind: "auto",
    name: typeof gpu === "string" ? "auto (CPU)" : `auto (CPU or ${gpu.name})`,
    program: (graph) => new Choice(graph, gpu),
    close: () => (typeof gpu === "string" ? Promise.resolve() : gpu.close()),
  };
}

class Choice implements DeviceProgram {
  private readonly onGpu: DeviceProgram | undefined;
  private onCpu: Executable | undefined;
  private chosen: "cpu" | "gpu" | undefined;
  private why = "not called yet";
  private measuring: Promise<DenseArray[]> | undefined;

  constructor(
    private readonly graph: Graph,
    gpu: GpuJsDevice | string,
  ) {
    if (typeof gpu === "string") this.settle("cpu", gpu);
    else
      try {
        this.onGpu = prepare(graph, gpu);
      } catch (error) {
        if (!(error instanceof DeviceError || error instanceof DTypeError)) throw error;
        this.settle("cpu", error.message);
      }
  }

  private settle(chosen: "cpu" | "gpu", why: string): void {
    this.chosen = chosen;
    this.why = why;
  }

  private cpu(inputs: readonly DenseArray[]): DenseArray[] {
    this.onCpu ??= executableOf(this.graph, {}, inputs);
    return this.onCpu.run(inputs);
  }

  async run(inputs: readonly DenseArray[]): Promise<DenseArray[]> {
    if (this.chosen === undefined && this.measuring !== undefined) await this.measuring;
    if (this.chosen === "cpu") return this.cpu(inputs);
    if (this.chosen === "gpu") {
      try {
        return await this.onGpu!.run(inputs);
      } catch (error) {
        if (!(error instanceof DeviceError)) throw error;
        this.settle("cpu", error.message);
        return this.cpu(inputs);
      }
    }
    this.measuring = this.measure(inputs);
    return this.measuring;
  }

  /** Runs on both, and gives the results of the faster. */
  private async measure(inputs: readonly DenseArray[]): Promise<DenseArray[]> {
    const results = { cpu: [] as DenseArray[], gpu: [] as DenseArray[] };
    const timed = async (
      run: () => DenseArray[] | Promise<DenseArray[]>,
      keep: "cpu" | "gpu",
    ): Promise<number> => {
      let best = Infinity;
      for (let k = 0; k < 3 && (k === 0 || best < SHORT_MS); k++) {
        const start = performance.now();
        results[keep] = await run();
        best = Math.min(best, performance.now() - start);
      }
      return best;
    };
    const cpu = await timed(() => this.cpu(inputs), "cpu");
    try {
      // the first call compiles the kernels
      await this.onGpu!.run(inputs);
      const gpu = await timed(() => this.onGpu!.run(inputs), "gpu");
      this.settle(
        gpu < cpu ? "gpu" : "cpu",
        `measured at the first call: ${cpu.toPrecision(3)} ms on the CPU, ${gpu.toPrecision(3)} ms on the device`,
      );
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
      this.settle("cpu", error.message);
    }
    return results[this.chosen!];
  }

  explain(): string {
    const program = this.chosen === "gpu" ? this.onGpu!.explain() : (this.onCpu?.explain() ?? "");
    return `auto: ${this.chosen === undefined ? "undecided" : this.chosen === "gpu" ? "on the device" : "on the CPU"} (${this.why})\n${program}`.trim();
  }

  free(): void {
    this.onGpu?.free();
  }
}
