/**
 * Four results a thread on WebGPU. gpu.js has kernels that return vectors, but its pipelines refuse to hand their results to another
 * kernel. In memory such a result is nothing but a flat array four times as long as there are threads, so here the kernel is declared to
 * have that many elements, one number each, and a quarter of the threads is started. This reaches into gpu.js 2.24.1, the version that is
 * bundled; a test compares the results.
 */
import type { GpuInstance, KernelSettings } from "./gpujs.js";

/** Parts of gpu.js's `WebGPUKernel`. */
interface Internals {
  componentCount: number;
  readonly output: readonly number[];
  translateSource(): void;
  assembleWGSL(): string;
  _computeDispatch(threads: readonly number[]): unknown;
}

/** The instance, with kernels of `returnType: "Array(4)"` taking their output to be all elements. */
export function withFourResults(gpu: GpuInstance): GpuInstance {
  const create = gpu.createKernel.bind(gpu);
  gpu.createKernel = (source: string, settings: KernelSettings) => {
    const shortcut = create(source, settings);
    if (settings.returnType === "Array(4)")
      widen((shortcut as unknown as { kernel: Internals }).kernel);
    return shortcut;
  };
  return gpu;
}

function widen(kernel: Internals): void {
  const { translateSource, assembleWGSL, _computeDispatch } = kernel;
  kernel.translateSource = () => {
    translateSource.call(kernel);
    kernel.componentCount = 1;
  };
  kernel.assembleWGSL = () => {
    const text = assembleWGSL.call(kernel);
    const guard = "flat_index >= params.outputX";
    if (!text.includes(guard)) throw new Error("gpu.js has changed the guard of its kernels");
    return text.replace(guard, "flat_index * 4u >= params.outputX");
  };
  kernel._computeDispatch = ([threads]) => _computeDispatch.call(kernel, [threads! / 4, 1, 1]);
}
