/** Forward mode: every value carries the tangent of the direction in which the inputs move. */
import { isFloat } from "../array/dtype.js";
import type { NdArray } from "../array/ndarray.js";
import { add } from "../ops/arithmetic.js";
import { broadcastTo } from "../ops/broadcast.js";
import { bind } from "../trace/bind.js";
import type { Primitive, Sparse } from "../trace/primitive.js";
import { Trace, Tracer } from "../trace/tracer.js";

class DualTracer extends Tracer {
  constructor(
    trace: Trace,
    readonly concrete: NdArray,
    readonly tangent: NdArray,
  ) {
    super(trace, concrete.shape, concrete.dtype);
  }
}

export class ForwardTrace extends Trace {
  readonly transform = "jvp";

  dual(value: NdArray, tangent: NdArray): Tracer {
    return new DualTracer(this, value, tangent);
  }

  value(x: NdArray): NdArray {
    return x instanceof DualTracer && x.trace === this ? x.concrete : x;
  }

  tangent(x: NdArray): NdArray | undefined {
    return x instanceof DualTracer && x.trace === this ? x.tangent : undefined;
  }

  process<A>(primitive: Primitive<A>, inputs: readonly NdArray[], attrs: A): NdArray[] {
    const values = inputs.map((x) => this.value(x));
    const tangents = inputs.map((x) => this.tangent(x));
    const outputs = bind(primitive, values, attrs);
    const moved = pushForward(primitive, { inputs: values, outputs, tangents, attrs });
    return outputs.map((y, k) => {
      const t = moved[k];
      return t === undefined || !isFloat(y.dtype) ? y : new DualTracer(this, y, t);
    });
  }
}

interface Run<A> {
  readonly inputs: readonly NdArray[];
  readonly outputs: readonly NdArray[];
  readonly tangents: Sparse;
  readonly attrs: A;
}

function pushForward<A>(primitive: Primitive<A>, run: Run<A>): Sparse {
  const { derivative } = primitive;
  const { inputs, outputs, tangents, attrs } = run;
  switch (derivative.kind) {
    case "elementwise": {
      let total: NdArray | undefined;
      tangents.forEach((t, i) => {
        const partial = derivative.partials[i];
        if (t === undefined || !partial) return;
        const part = partial(t, inputs, outputs[0]!);
        total = total === undefined ? part : add(total, part);
      });
      return [total && broadcastTo(total, outputs[0]!.shape)];
    }
    case "linear": {
      let total: NdArray[] | undefined;
      tangents.forEach((t, i) => {
        if (t === undefined || !derivative.transpose[i]) return;
        const part = bind(
          primitive,
          inputs.map((x, j) => (j === i ? t : x)),
          attrs,
        );
        total = total === undefined ? part : total.map((y, k) => add(y, part[k]!));
      });
      return total ?? [];
    }
    case "rules":
      return derivative.jvp(run);
    case "none":
      return [];
  }
}
