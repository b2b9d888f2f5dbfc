/** Gaussian functions of 32-bit floats, in place on the pairs of vectors from `at` up to `end`. */
import { error, mass } from "./gaussian";
import { expand } from "./tables";

expand<f32>();

export function erf(at: usize, end: usize): void {
  error<f32>(at, end, false);
}

export function erfc(at: usize, end: usize): void {
  error<f32>(at, end, true);
}

export function gelu(at: usize, end: usize): void {
  mass<f32>(at, end, true);
}

export function ndtr(at: usize, end: usize): void {
  mass<f32>(at, end, false);
}
