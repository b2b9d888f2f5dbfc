/**
 * Devices: WebGPU, from `navigator.gpu` or an implementation that the caller supplies (Dawn in Node), and gpu.js's WebAssembly backend.
 *
 * gpu.js takes its adapter from the global `navigator`, keeps one device for the whole realm and writes troubles to the console. Here
 * it is given an adapter of ours for the moment in which it asks for one; a lost device, a refused adapter and exhausted memory become
 * {@link DeviceError}s, and the program on the CPU goes on.
 */
import type { Device } from "../../graph/device.js";
import { DeviceError } from "../../errors.js";
import { withFourResults } from "./four-results.js";
import { bound, withOnePass } from "./one-pass.js";
import type { GpuAdapter, GpuDeviceHandle, GpuInstance } from "./gpujs.js";

type GpuModule = typeof import("./gpujs.js");

/**
 * A WebGPU implementation: `navigator.gpu` of a browser, or what the `webgpu` package's `create([])` returns in Node.
 * @category Devices
 */
export interface WebGpu {
  /** The adapter to compute on, null when there is none. */
  requestAdapter(options?: {
    readonly powerPreference?: "low-power" | "high-performance";
  }): Promise<unknown>;
}

/**
 * Options of {@link webgpu}.
 * @category Devices
 */
export interface WebGpuOptions {
  /** The implementation to use; default `navigator.gpu`. */
  readonly gpu?: WebGpu;
  /** Which of several adapters to ask for; default `high-performance`. */
  readonly powerPreference?: "low-power" | "high-performance";
}

/** A device as the executor uses it. */
export interface GpuJsDevice extends Pick<Device, "name" | "close"> {
  readonly kind: "webgpu" | "webasm";
  readonly module: GpuModule;
  readonly gpu: GpuInstance;
  /** Arrays that one kernel may read. */
  readonly maxArrays: number;
  /** Elements of a result from which on a thread may compute four; Infinity where it cannot. */
  readonly wideFrom: number;
  /** Elements that attention weights may have to be stored; more are computed on the way, again for every four results. */
  readonly storedScores: number;
  /** Bytes that one array may have. */
  readonly maxBytes: number;
  /** Throws when the device is gone. */
  check(): void;
  /** What must not be collected while the device lives: Dawn ends the process when its instance goes first. */
  readonly keep: unknown;
  /** Runs what may fail on the device and tells what did. */
  guard<T>(what: string, work: () => Promise<T>): Promise<T>;
}

const ADVICE = 'compute on the CPU (device: "wasm"), which needs no device';

/** 128 MiB, WebGPU's default limit of a binding. */
const STORED_SCORES = 1 << 25;

function load(): Promise<GpuModule> {
  return import("./gpujs.js");
}

/** gpu.js on WebAssembly: every kernel as a module of its own, no device needed. */
export async function openWebAssembly(): Promise<GpuJsDevice> {
  if (typeof WebAssembly === "undefined")
    throw new DeviceError(`webasm: WebAssembly is missing here; ${ADVICE}`);
  const module = await load();
  let closed = false;
  const gpu = new module.GPU({ mode: "webasm" });
  return {
    kind: "webasm",
    name: "webasm (gpu.js on WebAssembly)",
    module,
    gpu,
    maxArrays: Infinity,
    wideFrom: Infinity,
    storedScores: STORED_SCORES,
    maxBytes: 2 ** 31 - 1,
    keep: undefined,
    check() {
      if (closed) throw new DeviceError("webasm: the device was closed; make a new one");
    },
    guard: (what, work) => work().catch((cause: unknown) => fail("webasm", what, cause)),
    async close() {
      closed = true;
      await gpu.destroy();
    },
  };
}

