/** Exponential functions of 32-bit floats, in place on the vectors from `at` up to `end`. */
import { exp as expOf, expm1 as expm1Of, geluTanh as geluTanhOf, sigmoid as sigmoidOf, silu as siluOf, tanh as tanhOf } from "./exponential";

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
  sigmoidOf<f32>(at, end);
}

export function silu(at: usize, end: usize): void {
  siluOf<f32>(at, end);
}

export function geluTanh(at: usize, end: usize): void {
  geluTanhOf<f32>(at, end);
}
