/** The steps of one vector as instructions on the stack, each computed once in a pass. */
import { V128 } from "../encode.js";
import { loadOperand } from "./elements.js";
import type { Frame } from "./frame.js";
import type { Lane } from "../../../forms/vector.js";
import { OPCODES, type Step } from "./steps.js";

const CONVERSIONS: Readonly<Record<string, number>> = {
  "f32 f64": 0x5f,
  "f64 f32": 0x5e,
  "i32 f32": 0xfa,
  "i32 f64": 0xfe,
  "f32 i32": 0xf8,
  "f64 i32": 0xfc,
};

export class Values {
  private readonly locals = new Map<number, number>();

  constructor(private readonly frame: Frame) {}

  /** Leaves the value of a step on the stack; `done` are the steps that this pass has computed for this vector. */
  push(id: number, stage: number, done: Set<number>, count: number): void {
    const { body, stages, spec } = this.frame;
    const step = spec.steps[id]!;
    if (step.kind === "constant") return this.frame.pushConstant(step.value, step.type);
    let local = this.locals.get(id);
    if (local === undefined) this.locals.set(id, (local = body.local(V128)));
    if (done.has(id)) return body.get(local);
    done.add(id);
    if (step.kind === "operand") loadOperand(this.frame, step.operand, count);
    else if (stages.isRead(id, stage)) {
      this.frame.pushScratchAddress();
      body.vectorMemory(0, stages.offset(id));
    } else
      this.compute(step, (a) => {
        this.push(a, stage, done, count);
      });
    body.tee(local);
  }

  private typeOf(id: number): Lane {
    return this.frame.spec.steps[id]!.type;
  }

  private compute(step: Step, push: (id: number) => void): void {
    const { body, isWide } = this.frame;
    const [a, b, c] = step.args as [number, number, number];
    if (step.kind === "op") {
      const type = this.typeOf(a);
      const codes: Partial<Record<Lane, number>> = OPCODES[step.op];
      const opcode = codes[type];
      if (opcode === undefined) throw new Error(`no vector instruction for ${step.op} on ${type}`);
      step.args.forEach(push);
      body.vector(opcode);
      // truth values of narrow lanes widen with the group
      if (step.type === "mask" && type !== "mask" && type !== "f64" && isWide) body.vector(0xc7);
    } else if (step.kind === "select") {
      push(b);
      push(c);
      push(a);
      if (isWide && step.type !== "f64" && step.type !== "mask") this.frame.narrowMask();
      body.vector(0x52);
    } else {
      push(a);
      this.convert(this.typeOf(a), step.type);
    }
  }

  private convert(from: Lane, to: Lane): void {
    const { body, isWide } = this.frame;
    if (from === "mask") {
      // ones where the mask is set
      if (isWide && to !== "f64") this.frame.narrowMask();
      this.frame.pushConstant(1, to);
      body.vector(0x4e);
      return;
    }
    const opcode = CONVERSIONS[`${from} ${to}`];
    if (opcode === undefined) throw new Error(`no conversion from ${from} to ${to}`);
    body.vector(opcode);
  }
}
