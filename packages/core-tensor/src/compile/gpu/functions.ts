/** The functions that kernels call, as gpu.js wants to have them. */
import type { DeviceFunction } from "../../forms/device.js";

/** Source and types of a function. */
export interface GpuJsFunction {
  readonly source: string;
  readonly settings: {
    readonly argumentTypes: Record<string, string>;
    readonly returnType: string;
  };
}

const made = new WeakMap<DeviceFunction, GpuJsFunction>();

/** These functions and all they call, callees first. */
export function withCallees(functions: Iterable<DeviceFunction>): GpuJsFunction[] {
  const ordered = new Set<DeviceFunction>();
  const visit = (fn: DeviceFunction): void => {
    if (ordered.has(fn)) return;
    for (const callee of fn.calls ?? []) visit(callee);
    ordered.add(fn);
  };
  for (const fn of functions) visit(fn);
  return [...ordered].map(gpuJsFunction);
}

function gpuJsFunction(fn: DeviceFunction): GpuJsFunction {
  let text = made.get(fn);
  if (text === undefined) {
    const { name, parameters, body } = fn;
    text = {
      source: `function ${name}(${parameters.join(", ")}) {${body()}\n}`,
      settings: {
        argumentTypes: Object.fromEntries(parameters.map((p) => [p, "Number"])),
        returnType: "Number",
      },
    };
    made.set(fn, text);
  }
  return text;
}
