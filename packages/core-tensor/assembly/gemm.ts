/** Blocked matrix product: packed panels, three loops around the register tile. Strides are in bytes and may be negative. */
import { MR, NV, tile } from "./tile";
import { lanes } from "./lane";

/** Rows of A, depth and columns of B that one block holds: A's block stays in the second-level cache, B's panel in the first. */
const MC: i32 = 120;
const KC: i32 = 256;
const NC: i32 = 1024;

/** Columns of the tile. */
@inline
export function NR<T>(): i32 {
  return NV * lanes<T>();
}

/** Bytes of packed B that `gemm` needs. */
export function packedBytesB<T>(n: i32, k: i32): i32 {
  const columns = (min(n, NC) + NR<T>() - 1) / NR<T>() * NR<T>();
  return columns * min(k, KC) * sizeof<T>();
}

/** Writes two lines of contiguous elements interleaved: element k of both at `out + k * outStride`. */
function packPair<T>(first: usize, second: usize, depth: i32, out: usize, outStride: i32): void {
  const whole = depth & ~(lanes<T>() - 1);
  let k = 0;
  for (; k < whole; k += lanes<T>(), first += 16, second += 16) {
    const x = v128.load(first), y = v128.load(second);
    if (sizeof<T>() == 4) {
      const low = v128.shuffle<i32>(x, y, 0, 4, 1, 5), high = v128.shuffle<i32>(x, y, 2, 6, 3, 7);
      v128.store64_lane(out, low, 0);
      v128.store64_lane(out + outStride, low, 1);
      out += 2 * outStride;
      v128.store64_lane(out, high, 0);
      v128.store64_lane(out + outStride, high, 1);
    } else {
      v128.store(out, v128.shuffle<i64>(x, y, 0, 2));
      v128.store(out + outStride, v128.shuffle<i64>(x, y, 1, 3));
    }
    out += 2 * outStride;
  }
  for (; k < depth; k++, first += sizeof<T>(), second += sizeof<T>(), out += outStride) {
    store<T>(out, load<T>(first));
    store<T>(out, load<T>(second), sizeof<T>());
  }
}

/**
 * Packs `lines` (rows of A, columns of B) of `depth` elements into panels of `width` lines, each depth-major; the last panel is
 * padded with zeros.
 */
export function pack<T>(
  from: usize, lineStride: i32, depthStride: i32, lines: i32, depth: i32, width: i32, out: usize,
): void {
  const step: i32 = width * sizeof<T>();
  for (let l = 0; l < lines; l += width, from += width * lineStride, out += step * depth) {
    const present = min(width, lines - l);
    if (present == width && lineStride == sizeof<T>()) {
      let p = from;
      for (let q = out, end = out + step * depth; q < end; q += step, p += depthStride) {
        v128.store(q, v128.load(p));
        if (step > 16) {
          if (step == 24) v128.store64_lane(q, v128.load64_zero(p, 16), 0, 16);
          else v128.store(q, v128.load(p, 16), 16);
          if (step == 48) v128.store(q, v128.load(p, 32), 32);
        }
      }
    } else if (present == width && depthStride == sizeof<T>()) {
      let p = from;
      for (let c = 0; c < width; c += 2, p += 2 * lineStride) packPair<T>(p, p + lineStride, depth, out + c * sizeof<T>(), step);
    } else {
      memory.fill(out, 0, step * depth);
      for (let c = 0; c < present; c++) {
        let p = from + c * lineStride;
        let q = out + c * sizeof<T>();
        for (let k = 0; k < depth; k++, p += depthStride, q += step) store<T>(q, load<T>(p));
      }
    }
  }
}

