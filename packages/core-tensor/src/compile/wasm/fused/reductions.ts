/** Sums and extrema of rows, taken on the way in vector accumulators. Sums of floats are added up as doubles. */
import { SIZES } from "../plan/group.js";
import { V128 } from "../encode.js";
import type { Frame } from "./frame.js";
import type { Lane } from "../../../forms/vector.js";
import { OPCODES } from "./steps.js";

const SWAP_HALVES = [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7];
const SWAP_WORDS = [4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11];

export class Reductions {
  /** Vector accumulator, and for sums of floats the wide total, of each reduced result; 32-bit floats to add pass through the first. */
  private readonly accumulators = new Map<
    number,
    { readonly acc: number; readonly total: number }
  >();

  constructor(private readonly frame: Frame) {
    const { body } = frame;
    frame.spec.results.forEach((x, k) => {
      if (x.reduce !== undefined)
        this.accumulators.set(k, { acc: body.local(V128), total: body.local(V128) });
    });
  }

  get count(): number {
    return this.accumulators.size;
  }

  has(result: number): boolean {
    return this.accumulators.has(result);
  }

  /** Results that are complete after a loop over this axis and all after it, but not before. */
  over(axis: number): number[] {
    return [...this.accumulators.keys()].filter(
      (k) => this.frame.strides[this.frame.pointer(k)]!.findIndex((s) => s === 0) === axis,
    );
  }

  begin(k: number): void {
    const { body } = this.frame;
    const { acc, total } = this.accumulators.get(k)!;
    this.pushNeutral(k);
    body.tee(acc);
    body.set(total);
  }

  /** Takes in the first `count` lanes of the vector that `pushValue` pushes. */
  accumulate(k: number, pushValue: () => void, count: number): void {
    const { body, lanes, bytesPerElement } = this.frame;
    const { acc, total } = this.accumulators.get(k)!;
    pushValue();
    if (count < lanes) {
      this.pushNeutral(k);
      body.get(this.frame.table);
      body.vectorMemory(0, this.frame.constants.leadingBytes(count * bytesPerElement));
      body.vector(0x52);
    }
    if (this.inDoubles(k) && this.typeOf(k) === "f32") {
      body.tee(acc);
      body.vector(0x5f);
      body.get(total);
      body.vector(0xf0);
      body.get(acc);
      body.get(acc);
      body.shuffle(SWAP_HALVES);
      body.vector(0x5f);
      body.vector(0xf0);
      body.set(total);
      return;
    }
    body.get(acc);
    body.vector(this.opcode(k));
    body.set(acc);
  }

  /** Ends a tile. */
  flush(): void {
    for (const k of this.accumulators.keys())
      if (this.inDoubles(k) && this.typeOf(k) === "f64") this.flushSum(k);
  }

  private flushSum(k: number): void {
    const { body } = this.frame;
    const { acc, total } = this.accumulators.get(k)!;
    body.get(acc);
    body.get(total);
    body.vector(0xf0);
    body.set(total);
    this.pushNeutral(k);
    body.set(acc);
  }

  /** Combines the lanes and stores the result. */
  finish(k: number): void {
    const { body } = this.frame;
    const { dtype } = this.frame.spec.results[k]!;
    const { acc, total } = this.accumulators.get(k)!;
    const inDoubles = this.inDoubles(k);
    const local = inDoubles ? total : acc;
    const opcode = inDoubles ? 0xf0 : this.opcode(k);
    const fold = (shuffle: readonly number[]): void => {
      body.get(local);
      body.get(local);
      body.get(local);
      body.shuffle(shuffle);
      body.vector(opcode);
      body.set(local);
    };
    fold(SWAP_HALVES);
    if (!inDoubles && this.typeOf(k) !== "f64") fold(SWAP_WORDS);
    body.get(this.frame.pointer(k));
    body.get(local);
    if (inDoubles && dtype === "float32") body.vector(0x5e);
    body.vectorMemory(SIZES[dtype] === 8 ? 0x5b : 0x5a, 0, 0);
  }

  private typeOf(k: number): Lane {
    const { spec } = this.frame;
    return spec.steps[spec.results[k]!.step]!.type;
  }

  private inDoubles(k: number): boolean {
    return this.frame.spec.results[k]!.reduce === "sum" && this.typeOf(k) !== "i32";
  }

  private pushNeutral(k: number): void {
    const { reduce } = this.frame.spec.results[k]!;
    const type = this.typeOf(k);
    const value =
      reduce === "sum" ? 0 : (reduce === "max" ? -1 : 1) * (type === "i32" ? 2147483647 : Infinity);
    this.frame.pushConstant(value, type);
  }

  private opcode(k: number): number {
    const { reduce } = this.frame.spec.results[k]!;
    const codes: Partial<Record<Lane, number>> = OPCODES[reduce === "sum" ? "add" : reduce!];
    return codes[this.typeOf(k)]!;
  }
}
