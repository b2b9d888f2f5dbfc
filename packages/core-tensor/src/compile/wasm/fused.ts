/**
 * One loop for a whole group of elementwise operations, as WebAssembly bytes.
 *
 * The index space is walked row by row of its innermost axis, a row in tiles that stay in the first-level cache. Everything up to a
 * transcendental function is one pass over the tile, which leaves the function's argument in scratch memory; the function's static
 * kernel works on it in place; the next pass goes on from there. Without such functions there is one pass and no scratch. A result
 * may be the sum or the extremum of each row, taken in the last pass.
 *
 * Generated code holds extents and strides but no addresses, so that equal groups of any programs share it.
 */
import type { DType } from "../../array/dtype.js";
import { collapseAxes } from "../../array/shape.js";
import { Body, I32, V128, moduleBytes } from "./encode.js";
import { type Lane, OPCODES, type Step, TILE_KERNELS, type TileKernel } from "./micro.js";

export type Reduction = "sum" | "max" | "min";

export interface FusedOperand {
  readonly dtype: DType;
  /** Elements to skip along each axis of the index space. */
  readonly stride: readonly number[];
}

export interface FusedResult {
  readonly dtype: DType;
  /** The step that computes it. */
  readonly step: number;
  /** Over which trailing axes: those of stride 0. Otherwise the result is row-major. */
  readonly reduce?: Reduction;
  readonly stride: readonly number[];
  /** Whether not a byte may be written past its elements, because others lie there. */
  readonly exact?: boolean;
}

export interface FusedSpec {
  readonly shape: readonly number[];
  readonly operands: readonly FusedOperand[];
  readonly results: readonly FusedResult[];
  readonly steps: readonly Step[];
}

/** What the loop needs besides addresses. */
export interface FusedCode {
  readonly key: string;
  /** `shared` memory makes another module. */
  bytes(shared: boolean): Uint8Array<ArrayBuffer>;
  /** Static kernels to import, as `name.type`. */
  readonly imports: readonly { readonly kernel: TileKernel; readonly type: "float32" | "float64" }[];
  /** Vectors that must lie at the address of the constants. */
  readonly constants: Uint8Array;
  readonly scratchBytes: number;
  /** How far `from` and `to` go: the elements of a single row, or the extent of the outermost axis. */
  readonly range: number;
  /** Ranges may be cut at multiples of this; 0 where they must not be. */
  readonly grain: number;
}

/** Scratch that all tiles of a pass take together, about half of a first-level cache. */
const SCRATCH_BYTES = 16384;

/** Kernels work on pairs of vectors and may pass the end of a tile. */
const SLACK_BYTES = 64;

const SIZE: Record<DType, 1 | 4 | 8> = { float32: 4, float64: 8, int32: 4, uint8: 1, int8: 1, bool: 1 };

/** First bytes of four-byte groups, and of eight-byte groups. */
const BYTES_OF_WORDS = [0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12];
const LOW_WORDS = [0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11];
const SWAP_HALVES = [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7];
const SWAP_WORDS = [4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11];

const CONVERSIONS: Readonly<Record<string, number>> = {
  "f32 f64": 0x5f,
  "f64 f32": 0x5e,
  "i32 f32": 0xfa,
  "i32 f64": 0xfe,
  "f32 i32": 0xf8,
  "f64 i32": 0xfc,
};

/** Bytes of the lanes of the type, or undefined when a 64-bit float is involved nowhere. */
function isWide(spec: FusedSpec): boolean {
  return [...spec.operands, ...spec.results].some((x) => x.dtype === "float64") || spec.steps.some((s) => s.type === "f64");
}

export function fuse(spec: FusedSpec): FusedCode {
  const key = JSON.stringify([spec.shape, spec.operands, spec.results, spec.steps], (_key, value: unknown) =>
    typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0)) ? `${Object.is(value, -0) ? "-0" : value}` : value,
  );
  return new Emitter(spec).code(key);
}

