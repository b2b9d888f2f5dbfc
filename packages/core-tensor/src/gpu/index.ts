/**
 * Devices for compiled functions: WebGPU, and gpu.js on WebAssembly. Importing this entry costs little; gpu.js itself, some 150 KB
 * compressed, is loaded when a device is asked for.
 *
 * @packageDocumentation
 */
import { type Schema, checkOptions, oneOf, satisfying, show } from "../check/index.js";
import type { Device, ProgramDevice } from "../graph/device.js";
import {
  type GpuJsDevice,
  type WebGpu,
  type WebGpuOptions,
  openWebAssembly,
  openWebGpu,
} from "../compile/gpu/device.js";
import { DeviceError, DomainError } from "../errors.js";
import { choosing } from "../compile/gpu/auto.js";
import { prepare } from "../compile/gpu/program.js";

export type { Device } from "../graph/device.js";
export type { WebGpu, WebGpuOptions } from "../compile/gpu/device.js";

const WEBGPU: Schema<WebGpuOptions> = {
  gpu: satisfying(
    "an implementation of WebGPU, with requestAdapter",
    (x) => typeof (x as WebGpu | null)?.requestAdapter === "function",
  ),
  powerPreference: oneOf("low-power", "high-performance"),
};

/**
 * The machine's GPU, through WebGPU.
 *
 * Pass it to `compile`: `compile(f, { device: await webgpu() })` gives a function that returns a promise. All arithmetic is float32, sums
 * are formed in another order than on the CPU, and NaN and infinities are not reliable in shaders: constants that are infinite become
 * the ends of float32, ±3.4e38, which then count as infinite. There is one WebGPU device in a process; a second call returns it again.
 *
 * @param options - see {@link WebGpuOptions}
 * @returns the device
 * @throws `DeviceError` when there is no WebGPU, no adapter, or the adapter refuses a device; the CPU is as usable as before
 * @example
 * ```ts no-run
 * import { add, array, mul, toNested } from "@provably/core-tensor";
 * import { compile } from "@provably/core-tensor/compile";
 * import { webgpu } from "@provably/core-tensor/gpu";
 *
 * const f = compile((a, b) => add(mul(a, b), 1), { device: await webgpu() });
 * toNested(await f(array([1, 2]), array([3, 4]))); // => [4, 9]
 * ```
 * @category Devices
 */
export async function webgpu(options: WebGpuOptions = {}): Promise<Device> {
  return deviceOf(await openWebGpu(checkOptions("webgpu", options, WEBGPU)));
}

/**
 * The same kernels on WebAssembly, by gpu.js: a device that is there everywhere, for testing programs meant for a GPU.
 *
 * It is no fast way to compute: exponentials are called element by element. `compile` without a device has SIMD kernels of its own.
 *
 * @returns the device
 * @throws `DeviceError` when there is no WebAssembly
 * @example
 * ```ts
 * import { add, array, mul, toNested } from "@provably/core-tensor";
 * import { compile } from "@provably/core-tensor/compile";
 * import { webasm } from "@provably/core-tensor/gpu";
 *
 * const f = compile((a, b) => add(mul(a, b), 1), { device: await webasm() });
 * toNested(await f(array([1, 2]), array([3, 4]))); // => [4, 9]
 * ```
 * @category Devices
 */
export async function webasm(): Promise<Device> {
  return deviceOf(await openWebAssembly());
}

/**
 * CPU or GPU, whichever is faster: each compiled program runs on both at its first call, and from then on where it was faster.
 *
 * The choice is part of what `explain` tells, with both times or with the reason why the GPU is out of question: no adapter, float64, a
 * primitive without a form there. A device that is lost later is left for the CPU.
 *
 * @param options - see {@link WebGpuOptions}
 * @returns the device; it never fails for want of a GPU
 * @example
 * ```ts
 * import { array, mul, toNested } from "@provably/core-tensor";
 * import { compile, explain } from "@provably/core-tensor/compile";
 * import { auto } from "@provably/core-tensor/gpu";
 *
 * const f = compile((x) => mul(x, 2), { device: await auto() });
 * toNested(await f(array([1, 2]))); // => [2, 4]
 * explain(f).includes("auto: on the"); // => true
 * ```
 * @category Devices
 */
export async function auto(options: WebGpuOptions = {}): Promise<Device> {
  checkOptions("auto", options, WEBGPU);
  try {
    return choosing(await openWebGpu(options));
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    return choosing(error.message);
  }
}

/**
 * What {@link deviceNamed} knows: the two executors that need no opening, and the three devices.
 * @category Devices
 */
export type DeviceName = "wasm" | "js" | "webgpu" | "webasm" | "auto";

/**
 * What the option `device` of `compile` takes, by name: for programs whose device is a setting.
 *
 * `"wasm"` and `"js"` are handed through, the others are opened by {@link webgpu}, {@link webasm} and {@link auto}. With `await` before the
 * call a program runs on any of them.
 *
 * @param name - see {@link DeviceName}
 * @param options - for `"webgpu"` and `"auto"`, see {@link WebGpuOptions}
 * @returns the name itself, or a device
 * @throws `DomainError` for any other name
 * @throws `DeviceError` as {@link webgpu} and {@link webasm} do; `"auto"` never fails for want of a GPU
 * @example
 * ```ts
 * import { array, mul, toNested } from "@provably/core-tensor";
 * import { compile } from "@provably/core-tensor/compile";
 * import { deviceNamed } from "@provably/core-tensor/gpu";
 *
 * const f = compile((x) => mul(x, 2), { device: await deviceNamed("webasm") });
 * toNested(await f(array([1, 2]))); // => [2, 4]
 * ```
 * @category Devices
 */
export async function deviceNamed(
  name: DeviceName,
  options: WebGpuOptions = {},
): Promise<Device | "wasm" | "js"> {
  checkOptions("deviceNamed", options, WEBGPU);
  switch (name) {
    case "wasm":
    case "js":
      return name;
    case "webgpu":
      return webgpu(options);
    case "webasm":
      return webasm();
    case "auto":
      return auto(options);
    default:
      throw new DomainError(
        `deviceNamed: name must be "wasm", "js", "webgpu", "webasm" or "auto", got ${show(name)}`,
      );
  }
}

function deviceOf(device: GpuJsDevice): ProgramDevice {
  return {
    kind: device.kind,
    name: device.name,
    program: (graph) => prepare(graph, device),
    close: () => device.close(),
  };
}
