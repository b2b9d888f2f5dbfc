/** Exponentials and logarithms on devices. Sources: Cephes single precision (Moshier) for exp; the series of artanh for log(1 + x). */
import { type DeviceFunction, INFINITE, horner } from "../device.js";

/** p 2ⁿ by products that are exact, in two factors. */
export const SCALED: DeviceFunction = {
  name: "f_scaled",
  parameters: ["v_p", "v_n"],
  body: () => `
  const v_h = Math.floor(0.5 * v_n);
  let v_k = Math.abs(v_h);
  let v_s = 1;${[64, 32, 16, 8, 4, 2, 1].map((k) => `\n  if (v_k >= ${k}) { v_s = v_s * ${2 ** k}; v_k = v_k - ${k}; }`).join("")}
  if (v_h < 0) { v_s = 1 / v_s; }
  const v_odd = v_n - 2 * v_h;
  return v_p * v_s * (v_s * (1 + v_odd));`,
};

export const EXP: DeviceFunction = {
  name: "f_exp",
  parameters: ["v_x"],
  calls: [SCALED],
  body: () => `
  const v_c = Math.min(Math.max(v_x, -104), 89);
  const v_n = Math.floor(v_c * ${Math.LOG2E} + 0.5);
  const v_r = (v_c - v_n * 0.693359375) + v_n * 2.12194440e-4;
  const v_p = 1 + (v_r + v_r * v_r * ${horner("v_r", [1.9875691e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 0.5])});
  return f_scaled(v_p, v_n);`,
};

export const EXPM1: DeviceFunction = {
  name: "f_expm1",
  parameters: ["v_x"],
  calls: [EXP],
  body: () => `
  if (Math.abs(v_x) < 0.5) {
    return v_x + v_x * v_x * ${horner("v_x", [1 / 40320, 1 / 5040, 1 / 720, 1 / 120, 1 / 24, 1 / 6, 0.5])};
  }
  return f_exp(v_x) - 1;`,
};

export const LOG1P: DeviceFunction = {
  name: "f_log1p",
  parameters: ["v_x"],
  body: () => `
  if (Math.abs(v_x) < 1e-4) {
    return v_x * (1 - v_x * (0.5 - v_x / 3));
  }
  if (v_x > -0.5 && v_x < 1.1) {
    const v_s = v_x / (2 + v_x);
    const v_z = v_s * v_s;
    return 2 * v_s + 2 * v_s * v_z * ${horner("v_z", [1 / 13, 1 / 11, 1 / 9, 1 / 7, 1 / 5, 1 / 3])};
  }
  return Math.log(1 + v_x);`,
};

export const LOG: DeviceFunction = {
  name: "f_log",
  parameters: ["v_x"],
  calls: [LOG1P],
  body: () => `
  if (v_x > 0.5 && v_x < 2.1) {
    return f_log1p(v_x - 1);
  }
  return Math.log(v_x);`,
};

export const LOG_ADD_EXP: DeviceFunction = {
  name: "f_logAddExp",
  parameters: ["v_x", "v_y"],
  calls: [LOG1P],
  body: () => `
  const v_m = Math.max(v_x, v_y);
  if (Math.abs(v_m) >= ${INFINITE}) {
    return v_m;
  }
  return v_m + f_log1p(Math.exp(-Math.abs(v_x - v_y)));`,
};

export const SOFTPLUS: DeviceFunction = {
  name: "f_softplus",
  parameters: ["v_x"],
  calls: [EXP, LOG1P],
  body: () => `\n  return Math.max(v_x, 0) + f_log1p(f_exp(-Math.abs(v_x)));`,
};

export const SIGMOID: DeviceFunction = {
  name: "f_sigmoid",
  parameters: ["v_x"],
  calls: [EXP],
  body: () =>
    `\n  const v_e = f_exp(-Math.abs(v_x));\n  return v_x < 0 ? v_e / (1 + v_e) : 1 / (1 + v_e);`,
};

/** x σ(z), with the exponential in two factors: alone it could underflow. */
export const GATED: DeviceFunction = {
  name: "f_gated",
  parameters: ["v_x", "v_z"],
  calls: [EXP],
  body: () => `
  if (v_z > 0) {
    return v_x / (1 + f_exp(-v_z));
  }
  const v_h = f_exp(0.5 * v_z);
  return (v_x * v_h) * v_h / (1 + v_h * v_h);`,
};
