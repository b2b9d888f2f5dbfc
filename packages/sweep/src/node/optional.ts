/** Packages that users install when they want what they bring. */
import { EngineError } from "../errors.js";

/** A package, loaded when it is needed; named at run time, so that bundlers leave it alone. */
export async function optionalPackage<T>(fn: string, name: string): Promise<T> {
  try {
    return (await import(/* @vite-ignore */ /* webpackIgnore: true */ name)) as T;
  } catch {
    throw new EngineError(`${fn}: the package ${name} is needed: npm install ${name}`);
  }
}
