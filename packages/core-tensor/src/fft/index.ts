/**
 * Fourier transforms of any length, differentiable, in double precision inside; complex arrays are pairs of real and imaginary parts.
 *
 * @packageDocumentation
 */

export type { Complex, ComplexInput } from "./complex.js";
export { fft, ifft, irfft, rfft, type FftNorm, type FftOptions } from "./transforms.js";
export {
  fft2,
  fftn,
  ifft2,
  ifftn,
  irfft2,
  irfftn,
  rfft2,
  rfftn,
  type FftnOptions,
} from "./several.js";
export { fftfreq, fftshift, ifftshift, rfftfreq, type FrequencyOptions } from "./frequencies.js";
