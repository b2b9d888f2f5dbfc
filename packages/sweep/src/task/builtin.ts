/** Modules of Node, asked for by name at run time, so that bundlers for browsers have nothing to resolve. */

/** A module of Node, or undefined elsewhere. */
export function builtin<T>(name: string): T | undefined {
  return (
    globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } }
  ).process?.getBuiltinModule?.(name) as T | undefined;
}
