/**
 * Elementwise primitives as source: for each the expression that computes one element from those of its operands.
 *
 * Operands arrive as names or literals, so an expression may repeat them. Truth is 1 and 0, as in the arrays. Numbers of the magnitude of
 * {@link INFINITE} count as infinite.
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
  fmod: call("f_fmod"),
  maximum: call("Math.max"),
  minimum: call("Math.min"),
  exp: call("f_exp"),
  expm1: call("f_expm1"),
  log: call("f_log"),
  log1p: call("f_log1p"),
  sqrt: call("Math.sqrt"),
  rsqrt: (x) => `(1 / Math.sqrt(${x}))`,
  pow: call("f_pow"),
  hypot: call("f_hypot"),
  logAddExp: call("f_logAddExp"),
  sin: call("f_sin"),
  cos: call("f_cos"),
  tan: (x) => `(f_sin(${x}) / f_cos(${x}))`,
  asin: call("f_asin"),
  acos: call("f_acos"),
  atan: call("f_atan"),
  atan2: call("f_atan2"),
  sinh: call("f_sinh"),
  cosh: call("f_cosh"),
  tanh: call("f_tanh"),
  asinh: call("f_asinh"),
  acosh: call("f_acosh"),
  atanh: call("f_atanh"),
  sigmoid: call("f_sigmoid"),
  logSigmoid: (x) => `(-f_softplus(-${x}))`,
  softplus: call("f_softplus"),
  relu: (x) => `Math.max(${x}, 0)`,
  silu: (x) => `f_gated(${x}, ${x})`,
  gelu: (x) => `f_weighed(${x} * ${-Math.SQRT1_2}, 0.5 * ${x})`,
  geluTanh: (x) => `f_gated(${x}, ${2 * GELU_SCALE} * (${x} + 0.044715 * ${x} * ${x} * ${x}))`,
  mish: call("f_mish"),
  erf: call("f_erf"),
  erfc: call("f_erfc"),
  erfinv: call("f_erfinv"),
  ndtr: (x) => `f_weighed(${x} * ${-Math.SQRT1_2}, 0.5)`,
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
