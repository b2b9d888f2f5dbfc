/** Batching: one run of a function on values that all carry an extra leading axis. */
import type { NdArray } from "../array/ndarray.js";
import { broadcastTo } from "../ops/broadcast.js";
import { expandDims, reshape } from "../ops/reshape.js";
import { bind } from "../trace/bind.js";
import type { Primitive } from "../trace/primitive.js";
import { Trace, Tracer } from "../trace/tracer.js";

class BatchTracer extends Tracer {
  readonly concrete = undefined;

  constructor(
    trace: Trace,
    readonly value: NdArray,
  ) {
    super(trace, value.shape.slice(1), value.dtype);
  }
}

export class BatchTrace extends Trace {
  readonly transform = "vmap";

  constructor(readonly batchSize: number) {
    super();
  }

  /** A tracer for the members of `value`, stacked on axis 0. */
  member(value: NdArray): Tracer {
    return new BatchTracer(this, value);
  }

  /** The stacked values under a tracer of this trace; undefined for what does not depend on the member. */
  stacked(x: NdArray): NdArray | undefined {
    return x instanceof BatchTracer && x.trace === this ? x.value : undefined;
  }

  process<A>(primitive: Primitive<A>, inputs: readonly NdArray[], attrs: A): NdArray[] {
    const stacked = inputs.map((x) => this.stacked(x));
    return this.outputs(primitive, inputs, stacked, attrs).map((y) => new BatchTracer(this, y));
  }

  private outputs<A>(
    primitive: Primitive<A>,
    inputs: readonly NdArray[],
    stacked: readonly (NdArray | undefined)[],
    attrs: A,
  ): NdArray[] {
    const { batching } = primitive;
    switch (batching.kind) {
      case "elementwise": {
        const rank = Math.max(...inputs.map((x) => x.shape.length));
        const lined = stacked.map((s, i) => {
          const x = inputs[i]!;
          const missing = rank - x.shape.length;
          return s === undefined || missing === 0
            ? (s ?? x)
            : reshape(s, [this.batchSize, ...new Array<number>(missing).fill(1), ...x.shape]);
        });
        return bind(primitive, lined, attrs);
      }
      case "leading": {
        const all = stacked.map(
          (s, i) =>
            s ?? broadcastTo(expandDims(inputs[i]!, 0), [this.batchSize, ...inputs[i]!.shape]),
        );
        return bind(primitive, all, attrs);
      }
      case "rule": {
        const values = stacked.map((s, i) => s ?? inputs[i]!);
        return batching.rule(
          values,
          stacked.map((s) => s !== undefined),
          attrs,
          this.batchSize,
        );
      }
    }
  }
}
