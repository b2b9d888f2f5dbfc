/** Operations that are written down, and the arrays that stand for their results until somebody reads them. */
import type { DType, TypedArray, TypedArrayOf } from "../array/dtype.js";
import { lentOf, markAwaited } from "../array/lent.js";
import { DenseArray } from "../array/ndarray.js";
import { type Shape, rowMajorStrides } from "../array/shape.js";
import type { Primitive } from "../trace/primitive.js";

/** Element types of what is written down. */
export type PendingType = "float32" | "float64" | "bool";

/** The same number in every place. */
export interface Uniform {
  readonly value: number;
  readonly dtype: PendingType;
}

/** What an operation reads: the result of another one, an array, or one number. */
export type Operand = PendingNode | DenseArray | Uniform;

/** Where a node stood in the last program that computed it without keeping it. */
export interface Place {
  /** Lets that program keep the node from now on. */
  keep(): void;
}

/** One elementwise operation. Its result has elements once `data` is there, and needs its operands no more. */
export class PendingNode {
  data: TypedArray | undefined;
  /** How many later operations read it. */
  numReaders = 0;
  /** In how many programs it was computed and not kept. */
  numDropped = 0;
  place: Place | undefined;
  /** Number of the walk that has marked it, and of the one that found nothing marked below it. */
  seen = 0;
  apart = 0;

  constructor(
    readonly primitive: Primitive,
    public operands: readonly Operand[],
    readonly dtype: PendingType,
    readonly shape: Shape,
    readonly size: number,
    /** Whether 64-bit floats are computed with: a loop has lanes of one width. */
    readonly isWide: boolean,
    /** Bounds of the operations and arrays that it depends on, itself among them. */
    readonly numNodes: number,
    readonly numArrays: number,
  ) {}

  get isPending(): boolean {
    return this.data === undefined;
  }

  settle(data: TypedArray): void {
    this.data = data;
    if (this.numReaders > 0) markAwaited(data);
    this.operands = [];
    this.place = undefined;
  }
}

/** What stands for elements that are still to come. */
const NONE: Readonly<Record<PendingType, TypedArray>> = {
  float32: new Float32Array(0),
  float64: new Float64Array(0),
  bool: new Uint8Array(0),
};

/** The array that a node is to its user: reading the elements computes them. */
export class RecordedArray extends DenseArray {
  readonly #node: PendingNode;
  readonly #compute: (node: PendingNode) => void;
  /** Elements that others may have written into. */
  #lent: TypedArrayOf[DType] | undefined;

  constructor(node: PendingNode, compute: (node: PendingNode) => void) {
    const { dtype, shape, size } = node;
    super(NONE[dtype], dtype, shape, rowMajorStrides(shape), 0, size);
    this.#node = node;
    this.#compute = compute;
    Object.defineProperty(this, "data", {
      configurable: true,
      enumerable: true,
      get: () => this.lend(),
    });
  }

  override get storage(): TypedArrayOf[DType] {
    return this.#lent ?? this.#elements();
  }

  override lend(): TypedArrayOf[DType] {
    return (this.#lent ??= lentOf(this.#elements()));
  }

  /** The node behind an array, unless it is an ordinary one. */
  static nodeOf(x: DenseArray): PendingNode | undefined {
    return #node in x && x.#lent === undefined ? x.#node : undefined;
  }

  /** Whether the elements are still to be computed. */
  get isPending(): boolean {
    return this.#node.isPending;
  }

  #elements(): TypedArrayOf[DType] {
    if (this.#node.data === undefined) this.#compute(this.#node);
    return this.#node.data!;
  }
}
