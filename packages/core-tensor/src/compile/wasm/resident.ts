/** Arrays that live in the memory of compiled programs: weights that every call reads, states that one call hands to the next. */
import { type DType, type TypedArrayOf, allocate } from "../../array/dtype.js";
import { markLent } from "../../array/lent.js";
import { DenseArray, contiguous, dense } from "../../array/ndarray.js";
import { type Shape, rowMajorStrides, sizeOf } from "../../array/shape.js";
import { DomainError } from "../../errors.js";
import { toConcrete } from "../../trace/input.js";
import { asTree } from "../../tree/as-tree.js";
import { leavesOf, treeMap } from "../../tree/tree.js";
import { SIZES } from "./plan/group.js";
import { type Allocator, allocator } from "./allocator.js";

interface Block {
  readonly allocator: Allocator;
  readonly address: number;
  readonly bytes: number;
  /** Whether it came as the result of a program. */
  readonly isResult?: boolean;
}

function giveBack({ allocator: home, address, bytes, isResult = false }: Block): void {
  home.give(address, bytes);
  if (isResult) home.resultBytes -= bytes;
}

const collected = new FinalizationRegistry<Block[]>((blocks) => {
  blocks.splice(0).forEach(giveBack);
});

/**
 * A row-major array in program memory. Read like any other, its elements are copied out once. Where it lies is hidden from whoever
 * holds it: the memory of all programs hangs on that, and changes while the array does not.
 */
export class ResidentArray extends DenseArray {
  #copy: TypedArrayOf[DType] | undefined;
  #freed = false;
  /** Emptied when the array is freed or collected, whichever comes first. */
  readonly #blocks: Block[];

  private constructor(dtype: DType, shape: Shape, blocks: Block[]) {
    super(allocate(dtype, 0), dtype, shape, rowMajorStrides(shape), 0, sizeOf(shape));
    this.#blocks = blocks;
    Object.defineProperty(this, "data", { get: () => this.lend() });
    collected.register(this, blocks, this);
  }

  override get storage(): TypedArrayOf[DType] {
    return this.elements();
  }

  override lend(): TypedArrayOf[DType] {
    return markLent(this.elements());
  }

  /** Memory for `shape`, with whatever is in it; undefined when there is none. */
  static reserve(
    home: Allocator,
    dtype: DType,
    shape: Shape,
    isResult = false,
  ): ResidentArray | undefined {
    const bytes = sizeOf(shape) * SIZES[dtype];
    const address = home.take(bytes);
    if (address === undefined) return undefined;
    if (isResult) home.resultBytes += bytes;
    return new ResidentArray(dtype, shape, [{ allocator: home, address, bytes, isResult }]);
  }

  /** The elements in an array outside of this memory, which is given back at once. */
  movedOut(): DenseArray {
    const data = this.elements();
    this.free();
    return dense<DType>(data, this.dtype, this.shape);
  }

  /** Whether the elements can be had. */
  get isLive(): boolean {
    return !this.#freed;
  }

  /** Address of the elements in a memory, to which they are copied if they are not there yet. */
  addressIn(home: Allocator): number {
    this.check();
    const there = this.#blocks.find((b) => b.allocator === home);
    if (there !== undefined) return there.address;
    const bytes = this.size * SIZES[this.dtype];
    const data = this.elements();
    const address = home.take(bytes);
    if (address === undefined)
      throw new DomainError(
        `pin: ${bytes} bytes do not fit into the memory of compiled programs; free what is not needed`,
      );
    home.views[this.dtype].set(data, address / SIZES[this.dtype]);
    this.#blocks.push({ allocator: home, address, bytes });
    return address;
  }

  /** The same memory under a new handle, which what uses this one up may overwrite. */
  handOver(home: Allocator, dtype: DType, shape: Shape): ResidentArray {
    this.addressIn(home);
    const blocks = this.#blocks.splice(0);
    this.free();
    const kept = blocks.filter((b) => b.allocator === home);
    for (const block of blocks) if (block.allocator !== home) giveBack(block);
    return new ResidentArray(dtype, shape, kept);
  }

  private elements(): TypedArrayOf[DType] {
    if (this.#copy !== undefined) return this.#copy;
    this.check();
    const { allocator: home, address } = this.#blocks[0]!;
    const from = address / SIZES[this.dtype];
    return (this.#copy = home.views[this.dtype].slice(from, from + this.size));
  }

  private check(): void {
    if (this.#freed)
      throw new DomainError(
        "pin: this array was freed, or donated to a compiled function, which may have overwritten it",
      );
  }

  free(): void {
    if (this.#freed) return;
    this.#freed = true;
    collected.unregister(this);
    this.#blocks.splice(0).forEach(giveBack);
  }
}

/**
 * The same arrays, kept in the memory of compiled programs, so that calls need not copy them in.
 *
 * For what many calls read: weights, data sets, the state of a decoder. The handles are arrays like any other; functions that are not
 * compiled copy the elements out once. The memory returns when a handle is collected, or at once with {@link free}. Where there is no
 * WebAssembly SIMD the arrays stay where they are.
 *
 * @param tree - arrays in nested objects and lists, or one array
 * @returns tree of the same structure
 * @throws `DomainError` when the memory, 4 GiB at most, is full
 * @example
 * ```ts
 * import { array, matmul, toNested } from "@provably/core-tensor";
 * import { compile, pin } from "@provably/core-tensor/compile";
 *
 * const weights = pin(array([[1, 2], [3, 4]]));
 * const f = compile((x, w) => matmul(x, w));
 * toNested(f(array([1, 1]), weights)); // => [4, 6]
 * ```
 * @category Compilation
 */
export function pin<T>(tree: T): T {
  const home = allocator();
  if (home === undefined) return tree;
  return treeMap(
    (x) => {
      if (x instanceof ResidentArray) return x;
      const { storage: data, offset, dtype, shape, size } = contiguous(toConcrete("pin", x));
      const resident = ResidentArray.reserve(home, dtype, shape);
      if (resident === undefined)
        throw new DomainError(
          `pin: ${size * SIZES[dtype]} bytes do not fit into the memory of compiled programs; free what is not needed`,
        );
      home.views[dtype].set(
        data.subarray(offset, offset + size),
        resident.addressIn(home) / SIZES[dtype],
      );
      return resident;
    },
    asTree("pin", tree, { lists: false, numbers: false }) as T,
  );
}

/**
 * Gives back the memory of pinned arrays now instead of when they are collected. Reading them afterwards throws.
 *
 * @param tree - pinned arrays in nested objects and lists; other arrays are left alone
 * @example
 * ```ts
 * import { ones } from "@provably/core-tensor";
 * import { free, pin } from "@provably/core-tensor/compile";
 *
 * const x = pin(ones([1000]));
 * free(x);
 * ```
 * @category Compilation
 */
export function free(tree: unknown): void {
  for (const x of leavesOf("free", tree)) if (x instanceof ResidentArray) x.free();
}
