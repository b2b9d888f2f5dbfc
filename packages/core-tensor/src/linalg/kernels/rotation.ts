/** Sequences of plane rotations on neighbouring rows. */

/**
 * For i from m − 1 down to l turns rows i and i + 1: `(x, y) ← (c x − s y, s x + c y)`.
 * Columns go in strips that stay in the first-level cache over the whole sequence.
 */
export function rotateRows(a: Float64Array, n: number, l: number, m: number, cosines: Float64Array, sines: Float64Array): void {
  const STRIP = 64;
  for (let from = 0; from < n; from += STRIP) {
    const to = Math.min(n, from + STRIP);
    for (let i = m - 1; i >= l; i--) {
      const c = cosines[i]!;
      const s = sines[i]!;
      if (s === 0) continue;
      const shift = i * n;
      for (let p = shift + from, q = p + n; p < shift + to; p++, q++) {
        const x = a[p]!;
        const y = a[q]!;
        a[q] = s * x + c * y;
        a[p] = c * x - s * y;
      }
    }
  }
}

/** For i from l up to m − 1 turns rows i and i + 1: `(x, y) ← (c x + s y, c y − s x)`. */
export function rotateRowsForward(a: Float64Array, width: number, l: number, m: number, cosines: Float64Array, sines: Float64Array): void {
  const STRIP = 64;
  for (let from = 0; from < width; from += STRIP) {
    const to = Math.min(width, from + STRIP);
    for (let i = l; i < m; i++) {
      const c = cosines[i]!;
      const s = sines[i]!;
      if (s === 0) continue;
      const shift = i * width;
      for (let p = shift + from, q = p + width; p < shift + to; p++, q++) {
        const x = a[p]!;
        const y = a[q]!;
        a[q] = c * y - s * x;
        a[p] = c * x + s * y;
      }
    }
  }
}
