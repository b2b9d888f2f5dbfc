/** Operations on vectors of `T` lanes that the kernels share. */

/** `x·y + z`; fused in the relaxed build, rounded twice in the deterministic one. */
@inline
export function madd<T>(x: v128, y: v128, z: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return v128.relaxed_madd<T>(x, y, z);
  return v128.add<T>(v128.mul<T>(x, y), z);
}

/** Lanes of a vector. */
@inline
export function lanes<T>(): i32 {
  return 16 / sizeof<T>();
}

/** Sum of the lanes. */
@inline
export function laneSum<T>(x: v128): T {
  if (sizeof<T>() == 8) return <T>(v128.extract_lane<T>(x, 0) + v128.extract_lane<T>(x, 1));
  const y = v128.add<T>(x, v128.shuffle<i32>(x, x, 2, 3, 0, 1));
  return <T>(v128.extract_lane<T>(y, 0) + v128.extract_lane<T>(y, 1));
}
