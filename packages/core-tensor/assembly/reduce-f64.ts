/** Reductions of 64-bit floats. */
import { MAX, MIN, SQUARES, SUM, columns, dot as dotOf, rows } from "./reduce";

export function sumRows(x: usize, count: i32, cols: i32, out: usize): void {
  rows<f64>(SUM, x, count, cols, out);
}

export function sumColumns(x: usize, count: i32, cols: i32, part: usize, out: usize, first: bool): void {
  columns<f64>(SUM, x, count, cols, part, out, first);
}

export function maxRows(x: usize, count: i32, cols: i32, out: usize): void {
  rows<f64>(MAX, x, count, cols, out);
}

export function maxColumns(x: usize, count: i32, cols: i32, part: usize, out: usize, first: bool): void {
  columns<f64>(MAX, x, count, cols, part, out, first);
}

export function minRows(x: usize, count: i32, cols: i32, out: usize): void {
  rows<f64>(MIN, x, count, cols, out);
}

export function minColumns(x: usize, count: i32, cols: i32, part: usize, out: usize, first: bool): void {
  columns<f64>(MIN, x, count, cols, part, out, first);
}

export function sumSquaresRows(x: usize, count: i32, cols: i32, out: usize): void {
  rows<f64>(SQUARES, x, count, cols, out);
}

export function sumSquaresColumns(x: usize, count: i32, cols: i32, part: usize, out: usize, first: bool): void {
  columns<f64>(SQUARES, x, count, cols, part, out, first);
}

export function dot(x: usize, y: usize, n: i32): f64 {
  return dotOf<f64>(x, y, n);
}
