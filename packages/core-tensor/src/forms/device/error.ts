/** Error functions and normal quantiles on devices. Sources: Giles (2010), "Approximating the erfinv function"; Numerical Recipes (2007), 6.2, for erfc; Acklam for the tail of the normal quantile. */
import { type DeviceFunction, INFINITE, horner } from "../device.js";
import { EXP } from "./exponential.js";

export const ERF: DeviceFunction = {
  name: "f_erf",
  parameters: ["v_x"],
  body: () => `
  const v_a = Math.min(Math.abs(v_x), 4);
  if (v_a < 0.5) {
    const v_z = v_x * v_x;
    return v_x * ${horner("v_z", [7.853861353153693e-5, -8.010193625184903e-4, 5.188327685732524e-3, -2.685381193529856e-2, 1.128358514861418e-1, -3.7612625824233e-1, 1.12837916572671])};
  }
  const v_t = 2 / (2 + v_a);
  const v_p = ${horner("v_t", [0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196, 1.00002368, -1.26551223])};
  const v_r = 1 - v_t * Math.exp(v_p - v_a * v_a);
  return v_x < 0 ? -v_r : v_r;`,
};

/** w erfc x, with the exponential in two factors: alone it could underflow. */
export const WEIGHED: DeviceFunction = {
  name: "f_weighed",
  parameters: ["v_x", "v_w"],
  calls: [ERF, EXP],
  body: () => `
  const v_a = Math.min(Math.abs(v_x), 15);
  if (v_a < 0.5) {
    return v_w * (1 - f_erf(v_x));
  }
  const v_t = 2 / (2 + v_a);
  const v_p = ${horner("v_t", [0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196, 1.00002368, -1.26551223])};
  const v_e = f_exp(0.5 * (v_p - v_a * v_a));
  if (v_x < 0) {
    return v_w * (2 - v_t * v_e * v_e);
  }
  return (v_w * v_t * v_e) * v_e;`,
};

export const ERFC: DeviceFunction = {
  name: "f_erfc",
  parameters: ["v_x"],
  calls: [WEIGHED],
  body: () => `\n  return f_weighed(v_x, 1);`,
};

/** erfinv(t) given w = −ln(1 − t²), which the callers know without cancellation. */
export const ERFINV_OF: DeviceFunction = {
  name: "f_erfinv_of",
  parameters: ["v_t", "v_w"],
  body: () => `
  if (v_w < 5) {
    const v_u = v_w - 2.5;
    return v_t * ${horner("v_u", [2.81022636e-8, 3.43273939e-7, -3.5233877e-6, -4.39150654e-6, 0.00021858087, -0.00125372503, -0.00417768164, 0.246640727, 1.50140941])};
  }
  const v_u = Math.sqrt(v_w) - 3;
  return v_t * ${horner("v_u", [-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047, 1.00167406, 2.83297682])};`,
};

export const ERFINV: DeviceFunction = {
  name: "f_erfinv",
  parameters: ["v_x"],
  calls: [ERFINV_OF],
  body: () => `
  if (Math.abs(v_x) >= 1) {
    return v_x * ${INFINITE};
  }
  return f_erfinv_of(v_x, -Math.log((1 - v_x) * (1 + v_x)));`,
};

/** The normal quantile of p below 0.001, a rational function of √(−2 ln p). */
export const QUANTILE: DeviceFunction = {
  name: "f_quantile",
  parameters: ["v_p"],
  body: () => `
  const v_q = Math.sqrt(-2 * Math.log(v_p));
  return ${horner("v_q", [-7.784894002430293e-3, -3.223964580411365e-1, -2.400758277161838, -2.549732539343734, 4.374664141464968, 2.938163982698783])} / (${horner("v_q", [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416])} * v_q + 1);`,
};

export const NDTRI: DeviceFunction = {
  name: "f_ndtri",
  parameters: ["v_p"],
  calls: [ERFINV_OF, QUANTILE],
  body: () => `
  if (v_p <= 0) {
    return -${INFINITE};
  }
  if (v_p >= 1) {
    return ${INFINITE};
  }
  if (v_p < 0.001) {
    return f_quantile(v_p);
  }
  if (v_p > 0.999) {
    return -f_quantile(1 - v_p);
  }
  return ${Math.SQRT2} * f_erfinv_of(2 * v_p - 1, -Math.log(4 * v_p * (1 - v_p)));`,
};
