/**
 * Where the rows of resident matrices lie. `rows` lists the rows that take part, or is zero for all of them. Strides are in bytes.
 */

/** Address of the j-th row that takes part. */
@inline
export function rowAt(matrix: usize, rowBytes: i32, rows: usize, j: i32): usize {
  return matrix + <usize>(rows ? load<i32>(rows + (<usize>j << 2)) : j) * <usize>rowBytes;
}

/** Scale of the j-th row that takes part. */
@inline
export function rowScale(scales: usize, rows: usize, j: i32): f32 {
  return load<f32>(scales + (<usize>(rows ? load<i32>(rows + (<usize>j << 2)) : j) << 2));
}
