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

/** `z − x·y`. */
@inline
export function nmadd<T>(x: v128, y: v128, z: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return v128.relaxed_nmadd<T>(x, y, z);
  return v128.sub<T>(z, v128.mul<T>(x, y));
}

/** Sum of the bit patterns as integers. */
@inline
export function addBits<T>(x: v128, y: v128): v128 {
  return sizeof<T>() == 4 ? v128.add<i32>(x, y) : v128.add<i64>(x, y);
}

/** Difference of the bit patterns as integers. */
@inline
export function subBits<T>(x: v128, y: v128): v128 {
  return sizeof<T>() == 4 ? v128.sub<i32>(x, y) : v128.sub<i64>(x, y);
}

/** Low bits moved up to where the exponent stands. */
@inline
export function toExponent<T>(x: v128): v128 {
  return sizeof<T>() == 4 ? v128.shl<i32>(x, 23) : v128.shl<i64>(x, 52);
}

/** Sign and exponent moved down to the low bits. */
@inline
export function fromExponent<T>(x: v128): v128 {
  return sizeof<T>() == 4 ? v128.shr<u32>(x, 23) : v128.shr<u64>(x, 52);
}

/** All ones where the sign is set. */
@inline
export function signMask<T>(x: v128): v128 {
  return sizeof<T>() == 4 ? v128.shr<i32>(x, 31) : v128.shr<i64>(x, 63);
}
