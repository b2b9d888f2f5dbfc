/** Exponential functions of 32-bit floats, in place on the pairs of vectors from `at` up to `end`. */
import { exp as expOf, expm1 as expm1Of, gate, tanh as tanhOf } from "./exponential";
import { geluTanh as geluTanhOf } from "./gelu-tanh";
import { expand } from "./tables";

expand<f32>();

export function exp(at: usize, end: usize): void {
  expOf<f32>(at, end);
}

export function expm1(at: usize, end: usize): void {
  expm1Of<f32>(at, end);
}

export function tanh(at: usize, end: usize): void {
  tanhOf<f32>(at, end);
}

export function sigmoid(at: usize, end: usize): void {
  gate<f32>(at, end, false);
}

export function silu(at: usize, end: usize): void {
  gate<f32>(at, end, true);
}

export function geluTanh(at: usize, end: usize): void {
  geluTanhOf<f32>(at, end);
}
