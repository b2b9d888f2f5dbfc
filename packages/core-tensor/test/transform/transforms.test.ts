import {
  ConcretizationError,
  DTypeError,
  DomainError,
  type NdArray,
  ShapeError,
  TracerLeakError,
  add,
  array,
  cos,
  customVjp,
  exp,
  grad,
  hessian,
  hvp,
  item,
  jacfwd,
  jacrev,
  jvp,
  matmul,
  mul,
  ones,
  sin,
  slice,
  square,
  stopGradient,
  sum,
  tanh,
  toNested,
  treeMap,
  valueAndGrad,
  vjp,
  vmap,
  zeros,
} from "@provably/core-tensor";
import { adam, applyUpdates } from "@provably/core-tensor/optim";
import { describe, expect, it } from "vitest";

const f64 = (x: number | number[] | number[][]): NdArray => array(x, { dtype: "float64" });
const cube = (x: NdArray): NdArray => mul(x, square(x));

describe("grad", () => {
  it("differentiates as often as asked", () => {
    const f = (x: NdArray): NdArray => sin(x);
    const fourth = grad(grad(grad(grad(f))));
    expect(item(fourth(f64(0.7)))).toBeCloseTo(Math.sin(0.7), 12);
  });

  it("has the structure of its argument, constants included", () => {
    const loss = ({ w, layers, name }: { w: NdArray; layers: NdArray[]; name: string }): NdArray =>
      mul(sum(mul(w, layers[0]!)), name.length);
    const g = grad(loss)({ w: f64([1, 2]), layers: [f64([3, 4])], name: "ab" });
    expect(toNested(g.w)).toEqual([6, 8]);
    expect(toNested(g.layers[0]!)).toEqual([2, 4]);
    expect(g.name).toBe("ab");
  });

  it("takes any arguments by number, and passes the value along", () => {
    const f = (a: NdArray, b: NdArray): NdArray => mul(a, square(b));
    expect(item(grad(f, { argnums: 1 })(f64(2), f64(3)))).toBe(12);
    expect(grad(f, { argnums: [0, 1] })(f64(2), f64(3)).map(item)).toEqual([9, 12]);
    const [value, g] = valueAndGrad((x: NdArray) => cube(x))(f64(2));
    expect([item(value), item(g)]).toEqual([8, 12]);
  });

  it("does not confuse inner and outer variables", () => {
    // d/dx [x · d/dy (x + y)] = 1: a careless implementation gives 2
    const f = (x: NdArray): NdArray => mul(x, grad((y: NdArray) => add(x, y))(f64(1)));
    expect(item(grad(f)(f64(3)))).toBe(1);
  });

  it("lets ordinary control flow look at values", () => {
    const f = (x: NdArray): NdArray => (item(x) > 0 ? square(x) : mul(x, -1));
    expect([item(grad(f)(f64(3))), item(grad(f)(f64(-3)))]).toEqual([6, -1]);
  });

  it("gives zeros where nothing depends", () => {
    expect(toNested(grad((x: NdArray) => sum(stopGradient(x)))(f64([1, 2])))).toEqual([0, 0]);
  });

  it("refuses functions with another value than one float", () => {
    expect(() => grad((x: NdArray) => x)(f64([1, 2]))).toThrow(ShapeError);
    expect(() => grad((x: NdArray) => sum(mul(x, 0)))(array([1], { dtype: "int32" }))).toThrow(
      DTypeError,
    );
    expect(() => grad(cube, { argnums: 3 as 0 })(f64(1))).toThrow(DomainError);
  });
});