class Emitter {
  private readonly bytesPerElement: 4 | 8;
  private readonly lanes: number;
  private readonly shape: number[];
  /** Collapsed strides: operands, then results. */
  private readonly strides: number[][];
  private readonly inner: number;
  private readonly body: Body;
  private readonly level: number[] = [];
  private readonly available: number[] = [];
  private readonly numStages: number;
  /** Scratch buffer of kernel steps and of steps that later stages need. */
  private readonly buffers = new Map<number, number>();
  private readonly tileElements: number;
  private readonly kernels: { readonly kernel: TileKernel; readonly type: "float32" | "float64" }[] = [];
  private readonly constants: Uint8Array[] = [];
  private readonly constantAt = new Map<string, number>();
  private readonly stepLocals = new Map<number, number>();
  private readonly scratch: number;
  private readonly table: number;
  private readonly from: number;
  private readonly to: number;
  private readonly i: number;
  private readonly t: number;
  private readonly tileEnd: number;
  /** Vector accumulator, and for sums of floats the wide total, of each reduced result. */
  private readonly accumulators = new Map<number, { readonly acc: number; readonly total: number }>();

  constructor(private readonly spec: FusedSpec) {
    this.bytesPerElement = isWide(spec) ? 8 : 4;
    this.lanes = 16 / this.bytesPerElement;
    const all = [...spec.operands.map((x) => x.stride), ...spec.results.map((x) => x.stride)];
    const collapsed = collapseAxes(spec.shape, all);
    this.shape = collapsed.shape;
    this.strides = collapsed.strides;
    if (this.shape.length === 0) {
      this.shape = [1];
      this.strides = all.map(() => [1]);
      spec.results.forEach((x, k) => {
        if (x.reduce !== undefined) this.strides[spec.operands.length + k] = [0];
      });
    }
    this.inner = this.shape.length - 1;
    const numPointers = all.length;
    [this.scratch, this.table, this.from, this.to] = [numPointers, numPointers + 1, numPointers + 2, numPointers + 3];
    this.body = new Body(numPointers + 4);
    [this.i, this.t, this.tileEnd] = [this.body.local(I32), this.body.local(I32), this.body.local(I32)];
    spec.steps.forEach((step) => {
      const level = step.args.reduce((most, a) => Math.max(most, this.available[a]!), 0);
      this.level.push(level);
      this.available.push(step.kind === "kernel" ? level + 1 : level);
    });
    this.numStages = Math.max(...spec.results.map((x) => this.available[x.step]!)) + 1;
    this.assignBuffers();
    const share = SCRATCH_BYTES / this.bytesPerElement / Math.max(1, this.buffers.size);
    this.tileElements = Math.max(256, Math.min(1024, 2 ** Math.floor(Math.log2(share))));
    spec.results.forEach((x, k) => {
      if (x.reduce !== undefined) this.accumulators.set(k, { acc: this.body.local(V128), total: this.body.local(V128) });
    });
  }

  private assignBuffers(): void {
    const { steps, results } = this.spec;
    const keep = (id: number): void => {
      if (!this.buffers.has(id)) this.buffers.set(id, this.buffers.size);
    };
    steps.forEach((step, id) => {
      if (step.kind === "kernel") keep(id);
      for (const a of step.args) if (this.isComputed(a) && this.available[a]! < this.level[id]!) keep(a);
    });
    for (const x of results) if (steps[x.step]!.kind === "kernel") keep(x.step);
  }

  /** Neither loaded from memory nor a constant. */
  private isComputed(id: number): boolean {
    const { kind } = this.spec.steps[id]!;
    return kind !== "operand" && kind !== "constant";
  }

  private get isFlat(): boolean {
    return this.inner === 0;
  }

  code(key: string): FusedCode {
    const reduces = this.reductionsFrom(0).length > 0;
    this.rows();
    const table = new Uint8Array(this.constants.length * 16);
    this.constants.forEach((vector, k) => table.set(vector, 16 * k));
    const bufferBytes = this.tileElements * this.bytesPerElement + SLACK_BYTES;
    const { body, kernels } = this;
    return {
      key,
      bytes: (shared) =>
        moduleBytes(
          this.to + 1,
          kernels.map((k) => `${k.kernel}.${k.type}`),
          body,
          shared,
        ),
      imports: kernels,
      constants: table,
      scratchBytes: this.buffers.size * bufferBytes,
      range: this.shape[0]!,
      grain: reduces ? 0 : this.isFlat ? 1024 : 1,
    };
  }

