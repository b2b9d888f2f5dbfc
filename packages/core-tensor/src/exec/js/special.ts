/** Special functions in double precision: error function, gamma function and their inverses. */

// erf and erfc: rational approximations on four ranges, Cody (1969) in the arrangement of W. J. Cody's CALERF; relative error below 1e-15.
const A = [
  3.1611237438705656, 113.864154151050156, 377.485237685302021, 3209.37758913846947,
  0.185777706184603153,
];
const B = [23.6012909523441209, 244.024637934444173, 1282.61652607737228, 2844.23683343917062];
const C = [
  0.564188496988670089, 8.88314979438837594, 66.1191906371416295, 298.635138197400131,
  881.95222124176909, 1712.04761263407058, 2051.07837782607147, 1230.33935479799725,
  2.15311535474403846e-8,
];
const D = [
  15.7449261107098347, 117.693950891312499, 537.181101862009858, 1621.38957456669019,
  3290.79923573345963, 4362.61909014324716, 3439.36767414372164, 1230.33935480374942,
];
const P = [
  0.305326634961232344, 0.360344899949804439, 0.125781726111229246, 0.0160837851487422766,
  6.58749161529837803e-4, 0.0163153871373020978,
];
const Q = [
  2.56852019228982242, 1.87295284992346047, 0.527905102951428412, 0.0605183413124413191,
  0.00233520497626869185,
];
const INV_SQRT_PI = 0.56418958354775628695;
const SQRT_2PI = Math.sqrt(2 * Math.PI);

/** exp(−x²) with the square split in two, so that its rounding is not magnified. */
function expMinusSquare(x: number): number {
  const head = Math.trunc(x * 16) / 16;
  return Math.exp(-head * head) * Math.exp(-(x - head) * (x + head));
}

function erfSmall(x: number): number {
  const y = x * x;
  let top = A[4]! * y;
  let bottom = y;
  for (let i = 0; i < 3; i++) {
    top = (top + A[i]!) * y;
    bottom = (bottom + B[i]!) * y;
  }
  return (x * (top + A[3]!)) / (bottom + B[3]!);
}

/** e^{x²} erfc(x) for x ≥ 0.46875. */
function erfcx(x: number): number {
  if (x > 4) return erfcxAsymptotic(x);
  let top = C[8]! * x;
  let bottom = x;
  for (let i = 0; i < 7; i++) {
    top = (top + C[i]!) * x;
    bottom = (bottom + D[i]!) * x;
  }
  return (top + C[7]!) / (bottom + D[7]!);
}

/** erfc(x) for x ≥ 0.46875. */
function erfcLarge(x: number): number {
  return x > 27.3 ? 0 : expMinusSquare(x) * erfcx(x);
}

function erfcxAsymptotic(x: number): number {
  const y = 1 / (x * x);
  let top = P[5]! * y;
  let bottom = y;
  for (let i = 0; i < 4; i++) {
    top = (top + P[i]!) * y;
    bottom = (bottom + Q[i]!) * y;
  }
  return (INV_SQRT_PI - (y * (top + P[4]!)) / (bottom + Q[4]!)) / x;
}

export function erf(x: number): number {
  const a = Math.abs(x);
  if (!(a > 0.46875)) return erfSmall(x);
  return Math.sign(x) * (1 - erfcLarge(a));
}

export function erfc(x: number): number {
  const a = Math.abs(x);
  if (!(a > 0.46875)) return 1 - erfSmall(x);
  const tail = erfcLarge(a);
  return x < 0 ? 2 - tail : tail;
}

/** Standard normal distribution function; x itself is squared, so that the rounding of x/√2 is not magnified in the tail. */
export function ndtr(x: number): number {
  const a = Math.abs(x);
  const z = a * Math.SQRT1_2;
  if (!(z > 0.46875)) return 0.5 + 0.5 * erfSmall(x * Math.SQRT1_2);
  const head = Math.trunc(a * 16) / 16;
  const tail =
    a > 39
      ? 0
      : 0.5 * Math.exp(-0.5 * head * head) * Math.exp(-0.5 * (a - head) * (a + head)) * erfcx(z);
  return x < 0 ? tail : 1 - tail;
}

