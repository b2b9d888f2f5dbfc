/** Exponential functions of 64-bit floats, in place on the vectors from `at` up to `end`. */
import { exp as expOf, expm1 as expm1Of, geluTanh as geluTanhOf, sigmoid as sigmoidOf, silu as siluOf, tanh as tanhOf } from "./exponential";

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
  sigmoidOf<f64>(at, end);
}

export function silu(at: usize, end: usize): void {
  siluOf<f64>(at, end);
}

export function geluTanh(at: usize, end: usize): void {
  geluTanhOf<f64>(at, end);
}
