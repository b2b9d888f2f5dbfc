import { describe, expect, it } from "vitest";
import {
  type NdArray,
  ConcretizationError,
  DomainError,
  ShapeError,
  add,
  allClose,
  array,
  exp,
  grad,
  greater,
  hvp,
  item,
  jvp,
  less,
  matmul,
  mul,
  neg,
  ones,
  reshape,
  sin,
  slice,
  square,
  sub,
  sum,
  tanh,
  toNested,
  treeLeaves,
  vmap,
  zeros,
} from "@provably/core-tensor";
import { checkpoint, compile, cond, explain, scan, whileLoop } from "@provably/core-tensor/compile";
import { key, normal } from "@provably/core-tensor/random";

const double = { dtype: "float64" } as const;
const draw = (name: string, shape: readonly number[]): NdArray => normal(key(name), shape, double);

/** The compiled function on both executors gives what the function gives by itself. */
function agrees<Args extends unknown[], Y>(f: (...args: Args) => Y, ...args: Args): void {
  const want = treeLeaves(f(...args));
  for (const device of ["js", "wasm"] as const) {
    const compiled = compile(f, { device });
    compiled(...args);
    const got = treeLeaves(compiled(...args));
    expect(got.length).toBe(want.length);
    got.forEach((y, k) => {
      expect(y.shape).toEqual(want[k]!.shape);
      expect(
        allClose(y, want[k]!, { relativeTolerance: 1e-10, absoluteTolerance: 1e-12 }),
        `${device} ${k}: ${String(y)} ${String(want[k])}\n${explain(compiled)}`,
      ).toBe(true);
    });
  }
}

/** A small recurrent network with weights from outside the step. */
const recurrent = (
  params: { readonly w: NdArray; readonly u: NdArray },
  start: NdArray,
  xs: NdArray,
): [NdArray, { h: NdArray; n: NdArray }] => {
  const [last, outputs] = scan(
    (c: { h: NdArray; t: NdArray }, x: NdArray) => {
      const h = tanh(add(matmul(c.h, params.w), matmul(x, params.u)));
      return [
        { h, t: add(c.t, 1) },
        { h: square(h), n: mul(c.t, 2) },
      ];
    },
    { h: start, t: array(0, { dtype: "int32" }) },
    xs,
  );
  return [last.h, outputs];
};
const params = { w: draw("w", [3, 3]), u: draw("u", [2, 3]) };
const [start, xs] = [draw("h", [4, 3]), draw("x", [6, 4, 2])];
const loss = (p: typeof params, h: NdArray, x: NdArray): NdArray => {
  const [last, { h: all }] = recurrent(p, h, x);
  return add(sum(last), sum(mul(all, all)));
};

