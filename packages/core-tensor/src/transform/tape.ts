/** Reverse mode: a tape of the operations that ran on values, walked backwards with one adjoint rule each. */
import { isFloat } from "../array/dtype.js";
import type { NdArray } from "../array/ndarray.js";
import { add } from "../ops/arithmetic.js";
import { sumTo } from "../ops/broadcast.js";
import { bind } from "../trace/bind.js";
import type { Primitive, Sparse } from "../trace/primitive.js";
import { Trace, Tracer } from "../trace/tracer.js";

/** One operation on the tape, or a variable when it has no `pull`. */
interface TapeNode {
  readonly id: number;
  readonly parents: readonly (TapeTracer | undefined)[];
  readonly pull?: (cotangents: Sparse) => Sparse;
}

class TapeTracer extends Tracer {
  constructor(
    trace: Trace,
    readonly concrete: NdArray,
    readonly node: TapeNode,
    readonly output: number,
  ) {
    super(trace, concrete.shape, concrete.dtype);
  }
}

export class Tape extends Trace {
  private nodes = 0;

  constructor(readonly transform: string) {
    super();
  }

  /** A tracer for `value` as an independent variable. */
  variable(value: NdArray): Tracer {
    return new TapeTracer(this, value, { id: this.nodes++, parents: [] }, 0);
  }

  process<A>(primitive: Primitive<A>, inputs: readonly NdArray[], attrs: A): NdArray[] {
    const values = inputs.map((x) => this.value(x));
    const { derivative } = primitive;
    const recorded = derivative.kind === "rules" ? derivative.record?.(values, attrs) : undefined;
    const { outputs, residuals } = recorded ?? {
      outputs: bind(primitive, values, attrs),
      residuals: [],
    };
    if (derivative.kind === "none") return outputs;
    const parents = inputs.map((x) =>
      x instanceof TapeTracer && x.trace === this && isFloat(x.dtype) ? x : undefined,
    );
    const needed = parents.map((p) => p !== undefined);
    const pull = (cotangents: Sparse): Sparse =>
      pullBack(primitive, { inputs: values, outputs, cotangents, attrs, needed, residuals });
    const node: TapeNode = { id: this.nodes++, parents, pull };
    return outputs.map((y, k) => (isFloat(y.dtype) ? new TapeTracer(this, y, node, k) : y));
  }

  /** The value under a tracer of this tape; anything else is a constant to it. */
  value(x: NdArray): NdArray {
    return x instanceof TapeTracer && x.trace === this ? x.concrete : x;
  }

  /** Cotangents of `variables` when those of `outputs` are given; undefined where nothing depends. */
  backward(outputs: readonly NdArray[], cotangents: Sparse, variables: readonly Tracer[]): Sparse {
    const pending = new Map<TapeNode, (NdArray | undefined)[]>();
    const receive = (x: TapeTracer, ct: NdArray): void => {
      let slots = pending.get(x.node);
      if (slots === undefined) pending.set(x.node, (slots = []));
      const before = slots[x.output];
      slots[x.output] = before === undefined ? ct : add(before, ct);
    };
    outputs.forEach((y, i) => {
      const ct = cotangents[i];
      if (y instanceof TapeTracer && y.trace === this && ct !== undefined) receive(y, ct);
    });
    for (const node of this.reachable(outputs)) {
      const slots = pending.get(node);
      if (slots === undefined || node.pull === undefined) continue;
      pending.delete(node);
      const out = node.pull(slots);
      node.parents.forEach((parent, i) => {
        const ct = out[i];
        if (parent !== undefined && ct !== undefined) receive(parent, ct);
      });
    }
    return variables.map((v) => pending.get((v as TapeTracer).node)?.[0]);
  }

  /** Nodes the outputs depend on, latest first. */
  private reachable(outputs: readonly NdArray[]): TapeNode[] {
    const seen = new Set<TapeNode>();
    const stack = outputs.flatMap((y) =>
      y instanceof TapeTracer && y.trace === this ? [y.node] : [],
    );
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      if (seen.has(node)) continue;
      seen.add(node);
      for (const parent of node.parents) if (parent !== undefined) stack.push(parent.node);
    }
    return [...seen].sort((a, b) => b.id - a.id);
  }
}

interface Run<A> {
  readonly inputs: readonly NdArray[];
  readonly outputs: readonly NdArray[];
  readonly cotangents: Sparse;
  readonly attrs: A;
  readonly needed: readonly boolean[];
  readonly residuals: readonly NdArray[];
}

function pullBack<A>(primitive: Primitive<A>, run: Run<A>): Sparse {
  const { derivative } = primitive;
  const ct = run.cotangents[0];
  switch (derivative.kind) {
    case "elementwise":
      return run.inputs.map((x, i) => {
        const partial = derivative.partials[i];
        if (!run.needed[i] || ct === undefined || !partial) return undefined;
        return sumTo(partial(ct, run.inputs, run.outputs[0]!), x.shape);
      });
    case "linear":
      return run.inputs.map((_, i) => {
        const transpose = derivative.transpose[i];
        return run.needed[i] && ct !== undefined && transpose
          ? transpose(ct, run.inputs, run.attrs)
          : undefined;
      });
    case "rules":
      return derivative.vjp(run);
    case "none":
      return [];
  }
}
