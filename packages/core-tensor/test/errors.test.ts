import {
  DTypeError,
  DomainError,
  ShapeError,
  type Tree,
  add,
  allClose,
  arange,
  array,
  attention,
  clip,
  concat,
  conv2d,
  convTranspose2d,
  einsum,
  flip,
  formatArray,
  full,
  grad,
  huber,
  hvp,
  item,
  jvp,
  layerNorm,
  linspace,
  lstmCell,
  matrixTranspose,
  maxPool2d,
  mean,
  pad,
  quantile,
  quantizedMatvec,
  reshape,
  rope,
  slice,
  softmax,
  sort,
  split,
  sum,
  tanh,
  tensordot,
  tile,
  timestepEmbedding,
  transpose,
  treeLeaves,
  treeMap,
  triu,
  vjp,
  vmap,
  zeros,
} from "@provably/core-tensor";
import { anyFunction, check, show } from "../src/internal/index.js";
import { compile, scan } from "@provably/core-tensor/compile";
import {
  decodeNpy,
  decodeSafetensor,
  decodeSafetensors,
  encodeSafetensors,
  safetensorsTable,
} from "@provably/core-tensor/io";
import { svd } from "@provably/core-tensor/linalg";
import { copyInto, fromNdarray } from "@provably/core-tensor/ndarray";
import { adam, cosineDecay, sgd, warmup } from "@provably/core-tensor/optim";
import { attendRows, dotRows, pinMatrix } from "@provably/core-tensor/pinned";
import {
  bernoulli,
  bits,
  choice,
  dirichlet,
  gamma,
  key,
  normal,
  uniform,
} from "@provably/core-tensor/random";
import { checkGrads } from "@provably/core-tensor/testing";
import { describe, expect, it } from "vitest";
import { expectRefusal } from "../../../scripts/testing/refusal.js";

/** What no type allows and JavaScript callers pass all the same. */
const any = (value: unknown): never => value as never;

const detached = (): Float64Array => {
  const x = new Float64Array(4);
  structuredClone(x.buffer, { transfer: [x.buffer] });
  return x;
};
const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};

describe("show", () => {
  it("puts short values as they are and long ones in a few words", () => {
    expect([0.5, "mean", null, undefined, true, 10n].map(show)).toEqual([
      "0.5",
      '"mean"',
      "null",
      "undefined",
      "true",
      "10n",
    ]);
    expect(show([1, [2, 3]])).toBe("[1, [2, 3]]");
    expect(show(zeros([2, 3]))).toBe("float32[2, 3]");
    expect(show({ radius: 1, kind: "l1" })).toBe("an object with keys [radius, kind]");
    expect(show("x".repeat(1000)).length).toBeLessThan(70);
    expect(show(Array.from({ length: 1000 }, () => 0)).length).toBeLessThan(70);
  });

  it("never throws", () => {
    const self: unknown[] = [];
    self.push(self, self);
    const getter = {
      get dtype(): never {
        throw new Error("mine");
      },
      shape: [1],
    };
    const values = [
      Symbol("x"),
      Object.create(null),
      revoked(),
      detached(),
      self,
      getter,
      { toString: 1, valueOf: null, dtype: {}, shape: [] },
    ];
    for (const value of values) expect(typeof show(value)).toBe("string");
    expect(() => check(any(Symbol("f")), any(Object.create(null)), any(3), anyFunction)).toThrow(
      DomainError,
    );
  });
});

