/**
 * One compute pass for consecutive kernels. gpu.js opens a pass for each kernel call of a pipeline, which makes programs of many
 * small kernels 6 to 12 % slower (measured on an H200) than dispatches in one pass; these see what earlier ones have written just as well.
 * So the encoders that gpu.js is given here end a pass only when something else is to be recorded.
 */
import type { CommandEncoder, ComputePass } from "./gpujs.js";

/** The encoder, whose compute passes go on until a copy or the end of the recording. */
export function withOnePass<E extends CommandEncoder>(encoder: E): E {
  let open: { readonly pass: ComputePass; readonly handed: ComputePass } | undefined;
  const close = (): void => {
    open?.pass.end();
    open = undefined;
  };
  const begin = (descriptor?: object): ComputePass => {
    if (open === undefined) {
      const pass = encoder.beginComputePass(descriptor);
      open = { pass, handed: bound(pass, (key) => (key === "end" ? () => undefined : undefined)) };
    }
    return open.handed;
  };
  return bound(encoder, (key) => {
    if (key === "beginComputePass") return begin;
    close();
    return undefined;
  });
}

/** A view of an object of the implementation, whose methods insist on their own `this`; `instead` may give other members. */
export function bound<T extends object>(target: T, instead: (key: string | symbol) => unknown): T {
  return new Proxy(target, {
    get(_, key) {
      const other = instead(key);
      if (other !== undefined) return other;
      const value: unknown = Reflect.get(target, key);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
    set: (_, key, value) => Reflect.set(target, key, value),
  });
}
