/** Matrix product and convolution of 64-bit floats. */
import { direct as directOf, embed as embedOf } from "./image";
import { gemm as gemmOf, workBytes as workBytesOf } from "./gemm";

export function gemm(
  a: usize, aRow: i32, aCol: i32, b: usize, bRow: i32, bCol: i32, c: usize, m: i32, n: i32, k: i32, work: usize,
): void {
  gemmOf<f64>(a, aRow, aCol, b, bRow, bCol, 0, 0, c, m, n, k, false, work);
}

export function gatherGemm(
  a: usize, aRow: i32, b: usize, depthOffsets: usize, colOffsets: usize,
  c: usize, m: i32, n: i32, k: i32, accumulate: bool, work: usize,
): void {
  gemmOf<f64>(a, aRow, 8, b, 0, 0, depthOffsets, colOffsets, c, m, n, k, accumulate, work);
}

export function workBytes(n: i32, k: i32): i32 {
  return workBytesOf<f64>(n, k);
}

export function embed(
  from: usize, planes: i32, height: i32, width: i32, to: usize, toHeight: i32, toWidth: i32,
  top: i32, left: i32, stepY: i32, stepX: i32,
): void {
  embedOf<f64>(from, planes, height, width, to, toHeight, toWidth, top, left, stepY, stepX);
}

export function direct(
  weights: usize, image: usize, offsets: usize, k: i32, out: usize, height: i32, width: i32, stepY: i32, stepX: i32,
): void {
  directOf<f64>(weights, image, offsets, k, out, height, width, stepY, stepX);
}