// Rational starting values of the normal quantile (central and tail), good to 1e-9; Newton's steps make them exact to rounding.
const NA = [
  -3.969683028665376e1, 2.209460984245205e2, -2.759285104469687e2, 1.38357751867269e2,
  -3.066479806614716e1, 2.506628277459239,
];
const NB = [
  -5.447609879822406e1, 1.615858368580409e2, -1.556989798598866e2, 6.680131188771972e1,
  -1.328068155288572e1,
];
const NC = [
  -7.784894002430293e-3, -3.223964580411365e-1, -2.400758277161838, -2.549732539343734,
  4.374664141464968, 2.938163982698783,
];
const ND = [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416];

function horner(coefficients: readonly number[], x: number): number {
  let y = 0;
  for (const c of coefficients) y = y * x + c;
  return y;
}

/** Standard normal quantile of a probability p ≤ ¼: Newton's method on ln Φ, which no p underflows. */
function lowerQuantile(p: number): number {
  const target = Math.log(p);
  let x: number;
  if (p < 0.02425) {
    const q = Math.sqrt(-2 * target);
    x = horner(NC, q) / (horner(ND, q) * q + 1);
  } else {
    const q = p - 0.5;
    const r = q * q;
    x = (horner(NA, r) * q) / (horner(NB, r) * r + 1);
  }
  for (let i = 0; i < 3; i++) {
    const scaled = 0.5 * erfcx(-x * Math.SQRT1_2);
    x -= (Math.log(scaled) - 0.5 * x * x - target) * SQRT_2PI * scaled;
  }
  return x;
}

/** Standard normal quantile. */
export function ndtri(p: number): number {
  if (p === 0) return -Infinity;
  if (p === 1) return Infinity;
  if (!(p > 0 && p < 1)) return NaN;
  if (p < 0.25) return lowerQuantile(p);
  // 1 − p and 2p − 1 are exact here
  return p > 0.75 ? -lowerQuantile(1 - p) : Math.SQRT2 * erfinv(2 * p - 1);
}

/** Inverse of erf. */
export function erfinv(y: number): number {
  const a = Math.abs(y);
  if (a === 1) return y * Infinity;
  if (!(a < 1)) return NaN;
  if (a < 0.5) {
    // series start, then Newton on erf itself: relative accuracy is kept near 0
    const t = y * y;
    let x = (y / (2 * INV_SQRT_PI)) * (1 + (Math.PI / 12) * t * (1 + ((7 * Math.PI) / 40) * t));
    for (let i = 0; i < 4; i++) {
      const u = ((erf(x) - y) * Math.exp(x * x)) / (2 * INV_SQRT_PI);
      x -= u / (1 + x * u);
    }
    return x;
  }
  return -Math.sign(y) * lowerQuantile((1 - a) / 2) * Math.SQRT1_2;
}

// Gamma function: Lanczos approximation with g = 607/128 and 15 terms.
const LANCZOS = [
  0.99999999999999709182, 57.156235665862923517, -59.597960355475491248, 14.136097974741747174,
  -0.49191381609762019978, 0.33994649984811888699e-4, 0.46523628927048575665e-4,
  -0.98374475304879564677e-4, 0.15808870322491248884e-3, -0.21026444172410488319e-3,
  0.2174396181152126432e-3, -0.16431810653676389022e-3, 0.84418223983852743293e-4,
  -0.2619083840158140867e-4, 0.36899182659531625704e-5,
];
const LANCZOS_G = 607 / 128;
const EULER = 0.57721566490153286061;

// ζ(k) − 1 for k = 2 … 30, for the series of ln Γ around 1 and 2
const ZETA_MINUS_1 = Array.from({ length: 29 }, (_, i) => {
  let total = 0;
  for (let n = 40; n >= 2; n--) total += n ** -(i + 2);
  // Euler-Maclaurin tail from 41 on
  const [k, m] = [i + 2, 40.5];
  const rising = (count: number): number =>
    Array.from({ length: count }, (_unused, j) => k + j).reduce((p, q) => p * q, 1);
  const tail =
    m ** (1 - k) / (k - 1) -
    (rising(1) * m ** (-k - 1)) / 24 +
    (7 * rising(3) * m ** (-k - 3)) / 5760 -
    (31 * rising(5) * m ** (-k - 5)) / 967680;
  return total + tail;
});

