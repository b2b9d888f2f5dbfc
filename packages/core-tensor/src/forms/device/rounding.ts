/** Rounding, and whole numbers that wrap around, on devices. */
import { type DeviceFunction } from "../device.js";

export const TRUNC: DeviceFunction = {
  name: "f_trunc",
  parameters: ["v_x"],
  body: () => `\n  const v_r = Math.floor(Math.abs(v_x));\n  return v_x < 0 ? -v_r : v_r;`,
};

/** The nearest whole number, halves to even. */
export const ROUND: DeviceFunction = {
  name: "f_round",
  parameters: ["v_x"],
  body: () => `
  const v_f = Math.floor(v_x);
  const v_d = v_x - v_f;
  const v_odd = v_f - 2 * Math.floor(0.5 * v_f);
  if (v_d === 0.5) {
    return v_f + v_odd;
  }
  return v_d > 0.5 ? v_f + 1 : v_f;`,
};

/** a mod b of whole numbers below 2²⁴; the quotient is rounded, and its floor may be one off. */
export const WRAP: DeviceFunction = {
  name: "f_wrap",
  parameters: ["v_a", "v_b"],
  body: () => `
  const v_r = v_a - v_b * Math.floor(v_a / v_b);
  return v_r < 0 ? v_r + v_b : (v_r >= v_b ? v_r - v_b : v_r);`,
};
