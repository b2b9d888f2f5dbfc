/** Small recurrences in an expression language: eager and compiled, values and gradients, in any order of runs. */
import { readFileSync } from "node:fs";
import * as p from "@provably/core-tensor";
import type { NdArray } from "@provably/core-tensor";
import { compile, cond, scan, whileLoop } from "@provably/core-tensor/compile";
import { describe, expect, it } from "vitest";
import { allocator } from "../../src/compile/wasm/allocator.js";
import { watching } from "../compile/watch.js";
import { type Golden, fixture } from "./cases.js";

type Expression = string | number | readonly [string, ...Part[]];
type Part = Expression | Scan | Branch | While;
interface Body {
  readonly let?: readonly (readonly [readonly string[], Expression])[];
}
interface Branch extends Body {
  readonly out: readonly Expression[];
}
interface Scan extends Body {
  readonly init: readonly Expression[];
  readonly xs: readonly Expression[];
  readonly carryNames: readonly string[];
  readonly xNames: readonly string[];
  readonly carry: readonly Expression[];
  readonly ys: readonly Expression[];
  readonly reverse: boolean;
}
interface While extends Body {
  readonly init: readonly Expression[];
  readonly names: readonly string[];
  readonly test: readonly ["lt" | "gt", Expression, number];
  readonly next: readonly Expression[];
}
interface Program {
  readonly name: string;
  readonly dtype: "float32" | "float64";
  readonly inputs: Readonly<Record<string, Golden>>;
  readonly program: Branch;
  readonly outputs: readonly Golden[];
  readonly cotangents?: readonly Golden[];
  readonly grads?: Readonly<Record<string, Golden>>;
}
type Names = Readonly<Record<string, NdArray>>;
type Inputs = Record<string, NdArray>;

const UNARY: Readonly<Record<string, (x: NdArray) => NdArray>> = {
  tanh: p.tanh,
  neg: p.neg,
  sum: (x) => p.sum(x),
};
const BINARY: Readonly<Record<string, (a: NdArray, b: NdArray) => NdArray>> = {
  add: p.add,
  sub: p.sub,
  mul: p.mul,
  maximum: p.maximum,
  matmul: p.matmul,
};

class Run {
  constructor(private readonly dtype: "float32" | "float64") {}

  private one(e: Expression, names: Names): NdArray {
    if (typeof e === "string") return names[e]!;
    if (typeof e === "number") return p.array(e, { dtype: this.dtype });
    const [op, ...parts] = e;
    const at = (i: number): NdArray => this.one(parts[i] as Expression, names);
    if (op in UNARY) return UNARY[op]!(at(0));
    if (op in BINARY) return BINARY[op]!(at(0), at(1));
    const from = (x: NdArray, i: NdArray): NdArray[] => [
      i,
      ...x.shape.slice(1).map(() => p.array(0, { dtype: "int32" })),
    ];
    const places = (x: NdArray, i: NdArray): NdArray =>
      p.stack(from(x, i).map((k) => p.asType(k, "int32")));
    switch (op) {
      case "slice":
        return p.slice(at(0), [parts[1] as number], [parts[2] as number]);
      case "concat":
        return p.concat(parts.map((_, i) => at(i)));
      case "dslice": {
        const x = at(0);
        return p.dynamicSlice(x, places(x, at(1)), [parts[2] as number, ...x.shape.slice(1)]);
      }
      case "dus": {
        const x = at(0);
        return p.dynamicUpdateSlice(x, at(1), places(x, at(2)));
      }
      default:
        throw new Error(`unknown expression ${op}`);
    }
  }

  private compare([op, e, bound]: readonly ["lt" | "gt", Expression, number], names: Names) {
    return (op === "lt" ? p.less : p.greater)(this.one(e, names), bound);
  }

