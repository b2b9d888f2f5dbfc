/**
 * gpu.js, named in this file only. It is imported on demand: a bundler makes a chunk of its own of it, which nobody loads who has not
 * asked for a device. Its types are unions of all it can return, so the few members that programs use are described here.
 */
import * as module from "gpu.js";

/** A kernel made by `createKernel`; inside a pipeline it takes and gives handles. */
export type Kernel = (...args: unknown[]) => unknown;

/** A pipeline made by `createPipeline`. */
export interface Pipeline {
  (...args: unknown[]): Promise<ArrayLike<number> | readonly ArrayLike<number>[]>;
  readonly executorKind: string;
  readonly fallbackReason: string | null;
  readonly backend: string | null;
  destroy(): Promise<void>;
}

export interface KernelSettings {
  readonly output: readonly number[];
  /** For threads that compute four elements; see `four-results.ts`. */
  readonly returnType?: "Array(4)";
  readonly argumentTypes: Readonly<Record<string, string>>;
  readonly functions: readonly {
    readonly source: string;
    readonly settings: { argumentTypes: Record<string, string>; returnType: string };
  }[];
}

export interface GpuInstance {
  createKernel(source: string, settings: KernelSettings): Kernel & { destroy(): void };
  createPipeline(
    run: (...args: unknown[]) => unknown,
    settings: { readonly threads: boolean },
  ): Pipeline;
  destroy(): Promise<void>;
}

interface GpuModule {
  readonly GPU: new (settings: { readonly mode: "webgpu" | "webasm" | "cpu" }) => GpuInstance;
  /** A flat array with its extents, innermost first. */
  readonly Input: new (value: ArrayLike<number>, size: readonly number[]) => unknown;
  readonly WebGPUContext: {
    acquire(): Promise<{ readonly adapter: GpuAdapter; readonly device: GpuDeviceHandle }>;
    destroy(): Promise<void>;
  };
}

/** What is used of a `GPUAdapter`. */
export interface GpuAdapter {
  readonly limits: Readonly<Record<string, number>>;
  readonly info?: {
    readonly vendor?: string;
    readonly architecture?: string;
    readonly device?: string;
    readonly description?: string;
  };
  requestDevice(descriptor?: {
    readonly requiredLimits?: Readonly<Record<string, number>>;
  }): Promise<GpuDeviceHandle>;
}

/** What is used of a `GPUComputePassEncoder`. */
export interface ComputePass {
  end(): void;
}

/** What is used of a `GPUCommandEncoder`. */
export interface CommandEncoder {
  beginComputePass(descriptor?: object): ComputePass;
}

/** What is used of a `GPUDevice`. */
export interface GpuDeviceHandle {
  readonly limits: Readonly<Record<string, number>>;
  readonly lost: Promise<{ readonly reason: string; readonly message: string }>;
  onuncapturederror: ((event: { readonly error: { readonly message: string } }) => void) | null;
  pushErrorScope(filter: "out-of-memory" | "validation" | "internal"): void;
  createCommandEncoder(descriptor?: object): CommandEncoder;
  popErrorScope(): Promise<{ readonly message: string } | null>;
  destroy(): void;
}

// the namespace of a CommonJS module differs between Node, bundlers and test runners
export const { GPU, Input, WebGPUContext } = ((module as { default?: unknown }).default ??
  module) as GpuModule;