  /** The loops over all axes but the innermost. */
  private rows(): void {
    const { body } = this;
    const pointers = [...this.spec.operands, ...this.spec.results];
    const advance = (axis: number, times: number): void => {
      pointers.forEach((x, k) => {
        const bytes = this.strides[k]![axis]! * SIZE[x.dtype] * times;
        if (bytes === 0) return;
        body.get(k);
        body.const32(bytes);
        body.plain(0x6a);
        body.set(k);
      });
    };
    const loopOver = (axis: number): void => {
      const complete = this.reductionsFrom(axis);
      for (const k of complete) this.begin(k);
      if (axis === this.inner) this.row();
      else walk(axis);
      for (const k of complete) this.finish(k);
    };
    const walk = (axis: number): void => {
      const counter = body.local(I32);
      if (axis === 0) {
        body.get(this.from);
        body.set(counter);
        pointers.forEach((x, k) => {
          body.get(k);
          body.get(this.from);
          body.const32(this.strides[k]![0]! * SIZE[x.dtype]);
          body.plain(0x6c, 0x6a);
          body.set(k);
        });
      } else {
        body.const32(0);
        body.set(counter);
      }
      body.loop(
        () => {
          body.get(counter);
          if (axis === 0) body.get(this.to);
          else body.const32(this.shape[axis]!);
          body.plain(0x48);
        },
        () => {
          loopOver(axis + 1);
          advance(axis, 1);
          body.get(counter);
          body.const32(1);
          body.plain(0x6a);
          body.set(counter);
        },
      );
      if (axis > 0) advance(axis, -this.shape[axis]!);
    };
    loopOver(0);
  }

  /** One row: tiles, passes, and the end of reductions. */
  private row(): void {
    const { body, bytesPerElement } = this;
    const scale = Math.log2(bytesPerElement);
    if (this.isFlat) {
      body.get(this.from);
      body.const32(scale);
      body.plain(0x74);
    } else body.const32(0);
    body.set(this.t);
    const pushEnd = (): void => {
      if (!this.isFlat) return body.const32(this.shape[this.inner]! * bytesPerElement);
      body.get(this.to);
      body.const32(scale);
      body.plain(0x74);
    };
    if (this.numStages === 1 && this.accumulators.size === 0) {
      pushEnd();
      body.set(this.tileEnd);
      this.pass(0);
      return;
    }
    const end = body.local(I32);
    pushEnd();
    body.set(end);
    body.loop(
      () => {
        body.get(this.t);
        body.get(end);
        body.plain(0x48);
      },
      () => {
        // the lesser of t + tile and end
        body.get(this.t);
        body.const32(this.tileElements * bytesPerElement);
        body.plain(0x6a);
        body.tee(this.tileEnd);
        body.get(end);
        body.get(this.tileEnd);
        body.get(end);
        body.plain(0x48, 0x1b);
        body.set(this.tileEnd);
        for (let s = 0; s < this.numStages; s++) {
          this.pass(s);
          this.callKernels(s);
        }
        for (const k of this.accumulators.keys()) this.flush(k);
        body.get(this.tileEnd);
        body.set(this.t);
      },
    );
  }

  /** Reductions over this axis and all after it, but none before. */
  private reductionsFrom(axis: number): number[] {
    return [...this.accumulators.keys()].filter((k) => {
      const stride = this.strides[this.spec.operands.length + k]!;
      const kept = stride.findIndex((s) => s === 0);
      return kept === axis;
    });
  }

  private begin(k: number): void {
    const { acc, total } = this.accumulators.get(k)!;
    this.pushNeutral(k);
    this.body.tee(acc);
    this.body.set(total);
  }

  private argumentsOfKernels(stage: number): { readonly arg: number; readonly kernel: number }[] {
    return this.spec.steps.flatMap((step, id) => (step.kind === "kernel" && this.level[id] === stage ? [{ arg: step.args[0]!, kernel: id }] : []));
  }

  /** Steps of this stage that a later stage reads back. */
  private spilled(stage: number): number[] {
    return [...this.buffers.keys()].filter((id) => this.spec.steps[id]!.kind !== "kernel" && this.level[id] === stage);
  }

