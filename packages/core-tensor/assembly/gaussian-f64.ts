/** Gaussian functions of 64-bit floats, in place on the pairs of vectors from `at` up to `end`. */
import { error, mass } from "./gaussian";
import { expand } from "./tables";

expand<f64>();

export function erf(at: usize, end: usize): void {
  error<f64>(at, end, false);
}

export function erfc(at: usize, end: usize): void {
  error<f64>(at, end, true);
}

export function gelu(at: usize, end: usize): void {
  mass<f64>(at, end, true);
}

export function ndtr(at: usize, end: usize): void {
  mass<f64>(at, end, false);
}
