/** Turning the loops of eager code on. */
import { wish } from "../exec/wasm/runtime.js";
import { setRecorder } from "../trace/bind.js";
import { record, setEager } from "./record.js";

/** How elementwise operations on large arrays run outside of `compile`. */
export type EagerLoops = "recorded" | "immediate" | "off";

function decided(): EagerLoops {
  const wanted = wish("PROVABLY_EAGER");
  return wanted === "off" || wanted === "immediate" ? wanted : "recorded";
}

let installed: EagerLoops | undefined;

/** Lets elementwise operations on large arrays run in loops of vectors, once, unless the environment has another wish. */
export function installEager(): EagerLoops {
  if (installed !== undefined) return installed;
  installed = decided();
  if (installed === "off") return installed;
  setEager({ waits: installed === "recorded" });
  setRecorder(record);
  return installed;
}

/**
 * How elementwise operations on large arrays (from 8192 elements on) run outside of `compile`, as `PROVABLY_EAGER` in the environment or
 * in a global variable of that name decides when the package is loaded.
 *
 * - `"recorded"`, the default: an operation is checked and written down when it is called, and computed when somebody reads its result,
 *   together with all that leads to it, in one loop of vectors. Values, errors and bits are those of `"off"`.
 * - `"immediate"`: every operation runs when it is called, in the same loops.
 * - `"off"`: one by one in JavaScript, or in the kernel that the function has.
 *
 * A bundler leaves the loops out, and all this is `"off"`, where a program imports neither this constant nor an optimiser.
 *
 * @example
 * ```ts
 * import { eagerLoops } from "@provably/core-tensor";
 *
 * eagerLoops; // => "recorded"
 * ```
 * @category Arrays
 */
export const eagerLoops: EagerLoops = /* @__PURE__ */ installEager();