  /** One pass over the tile from `t` to `tileEnd`. */
  private pass(stage: number): void {
    const { body } = this;
    const results = this.spec.results.flatMap((x, k) => (this.available[x.step] === stage ? [k] : []));
    const kernels = this.argumentsOfKernels(stage);
    const spills = this.spilled(stage);
    if (results.length + kernels.length + spills.length === 0) return;
    const rest = this.shape[this.inner]! % this.lanes;
    const strided = this.strides.some((s, k) => k < this.spec.operands.length && s[this.inner] !== 0 && s[this.inner] !== 1);
    const exact = this.spec.results.some((x) => x.exact === true);
    const careful = rest !== 0 && (strided || (results.length > 0 && (!this.isFlat || exact || this.accumulators.size > 0)));
    body.get(this.t);
    body.set(this.i);
    body.loop(
      () => {
        body.get(this.i);
        if (careful) {
          body.const32(16);
          body.plain(0x6a);
        }
        body.get(this.tileEnd);
        body.plain(careful ? 0x4d : 0x49);
      },
      () => {
        this.vector(stage, results, kernels, spills, this.lanes);
        body.get(this.i);
        body.const32(16);
        body.plain(0x6a);
        body.set(this.i);
      },
    );
    if (!careful) return;
    body.get(this.i);
    body.get(this.tileEnd);
    body.plain(0x49);
    body.when(() => this.vector(stage, results, kernels, spills, rest));
  }

  /** All steps of one stage on the vector at `i`, of which `count` lanes count. */
  private vector(
    stage: number,
    results: readonly number[],
    kernels: readonly { readonly arg: number; readonly kernel: number }[],
    spills: readonly number[],
    count: number,
  ): void {
    const { body } = this;
    const done = new Set<number>();
    for (const { arg, kernel } of kernels) {
      this.pushScratchAddress();
      this.push(arg, stage, done, count);
      body.vectorMemory(0x0b, this.bufferOffset(kernel));
    }
    for (const id of spills) {
      this.pushScratchAddress();
      this.push(id, stage, done, count);
      body.vectorMemory(0x0b, this.bufferOffset(id));
    }
    for (const k of results) {
      const result = this.spec.results[k]!;
      if (result.reduce !== undefined) this.accumulate(k, () => this.push(result.step, stage, done, count), count);
      else this.storeResult(k, () => this.push(result.step, stage, done, count), count);
    }
  }

  private bufferOffset(id: number): number {
    return this.buffers.get(id)! * (this.tileElements * this.bytesPerElement + SLACK_BYTES);
  }

  /** Scratch address of the vector at `i`, without the buffer's offset. */
  private pushScratchAddress(): void {
    const { body } = this;
    body.get(this.scratch);
    body.get(this.i);
    body.get(this.t);
    body.plain(0x6b, 0x6a);
  }

  /** Leaves the value of a step on the stack, computing it where this pass has not yet. */
  private push(id: number, stage: number, done: Set<number>, count: number): void {
    const { body } = this;
    const step = this.spec.steps[id]!;
    if (step.kind === "constant") {
      body.get(this.table);
      body.vectorMemory(0, 16 * this.constant(step.value, step.type));
      return;
    }
    let local = this.stepLocals.get(id);
    if (local === undefined) this.stepLocals.set(id, (local = body.local(V128)));
    if (done.has(id)) return body.get(local);
    done.add(id);
    if (step.kind === "operand") this.loadOperand(step.operand, count);
    else if (step.kind === "kernel" || this.level[id]! < stage) {
      this.pushScratchAddress();
      body.vectorMemory(0, this.bufferOffset(id));
    } else this.compute(step, (a) => this.push(a, stage, done, count));
    body.tee(local);
  }

  private get isWide(): boolean {
    return this.bytesPerElement === 8;
  }

  private typeOf(id: number): Lane {
    return this.spec.steps[id]!.type;
  }

  private compute(step: Step, push: (id: number) => void): void {
    const { body } = this;
    const [a, b, c] = step.args as [number, number, number];
    if (step.kind === "op") {
      const type = this.typeOf(a);
      const codes: Partial<Record<Lane, number>> = OPCODES[step.op];
      const opcode = codes[type];
      if (opcode === undefined) throw new Error(`no vector instruction for ${step.op} on ${type}`);
      step.args.forEach(push);
      body.vector(opcode);
      // truth values of narrow lanes widen with the group
      if (step.type === "mask" && type !== "mask" && type !== "f64" && this.isWide) body.vector(0xc7);
    } else if (step.kind === "select") {
      push(b);
      push(c);
      push(a);
      if (this.isWide && step.type !== "f64" && step.type !== "mask") this.narrowMask();
      body.vector(0x52);
    } else {
      push(a);
      this.convert(this.typeOf(a), step.type);
    }
  }

  private narrowMask(): void {
    const { body } = this;
    const mask = body.local(V128);
    body.tee(mask);
    body.get(mask);
    body.shuffle(LOW_WORDS);
  }