describe("arguments of the wrong kind", () => {
  const x = array([[1, 2], [3, 4]]); // prettier-ignore
  const image = zeros([1, 1, 4, 4]);
  const k = key(0);
  const calls: [string, () => unknown, RegExp][] = [
    ["options that are null", () => sum(x, any(null)), /sum: options .* got null/],
    ["options that are a map", () => sum(x, any(new Map())), /sum: options/],
    ["options that are a number", () => softmax(x, any(1)), /softmax: options .* got 1/],
    [
      "options that are a symbol",
      () => normal(k, [2], any(Symbol("o"))),
      /normal: options .* got Symbol\(o\)/,
    ],
    ["null options of sorts", () => sort([1], any(null)), /sort: options/],
    ["null options of pools", () => maxPool2d(image, 2, any(null)), /maxPool2d: options/],
    ["null options of layers", () => layerNorm(x, any(null)), /layerNorm: options/],
    ["null options of convolutions", () => conv2d(image, image, any(null)), /conv2d: options/],
    [
      "null options of transposed convolutions",
      () => convTranspose2d(image, image, any(null)),
      /convTranspose2d: options/,
    ],
    ["null options of decompositions", () => svd(x, any(null)), /svd: options/],
    ["a symbol for a bound", () => clip(x, any(Symbol("b")), 1), /clip: .*Symbol\(b\)/],
    ["text for a number", () => huber(x, x, { delta: any("1") }), /huber: delta .* got "1"/],
    [
      "an object without a prototype for a probability",
      () => bernoulli(k, any(Object.create(null)), []),
      /bernoulli: p/,
    ],
    ["text for a probability", () => bernoulli(k, any("0.5"), []), /bernoulli: p .* got "0.5"/],
    ["a big integer for a quantile", () => quantile(x, any(1n)), /quantile: q .* got 1n/],
    ["text for an interval", () => uniform(k, [], { low: any("0") }), /uniform: low/],
    [
      "a list for a concentration",
      () => gamma(k, any([1]), []),
      /gamma: concentration .* got \[1\]/,
    ],
    ["a number for concentrations", () => dirichlet(k, any(1)), /dirichlet: concentrations/],
    ["weights that are text", () => choice(k, 2, [], { weights: any("12") }), /choice: weights/],
    ["more random bits than an array holds", () => bits(k, 2 ** 53), /bits: count/],
    ["an equation that is no text", () => einsum(any({}), x), /einsum: the equation/],
    ["axes that are a number", () => transpose(x, any(1)), /transpose: axes .* got 1/],
    ["an axis that is an object", () => flip(x, any({})), /flip: axis an object/],
    ["an axis that is a detached buffer", () => sum(x, { axis: any(detached()) }), /sum: axis/],
    ["no arrays to join", () => concat(any(undefined)), /concat: arrays .* got undefined/],
    ["parts that are text", () => split(x, any("ab")), /split: parts/],
    ["parts that are no whole number", () => split([1, 2, 3], 1.5), /split: axis/],
    ["repetitions that are a number", () => tile(x, any(2)), /tile: reps/],
    ["no pads", () => pad(x, any(undefined)), /pad: pads/],
    ["pads that are no pairs", () => pad([1, 2], any([1])), /pad: pads/],
    ["pads beyond the largest array", () => pad([1, 2], [[2 ** 53, 2]]), /pad: shape/],
    ["a start that is a number", () => slice(x, any(1)), /slice: start/],
    ["a shape that is text", () => reshape(x, any("4")), /reshape: shape/],
    [
      "a symbol in a shape",
      () => reshape(x, any([Symbol("n"), -1])),
      /reshape: shape .*Symbol\(n\)/,
    ],
    ["axes beyond the rank", () => tensordot(x, x, 3), /tensordot: axes/],
    ["a diagonal that is a list", () => triu(x, any([1])), /triu: k/],
    ["no state", () => lstmCell(x, any(undefined), { input: x, hidden: x }), /lstmCell: state/],
    ["no weights", () => quantizedMatvec(any(undefined), x), /quantizedMatvec: weights/],
    [
      "a period that is text",
      () => timestepEmbedding([1], 4, any("1")),
      /timestepEmbedding: maxPeriod/,
    ],
    ["a base below zero", () => rope(zeros([2, 2]), { base: -1 }), /rope: base/],
    [
      "a scale that is no number",
      () => attention(image.pick(0), image.pick(0), image.pick(0), { scale: NaN }),
      /attention: scale/,
    ],
    [
      "tolerances that are text",
      () => allClose(x, x, { relativeTolerance: any("a") }),
      /allClose: relative/,
    ],
    ["ends that are not finite", () => linspace(NaN, 1, 3), /linspace: start/],
    [
      "a matrix that is none",
      () => matrixTranspose(any(undefined)),
      /matrixTranspose: x .* got undefined/,
    ],
    ["no function to differentiate", () => grad(any(1)), /grad: f .* got 1/],
    ["no function for products with the Jacobian", () => vjp(any(undefined), x), /vjp: f/],
    ["primals that are no list", () => jvp((y) => y, any(1), [x]), /jvp: primals/],
    ["no tangents", () => hvp((y) => sum(y), [x], any(undefined)), /hvp: tangents/],
    ["no function to map", () => vmap(any(null)), /vmap: f/],
    ["no function over a tree", () => treeMap(any(0), x), /treeMap: f/],
    ["a state that is missing", () => adam(0.1).update(x, any(undefined), x), /^adam: state/],
    ["a momentum that is text", () => sgd(0.1, { momentum: any("0.5") }), /sgd: momentum/],
    ["a step that is text", () => cosineDecay(1, 10)(any("abc")), /cosineDecay: step .* got "abc"/],
    ["no schedule after the warm-up", () => warmup(3, any(undefined)), /warmup: then/],
    ["no array to print", () => formatArray(any(1.5)), /formatArray: x/],
    [
      "an object with the keys of an ndarray",
      () => add(any({ data: 1, shape: [1], stride: [1], offset: 0 }), 1),
      /add: a.data/,
    ],
    [
      "big integers as elements",
      () => add(any({ data: [1n], shape: [1], stride: [1], offset: 0 }), 1),
      /add: a.data must hold numbers, got 1n/,
    ],
    [
      "an offset between two elements",
      () => add({ data: [1, 2], shape: [1], stride: [1], offset: 0.5 }, 1),
      /offset must be integers/,
    ],
    ["no scijs array", () => fromNdarray(any(undefined)), /fromNdarray: source/],
    ["a target that is a list", () => copyInto(any([0]), [1]), /copyInto: target/],
    ["bytes that are an object", () => decodeSafetensors(any({})), /decodeSafetensors: file/],
    ["a head that is an object", () => safetensorsTable(any({}), 72), /safetensorsTable: front/],
    ["bytes that are a list", () => decodeNpy(any([1])), /decodeNpy: file/],
    [
      "no entry of a table",
      () => decodeSafetensor(any(undefined), new Uint8Array(4)),
      /decodeSafetensor: entry/,
    ],
    ["no arrays to write", () => encodeSafetensors(any(undefined)), /encodeSafetensors: tensors/],
    ["vectors that are lists", () => dotRows(pinMatrix([[1, 2]]), any([1, 2])), /dotRows: x/],
    ["no cached rows", () => attendRows(new Float32Array(2), any(undefined)), /attendRows: cached/],
    ["extents of cached rows that are no integers", () => attendRows(new Float32Array(2), any({ keys: new Float32Array(2), values: new Float32Array(2), numKvHeads: {}, headDim: 2, stop: 1 })), /attendRows: numKvHeads/], // prettier-ignore
  ];
  it.each(calls)("%s", (_, call, says) => expectRefusal(call, says));
});

