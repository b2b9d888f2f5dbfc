/**
 * Elementwise primitives as source: for each the expression that computes one element from those of its operands.
 *
 * Operands arrive as names or literals, so an expression may repeat them. Truth is 1 and 0, as in the arrays. Numbers whose magnitude
 * reaches the sentinel of {@link literal} count as infinite.
 */
import { INFINITE } from "./functions.js";

/** Source of one element; helpers it calls start with `f_`. */
type Expression = (...operands: string[]) => string;

const call =
  (name: string): Expression =>
  (...operands) =>
    `${name}(${operands.join(", ")})`;

const test = (condition: string): string => `(${condition} ? 1 : 0)`;

const GELU_SCALE = Math.sqrt(2 / Math.PI);

export const EXPRESSIONS: Readonly<Record<string, Expression>> = {
  add: (a, b) => `(${a} + ${b})`,
  sub: (a, b) => `(${a} - ${b})`,
  mul: (a, b) => `(${a} * ${b})`,
  div: (a, b) => `(${a} / ${b})`,
  neg: (x) => `(-${x})`,
  sign: (x) => `(${x} > 0 ? 1 : (${x} < 0 ? -1 : 0))`,
  abs: call("Math.abs"),
  square: (x) => `(${x} * ${x})`,
  reciprocal: (x) => `(1 / ${x})`,
  mod: call("f_mod"),
  fmod: (a, b) => `(${a} < 0 ? -f_mod(-${a}, Math.abs(${b})) : f_mod(${a}, Math.abs(${b})))`,
  maximum: call("Math.max"),
  minimum: call("Math.min"),
  exp: call("Math.exp"),
  expm1: call("f_expm1"),
  log: call("Math.log"),
  log1p: call("f_log1p"),
  sqrt: call("Math.sqrt"),
  rsqrt: (x) => `(1 / Math.sqrt(${x}))`,
  pow: call("f_pow"),
  hypot: (a, b) => `Math.sqrt(${a} * ${a} + ${b} * ${b})`,
  logaddexp: call("f_logaddexp"),
  sin: call("f_sin"),
  cos: call("f_cos"),
  tan: (x) => `(f_sin(${x}) / f_cos(${x}))`,
  asin: call("f_asin"),
  acos: (x) => `(${Math.PI / 2} - f_asin(${x}))`,
  atan: call("f_atan"),
  atan2: call("f_atan2"),
  sinh: call("f_sinh"),
  cosh: (x) => `(0.5 * (Math.exp(${x}) + Math.exp(-${x})))`,
  tanh: call("f_tanh"),
  asinh: call("f_asinh"),
  acosh: call("f_acosh"),
  atanh: call("f_atanh"),
  sigmoid: call("f_sigmoid"),
  logSigmoid: (x) => `(-f_softplus(-${x}))`,
  softplus: call("f_softplus"),
  relu: (x) => `Math.max(${x}, 0)`,
  silu: (x) => `(${x} * f_sigmoid(${x}))`,
  gelu: (x) => `(0.5 * ${x} * f_erfc(${x} * ${-Math.SQRT1_2}))`,
  geluTanh: (x) =>
    `(0.5 * ${x} * (1 + f_tanh(${GELU_SCALE} * (${x} + 0.044715 * ${x} * ${x} * ${x}))))`,
  mish: (x) => `(${x} * f_tanh(f_softplus(${x})))`,
  erf: call("f_erf"),
  erfc: call("f_erfc"),
  erfinv: call("f_erfinv"),
  ndtr: (x) => `(0.5 * f_erfc(${x} * ${-Math.SQRT1_2}))`,
  ndtri: call("f_ndtri"),
  lgamma: call("f_lgamma"),
  digamma: call("f_digamma"),
  trigamma: call("f_trigamma"),
  tetragamma: call("f_tetragamma"),
  floor: call("Math.floor"),
  ceil: call("Math.ceil"),
  trunc: call("f_trunc"),
  round: call("f_round"),
  equal: (a, b) => test(`${a} === ${b}`),
  notEqual: (a, b) => test(`${a} !== ${b}`),
  less: (a, b) => test(`${a} < ${b}`),
  lessEqual: (a, b) => test(`${a} <= ${b}`),
  greater: (a, b) => test(`${a} > ${b}`),
  greaterEqual: (a, b) => test(`${a} >= ${b}`),
  logicalAnd: (a, b) => test(`${a} !== 0 && ${b} !== 0`),
  logicalOr: (a, b) => test(`${a} !== 0 || ${b} !== 0`),
  logicalNot: (x) => test(`${x} === 0`),
  isNan: (x) => test(`${x} !== ${x}`),
  isFinite: (x) => test(`Math.abs(${x}) < ${INFINITE}`),
  where: (condition, a, b) => `(${condition} !== 0 ? ${a} : ${b})`,
};
