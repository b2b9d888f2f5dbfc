/** Gaussian functions of 32-bit floats, in place on the pairs of vectors from `at` up to `end`. */
import { erf as erfOf, gelu as geluOf } from "./gaussian";
import { expand } from "./tables";

expand<f32>();

export function erf(at: usize, end: usize): void {
  erfOf<f32>(at, end);
}

export function gelu(at: usize, end: usize): void {
  geluOf<f32>(at, end);
}
