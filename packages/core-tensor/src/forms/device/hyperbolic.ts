/** Hyperbolic functions on devices. Source: Cephes single precision (Moshier) for tanh and sinh. */
import { type DeviceFunction, horner } from "../device.js";
import { EXP, GATED, LOG1P, SOFTPLUS } from "./exponential.js";

export const TANH: DeviceFunction = {
  name: "f_tanh",
  parameters: ["v_x"],
  body: () => `
  const v_a = Math.min(Math.abs(v_x), 15);
  if (v_a < 0.625) {
    const v_z = v_x * v_x;
    return v_x + v_x * v_z * ${horner("v_z", [-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1])};
  }
  const v_r = 1 - 2 / (Math.exp(2 * v_a) + 1);
  return v_x < 0 ? -v_r : v_r;`,
};

export const SINH: DeviceFunction = {
  name: "f_sinh",
  parameters: ["v_x"],
  calls: [EXP],
  body: () => `
  if (Math.abs(v_x) < 1) {
    const v_z = v_x * v_x;
    return v_x + v_x * v_z * ${horner("v_z", [2.03721912945e-4, 8.33028376239e-3, 1.66667160211e-1])};
  }
  const v_e = f_exp(0.5 * Math.abs(v_x));
  const v_r = 0.5 * v_e * v_e - 0.5 / v_e / v_e;
  return v_x < 0 ? -v_r : v_r;`,
};

export const COSH: DeviceFunction = {
  name: "f_cosh",
  parameters: ["v_x"],
  calls: [EXP],
  body: () => `
  const v_e = f_exp(0.5 * Math.abs(v_x));
  return 0.5 * v_e * v_e + 0.5 / v_e / v_e;`,
};

export const ASINH: DeviceFunction = {
  name: "f_asinh",
  parameters: ["v_x"],
  calls: [LOG1P],
  body: () => `
  const v_a = Math.abs(v_x);
  if (v_a > 1e4) {
    const v_l = Math.log(v_a) + ${Math.LN2};
    return v_x < 0 ? -v_l : v_l;
  }
  const v_r = f_log1p(v_a + v_a * v_a / (1 + Math.sqrt(1 + v_a * v_a)));
  return v_x < 0 ? -v_r : v_r;`,
};

export const ACOSH: DeviceFunction = {
  name: "f_acosh",
  parameters: ["v_x"],
  calls: [LOG1P],
  body: () =>
    `\n  if (v_x > 1e4) {\n    return Math.log(v_x) + ${Math.LN2};\n  }\n  const v_t = v_x - 1;\n  return f_log1p(v_t + Math.sqrt(2 * v_t + v_t * v_t));`,
};

export const ATANH: DeviceFunction = {
  name: "f_atanh",
  parameters: ["v_x"],
  calls: [LOG1P],
  body: () =>
    `\n  const v_a = Math.abs(v_x);\n  const v_r = 0.5 * f_log1p(2 * v_a / (1 - v_a));\n  return v_x < 0 ? -v_r : v_r;`,
};

/** x tanh ln(1 + e^x): tanh ln(1 + e^x) nears e^x / (1 + e^x) below. */
export const MISH: DeviceFunction = {
  name: "f_mish",
  parameters: ["v_x"],
  calls: [GATED, SOFTPLUS, TANH],
  body: () => `
  if (v_x < -20) {
    return f_gated(v_x, v_x);
  }
  return v_x * f_tanh(f_softplus(v_x));`,
};