describe("trees that contain themselves", () => {
  const cycle = (): Tree => {
    const a: Record<string, unknown> = { w: zeros([1]) };
    a["left"] = a["right"] = [a, a]; // two ways back at each level: walking to any depth would take 2^depth steps
    return a;
  };
  it("are refused at once", () => {
    expect(() => treeLeaves(cycle())).toThrow(/tree contains itself/);
    expect(() => compile((x: Tree) => x)(cycle())).toThrow(/tree contains itself/);
  });
  it("are told from trees that hold one node twice", () => {
    const shared = { w: zeros([1]) };
    expect(treeLeaves([shared, shared])).toHaveLength(2);
  });
});

describe("compiled functions", () => {
  it("tell apart arguments whose keys and values look alike when strung together", () => {
    const count = compile((x: object) => full([], Object.keys(x).length));
    expect([item(count({ a: 1, b: 2 })), item(count({ "a:1;b": 2 }))]).toEqual([2, 1]);
  });
});

describe("storage that was transferred to a worker", () => {
  it("is noticed where an array is made of it", () => {
    expect(() => array(detached())).toThrow(ShapeError);
    expect(() => add(any(detached()), 1)).toThrow(/has no storage/);
    expect(() => mean({ data: detached(), shape: [4], stride: [1], offset: 0 })).toThrow(
      /has no storage/,
    );
  });
  it("is noticed where an array has lost it since", () => {
    const data = new Float64Array(4);
    const x = array(data, { copy: false });
    structuredClone(data.buffer, { transfer: [data.buffer] });
    expect(() => add(x, 1)).toThrow(/add: .*no storage any more/);
    expect(() => item(sum(x))).toThrow(ShapeError);
    expect(() => reshape(x, [2, 2])).toThrow(ShapeError);
  });
});

describe("names that objects have of their own", () => {
  it("are names of arrays like any other", () => {
    const tensors = JSON.parse('{"__proto__": [1], "constructor": [2]}') as Record<
      string,
      number[]
    >;
    const back = decodeSafetensors(encodeSafetensors(tensors)).tensors;
    expect(Object.keys(back).sort()).toEqual(["__proto__", "constructor"]);
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
  });
  it("are no element types", () => {
    expect(() => arange(0, 3, 1, { dtype: any("constructor") })).toThrow(DTypeError);
    expect(() => pinMatrix([[1]], { dtype: any("toString") })).toThrow(DTypeError);
  });
});

describe("arrays that do not fit into memory", () => {
  it("are refused with a typed error", () => {
    expect(() => zeros([2 ** 53])).toThrow(ShapeError);
    expect(() => conv2d(zeros([1, 1, 4, 4]), zeros([1, 1, 2, 2]), { padding: 2 ** 40 })).toThrow(
      ShapeError,
    );
  });
});

describe("options that stand in no example", () => {
  it.each<[string, () => unknown, RegExp]>([
    [
      "modes that are no list",
      () => checkGrads(tanh, [array([1])], { modes: any({ length: 1, 0: "forward" }) }),
      /checkGrads: modes/,
    ],
    [
      "a mode that nobody knows",
      () => checkGrads(tanh, [array([1])], { modes: any(["sideways"]) }),
      /checkGrads: modes/,
    ],
    [
      "a tolerance that is a symbol",
      () => checkGrads(tanh, [array([1])], { tolerance: any(Symbol("t")) }),
      /tolerance .* got Symbol/,
    ],
    [
      "a length without a value",
      () =>
        scan(
          any((c: unknown) => [c, c]),
          array(0),
          array([1]),
          { length: any(Object.create(null)) },
        ),
      /scan: length/,
    ],
  ])("%s", (_, call, says) => expect(call).toThrow(says));
});
