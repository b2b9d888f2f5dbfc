/**
 * Constants of the elementwise kernels and the generator that turns them into tables in linear memory.
 *
 * V8 rebuilds a vector constant every time a loop uses it; a load from a constant address is cheaper. The polynomials are minimax fits by `fit-coefficients.py`, which states interval, weight and error of each.
 */

/** Numbers: name → value in each type. */
const NUMBERS = {
  one: [1, 1],
  two: [2, 2],
  half: [0.5, 0.5],
  log2e: [Math.LOG2E, Math.LOG2E],
  // log 2 in two parts; the first has so few bits that its product with any exponent is exact.
  ln2High: [0.693145751953125, 0.6931471803691238],
  ln2Low: [1.42860682031e-6, 1.9082149292705878e-10],
  // Adding 1.5·2^mantissa rounds to an integer, which then stands in the low bits; the others add the exponent's bias to it.
  magic: [12582912, 6755399441055744],
  magicBias: [12582912 + 127, 6755399441055744 + 1023],
  magicBiasLess: [12582912 + 126, 6755399441055744 + 1022],
  // Beyond these e^x is infinite, zero, and minus one when one is subtracted.
  expHigh: [89, 710],
  expLow: [-104, -746],
  // Up to this size of x the exponent of e^x fits one scale factor.
  expPlain: [87, 708],
  // The exponential of the smallest normal number, rounded up.
  softmaxLow: [-87.33654, -708.3964185322641],
  expm1Low: [-18, -40],
  minusTwo: [-2, -2],
  infinity: [Infinity, Infinity],
  // 2^mantissa, and the same plus the bias: converts a biased exponent in the low bits to a float.
  twoToMantissa: [2 ** 23, 2 ** 52],
  exponentBase: [2 ** 23 + 127, 2 ** 52 + 1023],
  mantissaBits: [23, 52],
  smallestNormal: [2 ** -126, 2 ** -1022],
};

/** Bit patterns: name → pattern in each width. */
const PATTERNS = {
  sign: [0x80000000n, 0x8000000000000000n],
  exponent: [0xff800000n, 0xfff0000000000000n],
  oneBits: [0x3f800000n, 0x3ff0000000000000n],
  // bits(1) - bits(sqrt(1/2)): moves the boundary between two exponents down to sqrt(1/2).
  logShift: [0x3f800000n - 0x3f3504f3n, 0x3ff0000000000000n - 0x3fe6a09e667f3bcdn],
  // Keeps so many bits that the square of the rest is exact.
  splitMask: [0xfffff000n, 0xfffffffff8000000n],
};

/** The same coefficients in both places: only the second is read. */
function inDoubles(...row) {
  return [row, row];
}

