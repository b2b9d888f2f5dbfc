/** Gamma functions on devices. Source: Stirling's series, and the series of ln Γ(2 + z). */
import { type DeviceFunction, INFINITE, horner } from "../device.js";
import { LOG, LOG1P } from "./exponential.js";
import { COS, SIN } from "./trigonometric.js";

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
const sinPi = (): string => `
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

/** ln Γ(2 + z) for |z| ≤ ½. */
export const LGAMMA_NEAR: DeviceFunction = {
  name: "f_lgamma_near",
  parameters: ["v_z"],
  body: () => `\n  return v_z * ${1 - 0.5772156649015329} + v_z * v_z * ${horner("v_z", ZETA)};`,
};

/** ln Γ(x) for x ≥ ½: down to (1.5, 2.5] by the recurrence, or Stirling's series. */
export const LGAMMA_ABOVE: DeviceFunction = {
  name: "f_lgamma_above",
  parameters: ["v_x"],
  calls: [LGAMMA_NEAR, LOG, LOG1P],
  body: () => `
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
};

export const LGAMMA: DeviceFunction = {
  name: "f_lgamma",
  parameters: ["v_x"],
  calls: [SIN, LGAMMA_ABOVE, LGAMMA_NEAR, LOG, LOG1P],
  body: () => `
  if (v_x >= 0.5) {
    return f_lgamma_above(v_x);
  }
  if (v_x === Math.floor(v_x)) {
    return ${INFINITE};
  }
  if (v_x > -0.5) {
    return f_lgamma_near(v_x) - f_log1p(v_x) - f_log(Math.abs(v_x));
  }${sinPi()}
  return f_log(${Math.PI} / Math.abs(v_half)) - f_lgamma_above(1 - v_x);`,
};

export const DIGAMMA: DeviceFunction = {
  name: "f_digamma",
  parameters: ["v_x"],
  calls: [SIN, COS],
  body: () => `${shifted("1 / v_z")}
  const v_r = Math.log(v_z) - 0.5 / v_z - v_y * ${horner("v_y", [1 / 252, -1 / 120, 1 / 12])} - v_shift;
  if (v_x < 0.5) {${sinPi()}
    return v_r - ${Math.PI} * v_cos / v_sin;
  }
  return v_r;`,
};

export const TRIGAMMA: DeviceFunction = {
  name: "f_trigamma",
  parameters: ["v_x"],
  calls: [SIN, COS],
  body: () => `${shifted("1 / (v_z * v_z)")}
  const v_r = v_shift + 1 / v_z + 0.5 * v_y + v_y * ${horner("v_y", [1 / 42, -1 / 30, 1 / 6])} / v_z;
  if (v_x < 0.5) {${sinPi()}
    return ${Math.PI ** 2} / (v_sin * v_sin) - v_r;
  }
  return v_r;`,
};

export const TETRAGAMMA: DeviceFunction = {
  name: "f_tetragamma",
  parameters: ["v_x"],
  calls: [SIN, COS],
  body: () => `${shifted("-2 / (v_z * v_z * v_z)")}
  const v_r = v_shift - v_y - v_y / v_z - v_y * v_y * ${horner("v_y", [1 / 6, -1 / 6, 0.5])};
  if (v_x < 0.5) {${sinPi()}
    return v_r - ${2 * Math.PI ** 3} * v_cos / (v_sin * v_sin * v_sin);
  }
  return v_r;`,
};
