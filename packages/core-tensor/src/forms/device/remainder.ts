/** Exact remainders on devices. */
import { type DeviceFunction } from "../device.js";

/** The power of two that takes a divisor to [1, 2), but for the greatest to [2, 4): it is no subnormal number. */
export const normalized = (): string =>
  [64, 32, 16, 8, 4, 2, 1]
    .map(
      (k) => `
  if (v_d * v_f >= ${2 ** k} && v_f > 1.2e-38) { v_f = v_f * ${2 ** -k}; }
  if (v_d * v_f < ${2 ** (1 - k)}) { v_f = v_f * ${2 ** k}; }`,
    )
    .join("");

/** The remainder of a ≥ 0 by d > 0, exactly: long division with digits of 11 bits, whose products with either half of d have no rounding. */
export const REMAINDER: DeviceFunction = {
  name: "f_remainder",
  parameters: ["v_a", "v_d"],
  body: () => `
  if (v_a < v_d) {
    return v_a;
  }
  if (v_d === 0) {
    return (v_a / v_d) * 0;
  }
  let v_f = 1;${normalized()}
  let v_h = Math.floor(v_d * v_f * 4096) * ${1 / 4096} / v_f;
  let v_t = v_d;
  let v_r = v_a;
  for (let i_k = 0; i_k < 26; i_k++) {
    if (v_t <= v_r * ${2 ** -11}) { v_t = v_t * 2048; v_h = v_h * 2048; }
  }
  for (let i_k = 0; i_k < 26; i_k++) {
    if (v_r >= v_t) {
      const v_q = Math.floor(v_r / v_t);
      v_r = (v_r - v_q * v_h) - v_q * (v_t - v_h);
      if (v_r < 0) { v_r = v_r + v_t; }
      if (v_r >= v_t) { v_r = v_r - v_t; }
    }
    if (v_t > v_d) { v_t = v_t * ${2 ** -11}; v_h = v_h * ${2 ** -11}; }
  }
  return v_r;`,
};

export const FMOD: DeviceFunction = {
  name: "f_fmod",
  parameters: ["v_a", "v_b"],
  calls: [REMAINDER],
  body: () => `
  const v_r = f_remainder(Math.abs(v_a), Math.abs(v_b));
  return v_a < 0 ? -v_r : v_r;`,
};

export const MOD: DeviceFunction = {
  name: "f_mod",
  parameters: ["v_a", "v_b"],
  calls: [FMOD],
  body: () => `
  const v_r = f_fmod(v_a, v_b);
  return (v_r < 0 && v_b > 0) || (v_r > 0 && v_b < 0) ? v_r + v_b : v_r;`,
};
