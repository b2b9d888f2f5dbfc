/** Tests of templates: `x is defined` and the like. */
import {
  type Value,
  Callable,
  Float,
  Lazy,
  Tuple,
  Undefined,
  View,
  compare,
  contains,
  equal,
  fail,
  isDict,
  isList,
  numeric,
} from "./values.js";
import { text } from "./print.js";

type Test = (x: Value, other: Value | undefined) => boolean;

const order =
  (fits: (sign: number) => boolean): Test =>
  (x, other) =>
    fits(compare(x, needed(other)));
const same: Test = (x, other) => equal(x, needed(other));
const different: Test = (x, other) => !equal(x, needed(other));
const whole = (x: Value): number => {
  const number = numeric(x);
  return number ?? fail("odd and even are of numbers");
};
const less = order((sign) => sign < 0);
const more = order((sign) => sign > 0);
const atMost = order((sign) => sign <= 0);
const atLeast = order((sign) => sign >= 0);

function needed(x: Value | undefined): Value {
  return x === undefined ? fail("the test needs something to compare with") : x;
}

const cased =
  (change: (x: string) => string, other: (x: string) => string): Test =>
  (x) =>
    change(text(x)) === text(x) && other(text(x)) !== text(x);

/** By name. */
export const TESTS: ReadonlyMap<string, Test> = new Map<string, Test>([
  ["defined", (x) => !(x instanceof Undefined)],
  ["undefined", (x) => x instanceof Undefined],
  ["none", (x) => x === null],
  ["string", (x) => typeof x === "string"],
  ["boolean", (x) => typeof x === "boolean"],
  ["true", (x) => x === true],
  ["false", (x) => x === false],
  ["number", (x) => numeric(x) !== undefined],
  ["integer", (x) => typeof x === "number"],
  ["float", (x) => x instanceof Float],
  ["mapping", isDict],
  ["sequence", (x) => isSequence(x)],
  ["iterable", (x) => isSequence(x) || x instanceof View || x instanceof Lazy],
  ["callable", (x) => x instanceof Callable || x instanceof Undefined],
  ["odd", (x) => Math.abs(whole(x) % 2) === 1],
  ["even", (x) => whole(x) % 2 === 0],
  ["divisibleby", (x, other) => whole(x) % whole(needed(other)) === 0],
  [
    "upper",
    cased(
      (x) => x.toUpperCase(),
      (x) => x.toLowerCase(),
    ),
  ],
  [
    "lower",
    cased(
      (x) => x.toLowerCase(),
      (x) => x.toUpperCase(),
    ),
  ],
  ["in", (x, other) => contains(needed(other), x)],
  ["eq", same],
  ["equalto", same],
  ["==", same],
  ["ne", different],
  ["!=", different],
  ["lt", less],
  ["lessthan", less],
  ["<", less],
  ["gt", more],
  ["greaterthan", more],
  [">", more],
  ["le", atMost],
  ["<=", atMost],
  ["ge", atLeast],
  [">=", atLeast],
]);

function isSequence(x: Value): boolean {
  return (
    typeof x === "string" ||
    isList(x) ||
    isDict(x) ||
    x instanceof Tuple ||
    x instanceof Undefined ||
    (x instanceof View && x.name === "range")
  );
}
