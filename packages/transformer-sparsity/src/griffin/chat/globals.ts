/** What every template can call: `raise_exception`, `strftime_now`, `range`, `namespace`, `dict`. */
import { bind, textArgument, wholeArgument } from "./arguments.js";
import { Scope } from "./interpreter.js";
import { text } from "./print.js";
import {
  type Arguments,
  type Value,
  Callable,
  Namespace,
  TemplateError,
  View,
  fail,
  isDict,
  itemsOf,
} from "./values.js";

/** Thrown where a template calls `raise_exception`. */
export class RaisedByTemplate extends TemplateError {}

const MAX_RANGE = 100_000;

export function globals(now: Date): Scope {
  const scope = new Scope();
  const add = (name: string, call: (args: Arguments) => Value): void => {
    scope.set(name, new Callable(name, call));
  };
  add("raise_exception", (args) => {
    const [message] = bind("raise_exception", args, "message");
    throw new RaisedByTemplate(text(message ?? null));
  });
  add("strftime_now", (args) =>
    strftime(textArgument("strftime_now", bind("strftime_now", args, "format")[0]), now),
  );
  add("range", (args) => {
    const [first, second, third] = bind("range", args, "start", "stop", "step");
    if (first === undefined) fail("range needs a number");
    const [start, stop] =
      second === undefined
        ? [0, wholeArgument("range", first, 0)]
        : [wholeArgument("range", first, 0), wholeArgument("range", second, 0)];
    const step = wholeArgument("range", third, 1);
    if (step === 0) fail("range needs a step that is not 0");
    const count = Math.max(0, Math.ceil((stop - start) / step));
    if (count > MAX_RANGE) fail(`range gives ${count} numbers, expected at most ${MAX_RANGE}`);
    const shown = `range(${start}, ${stop}${step === 1 ? "" : `, ${step}`})`;
    return new View(
      "range",
      Array.from({ length: count }, (_, i) => start + i * step),
      shown,
    );
  });
  add("namespace", ({ list, named }) => {
    const space = new Namespace();
    for (const given of list) {
      if (isDict(given)) for (const [key, value] of given) space.fields.set(String(key), value);
      else
        for (const pair of itemsOf(given)) {
          const [key, value] = itemsOf(pair);
          space.fields.set(textArgument("namespace", key), value ?? null);
        }
    }
    for (const [key, value] of named) space.fields.set(key, value);
    return space;
  });
  add("dict", ({ list, named }) => {
    const [given = new Map<string, Value>()] = list;
    return isDict(given) ? new Map([...given, ...named]) : fail("dict needs an object");
  });
  return scope;
}

const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];
const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/** Local time by the directives of C; English names. */
function strftime(format: string, now: Date): string {
  const two = (x: number): string => String(x).padStart(2, "0");
  const parts: Readonly<Record<string, () => string>> = {
    Y: () => String(now.getFullYear()),
    y: () => two(now.getFullYear() % 100),
    m: () => two(now.getMonth() + 1),
    d: () => two(now.getDate()),
    e: () => String(now.getDate()).padStart(2, " "),
    b: () => MONTHS[now.getMonth()]!.slice(0, 3),
    B: () => MONTHS[now.getMonth()]!,
    a: () => DAYS[now.getDay()]!.slice(0, 3),
    A: () => DAYS[now.getDay()]!,
    H: () => two(now.getHours()),
    I: () => two(((now.getHours() + 11) % 12) + 1),
    M: () => two(now.getMinutes()),
    S: () => two(now.getSeconds()),
    p: () => (now.getHours() < 12 ? "AM" : "PM"),
    F: () => `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`,
    T: () => `${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}`,
    "%": () => "%",
  };
  return format.replace(/%(.?)/gsu, (whole, letter: string) =>
    Object.hasOwn(parts, letter) ? parts[letter]!() : fail(`strftime_now does not know "${whole}"`),
  );
}
