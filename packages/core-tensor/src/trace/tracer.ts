/** Tracers: arrays that stand for values while a transform such as `grad` or `vmap` watches a function run. */
import type { DType, TypedArrayOf } from "../array/dtype.js";
import { ARRAY } from "../array/copies.js";
import type { NdArray, NestedNumbers } from "../array/ndarray.js";
import { type Shape, sizeOf } from "../array/shape.js";
import { ConcretizationError, ImmutableError } from "../errors.js";
import { callerLocation } from "./location.js";
import type { Primitive } from "./primitive.js";

let traces = 0;

/**
 * One run of one transform. Traces are numbered as they begin, so an inner transform has the higher number:
 * an operation on tracers of several traces belongs to the innermost one.
 */
export abstract class Trace {
  readonly level = ++traces;
  /** The transform that owns this trace, for messages. */
  abstract readonly transform: string;
  /** Set when the traced function has returned; its tracers are dead from then on. */
  finished = false;
  /** Interprets one operation of which at least one input is a tracer of this trace. */
  abstract process<A>(primitive: Primitive<A>, inputs: readonly NdArray[], attrs: A): NdArray[];
}

export abstract class Tracer implements NdArray {
  constructor(
    readonly trace: Trace,
    readonly shape: Shape,
    readonly dtype: DType,
  ) {}

  /** The value underneath, when this transform runs on values; undefined when it only records. */
  abstract readonly concrete: NdArray | undefined;

  static {
    Object.defineProperty(this.prototype, ARRAY, { value: true });
  }

  get size(): number {
    return sizeOf(this.shape);
  }

  get dimension(): number {
    return this.shape.length;
  }

  get data(): TypedArrayOf[DType] {
    return this.refuse("data");
  }
  get stride(): readonly number[] {
    return this.refuse("stride");
  }
  get offset(): number {
    return this.refuse("offset");
  }
  get order(): readonly number[] {
    return this.refuse("order");
  }
  get T(): NdArray {
    return this.refuse("T");
  }
  get(): number {
    return this.refuse("get");
  }
  index(): number {
    return this.refuse("index");
  }
  lo(): NdArray {
    return this.refuse("lo");
  }
  hi(): NdArray {
    return this.refuse("hi");
  }
  step(): NdArray {
    return this.refuse("step");
  }
  transpose(): NdArray {
    return this.refuse("transpose");
  }
  pick(): NdArray {
    return this.refuse("pick");
  }
  toArray(): NestedNumbers {
    return this.refuse("toArray");
  }
  toJSON(): unknown {
    return this.refuse("toJSON");
  }
  [Symbol.iterator](): Iterator<NdArray> {
    return this.refuse("iterate");
  }
  set(): never {
    throw new ImmutableError(
      "set: arrays are immutable values; build a new one, for instance with `where` or `scatterAdd`",
    );
  }

  toString(): string {
    return `Traced<${this.trace.transform}> ${this.dtype}[${this.shape.join(", ")}]`;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }

  get [Symbol.toStringTag](): string {
    return "NdArray";
  }

  /** In `2 * x` or `if (x > 0)` JavaScript would quietly make NaN of an array. */
  [Symbol.toPrimitive](hint: string): string {
    return hint === "string" ? this.toString() : this.refuse("a number from an array");
  }

  private refuse(member: string): never {
    throw new ConcretizationError(
      `${member}: a traced array has no elements of its own inside ${this.trace.transform}${callerLocation()}; use functions such as slice or transpose, or where and cond to choose by its value`,
    );
  }
}