describe("modes agree and compose", () => {
  const f = (x: NdArray): NdArray =>
    tanh(
      matmul(
        f64([
          [1, 2],
          [-1, 0.5],
          [0.3, 0.1],
        ]),
        x,
      ),
    );
  const x = f64([0.3, -0.2]);
  it("forward and reverse Jacobians are equal", () => {
    const [a, b] = [toNested(jacfwd(f)(x)), toNested(jacrev(f)(x))] as number[][][];
    a!.forEach((row, i) => row.forEach((v, j) => expect(v).toBeCloseTo(b![i]![j]!, 14)));
  });
  it("a Hessian times a vector is the Hessian-vector product", () => {
    const g = (y: NdArray): NdArray => sum(mul(exp(y), cos(y)));
    const v = f64([1, -2]);
    const direct = toNested(matmul(hessian(g)(x), v)) as number[];
    (toNested(hvp(g, [x], [v])[0]) as number[]).forEach((value, i) =>
      expect(value).toBeCloseTo(direct[i]!, 13),
    );
  });
  it("a batch of gradients is the gradients of the batch, either way round", () => {
    const g = (y: NdArray): NdArray => sum(sin(y));
    const batch = f64([
      [1, 2],
      [3, 4],
    ]);
    expect(toNested(vmap(grad(g))(batch))).toEqual(
      toNested(grad((y: NdArray) => sum(vmap(g)(y)))(batch)),
    );
  });
  it("tangents and cotangents must fit", () => {
    expect(() => jvp(f, [x], [f64([1])])).toThrow(ShapeError);
    expect(() => vjp(f, x)[1](f64([1]))).toThrow(ShapeError);
  });
  it("vmap takes other axes, shared arguments, and says when sizes differ", () => {
    const pair = (a: NdArray, b: NdArray): NdArray => add(a, b);
    expect(
      toNested(
        vmap(pair, { inAxes: [1, null], outAxes: 1 })(
          f64([
            [1, 2],
            [3, 4],
          ]),
          f64([10, 20]),
        ),
      ),
    ).toEqual([
      [11, 12],
      [23, 24],
    ]);
    expect(() => vmap(pair)(f64([1, 2]), f64([1, 2, 3]))).toThrow(/agree on the batch size/);
    expect(() => vmap(pair, { inAxes: [null, null] })(f64([1]), f64([1]))).toThrow(ShapeError);
  });
});

describe("customVjp", () => {
  const doubled = customVjp(
    (x: NdArray) => mul(x, 2),
    (x: NdArray) => [mul(x, 2), x] as [NdArray, NdArray],
    (x, ct) => [mul(mul(x, ct), 100)],
  );
  it("uses its own pullback, under vmap too", () => {
    expect(item(grad((x: NdArray) => sum(doubled(x)))(f64(3)))).toBe(300);
    expect(toNested(grad((x: NdArray) => sum(vmap(doubled)(x)))(f64([1, 2])))).toEqual([100, 200]);
    expect(toNested(doubled(f64([1])))).toEqual([2]);
  });
  it("refuses forward mode with advice", () => {
    expect(() => jvp(doubled, [f64(1)], [f64(1)])).toThrow(/only reverse mode/);
  });
});

describe("tracers", () => {
  it("are refused when they outlive their transform", () => {
    let kept: NdArray = zeros([1]);
    grad((x: NdArray) => {
      kept = x;
      return sum(x);
    })(ones([2]));
    expect(() => add(kept, 1)).toThrow(TracerLeakError);
  });
  it("do not show elements that would lose the derivative", () => {
    expect(() => grad((x: NdArray) => array(x.data.length))(ones([2]))).toThrow(
      ConcretizationError,
    );
    expect(() => vmap((x: NdArray) => add(x, item(x)))(ones([2]))).toThrow(/concrete/);
  });
  it("leave nothing behind when the function throws", () => {
    const failing = (): NdArray => {
      throw new Error("mine");
    };
    expect(() => grad(failing)()).toThrow(/argnums|mine/);
    expect(item(grad(cube)(f64(1)))).toBe(3);
  });
});

it("trees deeper than any real one are taken for cyclic", () => {
  const loop: Record<string, unknown> = {};
  loop["self"] = loop;
  expect(() => treeMap((x) => x, loop)).toThrow(DomainError);
});

it("ten thousand training steps hold memory", () => {
  const target = f64([1, -2, 3]);
  const loss = (w: NdArray): NdArray => sum(square(add(w, mul(-1, target))));
  const { init, update } = adam(0.01);
  let params = f64([0, 0, 0]);
  let state = init(params);
  const run = (steps: number): void => {
    for (let i = 0; i < steps; i++) {
      const [step, next] = update(grad(loss)(params), state, params);
      [params, state] = [applyUpdates(params, step), next];
    }
  };
  run(2000);
  const collect = (globalThis as { gc?: () => void }).gc;
  collect?.();
  const before = process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
  run(10_000);
  collect?.();
  const growth = process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers - before;
  // without a forced collection the young generation alone may hold some tens of megabytes
  expect(growth).toBeLessThan(collect ? 2e6 : 64e6);
  expect(toNested(slice(params, [0], [1]))).toEqual([expect.closeTo(1, 6)]);
});
