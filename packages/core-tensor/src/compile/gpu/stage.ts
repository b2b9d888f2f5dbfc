/**
 * Stages: the values of a graph as a kernel writer sees them. A stage knows its operands, how it reads them, and how to write the source
 * of one of its elements at a given place; the plan decides which stages get a kernel and memory of their own, and which are written
 * into the kernels of others.
 */
import type { DType } from "../../array/dtype.js";
import { type Shape, sizeOf } from "../../array/shape.js";
import { literal } from "../../forms/device.js";
import type { Slot, Space } from "./kernel.js";

/**
 * How a stage reads an operand, that is, what must hold to write the operand into the stage's kernel.
 *
 * - `same`: the element at its own place.
 * - `flat`: the element with its own number in row-major order, extents differ.
 * - `moved`: an element at another place; over all threads each at most a few times.
 * - `repeated`: elements are read again and again, so that computing them on the spot would multiply the work.
 * - `looped`: elements are read one after another in a loop, each once.
 */
export type Reading = "same" | "flat" | "moved" | "repeated" | "looped";

/** Writes operand `k` at a place and gives its name or expression back. */
export type WriteOperand = (k: number, space: Space) => string;

export abstract class Stage {
  /** Set by the plan when the stage lies in memory. */
  slot: Slot | undefined;

  constructor(
    readonly shape: Shape,
    readonly dtype: DType,
    readonly operands: readonly Stage[],
  ) {}

  get size(): number {
    return sizeOf(this.shape);
  }

  /** Work of one element: 0 for what only moves elements, about 1 for an addition, Infinity for a loop. */
  abstract readonly work: number;

  abstract reading(operand: number): Reading;

  abstract write(space: Space, operand: WriteOperand): string;

  /** For people. */
  abstract readonly label: string;
}

/** An array given from outside: an input, a constant or the carry of a loop. */
export class Given extends Stage {
  readonly work = 0;
  readonly label = "input";
  override slot: Slot;

  constructor(shape: Shape, dtype: DType, slot: Slot) {
    super(shape, dtype, []);
    this.slot = slot;
  }

  reading(): Reading {
    return "same";
  }

  write(space: Space): string {
    return space.kernel.read(this.slot, space.rowMajor(this.shape));
  }
}

/** An array that holds one number everywhere, and any empty array. */
export class Uniform extends Stage {
  readonly work = 0;
  readonly label = "number";

  constructor(
    shape: Shape,
    dtype: DType,
    readonly value: number,
  ) {
    super(shape, dtype, []);
  }

  reading(): Reading {
    return "same";
  }

  write(): string {
    return literal(this.value);
  }
}
