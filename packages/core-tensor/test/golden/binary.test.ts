import * as p from "@provably/core-tensor";
import { golden, type Op } from "./cases.js";

const names = [
  "add",
  "sub",
  "mul",
  "div",
  "maximum",
  "minimum",
  "atan2",
  "hypot",
  "logAddExp",
  "equal",
  "notEqual",
  "less",
  "lessEqual",
  "greater",
  "greaterEqual",
  "mod",
  "fmod",
] as const;
const plain = Object.fromEntries(
  names.map((name): [string, Op] => [name, ([a, b]) => p[name](a!, b!)]),
);

golden(
  "binary",
  {
    ...plain,
    pow: ([a, b], { exponent }) => p.pow(a!, b ?? (exponent as number)),
    // the case "no-nan-leak" has one float input: the double-where pattern spelled out
    where: ([a, b, condition]) =>
      condition ? p.where(condition, a!, b!) : p.where(b!, p.sqrt(p.where(b!, a!, 1)), 0),
  },
  { forward: 1e-12 },
);
