/** Arithmetic and comparisons of templates. Whole numbers stay whole but for division. */
import { text } from "./print.js";
import {
  type Value,
  Float,
  Tuple,
  Undefined,
  compare,
  contains,
  equal,
  fail,
  isList,
  numeric,
  typeName,
} from "./values.js";

/** Repeating a text or a list more makes something that no prompt is. */
const MAX_REPEATED = 1_000_000;

/** `a operator b`, but for `and` and `or`. */
export function binary(operator: string, a: Value, b: Value): Value {
  switch (operator) {
    case "==":
      return equal(a, b);
    case "!=":
      return !equal(a, b);
    case "in":
      return contains(b, a);
    case "not in":
      return !contains(b, a);
    case "<":
      return compare(a, b) < 0;
    case ">":
      return compare(a, b) > 0;
    case "<=":
      return compare(a, b) <= 0;
    case ">=":
      return compare(a, b) >= 0;
    case "~":
      return text(a) + text(b);
    default:
      return arithmetic(operator, a, b);
  }
}

function arithmetic(operator: string, a: Value, b: Value): Value {
  for (const side of [a, b]) if (side instanceof Undefined) side.refuse();
  const [x, y] = [numeric(a), numeric(b)];
  if (x !== undefined && y !== undefined)
    return ofNumbers(operator, x, y, a instanceof Float || b instanceof Float);
  if (operator === "+") {
    if (typeof a === "string" && typeof b === "string") return a + b;
    if (isList(a) && isList(b)) return [...a, ...b];
    if (a instanceof Tuple && b instanceof Tuple) return new Tuple([...a.items, ...b.items]);
  }
  if (operator === "*") {
    const repeated =
      typeof b === "number" ? times(a, b) : typeof a === "number" ? times(b, a) : undefined;
    if (repeated !== undefined) return repeated;
  }
  return fail(`${typeName(a)} and ${typeName(b)} have no "${operator}"`);
}

function times(x: Value, count: number): Value | undefined {
  if (typeof x !== "string" && !isList(x)) return undefined;
  if (count * x.length > MAX_REPEATED)
    fail(`repeated ${count} times, it would be longer than ${MAX_REPEATED}`);
  if (typeof x === "string") return x.repeat(Math.max(0, count));
  return Array.from({ length: Math.max(0, count) }, () => x).flat();
}

function ofNumbers(operator: string, x: number, y: number, decimal: boolean): Value {
  if (["/", "//", "%"].includes(operator) && y === 0) fail("division by zero");
  const wrap = (value: number, isDecimal = decimal): Value => {
    if (isDecimal) return new Float(value);
    return Number.isSafeInteger(value) ? value : fail("an integer is beyond 2^53");
  };
  switch (operator) {
    case "+":
      return wrap(x + y);
    case "-":
      return wrap(x - y);
    case "*":
      return wrap(x * y);
    case "/":
      return wrap(x / y, true);
    case "//":
      return wrap(Math.floor(x / y));
    case "%":
      // the sign of the divisor
      return wrap(x - y * Math.floor(x / y));
    case "**":
      return wrap(x ** y, decimal || y < 0);
    default:
      return fail(`the operator "${operator}" is not understood`);
  }
}