/** Polynomials, highest coefficient first: name → coefficients in each type. Those of degree 0 are numbers that few modules need. */
const POLYNOMIALS = {
  // $e^t = 1 + t + t^2 q(t)$ for $|t| ≤ \tfrac12 \log 2$. Errors 1.32e-8 and 1.8e-17.
  expTail: [
    [
      0.00138825214, 0.00836652058, 0.0416671999, 0.166665436, 0.499999982,
    ],
    [
      2.5053775807456637e-8, 2.7626037943569713e-7, 2.7557407539942735e-6, 2.4801505273657476e-5,
      0.00019841269719010065, 0.0013888888931564981, 0.0083333333333895505, 0.041666666666576754, 0.16666666666666589,
      0.50000000000000052,
    ],
  ],
  // $\log\frac{1+s}{1-s} = 2s + s z r(z)$ with $z = s^2$, for arguments in $[\sqrt{1/2}, \sqrt 2]$. Errors 8.08e-10 and 1.36e-18.
  logTail: [
    [
      0.298718623, 0.39977537, 0.666667764,
    ],
    [
      0.14777486477893911, 0.15316042784945132, 0.18183479105125484, 0.22222200402006856, 0.28571428721952246,
      0.39999999999524791, 0.66666666666667129,
    ],
  ],
  // $(1 + 2a) e^{a^2} \operatorname{erfc} a$ as a polynomial in $(a - 3.75) / (a + 3.75)$, $a ≥ 0$. Errors 6.98e-9 and 1.07e-17.
  erfcScaled: [
    [
      0.001061485, 0.00220632245, -0.0100160113, 0.0280462951, -0.0586920366, 0.0923701543, -0.108797199, 0.0822715092,
      0.00358492328, -0.140240478, 1.23751263,
    ],
    [
      -2.2891537864376662e-9, -5.6018080051314594e-10, 3.2730842182695277e-8, 1.5081683751662831e-8,
      -2.5287844854718946e-7, -4.7044049309185282e-8, 1.7487166188983991e-6, -9.8091555745175679e-7,
      -1.1443504980721032e-5, 2.2387562615748374e-5, 5.1649157171403572e-5, -0.00029015504092851126,
      0.00029371359730090549, 0.0017556260286459121, -0.0097465795417254636, 0.028362277399445214,
      -0.058693398591441103, 0.092304321161578111, -0.10880393014165703, 0.082276738490111081, 0.0035854154854627326,
      -0.14024059858554668, 1.2375126308378276,
    ],
  ],
  // $\operatorname{erf} x = x + x p(x^2)$ for $|x| ≤ 3/4$. Errors 1.42e-9 and 7.82e-19.
  erfNear: [
    [
      -0.000674951361, 0.0051143456, -0.0268346246, 0.112833766, -0.376126188, 0.128379165,
    ],
    [
      1.1463755384862086e-8, -1.593759923648151e-7, 1.6430388110614123e-6, -1.4924176629525943e-5,
      0.00012055288776895087, -0.00085483261690830362, 0.0052239776151221724, -0.02686617064440247,
      0.11283791670952481, -0.37612638903183715, 0.12837916709551257,
    ],
  ],
  // From here on for 64-bit arithmetic only. sin y = y + y³ p(z) and cos y = 1 − z/2 + z² q(z) with z = y², |y| ≤ π/4, as in fdlibm.
  sinTail: inDoubles(
    1.58969099521155010221e-10, -2.50507602534068634195e-8, 2.75573137070700676789e-6, -1.98412698298579493134e-4,
    8.33333333332248946124e-3, -1.66666666666666324348e-1,
  ),
  cosTail: inDoubles(
    -1.13596475577881948265e-11, 2.0875723212981748279e-9, -2.75573143513906633035e-7, 2.48015872894767294178e-5,
    -1.38888888888741095749e-3, 4.16666666666666019037e-2,
  ),
  erfNearEdge: [[0.75], [0.75]],
  erfcCentre: [[3.75], [3.75]],
  // Beyond these e^(-x²) and e^(-x²/2) are zero.
  erfTop: [[11], [28]],
  geluTop: [[15], [39]],
  sqrtHalf: [[Math.SQRT1_2], [Math.SQRT1_2]],
  // 2 sqrt(2/π) and 0.044715 times it: gelu's tanh form is x·sigmoid(x (first + second x²)).
  geluTanhFirst: [[1.5957691216057308], [1.5957691216057308]],
  geluTanhSecond: [[0.07135481627260025], [0.07135481627260025]],
  // What the two numbers of gelu's tanh form lose in the type, and the size of x beyond which its tail is zero.
  geluTanhFirstLow: [[-4.534068042105272e-8], [-9.96930880911092e-17]],
  geluTanhSecondLow: [[2.3988323959931355e-9], [-6.175149918155315e-19]],
  geluTanhTop: [[12], [24]],
  twoOverPi: inDoubles(0.6366197723675814),
  // π/2 in three parts of 33 bits, and the rest.
  halfPi0: inDoubles(1.57079632673412561417),
  halfPi1: inDoubles(6.0771005063039659766e-11),
  halfPi2: inDoubles(2.0222662487111664558e-21),
  halfPi3: inDoubles(8.47842766036889956997e-32),
  // Up to here the number of quarter turns takes 20 bits.
  quadrantBound: inDoubles(1.6e6),
};

