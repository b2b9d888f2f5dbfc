/**
 * Programs: a graph as gpu.js kernels in one pipeline. gpu.js runs the orchestration once, records the kernel calls and executes them
 * from then on in one command encoder (WebGPU) or over one memory (WebAssembly); only inputs go in and only outputs come out.
 */
import { type DType, allocate } from "../../array/dtype.js";
import { type DenseArray, contiguous, dense, rowMajorData } from "../../array/ndarray.js";
import type { DeviceProgram } from "../../graph/device.js";
import type { Graph } from "../../graph/graph.js";
import { DTypeError, DeviceError } from "../../errors.js";
import type { GpuJsDevice } from "./device.js";
import type { DeviceFunction } from "../../forms/device.js";
import { withCallees } from "./functions.js";
import type { Kernel, Pipeline } from "./gpujs.js";
import type { Slot } from "./kernel.js";
import { type LoweredGraph, lower, withoutForm } from "./lower.js";
import { type PlannedKernel, plan } from "./plan.js";
import { Given, type Stage, Uniform } from "./stage.js";
import { Stacked } from "./stages/join.js";
import { isHosted, withHost } from "./host-control.js";

/** Kernel calls that one program may record: each costs a few microseconds at every call, and memory in the driver. */
const MAX_KERNELS = 20_000;

/** Makes a graph ready for the device. */
export function prepare(graph: Graph, device: GpuJsDevice): DeviceProgram {
  device.check();
  if (graph.nodes.some(isHosted)) return withHost(graph, (part) => prepare(part, device));
  const missing = withoutForm(graph);
  const double = [...graph.inputs, ...graph.outputs].find((x) => x.dtype === "float64");
  if (double !== undefined)
    throw new DTypeError(
      `compile: ${device.kind} computes in float32, but ${graph.inputs.includes(double) ? "an argument" : "a result"} is float64; convert with asType(x, "float32"), or compute on the CPU`,
    );
  if (missing.length > 0)
    throw new DeviceError(
      `compile: ${missing.join(", ")} ${missing.length > 1 ? "have" : "has"} no form on ${device.kind}; compute it outside the compiled function, or all of it on the CPU`,
    );
  const lowered = lower(graph, device.storedScores);
  const parts = lowered.outputs.map((y) => (y instanceof Stacked ? y.rows : [y]));
  const computed = [
    ...new Set(parts.flat().filter((y) => !(y instanceof Given || y instanceof Uniform))),
  ];
  const kernels = plan(computed, lowered.kept, device);
  if (kernels.length > MAX_KERNELS)
    throw new DeviceError(
      `compile: ${kernels.length} kernel calls are more than one program should record (${MAX_KERNELS}); call a shorter loop several times`,
    );
  checkSizes(kernels, lowered, device);
  const built = kernels.length > 0 ? build(device, lowered, kernels, computed) : undefined;
  const pipeline = built?.pipeline;
  const isHanded = lowered.inputs.map((x) => parts.some((rows) => rows.includes(x)));
  let turn: Promise<unknown> = Promise.resolve();

  return {
    run(inputs) {
      const arrays = inputs.map((x) => new device.module.Input(float32(x), [x.size]));
      // what results hand through is copied as well: the caller may write into foreign storage while it waits
      const handed = inputs.map((x, k) =>
        isHanded[k] ? dense<DType>(rowMajorData(x).slice(), x.dtype, x.shape) : x,
      );
      const result = turn.then(async () => {
        const results = pipeline ? await device.guard("run", () => pipeline(...arrays)) : [];
        if (pipeline) checkExecutor(pipeline, device);
        const values = new Map(computed.map((y, k) => [y, results[k] as Float32Array]));
        return lowered.outputs.map((y) => outputOf(y, handed, lowered, values));
      });
      turn = result.catch(() => undefined);
      return result;
    },
    explain: () => explainProgram(device, lowered, kernels, pipeline),
    free() {
      built?.free();
    },
  };
}

function float32(x: DenseArray): Float32Array {
  const data = rowMajorData(x);
  // a copy: the caller may write into foreign storage before the device has read it
  return new Float32Array(data);
}

function checkSizes(
  kernels: readonly PlannedKernel[],
  { inputs, constants }: LoweredGraph,
  device: GpuJsDevice,
): void {
  const slots = [
    ...inputs.map((x) => x.slot),
    ...constants.map((c) => c.slot),
    ...kernels.map((k) => k.writes),
  ];
  const largest = slots.reduce((n, slot) => Math.max(n, slot.size * 4), 0);
  if (largest > device.maxBytes)
    throw new DeviceError(
      `compile: an array of ${largest} bytes is more than ${device.name} takes (${device.maxBytes}); work on smaller parts, or on the CPU`,
    );
}

/** The pipeline, and what gives its memory back. */
interface Built {
  readonly pipeline: Pipeline;
  free(): void;
}

