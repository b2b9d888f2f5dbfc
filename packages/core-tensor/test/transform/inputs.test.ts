/** One law: every transform gives for anything that functions take as an array what it gives for that array. */
import fc from "fast-check";
import ndarray from "ndarray";
import { describe, expect, it } from "vitest";
import {
  type ArrayInput,
  type NdArray,
  CoreTensorError,
  add,
  array,
  customVjp,
  grad,
  hessian,
  hvp,
  jacfwd,
  jacrev,
  jvp,
  less,
  mul,
  sin,
  square,
  stopGradient,
  sum,
  toNested,
  treeLeaves,
  treeMap,
  valueAndGrad,
  vjp,
  vmap,
} from "@provably/core-tensor";
import { checkpoint, compile, cond, pin, scan, whileLoop } from "@provably/core-tensor/compile";

/** The ways to bring a list of numbers; what is brought is made of it, and so is the array that it stands for. */
const FORMS: Readonly<Record<string, (v: number[]) => ArrayInput>> = {
  list: (v) => v,
  "nested list": (v) => [v, v],
  Float32Array: (v) => Float32Array.from(v) as unknown as ArrayInput,
  Float64Array: (v) => Float64Array.from(v) as unknown as ArrayInput,
  Int32Array: (v) => Int32Array.from(v) as unknown as ArrayInput,
  Uint8Array: (v) => Uint8Array.from(v.map(Math.abs)) as unknown as ArrayInput,
  "scijs ndarray": (v) => ndarray(Float64Array.from(v), [v.length]),
  "reversed scijs ndarray": (v) => ndarray(Float64Array.from(v), [v.length], [-1], v.length - 1),
  array: (v) => array(v),
  float64: (v) => array(v, { dtype: "float64" }),
};

const numbers = { number: (v: number[]): ArrayInput => v[0]! };

/** Arrays, and what stands for them, in objects and lists. */
type Tree = unknown;

/** What may stand around: the tree, and the arrays inside of it. */
const AROUND: Readonly<
  Record<string, readonly [(x: ArrayInput) => Tree, (tree: never) => ArrayInput[]]>
> = {
  "by itself": [(x) => x, (x: ArrayInput) => [x]],
  "in an object": [(b) => ({ b, name: "b", on: true }), (t: { b: ArrayInput }) => [t.b]],
  "deep down": [
    (b) => ({ a: [{ b }, array([1, 2])] }),
    (t: { a: [{ b: ArrayInput }, NdArray] }) => [t.a[0].b, t.a[1]],
  ],
  "beside an array": [(x) => [array([3]), x] as Tree, (t: ArrayInput[]) => [t[0]!, t[1]!]],
};

const ROUND = Object.keys(AROUND);

/** A smooth function of everything in a tree. */
const loss =
  (leaves: (tree: never) => ArrayInput[]) =>
  (tree: Tree): NdArray =>
    leaves(tree as never)
      .map((x, i) => sum(mul(add(square(x), mul(sin(x), i + 2)), 0.5)))
      .reduce((a, b) => add(a, b));

type F = (x: Tree) => NdArray;

/** Every transform, from a function of one tree to what it gives there. */
const TRANSFORMS: Readonly<Record<string, (f: F, x: Tree, like: Tree) => unknown>> = {
  grad: (f, x) => grad(f)(x),
  valueAndGrad: (f, x) => valueAndGrad(f)(x),
  "grad of the second": (f, x) => grad((_: number, y: Tree) => f(y), { argnums: 1 })(1, x),
  "grad of grad": (f, x) =>
    grad((y: Tree) =>
      treeLeaves(grad(f)(y))
        .map((g) => sum(square(g)))
        .reduce((a, b) => add(a, b)),
    )(x),
  vjp: (f, x) => vjp(f, x)[1](array(2))[0],
  "vjp, a number as cotangent": (f, x) => vjp(f, x)[1](2 as never)[0],
  jvp: (f, x) => jvp(f, [x], [x]),
  "jvp along arrays": (f, x, like) => jvp(f, [x], [like]),
  hvp: (f, x) => hvp(f, [x], [x]),
  customVjp: (f, x) =>
    grad(
      customVjp(
        f,
        (y) => [f(y), y],
        (y: Tree) => [treeMap((leaf) => mul(leaf, 2), y)],
      ),
    )(x),
  checkpoint: (f, x) => grad(checkpoint(f))(x),
  stopGradient: (f, x) => grad((y: Tree) => add(f(y), stopGradient(f(y))))(x),
  cond: (f, x) =>
    cond(
      less(0, 1),
      (y: Tree) => f(y),
      (y: Tree) => mul(f(y), 2),
      x,
    ),
  "state of scan": (f, x) => scan((c: Tree, _: null) => [c, f(c)], x, null, { length: 2 }),
  "state of whileLoop": (f, x) =>
    whileLoop(
      ([n]) => less(n, 3),
      ([n, y]) => [add(n, 1), y] as const,
      [array(0), x] as readonly [ArrayInput, Tree],
    )[1],
};