const literal = (x) => (Number.isFinite(x) ? (Number.isInteger(x) ? x.toFixed(1) : String(x)) : "Infinity");
const bits = (x) => `0x${x.toString(16)}`;

/** Polynomial `name` of `degree`, its highest coefficient in slot `first`: two chains of alternate powers halve the latency of one. */
function polynomial(name, type, first, degree) {
  const lines = [`    let p = slot(${first}), q = slot(${first + 1});`, `    const z = v128.mul<${type}>(x, x);`];
  for (let i = 2; i <= degree; i++) {
    const chain = i % 2 ? "q" : "p";
    lines.push(`    ${chain} = madd<${type}>(${chain}, z, slot(${first + i}));`);
  }
  lines.push(`    return ${degree % 2 ? `madd<${type}>(p, x, q)` : `madd<${type}>(q, x, p)`};`);
  return lines.join("\n");
}

/**
 * AssemblyScript source of all constants and the named polynomials. The module carries each constant once; `expand` writes it to
 * all lanes of its slot, 16 bytes each from `address` on.
 */
export function tablesSource(polynomials, address) {
  const numbers = Object.entries(NUMBERS);
  const patterns = Object.entries(PATTERNS);
  const accessor = (name, slot) => `@inline
export function ${name}<T>(): v128 {
  return slot(${slot});
}
`;
  let slots = numbers.length + patterns.length;
  let functions = "";
  const tails = [[], []];
  for (const name of polynomials) {
    const rows = POLYNOMIALS[name];
    functions += rows[1].length === 1 ? accessor(name, slots) : `
@inline
export function ${name}<T>(x: v128): v128 {
  if (sizeof<T>() == 4) {
${polynomial(name, "f32", slots, rows[0].length - 1)}
  } else {
${polynomial(name, "f64", slots, rows[1].length - 1)}
  }
}
`;
    // The same slots in both types: the shorter polynomial leaves its last ones empty.
    const length = Math.max(rows[0].length, rows[1].length);
    rows.forEach((row, k) => tails[k].push(...row, ...new Array(length - row.length).fill(0)));
    slots += length;
  }
  const table = (k, type) => `const NUMBERS${type}: usize = memory.data<f${type}>([${[...numbers.map(([, row]) => row[k]), ...tails[k]].map(literal).join(", ")}]);
const PATTERNS${type}: usize = memory.data<u${type}>([${patterns.map(([, row]) => bits(row[k])).join(", ")}]);
`;
  return `// Generated by coefficients.mjs; edit that file instead.
import { madd } from "./lane";

${table(0, 32)}${table(1, 64)}
@inline
function slot(i: i32): v128 {
  return v128.load(${address} + 16 * i);
}

/** Fills the slots from the tables. */
export function expand<T>(): void {
  let to: usize = ${address};
  const numbers = sizeof<T>() == 4 ? NUMBERS32 : NUMBERS64, patterns = sizeof<T>() == 4 ? PATTERNS32 : PATTERNS64;
  for (let i = 0; i < ${numbers.length}; i++, to += 16) v128.store(to, v128.load_splat<T>(numbers + i * sizeof<T>()));
  for (let i = 0; i < ${patterns.length}; i++, to += 16) v128.store(to, v128.load_splat<T>(patterns + i * sizeof<T>()));
  for (let i = ${numbers.length}; i < ${slots - patterns.length}; i++, to += 16) v128.store(to, v128.load_splat<T>(numbers + i * sizeof<T>()));
}

${numbers.map(([name], i) => accessor(name, i)).join("\n")}
${patterns.map(([name], i) => accessor(name, numbers.length + i)).join("\n")}${functions}`;
}