  private convert(from: Lane, to: Lane): void {
    const { body } = this;
    if (from === "mask") {
      // ones where the mask is set
      if (this.isWide && to !== "f64") this.narrowMask();
      body.get(this.table);
      body.vectorMemory(0, 16 * this.constant(1, to));
      body.vector(0x4e);
      return;
    }
    const opcode = CONVERSIONS[`${from} ${to}`];
    if (opcode === undefined) throw new Error(`no conversion from ${from} to ${to}`);
    body.vector(opcode);
  }

  /** Place of a vector of equal lanes in the table of constants. */
  private constant(value: number, type: Lane): number {
    const vector =
      type === "f32"
        ? new Float32Array(4).fill(value)
        : type === "f64"
          ? new Float64Array(2).fill(value)
          : new Int32Array(4).fill(type === "mask" ? -Number(value !== 0) : value);
    return this.tableEntry(new Uint8Array(vector.buffer));
  }

  private tableEntry(vector: Uint8Array): number {
    const key = vector.join();
    let at = this.constantAt.get(key);
    if (at === undefined) this.constantAt.set(key, (at = this.constants.push(vector) - 1));
    return at;
  }

  /** Pushes the address of element `i + lane` of pointer `k`. */
  private pushAddress(k: number, dtype: DType, lane = 0): void {
    const { body } = this;
    const stride = this.strides[k]![this.inner]!;
    const size = SIZE[dtype];
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

  private loadOperand(k: number, count: number): void {
    const { body } = this;
    const { dtype } = this.spec.operands[k]!;
    const size = SIZE[dtype];
    const stride = this.strides[k]![this.inner]!;
    if (stride === 0) {
      this.pushAddress(k, dtype);
      body.vectorMemory(size === 1 ? 0x07 : size === 4 ? 0x09 : 0x0a);
    } else if (stride === 1) {
      this.pushAddress(k, dtype);
      const bytes = this.lanes * size;
      if (bytes === 2) {
        // sixteen bits have no load of their own that leaves zeros
        body.vectorMemory(0x08);
      } else body.vectorMemory(bytes === 16 ? 0x00 : bytes === 8 ? 0x5d : 0x5c);
    } else {
      this.pushAddress(k, dtype);
      body.vectorMemory(size === 1 ? 0x07 : size === 4 ? 0x09 : 0x0a);
      for (let lane = 1; lane < count; lane++) {
        const before = body.local(V128);
        body.set(before);
        this.pushAddress(k, dtype, lane);
        body.get(before);
        body.vectorMemory(size === 1 ? 0x54 : size === 4 ? 0x56 : 0x57, 0, lane);
      }
    }
    if (size === 1) this.widenBytes(dtype);
  }

  /** Bytes in the low lanes to lanes of the group: masks of booleans, otherwise integers. */
  private widenBytes(dtype: DType): void {
    const { body } = this;
    const signed = dtype === "int8";
    body.vector(signed ? 0x87 : 0x89);
    body.vector(signed ? 0xa7 : 0xa9);
    if (dtype !== "bool") return;
    const zero = body.local(V128);
    body.get(zero);
    body.vector(0x38);
    if (this.isWide) body.vector(0xc7);
  }

  private storeResult(resultIndex: number, pushValue: () => void, count: number): void {
    const { body } = this;
    const { dtype } = this.spec.results[resultIndex]!;
    const k = this.spec.operands.length + resultIndex;
    const size = SIZE[dtype];
    const pushLanes = (): void => {
      pushValue();
      if (size > 1) return;
      if (dtype === "bool") {
        // all ones become one
        if (this.isWide) this.narrowMask();
        body.get(this.table);
        body.vectorMemory(0, 16 * this.constant(1, "i32"));
        body.vector(0x4e);
      }
      const words = body.local(V128);
      body.tee(words);
      body.get(words);
      body.shuffle(BYTES_OF_WORDS);
    };
    if (count === this.lanes && this.strides[k]![this.inner] === 1) {
      this.pushAddress(k, dtype);
      pushLanes();
      const bytes = count * size;
      if (bytes === 16) body.vectorMemory(0x0b);
      else body.vectorMemory(bytes === 8 ? 0x5b : bytes === 4 ? 0x5a : 0x59, 0, 0);
      return;
    }
    const value = body.local(V128);
    pushLanes();
    body.set(value);
    for (let lane = 0; lane < count; lane++) {
      this.pushAddress(k, dtype, lane);
      body.get(value);
      body.vectorMemory(size === 8 ? 0x5b : size === 4 ? 0x5a : 0x58, 0, lane);
    }
  }

  private callKernels(stage: number): void {
    const { body } = this;
    for (const { kernel } of this.argumentsOfKernels(stage)) {
      const step = this.spec.steps[kernel]!;
      if (step.kind !== "kernel") continue;
      const type = step.type === "f64" ? "float64" : "float32";
      let fn = this.kernels.findIndex((k) => k.kernel === step.kernel && k.type === type);
      if (fn < 0) fn = this.kernels.push({ kernel: step.kernel, type }) - 1;
      const pushBuffer = (): void => {
        body.get(this.scratch);
        body.const32(this.bufferOffset(kernel));
        body.plain(0x6a);
      };
      pushBuffer();
      pushBuffer();
      body.get(this.tileEnd);
      body.get(this.t);
      body.plain(0x6b);
      // narrow floats of a wide group lie eight bytes apart, in vectors of which half is idle
      body.plain(0x6a);
      body.call(fn);
    }
  }

  private laneOfResult(k: number): Lane {
    return this.typeOf(this.spec.results[k]!.step);
  }

  private pushNeutral(k: number): void {
    const { body } = this;
    const { reduce } = this.spec.results[k]!;
    const type = this.laneOfResult(k);
    const value = reduce === "sum" ? 0 : (reduce === "max" ? -1 : 1) * (type === "i32" ? 2147483647 : Infinity);
    body.get(this.table);
    body.vectorMemory(0, 16 * this.constant(value, type));
  }

  private combineOpcode(k: number): number {
    const { reduce } = this.spec.results[k]!;
    const codes: Partial<Record<Lane, number>> = OPCODES[reduce === "sum" ? "add" : reduce!];
    return codes[this.laneOfResult(k)]!;
  }

  private accumulate(k: number, pushValue: () => void, count: number): void {
    const { body } = this;
    const { acc } = this.accumulators.get(k)!;
    pushValue();
    if (count < this.lanes) {
      this.pushNeutral(k);
      body.get(this.table);
      const lanes = Array.from({ length: 16 }, (_, byte) => (byte < count * this.bytesPerElement ? 255 : 0));
      body.vectorMemory(0, 16 * this.tableEntry(Uint8Array.from(lanes)));
      body.vector(0x52);
    }
    body.get(acc);
    body.vector(this.combineOpcode(k));
    body.set(acc);
  }

  /** Sums of floats are taken tile by tile, and the tiles' sums are added as doubles. */
  private flush(k: number): void {
    const { body } = this;
    const type = this.laneOfResult(k);
    if (this.spec.results[k]!.reduce !== "sum" || type === "i32") return;
    const { acc, total } = this.accumulators.get(k)!;
    body.get(acc);
    if (type === "f32") {
      body.vector(0x5f);
      body.get(acc);
      body.get(acc);
      body.shuffle(SWAP_HALVES);
      body.vector(0x5f);
      body.vector(0xf0);
    }
    body.get(total);
    body.vector(0xf0);
    body.set(total);
    this.pushNeutral(k);
    body.set(acc);
  }

  private finish(k: number): void {
    const { body } = this;
    const { dtype, reduce } = this.spec.results[k]!;
    const type = this.laneOfResult(k);
    const { acc, total } = this.accumulators.get(k)!;
    const inDoubles = reduce === "sum" && type !== "i32";
    const local = inDoubles ? total : acc;
    const opcode = inDoubles ? 0xf0 : this.combineOpcode(k);
    const fold = (shuffle: readonly number[]): void => {
      body.get(local);
      body.get(local);
      body.get(local);
      body.shuffle(shuffle);
      body.vector(opcode);
      body.set(local);
    };
    fold(SWAP_HALVES);
    if (!inDoubles && type !== "f64") fold(SWAP_WORDS);
    body.get(this.spec.operands.length + k);
    body.get(local);
    if (inDoubles && dtype === "float32") body.vector(0x5e);
    body.vectorMemory(SIZE[dtype] === 8 ? 0x5b : 0x5a, 0, 0);
  }
}

/** The family a tile kernel belongs to. */
export function familyOf(kernel: TileKernel): (typeof TILE_KERNELS)[TileKernel] {
  return TILE_KERNELS[kernel];
}