/** Only for arrays with a first axis. */
const ALONG: typeof TRANSFORMS = {
  vmap: (f, x) => vmap(f)(x),
  "slices of scan": (f, x) => scan((c: NdArray, y: Tree) => [c, f(y)], array(0), x),
};

/** Only for one array. */
const MATRICES: typeof TRANSFORMS = {
  jacrev: (_, x) => jacrev((y) => sin(y))(x as ArrayInput),
  jacfwd: (_, x) => jacfwd((y) => sin(y))(x as ArrayInput),
  hessian: (f, x) => hessian((y) => f(y))(x as ArrayInput),
};

/** What comes of a call: its result, or the code of the typed error. */
function outcome(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    if (error instanceof CoreTensorError) return error.code;
    throw error;
  }
}

function same(what: string, got: unknown, want: unknown): void {
  if (typeof want === "string") expect(got, what).toBe(want);
  const [a, b] = [treeLeaves(got), treeLeaves(want)];
  expect(a.length, what).toBe(b.length);
  a.forEach((x, i) => {
    expect([x.dtype, x.shape, toNested(x)], `${what}, array ${i}`).toEqual([
      b[i]!.dtype,
      b[i]!.shape,
      toNested(b[i]!),
    ]);
  });
}

function law(transforms: typeof TRANSFORMS, forms: typeof FORMS, around: readonly string[]): void {
  for (const [transform, apply] of Object.entries(transforms))
    it(`${transform} takes all that stands for an array, compiled too`, () => {
      fc.assert(
        fc.property(
          fc.constantFrom(...Object.keys(forms)),
          fc.constantFrom(...around),
          fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 1, maxLength: 4 }),
          (form, place, v) => {
            const [build, leaves] = AROUND[place]!;
            const f = loss(leaves);
            // one length along the first axis for everything in the tree
            const values =
              place === "deep down" ? [v[0]!, 1] : place === "beside an array" ? [v[0]!] : v;
            const x = forms[form]!(values);
            const [given, like] = [build(x), build(array(x))];
            const name = `${transform} of ${form} ${place}`;
            const eager = (tree: Tree): unknown => outcome(() => apply(f, tree, like));
            same(name, eager(given), eager(like));
            const compiled = (tree: Tree): unknown =>
              outcome(() => compile((t: Tree) => apply(f, t, like))(tree));
            same(`compiled ${name}`, compiled(given), compiled(like));
          },
        ),
        { seed: 2, numRuns: 60 },
      );
    });
}

describe("everything that stands for an array", () => {
  law(TRANSFORMS, { ...FORMS, ...numbers }, ROUND);
  law(
    ALONG,
    FORMS,
    ROUND.filter((place) => place !== "beside an array"),
  );
  law(MATRICES, { ...FORMS, ...numbers }, ["by itself"]);

  it("has gradients by hand", () => {
    const f = (x: ArrayInput): NdArray => sum(square(x));
    for (const x of [[1, 2], Float32Array.of(1, 2), Float64Array.of(1, 2)])
      expect(toNested(grad(f)(x as ArrayInput))).toEqual([2, 4]);
    expect(toNested(grad(({ b }: { b: number }) => square(b))({ b: 3 }).b)).toBe(6);
    expect(toNested(compile(grad(f))([1, 2]))).toEqual([2, 4]);
    expect(toNested(vmap((x: ArrayInput) => square(x))([1, 2] as ArrayInput))).toEqual([1, 4]);
  });

  it("is pinned where it is an array of any make", () => {
    const [x] = treeLeaves(pin({ b: Float64Array.of(1, 2) }));
    expect([x!.dtype, toNested(x!)]).toEqual(["float64", [1, 2]]);
  });

  it("leaves a list of arrays a tree", () => {
    const g = grad((xs: NdArray[]) => sum(mul(xs[0]!, xs[1]!)))([array([1, 2]), array([3, 4])]);
    expect(g.map(toNested)).toEqual([
      [3, 4],
      [1, 2],
    ]);
  });

  it("is refused where rows differ in length", () => {
    expect(() => grad((x: ArrayInput) => sum(x))([[1, 2], [3]])).toThrow(CoreTensorError);
  });

  it("changes from call to call of one program where it is a typed array", () => {
    const f = compile((x: ArrayInput) => square(x));
    const x = Float64Array.of(1, 2);
    f(x as unknown as ArrayInput);
    x[0] = 5;
    expect(toNested(f(x as unknown as ArrayInput))).toEqual([25, 4]);
  });
});

