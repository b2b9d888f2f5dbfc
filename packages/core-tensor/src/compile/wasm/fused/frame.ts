/** What all parts of a generated loop share: the collapsed index space, the width of lanes, the function's variables and its constants. */
import type { DType } from "../../../array/dtype.js";
import { collapseAxes } from "../../../array/shape.js";
import { SIZES } from "../plan/group.js";
import { ConstantTable } from "./constant-table.js";
import { Body, I32, V128 } from "../encode.js";
import type { Lane } from "../../../forms/vector.js";
import { type FusedSpec, isWideSpec } from "./spec.js";
import { Stages } from "./stages.js";

/** First four bytes of eight-byte groups. */
const LOW_WORDS = [0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11];

export class Frame {
  readonly isWide: boolean;
  readonly bytesPerElement: 4 | 8;
  /** Elements of a vector. */
  readonly lanes: number;
  readonly shape: readonly number[];
  /** Collapsed strides: operands, then results. */
  readonly strides: readonly (readonly number[])[];
  /** The innermost axis. */
  readonly inner: number;
  readonly body: Body;
  readonly constants = new ConstantTable();
  readonly stages: Stages;
  // parameters after the addresses of operands and results
  readonly scratch: number;
  readonly table: number;
  readonly from: number;
  readonly to: number;
  /** Byte offsets along the row, in lanes of the loop: of the vector, of the tile, and of the tile's end. */
  readonly i: number;
  readonly t: number;
  readonly tileEnd: number;

  constructor(readonly spec: FusedSpec) {
    this.isWide = isWideSpec(spec);
    this.bytesPerElement = this.isWide ? 8 : 4;
    this.lanes = 16 / this.bytesPerElement;
    const all = [...spec.operands, ...spec.results].map((x) => x.stride);
    const { shape, strides } = collapseAxes(spec.shape, all);
    const isSingle = shape.length === 0;
    const reduces = (k: number): boolean =>
      spec.results[k - spec.operands.length]?.reduce !== undefined;
    this.shape = isSingle ? [1] : shape;
    this.strides = isSingle ? all.map((_, k) => [reduces(k) ? 0 : 1]) : strides;
    this.inner = this.shape.length - 1;
    const params = all.length;
    [this.scratch, this.table, this.from, this.to] = [params, params + 1, params + 2, params + 3];
    this.body = new Body(params + 4);
    [this.i, this.t, this.tileEnd] = [
      this.body.local(I32),
      this.body.local(I32),
      this.body.local(I32),
    ];
    this.stages = new Stages(spec);
  }

  /** Whether the index space is a single row. */
  get isFlat(): boolean {
    return this.inner === 0;
  }

  /** Number of the pointer of a result. */
  pointer(result: number): number {
    return this.spec.operands.length + result;
  }

  /** Pushes a vector of equal lanes. */
  pushConstant(value: number, type: Lane): void {
    this.body.get(this.table);
    this.body.vectorMemory(0, this.constants.lanes(value, type));
  }

  /** Pushes the scratch address of the vector at `i`, without the buffer's offset. */
  pushScratchAddress(): void {
    const { body } = this;
    body.get(this.scratch);
    body.get(this.i);
    body.get(this.t);
    body.plain(0x6b, 0x6a);
  }

  /** Pushes the address of element `i + lane` of pointer `k`. */
  pushAddress(k: number, dtype: DType, lane = 0): void {
    const { body } = this;
    const stride = this.strides[k]![this.inner]!;
    const size = SIZES[dtype];
    const shift = Math.log2(this.bytesPerElement / size);
    body.get(k);
    if (stride === 0) return;
    body.get(this.i);
    if (stride !== 1) {
      body.const32(stride);
      body.plain(0x6c);
    }
    if (shift > 0) {
      body.const32(shift);
      body.plain(0x75);
    }
    body.plain(0x6a);
    if (lane > 0) {
      body.const32(lane * stride * size);
      body.plain(0x6a);
    }
  }

  /** The mask on the stack, of eight-byte lanes, as one of four-byte lanes. */
  narrowMask(): void {
    const { body } = this;
    const mask = body.local(V128);
    body.tee(mask);
    body.get(mask);
    body.shuffle(LOW_WORDS);
  }
}
