/** Vectors that generated code reads from memory: engines make a constant in the code anew in every round of a loop. */
import type { Lane } from "../../../forms/vector.js";

export class ConstantTable {
  private readonly vectors: Uint8Array[] = [];
  private readonly known = new Map<string, number>();

  /** Byte offset of a vector of equal lanes. */
  lanes(value: number, type: Lane): number {
    const vector =
      type === "f32"
        ? new Float32Array(4).fill(value)
        : type === "f64"
          ? new Float64Array(2).fill(value)
          : new Int32Array(4).fill(type === "mask" ? -Number(value !== 0) : value);
    return this.entry(new Uint8Array(vector.buffer));
  }

  /** Byte offset of a vector whose first `count` bytes are all ones. */
  leadingBytes(count: number): number {
    return this.entry(Uint8Array.from({ length: 16 }, (_, byte) => (byte < count ? 255 : 0)));
  }

  private entry(vector: Uint8Array): number {
    const key = vector.join();
    let at = this.known.get(key);
    if (at === undefined) this.known.set(key, (at = this.vectors.push(vector) - 1));
    return 16 * at;
  }

  bytes(): Uint8Array {
    const table = new Uint8Array(this.vectors.length * 16);
    this.vectors.forEach((vector, k) => table.set(vector, 16 * k));
    return table;
  }
}