describe("fields of trees", () => {
  const [a, b] = [array([1, 2]), array([10, 20])];

  it("are found by name, in whatever order they are written", () => {
    const f = (t: { a: NdArray; b: NdArray }): NdArray => sum(mul(square(t.a), t.b));
    const [, tangent] = jvp(f, [{ a, b }], [{ b: array([0, 0]), a: array([1, 1]) }]);
    expect(toNested(tangent)).toBe(2 * 10 + 4 * 20);
    expect(toNested(treeMap((x, y) => add(x, y), { a, b }, { b: a, a: b }).a)).toEqual([11, 22]);
    const [, pull] = vjp((x: NdArray) => ({ p: mul(x, 2), q: mul(x, 3) }), a);
    expect(toNested(pull({ q: array([0, 0]), p: array([1, 1]) })[0])).toEqual([2, 2]);
  });

  it("are exchanged by no branch and no step of compiled control flow", () => {
    const branches = compile((x: NdArray) =>
      cond(
        less(sum(x), 0),
        (y: NdArray) => ({ a: y, b: mul(y, 10) }),
        (y: NdArray) => ({ b: mul(y, 10), a: y }),
        x,
      ),
    );
    expect(toNested(branches(a).a)).toEqual([1, 2]);
    const steps = (t: { a: NdArray; b: NdArray }) =>
      scan((c: { a: NdArray; b: NdArray }, _: null) => [{ b: mul(c.b, 2), a: c.a }, 0], t, null, {
        length: 2,
      })[0];
    expect(toNested(compile(steps)({ a, b }).a)).toEqual([1, 2]);
    expect(toNested(steps({ a, b }).b)).toEqual([40, 80]);
  });

  it("must be the same in both branches, constants too", () => {
    const by = (yes: () => unknown, no: () => unknown) => () =>
      compile((x: NdArray) => cond(less(sum(x), 0), yes, no))(a);
    expect(
      toNested(
        by(
          () => 1,
          () => 2,
        )() as NdArray,
      ),
    ).toBe(2);
    expect(
      by(
        () => ({ mode: "a" }),
        () => ({ mode: "b" }),
      ),
    ).toThrow(/same constants, got "a" and "b" at mode/);
    expect(
      by(
        () => ({ a }),
        () => ({ b: a }),
      ),
    ).toThrow(CoreTensorError);
  });

  it("must be those of the other tree", () => {
    expect(() => treeMap(add, { a }, { b: a })).toThrow(
      /same structure, got an array of shape \[2\] and nothing at a/,
    );
    expect(() => jvp((t: object) => sum((t as { a: NdArray }).a), [{ a }], [{ b: a }])).toThrow(
      CoreTensorError,
    );
  });
});

describe("what a function returns", () => {
  it("counts as arrays where it is numbers: their tangents are zero, and each member has them", () => {
    expect(jvp((_: NdArray) => 3, [array(1)], [array(1)]).map((x) => toNested(x))).toEqual([3, 0]);
    expect(toNested(vmap((_: NdArray) => 3)(array([1, 2])))).toEqual([3, 3]);
  });

  it("is refused where a pullback of one's own has another shape", () => {
    const f = customVjp(
      (x: NdArray) => x,
      (x: NdArray) => [x, null] as [NdArray, null],
      () => [array([1, 2, 3])],
    );
    expect(() => grad((x: NdArray) => sum(f(x)))(array([1, 2]))).toThrow(/shape \[2\], got \[3\]/);
  });
});
