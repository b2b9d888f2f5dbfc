/** Powers and lengths on devices. */
import { type DeviceFunction, INFINITE, horner } from "../device.js";
import { EXP, SCALED } from "./exponential.js";
import { normalized } from "./remainder.js";

/** A number m > 0 taken to [1, 2), and its exponent k. */
const split = (): string =>
  [64, 32, 16, 8, 4, 2, 1]
    .map(
      (k) => `
  if (v_m >= ${2 ** k}) { v_m = v_m * ${2 ** -k}; v_k = v_k + ${k}; }
  if (v_m < ${2 ** (1 - k)}) { v_m = v_m * ${2 ** k}; v_k = v_k - ${k}; }`,
    )
    .join("");

/** The first 12 bits of a number. */
export const HEAD: DeviceFunction = {
  name: "f_head",
  parameters: ["v_x"],
  body: () => `
  const v_d = Math.abs(v_x);
  let v_f = 1;${normalized()}
  const v_r = Math.floor(v_d * v_f * 2048) * ${1 / 2048} / v_f;
  return v_x < 0 ? -v_r : v_r;`,
};

/**
 * x^y of a finite x > 0. With x = 2ᵏ (1 + f) and log(1 + f) = f − c it is e to the power of y k log 2 + y f − y c, whose large terms
 * are products of heads without rounding.
 */
export const POWER: DeviceFunction = {
  name: "f_power",
  parameters: ["v_d", "v_y"],
  calls: [EXP, HEAD, SCALED],
  body: () => `
  let v_m = v_d;
  let v_k = 0;${split()}
  if (v_m > ${Math.SQRT2}) { v_m = 0.5 * v_m; v_k = v_k + 1; }
  const v_g = v_m - 1;
  const v_s = v_g / (2 + v_g);
  const v_z = v_s * v_s;
  const v_q = 0.5 * v_g * v_g;
  const v_c = v_q - v_s * (v_q + v_z * ${horner("v_z", [2 / 11, 2 / 9, 2 / 7, 2 / 5, 2 / 3])});
  const v_t = v_y * (v_k * ${Math.LN2} + (v_g - v_c));
  if (Math.abs(v_t) > 110) {
    return f_exp(v_t);
  }
  const v_i = Math.floor(v_y);
  const v_h = Math.floor((v_y - v_i) * 128) * ${1 / 128};
  const v_n = Math.floor(v_t * ${Math.LOG2E} + 0.5);
  const v_a = v_i * v_k + v_h * v_k - v_n;
  const v_u = f_head(v_y);
  const v_w = f_head(v_g);
  const v_b = v_u * (v_g - v_w) + (v_y - v_u) * v_g;
  const v_e = (v_y - v_i - v_h) * v_k * ${Math.LN2} - v_a * 2.12194440e-4;
  const v_r = (v_a * 0.693359375 + v_u * v_w) + (v_b + v_e - v_y * v_c);
  return f_scaled(f_exp(v_r), v_n);`,
};

/** |x|^y with the sign of an odd whole power. */
export const POW: DeviceFunction = {
  name: "f_pow",
  parameters: ["v_x", "v_y"],
  calls: [POWER],
  body: () => `
  if (v_y === 0 || v_x === 1) {
    return 1;
  }
  if (v_x === 0) {
    return v_y > 0 ? 0 : ${INFINITE};
  }
  const v_whole = Math.floor(v_y);
  if (v_x < 0 && v_whole !== v_y) {
    return Math.sqrt(v_x);
  }
  const v_r = f_power(Math.abs(v_x), v_y);
  const v_odd = v_whole - 2 * Math.floor(0.5 * v_whole);
  return v_x < 0 && v_odd === 1 ? -v_r : v_r;`,
};

export const HYPOT: DeviceFunction = {
  name: "f_hypot",
  parameters: ["v_x", "v_y"],
  body: () => `
  const v_a = Math.max(Math.abs(v_x), Math.abs(v_y));
  const v_b = Math.min(Math.abs(v_x), Math.abs(v_y));
  if (v_a === 0 || v_a > ${INFINITE}) {
    return v_a;
  }
  const v_q = v_b / v_a;
  return v_a * Math.sqrt(1 + v_q * v_q);`,
};
