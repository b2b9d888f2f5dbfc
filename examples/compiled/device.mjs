// One word chooses what runs a program; nothing else in these examples depends on it.
/** The option `device` of `compile` for "js", "wasm", "webgpu", "webasm" or "auto". */
export async function deviceNamed(name) {
  if (name === "js" || name === "wasm") return name;
  const { deviceNamed: open } = await import("@provably/core-tensor/gpu");
  return open(name, name === "webasm" ? {} : await implementation());
}

/** Browsers have WebGPU; in Node the npm package webgpu brings Dawn, which needs a Vulkan loader and a driver. */
async function implementation() {
  if (globalThis.navigator?.gpu !== undefined) return {};
  try {
    const { create, globals } = await import("webgpu");
    Object.assign(globalThis, globals);
    return { gpu: create([]) };
  } catch {
    // opening the device will say so
    return {};
  }
}

/** Milliseconds of the first call, which compiles, and of the next ones on average. */
export async function timed(run, calls) {
  const start = performance.now();
  let result = await run();
  const first = performance.now() - start;
  const again = performance.now();
  for (let i = 0; i < calls; i++) result = await run();
  return { first, next: (performance.now() - again) / calls, result };
}

/** Runs `story(device, name)` when the file itself was started: `node file.mjs [js|wasm|webgpu|webasm|auto]`. */
export async function whenStarted(url, story) {
  // in a browser nobody starts a file
  if (globalThis.process?.argv?.[1] === undefined) return;
  const { pathToFileURL } = await import("node:url");
  if (pathToFileURL(process.argv[1]).href !== url) return;
  const name = process.argv[2] ?? "wasm";
  console.log(await story(await deviceNamed(name), name));
  // an open device would keep the process alive
  process.exit(0);
}
