/** What a fused loop computes, as data: an index space, what is read and written along it, and the steps between. */
import type { DType } from "../../../array/dtype.js";
import type { TileKernel } from "../../../exec/wasm/tile-kernels.js";
import type { Step } from "./steps.js";

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
}

export interface FusedSpec {
  readonly shape: readonly number[];
  readonly operands: readonly FusedOperand[];
  readonly results: readonly FusedResult[];
  readonly steps: readonly Step[];
}

/** A static kernel that a loop calls. */
export interface ImportedKernel {
  readonly kernel: TileKernel;
  readonly type: "float32" | "float64";
}

/** The loop as a module, and what it needs besides addresses. */
export interface FusedCode {
  readonly key: string;
  /** `shared` memory makes another module. */
  bytes(shared: boolean): Uint8Array<ArrayBuffer>;
  /** Imported as `name.type`. */
  readonly imports: readonly ImportedKernel[];
  /** Vectors that must lie at the address of the constants. */
  readonly constants: Uint8Array;
  readonly scratchBytes: number;
  /** How far `from` and `to` go: the elements of a single row, or the extent of the outermost axis. */
  readonly range: number;
  /** Ranges may be cut at multiples of this; 0 where they must not be. */
  readonly grain: number;
}

/** Equal for loops of which one module can serve. */
export function keyOfSpec({ shape, operands, results, steps }: FusedSpec): string {
  return JSON.stringify([shape, operands, results, steps], (_key, value: unknown) =>
    typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0))
      ? `${Object.is(value, -0) ? "-0" : value}`
      : value,
  );
}

/** Whether a 64-bit float is involved anywhere: then all lanes take eight bytes. */
export function isWideSpec(spec: FusedSpec): boolean {
  return (
    [...spec.operands, ...spec.results].some((x) => x.dtype === "float64") ||
    spec.steps.some((s) => s.type === "f64")
  );
}