/** ln Γ(1 + z) for |z| ≤ ½, without cancellation at 0 and with ln(1+z) taken out so that the series converges like 2⁻ᵏ/2ᵏ. */
function lgammaNearOne(z: number): number {
  let total = 0;
  for (let k = ZETA_MINUS_1.length + 1; k >= 2; k--) total = total * -z + ZETA_MINUS_1[k - 2]! / k;
  return -Math.log1p(z) + z * (1 - EULER) + z * z * total;
}

/** Natural logarithm of |Γ(x)|. */
export function lgamma(x: number): number {
  if (Number.isNaN(x)) return NaN;
  if (!Number.isFinite(x)) return Infinity;
  if (x <= 0 && Number.isInteger(x)) return Infinity;
  if (x < 0.5) {
    if (x > -0.5) return lgammaNearOne(x) - Math.log(Math.abs(x));
    return Math.log(Math.PI / Math.abs(sinPi(x))) - lgamma(1 - x);
  }
  if (x <= 1.5) return lgammaNearOne(x - 1);
  if (x <= 2.5) return lgammaNearOne(x - 2) + Math.log1p(x - 2);
  if (x > 1e8) return x * (Math.log(x) - 1) - 0.5 * Math.log(x / (2 * Math.PI));
  const z = x - 1;
  let total = LANCZOS[0]!;
  for (let i = 1; i < LANCZOS.length; i++) total += LANCZOS[i]! / (z + i);
  const t = z + LANCZOS_G + 0.5;
  return (z + 0.5) * Math.log(t) - t + Math.log(SQRT_2PI * total);
}

/** sin(πx), exact at integers. */
function sinPi(x: number): number {
  const r = x - 2 * Math.round(x / 2);
  return Math.sin(Math.PI * (Math.abs(r) > 0.5 ? Math.sign(r) - r : r));
}

/** cos(πx), exact at integers and halves. */
function cosPi(x: number): number {
  const r = Math.abs(x - 2 * Math.round(x / 2));
  return r < 0.25 ? Math.cos(Math.PI * r) : Math.sin(Math.PI * (0.5 - r));
}

function tanPi(x: number): number {
  const r = x - Math.round(x);
  return Math.tan(Math.PI * r);
}

/** First derivative of ln Γ. */
export function digamma(x: number): number {
  if (Number.isNaN(x) || x === -Infinity || (x < 0 && Number.isInteger(x))) return NaN;
  if (x === 0) return Object.is(x, -0) ? Infinity : -Infinity;
  if (x < 0) return digamma(1 - x) - Math.PI / tanPi(x);
  let shift = 0;
  let z = x;
  for (; z < 12; z++) shift += 1 / z;
  const y = 1 / (z * z);
  const series =
    y *
    (1 / 12 -
      y * (1 / 120 - y * (1 / 252 - y * (1 / 240 - y * (1 / 132 - y * (691 / 32760 - y / 12))))));
  return Math.log(z) - 0.5 / z - series - shift;
}

/** Second derivative of ln Γ. */
export function trigamma(x: number): number {
  if (x <= 0 && Number.isInteger(x)) return Infinity;
  if (x < 0) return (Math.PI / sinPi(x)) ** 2 - trigamma(1 - x);
  let shift = 0;
  let z = x;
  for (; z < 12; z++) shift += 1 / (z * z);
  const y = 1 / (z * z);
  const series =
    y *
    (1 / 6 -
      y * (1 / 30 - y * (1 / 42 - y * (1 / 30 - y * (5 / 66 - y * (691 / 2730 - (7 / 6) * y))))));
  return shift + 1 / z + y / 2 + series / z;
}

/** Third derivative of ln Γ. */
export function tetragamma(x: number): number {
  if (x === 0) return Object.is(x, -0) ? Infinity : -Infinity;
  if (x < 0) {
    if (!(x > -Infinity) || Number.isInteger(x)) return NaN;
    const s = Math.PI / sinPi(x);
    return tetragamma(1 - x) - 2 * s * s * s * cosPi(x);
  }
  let shift = 0;
  let z = x;
  for (; z < 12; z++) shift -= 2 / (z * z * z);
  const y = 1 / (z * z);
  const series =
    y * y * (0.5 - y * (1 / 6 - y * (1 / 6 - y * (3 / 10 - y * (5 / 6 - (691 / 210) * y)))));
  return shift - y - y / z - series;
}