  private many(e: Expression, names: Names): NdArray[] {
    if (!Array.isArray(e)) return [this.one(e, names)];
    const [op, ...parts] = e as readonly [string, ...Part[]];
    if (op === "scan") {
      const { init, xs, carryNames, xNames, carry, ys, reverse, ...body } = parts[0] as Scan;
      const [last, rows] = scan(
        (c: NdArray[], x: NdArray[]): [NdArray[], NdArray[]] => {
          const inner = this.body(body, {
            ...names,
            ...Object.fromEntries(carryNames.map((name, i) => [name, c[i]!])),
            ...Object.fromEntries(xNames.map((name, i) => [name, x[i]!])),
          });
          return [carry.map((y) => this.one(y, inner)), ys.map((y) => this.one(y, inner))];
        },
        init.map((x) => this.one(x, names)),
        xs.map((x) => this.one(x, names)),
        { reverse },
      );
      return [...last, ...rows];
    }
    if (op === "cond") {
      const [test, yes, no] = parts as unknown as [While["test"], Branch, Branch];
      return cond(
        this.compare(test, names),
        () => this.branch(yes, names),
        () => this.branch(no, names),
      );
    }
    if (op === "while") {
      const { init, names: bound, test, next, ...body } = parts[0] as While;
      const inside = (state: NdArray[]): Names => ({
        ...names,
        ...Object.fromEntries(bound.map((name, i) => [name, state[i]!])),
      });
      return whileLoop(
        (state: NdArray[]) => this.compare(test, inside(state)),
        (state: NdArray[]) => {
          const inner = this.body(body, inside(state));
          return next.map((y) => this.one(y, inner));
        },
        init.map((x) => this.one(x, names)),
      );
    }
    return [this.one(e, names)];
  }

  private body({ let: statements = [] }: Body, names: Names): Names {
    let known = names;
    for (const [bound, e] of statements) {
      const values = this.many(e, known);
      known = { ...known, ...Object.fromEntries(bound.map((name, i) => [name, values[i]!])) };
    }
    return known;
  }

  branch(branch: Branch, names: Names): NdArray[] {
    const inner = this.body(branch, names);
    return branch.out.map((e) => this.one(e, inner));
  }
}

const decode = ({ shape, data, dtype }: Golden, as: "float32" | "float64"): NdArray =>
  p.array(data.map(Number), { shape, dtype: dtype === "int32" ? "int32" : as });

function near(what: string, got: NdArray, { shape, data }: Golden, tolerance: number): void {
  expect(got.shape, what).toEqual(shape);
  const values = p.toTypedArray(got);
  data.forEach((want, i) => {
    const bound = tolerance * (1 + Math.abs(Number(want)));
    if (!(Math.abs(values[i]! - Number(want)) <= bound))
      expect.fail(`${what}: element ${i} is ${values[i]}, must be ${want}`);
  });
}

const { cases } = JSON.parse(readFileSync(fixture("scan-programs"), "utf8")) as {
  readonly cases: readonly Program[];
};

/** What is to be run of a program: the values, and the gradients where it has some. */
function functionsOf({ dtype, program, cotangents }: Program) {
  const values = (inputs: Inputs): NdArray[] => new Run(dtype).branch(program, inputs);
  const cts = (cotangents ?? []).map((ct) => decode(ct, dtype));
  const loss = (inputs: Inputs): NdArray => {
    // cotangents stand for the float outputs, in order
    const floats = values(inputs).filter((y) => y.dtype === dtype);
    return floats.map((y, i) => p.sum(p.mul(y, cts[i]!))).reduce((a, b) => p.add(a, b));
  };
  return { values, gradient: p.grad(loss) };
}

describe("programs of scan, cond and while", () => {
  const compiled = new Map<string, ReturnType<typeof functionsOf>>();
  for (const c of cases)
    for (const way of ["eager", "compiled"] as const)
      it(`${c.name}, ${way}`, () => {
        const tolerance = c.dtype === "float64" ? 1e-11 : 5e-5;
        const inputs = Object.fromEntries(
          Object.entries(c.inputs).map(([name, x]) => [name, decode(x, c.dtype)]),
        );
        const check = ({ values, gradient }: ReturnType<typeof functionsOf>): void => {
          values(inputs).forEach((y, i) => {
            near(`output ${i}`, y, c.outputs[i]!, tolerance);
          });
          if (c.grads === undefined) return;
          const got = gradient(inputs);
          for (const [name, want] of Object.entries(c.grads))
            near(`gradient of ${name}`, got[name]!, want, tolerance);
        };
        const { values, gradient } = functionsOf(c);
        if (way === "eager") {
          check({ values, gradient });
          return;
        }
        const own = { values: compile(values), gradient: compile(gradient) };
        compiled.set(c.name, own);
        watching(allocator(), () => {
          check(own);
          check(own);
        });
      });

  it("give the same whatever ran before", () => {
    for (const c of [...cases].reverse()) {
      const inputs = Object.fromEntries(
        Object.entries(c.inputs).map(([name, x]) => [name, decode(x, c.dtype)]),
      );
      compiled
        .get(c.name)!
        .values(inputs)
        .forEach((y, i) => {
          near(`${c.name}, output ${i}`, y, c.outputs[i]!, c.dtype === "float64" ? 1e-11 : 5e-5);
        });
    }
  });
});
