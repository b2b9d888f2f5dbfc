/** Exponential functions of 64-bit floats, in place on the pairs of vectors from `at` up to `end`. */
import { exp as expOf, expm1 as expm1Of, gate, tanh as tanhOf } from "./exponential";
import { geluTanh as geluTanhOf } from "./gelu-tanh";
import { expand } from "./tables";

expand<f64>();

export function exp(at: usize, end: usize): void {
  expOf<f64>(at, end);
}

export function expm1(at: usize, end: usize): void {
  expm1Of<f64>(at, end);
}

export function tanh(at: usize, end: usize): void {
  tanhOf<f64>(at, end);
}

export function sigmoid(at: usize, end: usize): void {
  gate<f64>(at, end, false);
}

export function silu(at: usize, end: usize): void {
  gate<f64>(at, end, true);
}

export function geluTanh(at: usize, end: usize): void {
  geluTanhOf<f64>(at, end);
}
