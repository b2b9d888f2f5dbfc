import * as p from "@provably/core-tensor";
import { golden, type Op } from "./cases.js";

const names = [
  "sum",
  "mean",
  "max",
  "min",
  "logSumExp",
  "norm",
  "prod",
  "std",
  "cumsum",
  "cumprod",
  "logCumsumExp",
  "argmax",
  "argmin",
  "any",
  "all",
] as const;
const plain = Object.fromEntries(
  names.map((name): [string, Op] => [name, ([x], attrs) => p[name](x!, attrs)]),
);

golden("reduce", { ...plain, var: ([x], attrs) => p.variance(x!, attrs) }, { forward: 1e-11 });
