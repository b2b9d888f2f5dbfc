/** Images around the convolution: embedding in zeros, and the direct loop for filters that do not share their input. */
import { lanes, madd } from "./lane";

/**
 * Copies `planes` images `height` × `width` into zeroed ones `toHeight` × `toWidth`: pixel (y, x) goes to
 * (top + y · stepY, left + x · stepX) where that exists.
 */
export function embed<T>(
  from: usize, planes: i32, height: i32, width: i32, to: usize, toHeight: i32, toWidth: i32,
  top: i32, left: i32, stepY: i32, stepX: i32,
): void {
  const planeBytes: i32 = toHeight * toWidth * sizeof<T>();
  memory.fill(to, 0, planes * planeBytes);
  // Columns x with 0 ≤ left + x · stepX < toWidth.
  const begin = left < 0 ? (stepX - 1 - left) / stepX : 0;
  const end = min(width, (toWidth - left + stepX - 1) / stepX);
  for (let p = 0; p < planes; p++, to += planeBytes) {
    for (let y = 0; y < height; y++, from += width * sizeof<T>()) {
      const row = top + y * stepY;
      if (row < 0 || row >= toHeight) continue;
      let q: usize = to + (row * toWidth + left + begin * stepX) * sizeof<T>();
      let x = begin;
      if (stepX == 1) {
        for (; x + lanes<T>() <= end; x += lanes<T>(), q += 16) v128.store(q, v128.load(from + x * sizeof<T>()));
      }
      for (; x < end; x++, q += stepX * sizeof<T>()) store<T>(q, load<T>(from + x * sizeof<T>()));
    }
  }
}

/**
 * One output image from `k` weights: pixel (y, x) = Σ weight[i] · image[offset[i] + y · stepY + x · stepX]. Offsets and steps are
 * in bytes.
 */
export function direct<T>(
  weights: usize, image: usize, offsets: usize, k: i32, out: usize, height: i32, width: i32, stepY: i32, stepX: i32,
): void {
  for (let y = 0; y < height; y++, image += stepY) {
    let x = 0;
    let p = image;
    if (stepX == sizeof<T>()) {
      for (; x + 2 * lanes<T>() <= width; x += 2 * lanes<T>(), p += 32, out += 32) {
        let s = v128.splat<T>(<T>0), t = s;
        for (let i = 0; i < k; i++) {
          const w = v128.load_splat<T>(weights + i * sizeof<T>());
          const q = p + load<i32>(offsets + i * 4);
          s = madd<T>(w, v128.load(q), s);
          t = madd<T>(w, v128.load(q, 16), t);
        }
        v128.store(out, s);
        v128.store(out, t, 16);
      }
    }
    for (; x < width; x++, p += stepX, out += sizeof<T>()) {
      let sum: T = <T>0;
      for (let i = 0; i < k; i++) sum += load<T>(weights + i * sizeof<T>()) * load<T>(p + load<i32>(offsets + i * 4));
      store<T>(out, sum);
    }
  }
}