describe("scan", () => {
  it("is the loop it abbreviates, compiled too", () => {
    let h = start;
    const squares: NdArray[] = [];
    for (let t = 0; t < 6; t++) {
      h = tanh(
        add(matmul(h, params.w), matmul(reshape(slice(xs, [t], [t + 1]), [4, 2]), params.u)),
      );
      squares.push(square(h));
    }
    const [last, { h: all, n }] = recurrent(params, start, xs);
    expect(allClose(last, h, { relativeTolerance: 1e-14 })).toBe(true);
    expect(toNested(n)).toEqual([0, 2, 4, 6, 8, 10]);
    expect(
      allClose(slice(all, [5]), reshape(squares[5]!, [1, 4, 3]), { relativeTolerance: 1e-14 }),
    ).toBe(true);
    agrees(recurrent, params, start, xs);
  });

  it("keeps the graph of one step whatever the number of steps", () => {
    const lines = (steps: number): number => {
      const f = compile(
        (x: NdArray) => scan((c: NdArray) => [mul(c, 0.5), null], x, null, { length: steps })[0],
      );
      f(ones([3]));
      return explain(f).split("\n").length;
    };
    expect(lines(5000)).toBe(lines(2));
  });

  it("has the gradient of the unrolled loop in every argument, also of itself", () => {
    agrees(grad(loss, { argnums: [0, 1, 2] }), params, start, xs);
    const along = (p: typeof params, h: NdArray, x: NdArray): unknown =>
      hvp((q: NdArray) => loss({ ...p, w: q }, h, x), [p.w], [ones([3, 3], double)]);
    agrees(along, params, start, xs);
  });

  it("pushes tangents forward", () => {
    agrees(
      (p: typeof params, h: NdArray, x: NdArray) =>
        jvp((q: NdArray) => loss({ ...p, u: q }, h, x), [p.u], [p.u]),
      params,
      start,
      xs,
    );
    agrees(
      (p: typeof params, h: NdArray, x: NdArray) =>
        jvp((q: NdArray) => recurrent(p, h, q), [x], [x]),
      params,
      start,
      xs,
    );
  });

  it("batches over the state, over the slices and over constants", () => {
    const members =
      (axes: readonly (number | null)[]) => (p: typeof params, h: NdArray, x: NdArray) =>
        vmap(recurrent, { inAxes: axes })(p, h, x);
    const many = { w: draw("many w", [5, 3, 3]), u: draw("many u", [5, 2, 3]) };
    agrees(members([null, 0, null]), params, draw("many h", [5, 4, 3]), xs);
    agrees(members([null, null, 0]), params, start, draw("many x", [5, 6, 4, 2]));
    agrees(members([0, null, null]), many, start, xs);
    agrees(
      (p: typeof many, h: NdArray, x: NdArray) =>
        vmap(grad(loss), { inAxes: [0, null, null] })(p, h, x),
      many,
      start,
      xs,
    );
  });

  it("runs backwards, nests, and takes no steps at all", () => {
    const sums = (x: NdArray): [NdArray, NdArray] =>
      scan((c: NdArray, v: NdArray) => [add(c, v), c], array(0, double), x, { reverse: true });
    expect(toNested(sums(array([1, 2, 3], double))[1])).toEqual([5, 3, 0]);
    agrees(sums, draw("s", [7]));
    agrees(
      grad((x: NdArray) => sum(mul(sums(x)[1], x))),
      draw("s", [7]),
    );
    const table = (x: NdArray): NdArray =>
      scan(
        (c: NdArray, r: NdArray) => [
          add(c, scan((d: NdArray, v: NdArray) => [add(mul(d, c), v), null], c, r)[0]),
          null,
        ],
        array(0.5, double),
        x,
      )[0];
    agrees(table, draw("table", [4, 3]));
    agrees(grad(table), draw("table", [4, 3]));
    agrees(sums, zeros([0], double));
  });

  it("names what is wrong", () => {
    expect(() =>
      scan((c: NdArray) => [add(c, [1, 2]), null], array(0), null, { length: 2 }),
    ).toThrow(ShapeError);
    expect(() => scan((c: NdArray) => [c, c], array(0), null)).toThrow(/length/);
    expect(() => scan((c: NdArray) => [c, c], array(0), [ones([2]), ones([3])])).toThrow(/steps/);
    expect(() =>
      compile((x: NdArray) => scan((c: NdArray) => [add(c, [1, 2]), null], x, null, { length: 2 }))(
        array(1),
      ),
    ).toThrow(/state/);
  });
});

describe("cond", () => {
  const pick = (x: NdArray): NdArray => {
    const scale = mul(x, 3);
    return cond(
      greater(sum(x), 0),
      (v: NdArray) => mul(v, scale),
      (v: NdArray) => sub(sin(v), scale),
      x,
    );
  };

  it("takes the branch that the value at run time chooses", () => {
    const f = compile(pick);
    const [up, down] = [array([1, 2], double), array([-1, -2], double)];
    expect(allClose(f(up), pick(up))).toBe(true);
    expect(allClose(f(down), pick(down))).toBe(true);
    agrees(pick, up);
    agrees(pick, down);
  });

  it("differentiates and batches", () => {
    for (const x of [array([1, 2], double), array([-1, -2], double)]) {
      agrees(
        grad((v: NdArray) => sum(pick(v))),
        x,
      );
      agrees((v: NdArray) => jvp(pick, [v], [v]), x);
      agrees(
        grad((v: NdArray) => sum(square(grad((u: NdArray) => sum(pick(u)))(v)))),
        x,
      );
    }
    const rows = draw("rows", [6, 3]);
    agrees((x: NdArray) => vmap((v: NdArray) => cond(greater(sum(v), 0), exp, neg, v))(x), rows);
    agrees(
      (x: NdArray, p: NdArray) => vmap((v: NdArray) => cond(greater(p, 0), exp, neg, v))(x),
      rows,
      array(1),
    );
  });

  it("wants results of one kind", () => {
    expect(() =>
      compile((x: NdArray) =>
        cond(
          greater(x, 0),
          () => ones([2]),
          () => ones([3]),
        ),
      )(array(1)),
    ).toThrow(ShapeError);
    expect(() => cond(ones([2]), exp, neg, array(1))).toThrow(/single/);
  });
});

