/** Applying a primitive: the one door through which every operation goes. */
import { type DenseArray, type NdArray, isLost } from "../array/ndarray.js";
import { checkSize } from "../array/shape.js";
import { ShapeError, TracerLeakError } from "../errors.js";
import type { Aval, Primitive } from "./primitive.js";
import { Tracer } from "./tracer.js";

/** Applies a primitive: at once on values, through the innermost transform on tracers. */
export function bind<A>(primitive: Primitive<A>, inputs: readonly NdArray[], attrs: A): NdArray[] {
  let innermost: Tracer | undefined;
  for (const x of inputs)
    if (x instanceof Tracer && (innermost === undefined || x.trace.level > innermost.trace.level))
      innermost = x;
  if (innermost === undefined) return evaluate(primitive, inputs as readonly DenseArray[], attrs);
  if (innermost.trace.finished)
    throw new TracerLeakError(
      `${primitive.name}: a traced array outlived the ${innermost.trace.transform} that made it; return it from the traced function instead of storing it`,
    );
  return innermost.trace.process(primitive, inputs, attrs);
}

/** `bind` for the many primitives with one output. */
export function bindOne<A>(primitive: Primitive<A>, inputs: readonly NdArray[], attrs: A): NdArray {
  return bind(primitive, inputs, attrs)[0]!;
}

/** Shapes and types of the outputs, none of which is larger than an array may be. */
export function outputsOf<A>(
  primitive: Primitive<A>,
  inputs: readonly Aval[],
  attrs: A,
): readonly Aval[] {
  const outputs = primitive.shape(inputs, attrs);
  for (const { shape } of outputs) checkSize(primitive.name, shape);
  return outputs;
}

/** Computes an elementwise operation on plain values in its own way and time; undefined to leave it to the primitive. */
export type Recorder = (
  primitive: Primitive,
  inputs: readonly DenseArray[],
  out: Aval,
) => DenseArray | undefined;

let recorder: Recorder | undefined;

/** Sets what is asked first for elementwise operations; a bundle without it computes all of them one by one. */
export function setRecorder(next: Recorder | undefined): void {
  recorder = next;
}

function evaluate<A>(
  primitive: Primitive<A>,
  inputs: readonly DenseArray[],
  attrs: A,
): DenseArray[] {
  for (const x of inputs)
    if (isLost(x))
      throw new ShapeError(
        `${primitive.name}: an array has no storage any more; was its buffer transferred to a worker?`,
      );
  const outputs = outputsOf(primitive, inputs, attrs);
  if (recorder !== undefined && primitive.elementwise !== undefined) {
    // elementwise primitives have no attributes
    const y = recorder(primitive as unknown as Primitive, inputs, outputs[0]!);
    if (y !== undefined) return [y];
  }
  return primitive.wasm?.(inputs, attrs, outputs) ?? primitive.evaluate(inputs, attrs, outputs);
}
