/**
 * Functions that gpu.js, or WGSL below it, lacks or computes too coarsely, as source of helper functions for kernels.
 *
 * WGSL promises 2⁻¹¹ for sin and cos, 4096 ulp for atan2, 180 ulp for exp(88), 2⁻²¹ for log near 1, nothing for tanh beyond its overflow
 * (tanh(100) is NaN) and has no error or gamma function. Each function below is accurate to a few ulp of float32 on its whole range, uses nothing but + − × ÷, exp, log, sqrt, floor and abs, and calls the others by
 * name. Sources: Cephes single precision (Moshier) for exp, sin, cos, atan, asin, tanh, sinh; Giles (2010), "Approximating the erfinv
 * function"; Numerical Recipes (2007), 6.2, for erfc; Acklam for the tail of the normal quantile; Stirling's series for the gamma functions.
 */

/** A helper function: its parameters, the helpers it calls, and its body. */
interface Helper {
  readonly parameters: readonly string[];
  readonly calls?: readonly string[];
  readonly body: string;
}

/** c₀ xⁿ + … + cₙ in Horner's form. */
const horner = (x: string, coefficients: readonly number[]): string =>
  coefficients.map(literal).reduce((sum, c) => `(${sum} * ${x} + ${c})`);

/** A number as source; infinities become the ends of float32, since shaders have no literal for them. */
export function literal(x: number): string {
  const finite = Number.isNaN(x) ? 0 : Math.min(Math.max(x, -INFINITE), INFINITE);
  return finite < 0 || Object.is(finite, -0) ? `(-${-finite})` : String(finite);
}

/** The greatest float32, which stands for infinity where a constant is infinite, and counts as such. */
export const INFINITE = 3.4028234663852886e38;

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

/** Shifts the argument of a gamma function to z ≥ 8 by the recurrence and reflects arguments below ½. */
const shifted = (term: string): string => `
  let v_z = v_x;
  if (v_x < 0.5) { v_z = 1 - v_x; }
  let v_shift = 0;
  for (let i_k = 0; i_k < 8; i_k++) {
    if (v_z < 8) {
      v_shift = v_shift + ${term};
      v_z = v_z + 1;
    }
  }
  const v_y = 1 / (v_z * v_z);`;

/** sin πx and cos πx, which keep their digits near their zeros. */
const SIN_PI = `
  const v_n = v_x - 2 * Math.floor(0.5 * v_x + 0.5);
  const v_m = Math.abs(v_n);
  const v_half = f_sin(${Math.PI} * Math.min(v_m, 1 - v_m));
  const v_sin = v_n < 0 ? -v_half : v_half;
  const v_cos = f_sin(${Math.PI} * (0.5 - v_m));`;

/** (−1)ᵏ (ζ(k) − 1) / k for k = 14 … 2, of ln Γ(2 + z) = z (1 − γ) + z² Σ (ζ(k) − 1)/k (−z)^{k−2}. */
const ZETA = [
  4.374866789907488e-6, -9.439488275268397e-6, 2.050721277567069e-5, -4.492623673813314e-5,
  9.945751278180853e-5, -0.00022315475845357939, 0.0005096695247430425, -0.001192753911703261,
  0.0028905103307415234, -0.007385551028673986, 0.020580808427784546, -0.0673523010531981,
  0.3224670334241132,
];

/** The power of two that takes a divisor to [1, 2), but for the greatest to [2, 4): it is no subnormal number. */
const NORMALIZED = [64, 32, 16, 8, 4, 2, 1]
  .map(
    (k) => `
  if (v_d * v_f >= ${2 ** k} && v_f > 1.2e-38) { v_f = v_f * ${2 ** -k}; }
  if (v_d * v_f < ${2 ** (1 - k)}) { v_f = v_f * ${2 ** k}; }`,
  )
  .join("");

