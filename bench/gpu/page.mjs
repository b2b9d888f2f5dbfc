// The part of the GPU benchmark that runs inside a browser.
import { webgpu } from "@provably/core-tensor/gpu";
import { measure } from "./measure.mjs";

export async function run({ names, size }) {
  const device = await webgpu();
  const chosen = size ?? (/swiftshader|llvmpipe|software/i.test(device.name) ? "small" : "full");
  return {
    device: `${device.name} in a browser`,
    size: chosen,
    results: await measure(device, chosen, names),
  };
}