describe("whileLoop", () => {
  const collatz = (n: NdArray): [NdArray, NdArray] =>
    whileLoop(
      ([x]) => greater(x, 1),
      ([x, steps]) => [
        cond(
          greater(sub(x, mul(2, whole(mul(x, 0.5)))), 0),
          (v: NdArray) => add(mul(3, v), 1),
          (v: NdArray) => mul(v, 0.5),
          x,
        ),
        add(steps, 1),
      ],
      [n, array(0, double)] as [NdArray, NdArray],
    );
  const whole = (x: NdArray): NdArray =>
    sub(x, mul(0.5, sub(1, square(sub(1, mul(2, sub(x, floorOf(x))))))));
  // x is a multiple of a half, so that rounding 2x down to even gives the floor
  const floorOf = (x: NdArray): NdArray =>
    mul(0.5, sub(mul(2, x), mul(sub(1, cosPi(mul(2, x))), 0.5)));
  const cosPi = (n: NdArray): NdArray => sub(1, mul(2, square(sin(mul(n, Math.PI / 2)))));

  it("goes on until the condition fails", () => {
    const f = compile(collatz);
    expect(Math.round(item(f(array(27, double))[1]))).toBe(111);
    expect(Math.round(item(collatz(array(27, double))[1]))).toBe(111);
  });

  const root = (a: NdArray): NdArray =>
    whileLoop(
      (x: NdArray) => greater(square(sub(square(x), a)), 1e-20),
      (x: NdArray) => mul(0.5, add(x, mul(a, reciprocalOf(x)))),
      ones([], double),
    );
  const reciprocalOf = (x: NdArray): NdArray => exp(neg(logOf(x)));
  const logOf = (x: NdArray): NdArray =>
    scan((y: NdArray) => [add(y, sub(mul(x, exp(neg(y))), 1)), null], zeros([], double), null, {
      length: 30,
    })[0];

  it("has forward derivatives and batches, each member with its own number of steps", () => {
    agrees(root, array(2, double));
    agrees((a: NdArray) => jvp(root, [a], [ones([], double)]), array(2, double));
    agrees((a: NdArray) => vmap(root)(a), array([0.5, 2, 30], double));
    const f = compile((a: NdArray) => vmap(root)(a));
    expect(allClose(f(array([4, 9], double)), [2, 3], { relativeTolerance: 1e-9 })).toBe(true);
  });

  it("stops after maxIterations", () => {
    const f = (x: NdArray): NdArray =>
      whileLoop(
        (v: NdArray) => less(v, 100),
        (v: NdArray) => mul(v, 2),
        x,
        { maxIterations: 3 },
      );
    expect(item(f(array(1)))).toBe(8);
    expect(item(compile(f)(array(1)))).toBe(8);
  });

  it("says that it has no gradient while compiling", () => {
    expect(() => compile(grad(root))(array(2, double))).toThrow(DomainError);
    expect(() => compile(grad(root))(array(2, double))).toThrow(/scan/);
    expect(() =>
      compile((x: NdArray) => whileLoop((v: NdArray) => greater(v, 0), neg, x))(ones([2])),
    ).toThrow(/single/);
  });
});

describe("checkpoint", () => {
  const layer = (w: NdArray, x: NdArray): NdArray => tanh(matmul(x, w));
  const deep = (wrapped: typeof layer) => (w: NdArray, x: NdArray) =>
    sum(square(wrapped(w, wrapped(w, wrapped(w, x)))));

  it("leaves values and gradients as they are", () => {
    const [w, x] = [draw("cw", [3, 3]), draw("cx", [2, 3])];
    const want = grad(deep(layer))(w, x);
    expect(allClose(grad(deep(checkpoint(layer)))(w, x), want, { relativeTolerance: 1e-12 })).toBe(
      true,
    );
    expect(
      allClose(compile(grad(deep(checkpoint(layer))))(w, x), want, { relativeTolerance: 1e-12 }),
    ).toBe(true);
  });

  it("computes again what it would have kept", () => {
    const products = (f: typeof layer): number => {
      const compiled = compile(grad(deep(f)));
      compiled(draw("cw", [3, 3]), draw("cx", [2, 3]));
      return explain(compiled).match(/= matmul/g)!.length;
    };
    expect(products(checkpoint(layer))).toBeGreaterThan(products(layer));
  });
});

describe("control flow in compiled functions", () => {
  it("refuses JavaScript's own, naming the line and the way out", () => {
    const branch = compile((x: NdArray) => (item(x) > 0 ? x : neg(x)));
    expect(() => branch(array(1))).toThrow(ConcretizationError);
    expect(() => branch(array(1))).toThrow(/control\.test\.ts:\d+.*cond/);
    // @ts-expect-error arrays are not numbers
    const arithmetic = compile((x: NdArray) => add(x, 2 * x));
    expect(() => arithmetic(array(1))).toThrow(ConcretizationError);
  });
});