/** A number m > 0 taken to [1, 2), and its exponent k. */
const SPLIT = [64, 32, 16, 8, 4, 2, 1]
  .map(
    (k) => `
  if (v_m >= ${2 ** k}) { v_m = v_m * ${2 ** -k}; v_k = v_k + ${k}; }
  if (v_m < ${2 ** (1 - k)}) { v_m = v_m * ${2 ** k}; v_k = v_k - ${k}; }`,
  )
  .join("");

const HELPERS: Readonly<Record<string, Helper>> = {
  f_scaled: {
    // p 2ⁿ by products that are exact, in two factors
    parameters: ["v_p", "v_n"],
    body: `
  const v_h = Math.floor(0.5 * v_n);
  let v_k = Math.abs(v_h);
  let v_s = 1;${[64, 32, 16, 8, 4, 2, 1].map((k) => `\n  if (v_k >= ${k}) { v_s = v_s * ${2 ** k}; v_k = v_k - ${k}; }`).join("")}
  if (v_h < 0) { v_s = 1 / v_s; }
  const v_odd = v_n - 2 * v_h;
  return v_p * v_s * (v_s * (1 + v_odd));`,
  },
  f_exp: {
    parameters: ["v_x"],
    calls: ["f_scaled"],
    body: `
  const v_c = Math.min(Math.max(v_x, -104), 89);
  const v_n = Math.floor(v_c * ${Math.LOG2E} + 0.5);
  const v_r = (v_c - v_n * 0.693359375) + v_n * 2.12194440e-4;
  const v_p = 1 + (v_r + v_r * v_r * ${horner("v_r", [1.9875691e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 0.5])});
  return f_scaled(v_p, v_n);`,
  },
  f_log: {
    parameters: ["v_x"],
    calls: ["f_log1p"],
    body: `
  if (v_x > 0.5 && v_x < 2.1) {
    return f_log1p(v_x - 1);
  }
  return Math.log(v_x);`,
  },
  f_gated: {
    // x σ(z), with the exponential in two factors: alone it could underflow
    parameters: ["v_x", "v_z"],
    calls: ["f_exp"],
    body: `
  if (v_z > 0) {
    return v_x / (1 + f_exp(-v_z));
  }
  const v_h = f_exp(0.5 * v_z);
  return (v_x * v_h) * v_h / (1 + v_h * v_h);`,
  },
  f_mish: {
    // tanh ln(1 + e^x) nears e^x / (1 + e^x) below
    parameters: ["v_x"],
    calls: ["f_gated", "f_softplus", "f_tanh"],
    body: `
  if (v_x < -20) {
    return f_gated(v_x, v_x);
  }
  return v_x * f_tanh(f_softplus(v_x));`,
  },
  f_hypot: {
    parameters: ["v_x", "v_y"],
    body: `
  const v_a = Math.max(Math.abs(v_x), Math.abs(v_y));
  const v_b = Math.min(Math.abs(v_x), Math.abs(v_y));
  if (v_a === 0 || v_a > ${INFINITE}) {
    return v_a;
  }
  const v_q = v_b / v_a;
  return v_a * Math.sqrt(1 + v_q * v_q);`,
  },
  f_acos: {
    parameters: ["v_x"],
    calls: ["f_asin"],
    body: `
  if (v_x > 0.5) {
    return 2 * f_asin(Math.sqrt(0.5 * (1 - v_x)));
  }
  return ${Math.PI / 2} - f_asin(v_x);`,
  },
  f_cosh: {
    parameters: ["v_x"],
    calls: ["f_exp"],
    body: `
  const v_e = f_exp(0.5 * Math.abs(v_x));
  return 0.5 * v_e * v_e + 0.5 / v_e / v_e;`,
  },
  f_sin: { parameters: ["v_x"], body: sine(0) },
  f_cos: { parameters: ["v_x"], body: sine(1) },
  f_atan: {
    parameters: ["v_x"],
    body: `
  const v_a = Math.abs(v_x);
  let v_y = 0;
  let v_t = v_a;
  if (v_a > 2.414213562373095) { v_y = ${Math.PI / 2}; v_t = -1 / v_a; }
  if (v_a > 0.4142135623730950 && v_a <= 2.414213562373095) { v_y = ${Math.PI / 4}; v_t = (v_a - 1) / (v_a + 1); }
  const v_z = v_t * v_t;
  const v_r = v_y + v_t + v_t * v_z * ${horner("v_z", [8.05374449538e-2, -1.38776856032e-1, 1.99777106478e-1, -3.33329491539e-1])};
  return v_x < 0 ? -v_r : v_r;`,
  },
  f_atan2: {
    parameters: ["v_y", "v_x"],
    calls: ["f_atan"],
    body: `
  let v_s = 1;
  if (v_y < 0) { v_s = -1; }
  if (v_x === 0) {
    return v_y === 0 ? v_y : v_s * ${Math.PI / 2};
  }
  const v_t = f_atan(v_y / v_x);
  return v_x < 0 ? v_t + v_s * ${Math.PI} : v_t;`,
  },
  f_asin: {
    parameters: ["v_x"],
    body: `
  const v_a = Math.min(Math.abs(v_x), 1);
  let v_z = v_a * v_a;
  let v_t = v_a;
  if (v_a > 0.5) { v_z = 0.5 * (1 - v_a); v_t = Math.sqrt(v_z); }
  let v_r = v_t + v_t * v_z * ${horner("v_z", [4.2163199048e-2, 2.4181311049e-2, 4.5470025998e-2, 7.4953002686e-2, 1.6666752422e-1])};
  if (v_a > 0.5) { v_r = ${Math.PI / 2} - 2 * v_r; }
  return v_x < 0 ? -v_r : v_r;`,
  },
  f_expm1: {
    parameters: ["v_x"],
    calls: ["f_exp"],
    body: `
  if (Math.abs(v_x) < 0.5) {
    return v_x + v_x * v_x * ${horner("v_x", [1 / 40320, 1 / 5040, 1 / 720, 1 / 120, 1 / 24, 1 / 6, 0.5])};
  }
  return f_exp(v_x) - 1;`,
  },
  f_log1p: {
    parameters: ["v_x"],
    body: `
  if (Math.abs(v_x) < 1e-4) {
    return v_x * (1 - v_x * (0.5 - v_x / 3));
  }
  if (v_x > -0.5 && v_x < 1.1) {
    const v_s = v_x / (2 + v_x);
    const v_z = v_s * v_s;
    return 2 * v_s + 2 * v_s * v_z * ${horner("v_z", [1 / 13, 1 / 11, 1 / 9, 1 / 7, 1 / 5, 1 / 3])};
  }
  return Math.log(1 + v_x);`,
  },
  f_tanh: {
    parameters: ["v_x"],
    body: `
  const v_a = Math.min(Math.abs(v_x), 15);
  if (v_a < 0.625) {
    const v_z = v_x * v_x;
    return v_x + v_x * v_z * ${horner("v_z", [-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1])};
  }
  const v_r = 1 - 2 / (Math.exp(2 * v_a) + 1);
  return v_x < 0 ? -v_r : v_r;`,
  },
  f_sinh: {
    parameters: ["v_x"],
    calls: ["f_exp"],
    body: `
  if (Math.abs(v_x) < 1) {
    const v_z = v_x * v_x;
    return v_x + v_x * v_z * ${horner("v_z", [2.03721912945e-4, 8.33028376239e-3, 1.66667160211e-1])};
  }
  const v_e = f_exp(0.5 * Math.abs(v_x));
  const v_r = 0.5 * v_e * v_e - 0.5 / v_e / v_e;
  return v_x < 0 ? -v_r : v_r;`,
  },
  f_asinh: {
    parameters: ["v_x"],
    calls: ["f_log1p"],
    body: `
  const v_a = Math.abs(v_x);
  if (v_a > 1e4) {
    const v_l = Math.log(v_a) + ${Math.LN2};
    return v_x < 0 ? -v_l : v_l;
  }
  const v_r = f_log1p(v_a + v_a * v_a / (1 + Math.sqrt(1 + v_a * v_a)));
  return v_x < 0 ? -v_r : v_r;`,
  },
  f_acosh: {
    parameters: ["v_x"],
    calls: ["f_log1p"],
    body: `\n  if (v_x > 1e4) {\n    return Math.log(v_x) + ${Math.LN2};\n  }\n  const v_t = v_x - 1;\n  return f_log1p(v_t + Math.sqrt(2 * v_t + v_t * v_t));`,
  },
  f_atanh: {
    parameters: ["v_x"],
    calls: ["f_log1p"],
    body: `\n  const v_a = Math.abs(v_x);\n  const v_r = 0.5 * f_log1p(2 * v_a / (1 - v_a));\n  return v_x < 0 ? -v_r : v_r;`,
  },
  f_softplus: {
    parameters: ["v_x"],
    calls: ["f_exp", "f_log1p"],
    body: `\n  return Math.max(v_x, 0) + f_log1p(f_exp(-Math.abs(v_x)));`,
  },
  f_sigmoid: {
    parameters: ["v_x"],
    calls: ["f_exp"],
    body: `\n  const v_e = f_exp(-Math.abs(v_x));\n  return v_x < 0 ? v_e / (1 + v_e) : 1 / (1 + v_e);`,
  },
  f_trunc: {
    parameters: ["v_x"],
    body: `\n  const v_r = Math.floor(Math.abs(v_x));\n  return v_x < 0 ? -v_r : v_r;`,
  },
  f_wrap: {
    // for whole numbers below 2²⁴; the quotient is rounded, and its floor may be one off
    parameters: ["v_a", "v_b"],
    body: `
  const v_r = v_a - v_b * Math.floor(v_a / v_b);
  return v_r < 0 ? v_r + v_b : (v_r >= v_b ? v_r - v_b : v_r);`,
  },
  f_remainder: {
    // of a ≥ 0 by d > 0, exactly: long division with digits of 11 bits, whose products with either half of d have no rounding
    parameters: ["v_a", "v_d"],
    body: `
  if (v_a < v_d) {
    return v_a;
  }
  if (v_d === 0) {
    return (v_a / v_d) * 0;
  }
  let v_f = 1;${NORMALIZED}
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
  },
  f_fmod: {
    parameters: ["v_a", "v_b"],
    calls: ["f_remainder"],
    body: `
  const v_r = f_remainder(Math.abs(v_a), Math.abs(v_b));
  return v_a < 0 ? -v_r : v_r;`,
  },
  f_mod: {
    parameters: ["v_a", "v_b"],
    calls: ["f_fmod"],
    body: `
  const v_r = f_fmod(v_a, v_b);
  return (v_r < 0 && v_b > 0) || (v_r > 0 && v_b < 0) ? v_r + v_b : v_r;`,
  },
  f_round: {
    // halves to even
    parameters: ["v_x"],
    body: `
  const v_f = Math.floor(v_x);
  const v_d = v_x - v_f;
  const v_odd = v_f - 2 * Math.floor(0.5 * v_f);
  if (v_d === 0.5) {
    return v_f + v_odd;
  }
  return v_d > 0.5 ? v_f + 1 : v_f;`,
  },
  f_head: {
    // the first 12 bits of a number
    parameters: ["v_x"],
    body: `
  const v_d = Math.abs(v_x);
  let v_f = 1;${NORMALIZED}
  const v_r = Math.floor(v_d * v_f * 2048) * ${1 / 2048} / v_f;
  return v_x < 0 ? -v_r : v_r;`,
  },
  f_power: {
    // x^y of a finite x > 0. With x = 2ᵏ (1 + f) and log(1 + f) = f − c it is e to the power of y k log 2 + y f − y c, whose large terms are
    // products of heads without rounding
    parameters: ["v_d", "v_y"],
    calls: ["f_exp", "f_head", "f_scaled"],
    body: `
  let v_m = v_d;
  let v_k = 0;${SPLIT}
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
  },
  f_pow: {
    // |x|^y with the sign of an odd whole power
    parameters: ["v_x", "v_y"],
    calls: ["f_power"],
    body: `
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
  },
  f_logAddExp: {
    parameters: ["v_x", "v_y"],
    calls: ["f_log1p"],
    body: `
  const v_m = Math.max(v_x, v_y);
  if (Math.abs(v_m) >= ${INFINITE}) {
    return v_m;
  }
  return v_m + f_log1p(Math.exp(-Math.abs(v_x - v_y)));`,
  },
  f_erfc: {
    parameters: ["v_x"],
    calls: ["f_weighed"],
    body: `\n  return f_weighed(v_x, 1);`,
  },
  f_weighed: {
    // w erfc x, with the exponential in two factors: alone it could underflow
    parameters: ["v_x", "v_w"],
    calls: ["f_erf", "f_exp"],
    body: `
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
  },
  f_erf: {
    parameters: ["v_x"],
    body: `
  const v_a = Math.min(Math.abs(v_x), 4);
  if (v_a < 0.5) {
    const v_z = v_x * v_x;
    return v_x * ${horner("v_z", [7.853861353153693e-5, -8.010193625184903e-4, 5.188327685732524e-3, -2.685381193529856e-2, 1.128358514861418e-1, -3.7612625824233e-1, 1.12837916572671])};
  }
  const v_t = 2 / (2 + v_a);
  const v_p = ${horner("v_t", [0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196, 1.00002368, -1.26551223])};
  const v_r = 1 - v_t * Math.exp(v_p - v_a * v_a);
  return v_x < 0 ? -v_r : v_r;`,
  },
  f_erfinv_of: {
    // erfinv(t) given w = −ln(1 − t²), which the callers know without cancellation
    parameters: ["v_t", "v_w"],
    body: `
  if (v_w < 5) {
    const v_u = v_w - 2.5;
    return v_t * ${horner("v_u", [2.81022636e-8, 3.43273939e-7, -3.5233877e-6, -4.39150654e-6, 0.00021858087, -0.00125372503, -0.00417768164, 0.246640727, 1.50140941])};
  }
  const v_u = Math.sqrt(v_w) - 3;
  return v_t * ${horner("v_u", [-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047, 1.00167406, 2.83297682])};`,
  },
  f_erfinv: {
    parameters: ["v_x"],
    calls: ["f_erfinv_of"],
    body: `
  if (Math.abs(v_x) >= 1) {
    return v_x * ${INFINITE};
  }
  return f_erfinv_of(v_x, -Math.log((1 - v_x) * (1 + v_x)));`,
  },
  f_quantile: {
    // of p below 0.001, a rational function of √(−2 ln p)
    parameters: ["v_p"],
    body: `
  const v_q = Math.sqrt(-2 * Math.log(v_p));
  return ${horner("v_q", [-7.784894002430293e-3, -3.223964580411365e-1, -2.400758277161838, -2.549732539343734, 4.374664141464968, 2.938163982698783])} / (${horner("v_q", [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416])} * v_q + 1);`,
  },
  f_ndtri: {
    parameters: ["v_p"],
    calls: ["f_erfinv_of", "f_quantile"],
    body: `
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
  },
  f_lgamma_near: {
    // ln Γ(2 + z) for |z| ≤ ½
    parameters: ["v_z"],
    body: `\n  return v_z * ${1 - 0.5772156649015329} + v_z * v_z * ${horner("v_z", ZETA)};`,
  },
  f_lgamma_above: {
    // for x ≥ ½: down to (1.5, 2.5] by the recurrence, or Stirling's series
    parameters: ["v_x"],
    calls: ["f_lgamma_near", "f_log", "f_log1p"],
    body: `
  if (v_x >= 8) {
    const v_y = 1 / (v_x * v_x);
    return (v_x - 0.5) * (Math.log(v_x) - 1) + ${0.5 * Math.log(2 * Math.PI) - 0.5} + ${horner("v_y", [1 / 1260, -1 / 360, 1 / 12])} / v_x;
  }
  if (v_x <= 1.5) {
    return f_lgamma_near(v_x - 1) - f_log1p(v_x - 1);
  }
  let v_z = v_x;
  let v_product = 1;
  for (let i_k = 0; i_k < 6; i_k++) {
    if (v_z > 2.5) {
      v_z = v_z - 1;
      v_product = v_product * v_z;
    }
  }
  return f_lgamma_near(v_z - 2) + f_log(v_product);`,
  },
  f_lgamma: {
    parameters: ["v_x"],
    calls: ["f_sin", "f_lgamma_above", "f_lgamma_near", "f_log", "f_log1p"],
    body: `
  if (v_x >= 0.5) {
    return f_lgamma_above(v_x);
  }
  if (v_x === Math.floor(v_x)) {
    return ${INFINITE};
  }
  if (v_x > -0.5) {
    return f_lgamma_near(v_x) - f_log1p(v_x) - f_log(Math.abs(v_x));
  }${SIN_PI}
  return f_log(${Math.PI} / Math.abs(v_half)) - f_lgamma_above(1 - v_x);`,
  },
  f_digamma: {
    parameters: ["v_x"],
    calls: ["f_sin", "f_cos"],
    body: `${shifted("1 / v_z")}
  const v_r = Math.log(v_z) - 0.5 / v_z - v_y * ${horner("v_y", [1 / 252, -1 / 120, 1 / 12])} - v_shift;
  if (v_x < 0.5) {${SIN_PI}
    return v_r - ${Math.PI} * v_cos / v_sin;
  }
  return v_r;`,
  },
  f_trigamma: {
    parameters: ["v_x"],
    calls: ["f_sin", "f_cos"],
    body: `${shifted("1 / (v_z * v_z)")}
  const v_r = v_shift + 1 / v_z + 0.5 * v_y + v_y * ${horner("v_y", [1 / 42, -1 / 30, 1 / 6])} / v_z;
  if (v_x < 0.5) {${SIN_PI}
    return ${Math.PI ** 2} / (v_sin * v_sin) - v_r;
  }
  return v_r;`,
  },
  f_tetragamma: {
    parameters: ["v_x"],
    calls: ["f_sin", "f_cos"],
    body: `${shifted("-2 / (v_z * v_z * v_z)")}
  const v_r = v_shift - v_y - v_y / v_z - v_y * v_y * ${horner("v_y", [1 / 6, -1 / 6, 0.5])};
  if (v_x < 0.5) {${SIN_PI}
    return v_r - ${2 * Math.PI ** 3} * v_cos / (v_sin * v_sin * v_sin);
  }
  return v_r;`,
  },
};

/** What gpu.js wants to know of a helper function: source and types. */
export interface HelperFunction {
  readonly source: string;
  readonly settings: {
    readonly argumentTypes: Record<string, string>;
    readonly returnType: string;
  };
}

/** The named helpers and all they call, callees first. */
export function helperFunctions(names: Iterable<string>): HelperFunction[] {
  const ordered = new Set<string>();
  const visit = (name: string): void => {
    if (ordered.has(name)) return;
    for (const callee of HELPERS[name]!.calls ?? []) visit(callee);
    ordered.add(name);
  };
  for (const name of names) visit(name);
  return [...ordered].map((name) => {
    const { parameters, body } = HELPERS[name]!;
    return {
      source: `function ${name}(${parameters.join(", ")}) {${body}\n}`,
      settings: {
        argumentTypes: Object.fromEntries(parameters.map((p) => [p, "Number"])),
        returnType: "Number",
      },
    };
  });
}