/** Product of packed blocks, `rows` × `cols` at `c`; tiles that stick out go through the buffer `edge` of one tile. */
export function macro<T>(
  a: usize, b: usize, c: usize, rowBytes: i32, rows: i32, cols: i32, depth: i32, accumulate: bool, edge: usize,
): void {
  const panel = NR<T>();
  const panelA = MR * depth * sizeof<T>();
  const panelB = panel * depth * sizeof<T>();
  for (let j = 0; j < cols; j += panel, b += panelB, c += panel * sizeof<T>()) {
    let pa = a;
    let pc = c;
    for (let i = 0; i < rows; i += MR, pa += panelA, pc += MR * rowBytes) {
      if (rows - i >= MR && cols - j >= panel) {
        tile<T>(pa, b, pc, rowBytes, depth, accumulate);
        continue;
      }
      tile<T>(pa, b, edge, NV * 16, depth, false);
      const height = min(MR, rows - i);
      const width = min(panel, cols - j);
      for (let r = 0; r < height; r++) {
        const to = pc + r * rowBytes;
        const from = edge + r * NV * 16;
        for (let s = 0; s < width; s++) {
          const at = s * sizeof<T>();
          const value = load<T>(from + at);
          store<T>(to + at, accumulate ? load<T>(to + at) + value : value);
        }
      }
    }
  }
}

/**
 * Packs the block of B whose element (k, j) lies at `from + depthOffsets[k] + colOffsets[j]`, as `pack` does. Both tables hold
 * byte offsets; the one of the columns goes on, with any valid offsets, to the end of the last panel.
 */
export function packGathered<T>(from: usize, depthOffsets: usize, colOffsets: usize, cols: i32, depth: i32, out: usize): void {
  const panel = NR<T>();
  for (let j = 0; j < cols; j += panel, colOffsets += panel * 4) {
    const first = load<i32>(colOffsets);
    const second = load<i32>(colOffsets + lanes<T>() * 4);
    // The columns rise by one element within each of the two vectors: neighbouring pixels of one row.
    const runs = load<i32>(colOffsets + (lanes<T>() - 1) * 4) - first == 16 - sizeof<T>()
      && load<i32>(colOffsets + (panel - 1) * 4) - second == 16 - sizeof<T>();
    for (let k = 0; k < depth; k++) {
      const p = from + load<i32>(depthOffsets + k * 4);
      if (runs) {
        v128.store(out, v128.load(p + first));
        v128.store(out, v128.load(p + second), 16);
        out += 32;
      } else {
        for (let q = colOffsets, end = colOffsets + panel * 4; q < end; q += 8, out += 2 * sizeof<T>()) {
          store<T>(out, load<T>(p + load<i32>(q)));
          store<T>(out, load<T>(p + load<i32>(q, 4)), sizeof<T>());
        }
      }
    }
  }
}

/**
 * C `[m, n]` row-major at `c` = A B, or C + A B with `accumulate`. B is strided, or, when `depthOffsets` is not zero, gathered.
 * `work` holds one tile, then the packed block of A, then the packed panel of B.
 */
export function gemm<T>(
  a: usize, aRow: i32, aCol: i32, b: usize, bRow: i32, bCol: i32, depthOffsets: usize, colOffsets: usize,
  c: usize, m: i32, n: i32, k: i32, accumulate: bool, work: usize,
): void {
  const packedA = work + MR * NV * 16;
  const packedB = packedA + MC * KC * sizeof<T>();
  const rowBytes = n * sizeof<T>();
  for (let j = 0; j < n; j += NC) {
    const cols = min(NC, n - j);
    for (let p = 0; p < k; p += KC) {
      const depth = min(KC, k - p);
      if (depthOffsets) packGathered<T>(b, depthOffsets + p * 4, colOffsets + j * 4, cols, depth, packedB);
      else pack<T>(b + p * bRow + j * bCol, bCol, bRow, cols, depth, NR<T>(), packedB);
      for (let i = 0; i < m; i += MC) {
        const rows = min(MC, m - i);
        pack<T>(a + i * aRow + p * aCol, aRow, aCol, rows, depth, MR, packedA);
        macro<T>(packedA, packedB, c + i * rowBytes + j * sizeof<T>(), rowBytes, rows, cols, depth, accumulate || p > 0, work);
      }
    }
  }
}

/** Bytes of `work` that a product with `n` columns and depth `k` needs. */
export function workBytes<T>(n: i32, k: i32): i32 {
  return MR * NV * 16 + MC * KC * sizeof<T>() + packedBytesB<T>(n, k);
}
