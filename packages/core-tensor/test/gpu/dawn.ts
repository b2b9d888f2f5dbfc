/** WebGPU in Node for tests: Dawn, on the software adapter that Debian's chromium package brings or, where `PROVABLY_GPU` is set, on this machine's GPU. */
import { existsSync } from "node:fs";
import type { WebGpu } from "../../src/compile/gpu/device.js";

const FOLDER = "/usr/lib/chromium";

/** Whether tests run on this machine's GPU. */
export const onHardware = process.env["PROVABLY_GPU"] !== undefined;

/** Why there is no adapter here, or undefined when there is one. */
export const missing = onHardware
  ? undefined
  : ["libvulkan.so.1", "vk_swiftshader_icd.json"]
      .map((file) => `${FOLDER}/${file}`)
      .find((file) => !existsSync(file));

/** The implementation, alive as long as it is referenced. */
export async function dawn(): Promise<WebGpu> {
  if (!onHardware) useSoftwareAdapter();
  const { create, globals } = (await import("webgpu")) as {
    create(flags: string[]): WebGpu;
    globals: object;
  };
  Object.assign(globalThis, globals);
  return create([]);
}

function useSoftwareAdapter(): void {
  process.env["VK_ICD_FILENAMES"] ??= `${FOLDER}/vk_swiftshader_icd.json`;
  try {
    // Dawn looks for the loader by name; once loaded from here it is found. It is no addon, so Node complains, but RTLD_NODELETE keeps it.
    process.dlopen({ exports: {} }, `${FOLDER}/libvulkan.so.1`, 0x2 | 0x100 | 0x1000);
  } catch {
    // told above
  }
}
