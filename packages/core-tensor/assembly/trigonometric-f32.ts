/** Sine and cosine of 32-bit floats, in place on the pairs of vectors from `at` up to `end`. */
import { expand } from "./tables";
import { trigonometric } from "./trigonometric";

// the arithmetic is that of 64-bit floats for either
expand<f64>();

export function sin(at: usize, end: usize): void {
  trigonometric<f32>(at, end, false);
}

export function cos(at: usize, end: usize): void {
  trigonometric<f32>(at, end, true);
}
