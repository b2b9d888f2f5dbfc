/** Logarithmic functions of 32-bit floats, in place on the pairs of vectors from `at` up to `end`. */
import { log as logOf, log1p as log1pOf, softplus as softplusOf } from "./logarithm";
import { expand } from "./tables";

expand<f32>();

export function log(at: usize, end: usize): void {
  logOf<f32>(at, end);
}

export function log1p(at: usize, end: usize): void {
  log1pOf<f32>(at, end);
}

export function softplus(at: usize, end: usize): void {
  softplusOf<f32>(at, end);
}
