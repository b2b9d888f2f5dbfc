/** Packages that users install when they want what they bring. */
import { EngineError } from "../errors.js";

/** A package, loaded when it is needed; `load` imports it. */
export async function optionalPackage<T>(
  fn: string,
  name: string,
  load: () => Promise<unknown>,
): Promise<T> {
  try {
    return (await load()) as T;
  } catch {
    throw new EngineError(`${fn}: the package ${name} is needed: npm install ${name}`);
  }
}