function build(
  device: GpuJsDevice,
  lowered: LoweredGraph,
  planned: readonly PlannedKernel[],
  computed: readonly Stage[],
): Built {
  const { gpu, module } = device;
  const made = new Map<string, ReturnType<typeof gpu.createKernel>>();
  const kernelOf = (
    source: string,
    functions: readonly DeviceFunction[],
    size: number,
    lanes = 1,
  ): Kernel => {
    const key = `${size} ${source}`;
    let kernel = made.get(key);
    if (kernel === undefined) {
      const parameters = /\(([^)]*)\)/.exec(source)![1]!.split(", ").filter(Boolean);
      kernel = gpu.createKernel(source, {
        output: [size],
        ...(lanes > 1 && { returnType: "Array(4)" }),
        argumentTypes: Object.fromEntries(
          parameters.map((p) => [p, p.startsWith("a_") ? "Input" : "Integer"]),
        ),
        functions: withCallees(functions),
      });
      made.set(key, kernel);
    }
    return kernel;
  };
  const orchestrate = (...inputs: unknown[]): unknown[] => {
    const handles = new Map<Slot, unknown>();
    lowered.inputs.forEach((x, k) => handles.set(x.slot, inputs[k]));
    for (const { slot, array } of lowered.constants) {
      // gpu.js copies a literal for each kernel that reads it: one kernel hands it to all others
      const literal = new module.Input(float32(array), [array.size]);
      const readers = planned.filter((k) =>
        k.reads.some((x) => (x.row?.of() ?? x) === slot),
      ).length;
      handles.set(
        slot,
        readers > 1
          ? kernelOf("function (a_0) {\n  return a_0[this.thread.x];\n}", [], array.size)(literal)
          : literal,
      );
    }
    for (const { source, functions, reads, writes, lanes } of planned) {
      const arrays = reads.map((slot) => handles.get(slot.row?.of() ?? slot));
      const offsets = reads.flatMap((slot) => slot.row?.offset ?? []);
      handles.set(writes, kernelOf(source, functions, writes.size, lanes)(...arrays, ...offsets));
    }
    return computed.map((y) => handles.get(y.slot!));
  };
  // gpu.js takes the number of inputs from the function's length
  Object.defineProperty(orchestrate, "length", { value: lowered.inputs.length });
  const pipeline = gpu.createPipeline(orchestrate, { threads: false });
  return {
    pipeline,
    free() {
      void pipeline.destroy();
      for (const kernel of made.values()) kernel.destroy();
    },
  };
}

/** gpu.js degrades to slower ways in silence; here that is an error, or a line of the explanation. */
function checkExecutor(pipeline: Pipeline, device: GpuJsDevice): void {
  if (pipeline.backend !== null && pipeline.backend !== device.kind)
    throw new DeviceError(
      `${device.kind}: gpu.js fell back to ${pipeline.backend} (${pipeline.fallbackReason ?? "no reason given"})`,
    );
}

function outputOf(
  y: Stage,
  inputs: readonly DenseArray[],
  lowered: LoweredGraph,
  computed: ReadonlyMap<Stage, Float32Array>,
): DenseArray {
  if (y instanceof Stacked) {
    const data = allocate(y.dtype, y.size);
    y.rows.forEach((row, k) =>
      data.set(rowMajorData(outputOf(row, inputs, lowered, computed)), k * row.size),
    );
    return dense<DType>(data, y.dtype, y.shape);
  }
  if (y instanceof Uniform) {
    const filled = allocate(y.dtype, y.size);
    filled.fill(y.value);
    return dense<DType>(filled, y.dtype, y.shape);
  }
  if (y instanceof Given) {
    const k = lowered.inputs.indexOf(y);
    return k >= 0
      ? contiguous(inputs[k]!)
      : contiguous(lowered.constants.find((c) => c.slot === y.slot)!.array);
  }
  const data = computed.get(y)!;
  if (y.dtype === "float32") return dense(data, "float32", y.shape);
  const converted = allocate(y.dtype, y.size);
  converted.set(data);
  return dense<DType>(converted, y.dtype, y.shape);
}

function explainProgram(
  device: GpuJsDevice,
  { constants }: LoweredGraph,
  kernels: readonly PlannedKernel[],
  pipeline: Pipeline | undefined,
): string {
  const bytes =
    kernels.reduce((n, k) => n + k.writes.size * 4, 0) +
    constants.reduce((n, c) => n + c.slot.size * 4, 0);
  return [
    `device ${device.name}: ${kernels.length} kernels, at most ${bytes} bytes; float32 throughout`,
    ...kernels.map(
      ({ stages, reads, writes, lanes }, k) =>
        `  kernel ${k}: ${stages.join(" ")} → ${writes.size} elements${lanes > 1 ? `, ${lanes} a thread` : ""}, reads ${reads.length} arrays`,
    ),
    ...(pipeline?.fallbackReason
      ? [`  executed kernel by kernel: ${pipeline.fallbackReason}`]
      : []),
  ].join("\n");
}
