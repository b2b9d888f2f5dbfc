/** Blocks of side 2 on the diagonal: two real eigenvalues, or a pair of complex ones. */

/**
 * Turns the block at `k` by a rotation: upper triangular when its eigenvalues are real, else with equal entries on the diagonal and off-diagonal
 * entries of opposite sign, so that the eigenvalues are $a ± i\sqrt{|bc|}$.
 */
export function splitBlock(h: Float64Array, z: Float64Array, n: number, k: number): void {
  const at = [k * n + k, k * n + k + 1, (k + 1) * n + k, (k + 1) * n + k + 1] as const;
  const entries = (): [number, number, number, number] => [
    h[at[0]]!,
    h[at[1]]!,
    h[at[2]]!,
    h[at[3]]!,
  ];
  const [a, b, c, d] = entries();
  if (c === 0) return;
  const half = (a - d) / 2;
  const size = Math.max(Math.abs(half), Math.abs(b), Math.abs(c));
  const discriminant = (half / size) * half + (b / size) * c;
  if (discriminant >= 0) {
    // (λ − d, c) is an eigenvector, with the λ that is farther from d
    const root = Math.sqrt(discriminant) * Math.sqrt(size);
    rotate(h, z, n, k, half + (half < 0 ? -root : root), c);
    h[at[2]] = 0;
    return;
  }
  // the angle t with tan 2t = (d − a)/(b + c) makes the diagonal equal
  const angle = Math.atan2(d - a, b + c) / 2;
  rotate(h, z, n, k, Math.cos(angle), Math.sin(angle));
  const [e, f, g, i] = entries();
  h[at[0]] = h[at[3]] = (e + i) / 2;
  if (f * g < 0) return;
  // the imaginary part is below rounding: the smaller entry is what rounding left of zero
  if (Math.abs(f) < Math.abs(g)) {
    rotate(h, z, n, k, 0, 1);
    h[at[2]] = 0;
  } else h[at[2]] = 0;
}

/** The rotation whose first column points along (x, y), from both sides of `h` and from the right of `z`. */
function rotate(
  h: Float64Array,
  z: Float64Array,
  n: number,
  k: number,
  x: number,
  y: number,
): void {
  const length = Math.hypot(x, y);
  const [c, s] = [x / length, y / length];
  for (let j = k, p = k * n + k, q = p + n; j < n; j++, p++, q++) {
    const [u, v] = [h[p]!, h[q]!];
    h[p] = c * u + s * v;
    h[q] = c * v - s * u;
  }
  const columns = (a: Float64Array, rows: number): void => {
    for (let i = 0, p = k; i < rows; i++, p += n) {
      const [u, v] = [a[p]!, a[p + 1]!];
      a[p] = c * u + s * v;
      a[p + 1] = c * v - s * u;
    }
  };
  columns(h, k + 2);
  columns(z, n);
}
