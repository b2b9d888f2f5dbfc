// Dawn as an implementation of WebGPU in Node. In the packed folder the addon lies beside this file, in a checkout it is the npm package.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

export async function dawn() {
  const addon = fileURLToPath(new URL("./dawn.node", import.meta.url));
  const { create, globals } = existsSync(addon)
    ? createRequire(import.meta.url)(addon)
    : await import("webgpu");
  Object.assign(globalThis, globals);
  return create([]);
}
