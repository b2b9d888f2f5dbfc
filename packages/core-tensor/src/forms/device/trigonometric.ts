/** Circular functions on devices. Source: Cephes single precision (Moshier). */
import { type DeviceFunction, horner } from "../device.js";

/** sin(x + shift·π/2) by reduction to [−π/4, π/4] with π/2 in three parts. */
const sine = (shift: number): string => `
  const v_q = Math.floor(v_x * ${2 / Math.PI} + 0.5);
  const v_r = ((v_x - v_q * 1.5703125) - v_q * 0.000483751296997) - v_q * 7.54978995489e-8;
  const v_z = v_r * v_r;
  const v_k = v_q + ${shift} - 4 * Math.floor((v_q + ${shift}) * 0.25);
  const v_s = v_r + v_r * v_z * ${horner("v_z", [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1])};
  const v_c = 1 - 0.5 * v_z + v_z * v_z * ${horner("v_z", [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2])};
  const v_y = (v_k === 1 || v_k === 3) ? v_c : v_s;
  return v_k > 1.5 ? -v_y : v_y;`;

export const SIN: DeviceFunction = {
  name: "f_sin",
  parameters: ["v_x"],
  body: () => sine(0),
};

export const COS: DeviceFunction = {
  name: "f_cos",
  parameters: ["v_x"],
  body: () => sine(1),
};

export const ATAN: DeviceFunction = {
  name: "f_atan",
  parameters: ["v_x"],
  body: () => `
  const v_a = Math.abs(v_x);
  let v_y = 0;
  let v_t = v_a;
  if (v_a > 2.414213562373095) { v_y = ${Math.PI / 2}; v_t = -1 / v_a; }
  if (v_a > 0.4142135623730950 && v_a <= 2.414213562373095) { v_y = ${Math.PI / 4}; v_t = (v_a - 1) / (v_a + 1); }
  const v_z = v_t * v_t;
  const v_r = v_y + v_t + v_t * v_z * ${horner("v_z", [8.05374449538e-2, -1.38776856032e-1, 1.99777106478e-1, -3.33329491539e-1])};
  return v_x < 0 ? -v_r : v_r;`,
};

export const ATAN2: DeviceFunction = {
  name: "f_atan2",
  parameters: ["v_y", "v_x"],
  calls: [ATAN],
  body: () => `
  let v_s = 1;
  if (v_y < 0) { v_s = -1; }
  if (v_x === 0) {
    return v_y === 0 ? v_y : v_s * ${Math.PI / 2};
  }
  const v_t = f_atan(v_y / v_x);
  return v_x < 0 ? v_t + v_s * ${Math.PI} : v_t;`,
};

export const ASIN: DeviceFunction = {
  name: "f_asin",
  parameters: ["v_x"],
  body: () => `
  const v_a = Math.min(Math.abs(v_x), 1);
  let v_z = v_a * v_a;
  let v_t = v_a;
  if (v_a > 0.5) { v_z = 0.5 * (1 - v_a); v_t = Math.sqrt(v_z); }
  let v_r = v_t + v_t * v_z * ${horner("v_z", [4.2163199048e-2, 2.4181311049e-2, 4.5470025998e-2, 7.4953002686e-2, 1.6666752422e-1])};
  if (v_a > 0.5) { v_r = ${Math.PI / 2} - 2 * v_r; }
  return v_x < 0 ? -v_r : v_r;`,
};

export const ACOS: DeviceFunction = {
  name: "f_acos",
  parameters: ["v_x"],
  calls: [ASIN],
  body: () => `
  if (v_x > 0.5) {
    return 2 * f_asin(Math.sqrt(0.5 * (1 - v_x)));
  }
  return ${Math.PI / 2} - f_asin(v_x);`,
};
