/** Products of pinned matrices in JavaScript: where WebAssembly is off or the operands' area is too small. */
import { type Pinned, type PinnedMatrix, contentsOf, viewsOf } from "./matrix.js";

export function dotsInJs(
  w: PinnedMatrix,
  pinned: Pinned,
  x: Float32Array,
  count: number,
  n: number,
  m: number,
  rows?: Int32Array,
): Float32Array<ArrayBuffer> {
  const out = new Float32Array(count * n);
  const { values, scales } = viewsOf(w, pinned);
  for (let i = 0; i < n; i++) {
    const row = rows?.[i] ?? i;
    for (let t = 0; t < count; t++) {
      const [a, b] = [t * m, row * m];
      // four sums hide the latency of the additions
      let [s0, s1, s2, s3] = [0, 0, 0, 0];
      let j = 0;
      for (; j + 3 < m; j += 4) {
        s0 += x[a + j]! * values[b + j]!;
        s1 += x[a + j + 1]! * values[b + j + 1]!;
        s2 += x[a + j + 2]! * values[b + j + 2]!;
        s3 += x[a + j + 3]! * values[b + j + 3]!;
      }
      for (; j < m; j++) s0 += x[a + j]! * values[b + j]!;
      out[t * n + i] = (s0 + s1 + (s2 + s3)) * (w.dtype === "float32" ? 1 : scales[row]!);
    }
  }
  return out;
}

export function combineInJs(
  w: PinnedMatrix,
  pinned: Pinned,
  x: Float32Array,
  n: number,
  m: number,
  rows?: Int32Array,
): Float32Array<ArrayBuffer> {
  const sums = new Float64Array(m);
  const { values, scales } = viewsOf(w, pinned);
  for (let i = 0; i < n; i++) {
    const row = rows?.[i] ?? i;
    const factor = x[i]! * (w.dtype === "float32" ? 1 : scales[row]!);
    const at = row * m;
    for (let j = 0; j < m; j++) sums[j]! += factor * values[at + j]!;
  }
  return Float32Array.from(sums);
}

export function productInJs(
  w: PinnedMatrix,
  x: Float32Array,
  count: number,
  m: number,
  from: number,
  to: number,
  rows: Int32Array | undefined,
  transposed: boolean,
): Float32Array {
  const pinned = contentsOf("product", w);
  const list = Int32Array.from({ length: to - from }, (_, i) => rows?.[from + i] ?? from + i);
  if (transposed) return dotsInJs(w, pinned, x, count, list.length, m, list);
  const out = new Float32Array(count * m);
  for (let t = 0; t < count; t++)
    out.set(
      combineInJs(
        w,
        pinned,
        x.subarray(t * list.length, (t + 1) * list.length),
        list.length,
        m,
        list,
      ),
      t * m,
    );
  return out;
}
