/** Softmax of rows of 32-bit floats. */
import { softmax as softmaxOf, subtract as subtractOf, sums as sumsOf } from "./softmax";
import { expand } from "./tables";

expand<f32>();

export function softmax(x: usize, out: usize, rows: i32, cols: i32): void {
  softmaxOf<f32>(x, out, rows, cols);
}

export function sums(x: usize, rows: i32, cols: i32, shifts: usize, totals: usize, finite: bool): void {
  sumsOf<f32>(x, rows, cols, shifts, totals, finite);
}

export function subtract(x: usize, out: usize, rows: i32, cols: i32, shifts: usize, logs: usize): void {
  subtractOf<f32>(x, out, rows, cols, shifts, logs);
}