/** WebGPU through gpu.js. */
export async function openWebGpu(
  options: WebGpuOptions & { readonly wideFrom?: number; readonly storedScores?: number },
): Promise<GpuJsDevice> {
  const gpu = options.gpu ?? (globalThis as { navigator?: { gpu?: WebGpu } }).navigator?.gpu;
  if (gpu === undefined)
    throw new DeviceError(
      `webgpu: there is no navigator.gpu; pass { gpu } (in Node what create([]) of the npm package webgpu returns), or ${ADVICE}`,
    );
  const adapter = await askFor(gpu, options);
  const module = await load();
  const { device, instance } = await acquire(module, adapter);
  const troubles: string[] = [];
  let lost: string | undefined;
  device.onuncapturederror = ({ error }) => void troubles.push(error.message);
  void device.lost.then(({ message, reason }) => (lost ??= message || reason || "no reason given"));
  const check = (): void => {
    if (lost !== undefined)
      throw new DeviceError(
        `webgpu: the device was lost (${lost}); make a new one with webgpu() and compile again, or ${ADVICE}`,
      );
  };
  const { vendor = "", architecture = "", description = "" } = adapter.info ?? {};
  return {
    kind: "webgpu",
    name: `webgpu (${[vendor, architecture].filter(Boolean).join(" ") || description || "unnamed adapter"})`,
    module,
    gpu: instance,
    wideFrom: options.wideFrom ?? 1 << 16,
    storedScores: options.storedScores ?? STORED_SCORES,
    // one of a shader's storage buffers takes the result
    maxArrays: device.limits["maxStorageBuffersPerShaderStage"]! - 1,
    maxBytes: Math.min(
      device.limits["maxStorageBufferBindingSize"]!,
      device.limits["maxBufferSize"]!,
    ),
    keep: [gpu, adapter, device],
    check,
    async guard(what, work) {
      check();
      troubles.length = 0;
      device.pushErrorScope("out-of-memory");
      let result;
      try {
        result = await work();
      } catch (cause) {
        await device.popErrorScope().catch(() => null);
        // the promise of the loss settles after the failure it caused
        await new Promise((resolve) => setTimeout(resolve, 0));
        check();
        return fail("webgpu", what, cause);
      }
      const memory = await device.popErrorScope().catch(() => null);
      check();
      if (memory !== null)
        throw new DeviceError(
          `webgpu: ${what}: out of device memory (${memory.message}); use smaller arrays or fewer at a time, or ${ADVICE}`,
        );
      if (troubles.length > 0)
        throw new DeviceError(`webgpu: ${what}: ${troubles.join("; ")}; ${ADVICE}`);
      return result;
    },
    async close() {
      lost ??= "it was closed";
      await instance.destroy();
      await module.WebGPUContext.destroy();
    },
  };
}

function fail(device: string, what: string, cause: unknown): never {
  if (cause instanceof DeviceError) throw cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  throw new DeviceError(`${device}: ${what}: ${reason}; ${ADVICE}`, { cause });
}

async function askFor(
  gpu: WebGpu,
  { powerPreference = "high-performance" }: WebGpuOptions,
): Promise<GpuAdapter> {
  let adapter: unknown;
  try {
    adapter = await gpu.requestAdapter({ powerPreference });
  } catch (cause) {
    return fail("webgpu", "no adapter", cause);
  }
  if (adapter === null || adapter === undefined)
    throw new DeviceError(
      `webgpu: no adapter: the driver is missing or on the browser's blocklist (headless Chromium needs --enable-unsafe-webgpu); ${ADVICE}`,
    );
  return adapter as GpuAdapter;
}

/** Lets gpu.js find our adapter in the global `navigator` while it opens its device. */
async function acquire(
  module: GpuModule,
  adapter: GpuAdapter,
): Promise<{ device: GpuDeviceHandle; instance: GpuInstance }> {
  const offered = {
    limits: adapter.limits,
    requestDevice: async (descriptor: { requiredLimits?: Record<string, number> } = {}) => {
      const wanted = "maxStorageBuffersPerShaderStage";
      const device = await adapter.requestDevice({
        requiredLimits: { ...descriptor.requiredLimits, [wanted]: adapter.limits[wanted]! },
      });
      // told to gpu.js as an intended end, a loss is not printed; it is reported by the next call instead
      const lost = device.lost;
      return bound(device, (key) => {
        if (key === "lost")
          return lost.then((info) => ({ message: info.message, reason: "destroyed" }));
        if (key === "createCommandEncoder")
          return (options?: object) => withOnePass(device.createCommandEncoder(options));
        return undefined;
      });
    },
  };
  const restore = offer({ requestAdapter: () => Promise.resolve(offered) });
  try {
    const instance = withFourResults(new module.GPU({ mode: "webgpu" }));
    const { device } = await module.WebGPUContext.acquire();
    return { device, instance };
  } catch (cause) {
    return fail("webgpu", "no device", cause);
  } finally {
    restore();
  }
}

/** Puts `gpu` in the place of `navigator.gpu`, and gives back what undoes it. */
function offer(gpu: unknown): () => void {
  const scope = globalThis as { navigator?: object };
  if (scope.navigator === undefined) {
    Object.defineProperty(scope, "navigator", { value: { gpu }, configurable: true });
    return () => void Reflect.deleteProperty(scope, "navigator");
  }
  const { navigator } = scope;
  const before = Object.getOwnPropertyDescriptor(navigator, "gpu");
  Object.defineProperty(navigator, "gpu", { value: gpu, configurable: true });
  return () => {
    if (before === undefined) Reflect.deleteProperty(navigator, "gpu");
    else Object.defineProperty(navigator, "gpu", before);
  };
}
