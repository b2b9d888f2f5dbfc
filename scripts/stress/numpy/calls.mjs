// Random calls of core-tensor with a counterpart in NumPy: inputs of every type, form of storage and kind of value.
import * as core from "@provably/core-tensor";
import * as linalg from "@provably/core-tensor/linalg";

const STORAGE = { float64: Float64Array, float32: Float32Array, int32: Int32Array, uint8: Uint8Array, int8: Int8Array, bool: Uint8Array }; // prettier-ignore
const LEAST = { int32: -(2 ** 31), uint8: 0, int8: -128, bool: 0 };
const MOST = { int32: 2 ** 31 - 1, uint8: 255, int8: 127, bool: 1 };
const SPECIALS = [0, -0, 1, -1, 0.5, NaN, Infinity, -Infinity, 1e-30, 1e30, -1e30, 5e-324, 1e-310, 1e300, -1e300, 1.4e-45, 2 ** 31, 3.4e38]; // prettier-ignore
export const FLOATS = ["float64", "float32"];
const NUMBERS = [...FLOATS, "int32", "uint8", "int8"];
const ALL = [...FLOATS, "int32", "uint8", "int8", "bool"];

/** Draws of one call, all from one small generator. */
export function draws(pick) {
  const uniform = () => (pick(2 ** 26) + 0.5) / 2 ** 26;
  const normal = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  const oneOf = (list) => list[pick(list.length)];
  const shape = (rank = pick(4), most = 5) => Array.from({ length: rank }, () => (pick(12) === 0 ? 0 : 1 + pick(most))); // prettier-ignore
  const filled = (rank = 1 + pick(3), most = 5) => Array.from({ length: rank }, () => 1 + pick(most)); // prettier-ignore
  /** A value of a type: `tame` leaves out what overflows, `wild` brings specials often. */
  const value = (dtype, kind) => {
    if (FLOATS.includes(dtype)) {
      if (kind === "wild" && pick(3) === 0) return oneOf(SPECIALS);
      if (kind === "wild" && pick(3) === 0) return normal() * 10 ** (pick(80) - 40);
      return pick(3) === 0 ? pick(19) - 9 : normal() * 3;
    }
    if (dtype === "bool") return pick(2);
    if (kind === "wild" && pick(4) === 0) return oneOf([LEAST[dtype], MOST[dtype], 0]);
    return dtype === "uint8" ? pick(10) : pick(19) - 9;
  };
  const values = (dtype, size, kind) => STORAGE[dtype].from({ length: size }, () => value(dtype, kind)); // prettier-ignore
  return { pick, uniform, normal, oneOf, shape, filled, value, values };
}

const sizeOf = (shape) => shape.reduce((n, extent) => n * extent, 1);

/** An input: the logical values in row-major order, and the array in some form of storage that holds them. */
export function input(
  g,
  dtype,
  shape,
  kind = "tame",
  given = g.values(dtype, sizeOf(shape), kind),
) {
  const spec = { dtype, shape, data: given };
  return { spec, x: stored(g, spec) };
}

/** The same values contiguous, transposed, with gaps, backwards or behind an offset; what lies between is rubbish. */
function stored(g, { dtype, shape, data }) {
  const form = g.pick(4);
  if (form === 0 || shape.length === 0) return core.array(data, { dtype, shape });
  const order = shape.map((_, axis) => axis);
  if (form === 1) order.reverse();
  const gap = form === 2 ? 2 : 1;
  const stride = new Array(shape.length);
  let run = gap;
  for (const axis of [...order].reverse()) {
    stride[axis] = run;
    run *= Math.max(1, shape[axis]);
  }
  let offset = g.pick(3);
  if (form === 3 && shape[0] > 0) {
    offset += (shape[0] - 1) * stride[0];
    stride[0] = -stride[0];
  }
  const base = new STORAGE[dtype](run + 4 * gap).fill(dtype === "bool" ? 1 : 77);
  const index = new Array(shape.length).fill(0);
  for (const value of data) {
    base[offset + index.reduce((at, i, axis) => at + i * stride[axis], 0)] = value;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      if (++index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
  return core.array({ data: base, shape, stride, offset, dtype });
}

/** A shape that broadcasts with another. */
const broadcastable = (g, shape) => shape.slice(g.pick(shape.length + 1)).map((extent) => (g.pick(3) === 0 ? 1 : extent)); // prettier-ignore

const axisOf = (g, rank) => g.pick(2 * rank) - rank;
const someAxes = (g, rank) => {
  const kind = g.pick(4);
  if (rank === 0 || kind === 0) return undefined;
  if (kind < 3) return axisOf(g, rank);
  return [...Array(rank).keys()].filter(() => g.pick(2) === 0);
};
const named = (options) => Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)); // prettier-ignore

/** How near a result has to be: equal; some units in the last place; or a multiple of the rounding of a sum. */
const equal = { ulps: 0 };
const signless = { ulps: 0, signless: true };
const ulps = (n, near = 0) => ({ ulps: n, near });
const summed = (factor) => ({ scaled: factor });

const unary = (op, bound, dtypes = ALL, domain = (v) => v) => ({
  op,
  make(g) {
    const dtype = g.oneOf(dtypes);
    const shape = g.shape();
    const data = g.values(dtype, sizeOf(shape), "wild").map(domain);
    const { spec, x } = input(g, dtype, shape, "wild", data);
    return { inputs: [spec], arrays: [x], attrs: {}, call: core[op], bound };
  },
});

const binary = (op, bound, dtypes = ALL) => ({
  op,
  make(g) {
    const a = g.oneOf(dtypes);
    const b = g.pick(3) === 0 ? g.oneOf(dtypes) : a;
    const shape = g.shape();
    const [first, second] = [input(g, a, shape, "wild"), input(g, b, broadcastable(g, shape), "wild")]; // prettier-ignore
    const [left, right] = g.pick(2) === 0 ? [first, second] : [second, first];
    return { inputs: [left.spec, right.spec], arrays: [left.x, right.x], attrs: {}, call: core[op], bound }; // prettier-ignore
  },
});

const reduction = (
  op,
  bound,
  { dtypes = ALL, empty = true, most = 5, extra = () => ({}) } = {},
) => ({
  op,
  make(g) {
    const dtype = g.oneOf(dtypes);
    const shape = empty ? g.shape(g.pick(4), most) : g.filled(1 + g.pick(3), most);
    const { spec, x } = input(g, dtype, shape, "tame");
    const keepDims = g.pick(2) === 0 ? undefined : g.pick(2) === 0;
    const attrs = named({ axis: someAxes(g, shape.length), keepDims, ...extra(g) });
    return { inputs: [spec], arrays: [x], attrs, call: (y) => core[op](y, attrs), bound };
  },
});

/** A function of one array whose attributes depend on its shape. */
const shaped = (op, make, bound = equal, dtypes = ALL) => ({
  op,
  make(g) {
    const dtype = g.oneOf(dtypes);
    const shape = g.filled(1 + g.pick(3), 4);
    const { spec, x } = input(g, dtype, shape, bound.tame ? "tame" : "wild");
    const { attrs = {}, call, others = [] } = make(g, shape, dtype);
    return { inputs: [spec, ...others.map((o) => o.spec)], arrays: [x, ...others.map((o) => o.x)], attrs, call, bound }; // prettier-ignore
  },
});

const indices = (g, shape, below) => input(g, "int32", shape, "tame", Int32Array.from({ length: sizeOf(shape) }, () => g.pick(below))); // prettier-ignore
const permutation = (g, n) => [...Array(n).keys()].map((i) => [g.uniform(), i]).sort((a, b) => a[0] - b[0]).map(([, i]) => i); // prettier-ignore

const shapes = [
  shaped("reshape", (g, shape) => {
    const to = g.pick(2) === 0 ? [sizeOf(shape)] : [...shape].reverse();
    return { attrs: { shape: to }, call: (x) => core.reshape(x, to) };
  }),
  shaped("transpose", (g, shape) => {
    const axes = g.pick(3) === 0 ? undefined : permutation(g, shape.length);
    return { attrs: named({ axes }), call: (x) => core.transpose(x, axes) };
  }),
  shaped("expandDims", (g, shape) => {
    const axis = axisOf(g, shape.length + 1);
    return { attrs: { axis }, call: (x) => core.expandDims(x, axis) };
  }),
  shaped("squeeze", () => ({ call: (x) => core.squeeze(x) })),
  shaped("moveAxis", (g, shape) => {
    const [from, to] = [axisOf(g, shape.length), axisOf(g, shape.length)];
    return { attrs: { from, to }, call: (x) => core.moveAxis(x, from, to) };
  }),
  shaped("broadcastTo", (g, shape) => {
    const to = [1 + g.pick(3), ...shape];
    return { attrs: { shape: to }, call: (x) => core.broadcastTo(x, to) };
  }),
  ...["concat", "stack"].map((op) =>
    shaped(op, (g, shape, dtype) => {
      const axis = axisOf(g, shape.length + (op === "stack" ? 1 : 0));
      const others = Array.from({ length: g.pick(3) }, () => input(g, dtype, shape, "wild"));
      return { attrs: { axis }, others, call: (...xs) => core[op](xs, { axis }) };
    }),
  ),
  shaped("repeat", (g, shape) => {
    const [repeats, axis] = [g.pick(4), axisOf(g, shape.length)];
    return { attrs: { repeats, axis }, call: (x) => core.repeat(x, repeats, { axis }) };
  }),
  shaped("tile", (g, shape) => {
    const reps = shape.map(() => g.pick(4));
    return { attrs: { reps }, call: (x) => core.tile(x, reps) };
  }),
  shaped("roll", (g, shape) => {
    const [shift, axis] = [g.pick(21) - 10, axisOf(g, shape.length)];
    return { attrs: { shift, axis }, call: (x) => core.roll(x, shift, axis) };
  }),
  shaped("flip", (g, shape) => {
    const axis = someAxes(g, shape.length);
    return { attrs: named({ axis }), call: (x) => core.flip(x, axis) };
  }),
  shaped(
    "pad",
    (g, shape) => {
      const [pads, value] = [shape.map(() => [g.pick(3), g.pick(3)]), g.pick(5)];
      return { attrs: { pads, value }, call: (x) => core.pad(x, pads, value) };
    },
    equal,
    ["float64", "float32", "int32", "uint8", "int8"],
  ),
  shaped("slice", (g, shape) => {
    const slices = shape.map((n) => {
      const step = g.oneOf([1, 1, 2, 3, -1, -2]);
      const bound = () => (g.pick(3) === 0 ? null : g.pick(2 * n + 4) - n - 2);
      return [bound(), bound(), step];
    });
    const [start, stop, step] = [0, 1, 2].map((k) => slices.map((s) => s[k]));
    return { attrs: { slices }, call: (x) => core.slice(x, start, stop, step) };
  }),
  shaped("take", (g, shape) => {
    const axis = axisOf(g, shape.length);
    const others = [indices(g, g.filled(1 + g.pick(2), 4), shape.at(axis))];
    return { attrs: { axis }, others, call: (x, i) => core.take(x, i, { axis }) };
  }),
  shaped("takeAlongAxis", (g, shape) => {
    const axis = axisOf(g, shape.length);
    const others = [indices(g, shape.with(axis, 1 + g.pick(5)), shape.at(axis))];
    return { attrs: { axis }, others, call: (x, i) => core.takeAlongAxis(x, i, { axis }) };
  }),
  ...["tril", "triu"].map((op) => ({
    op,
    make(g) {
      const dtype = g.oneOf(ALL);
      const { spec, x } = input(g, dtype, g.filled(2 + g.pick(2), 5), "wild");
      const k = g.pick(7) - 3;
      return { inputs: [spec], arrays: [x], attrs: { k }, call: (y) => core[op](y, k), bound: equal }; // prettier-ignore
    },
  })),
  ...["sort", "argsort"].map((op) =>
    shaped(
      op,
      (g, shape, dtype) => {
        // NumPy's argsort of −x is the truth of a descending one, and unsigned numbers have no −x
        const [axis, descending] = [axisOf(g, shape.length), dtype !== "uint8" && g.pick(2) === 0];
        return { attrs: { axis, descending }, call: (x) => core[op](x, { axis, descending }) };
      },
      signless,
      ["float64", "float32", "int32", "int8"],
    ),
  ),
  {
    op: "searchSorted",
    make(g) {
      const dtype = g.oneOf(FLOATS);
      const sorted = g.values(dtype, g.pick(8), "wild").sort();
      const [row, probes] = [input(g, dtype, [sorted.length], "tame", sorted), input(g, dtype, g.filled(), "wild")]; // prettier-ignore
      const side = g.oneOf(["left", "right"]);
      return { inputs: [row.spec, probes.spec], arrays: [row.x, probes.x], attrs: { side }, call: (a, v) => core.searchSorted(a, v, { side }), bound: equal }; // prettier-ignore
    },
  },
  {
    op: "scatterAdd",
    make(g) {
      const dtype = g.oneOf(FLOATS);
      const shape = g.filled(1 + g.pick(2), 4);
      const x = input(g, dtype, shape);
      const n = 1 + g.pick(6);
      const at = indices(g, [n], shape[0]);
      const updates = input(g, dtype, [n, ...shape.slice(1)]);
      return { inputs: [x.spec, at.spec, updates.spec], arrays: [x.x, at.x, updates.x], attrs: {}, call: (a, i, u) => core.scatterAdd(a, i, u), bound: summed(4) }; // prettier-ignore
    },
  },
  {
    op: "where",
    make(g) {
      const shape = g.shape();
      const dtype = g.oneOf(ALL);
      const parts = [input(g, g.oneOf(["bool", "int32", "float64"]), broadcastable(g, shape)), input(g, dtype, shape, "wild"), input(g, dtype, broadcastable(g, shape), "wild")]; // prettier-ignore
      return { inputs: parts.map((p) => p.spec), arrays: parts.map((p) => p.x), attrs: {}, call: core.where, bound: equal }; // prettier-ignore
    },
  },
  {
    op: "clip",
    make(g) {
      const { spec, x } = input(g, g.oneOf(FLOATS), g.shape(), "wild");
      const [min, max] = [g.pick(9) - 6, g.pick(9) + 3];
      return { inputs: [spec], arrays: [x], attrs: { min, max }, call: (y) => core.clip(y, min, max), bound: signless }; // prettier-ignore
    },
  },
];

const products = [
  ...["matmul", "dot"].map((op) => ({
    op,
    make(g) {
      const dtype = g.oneOf(FLOATS);
      const [n, k, m] = [1 + g.pick(40), 1 + g.pick(40), 1 + g.pick(40)];
      const batch = op === "matmul" && g.pick(3) === 0 ? [1 + g.pick(3)] : [];
      const left = g.pick(4) === 0 && batch.length === 0 ? [k] : [...batch, n, k];
      const right = g.pick(4) === 0 && batch.length === 0 ? [k] : [...batch, k, m];
      const [a, b] = op === "dot" ? [input(g, dtype, [k]), input(g, dtype, [k])] : [input(g, dtype, left), input(g, dtype, right)]; // prettier-ignore
      return { inputs: [a.spec, b.spec], arrays: [a.x, b.x], attrs: {}, call: core[op], bound: summed(48) }; // prettier-ignore
    },
  })),
  {
    op: "outer",
    make(g) {
      const dtype = g.oneOf(FLOATS);
      const [a, b] = [input(g, dtype, [1 + g.pick(6)]), input(g, dtype, [1 + g.pick(6)])];
      return { inputs: [a.spec, b.spec], arrays: [a.x, b.x], attrs: {}, call: core.outer, bound: ulps(1) }; // prettier-ignore
    },
  },
  {
    op: "einsum",
    make(g) {
      const extents = Object.fromEntries([..."ijkl"].map((letter) => [letter, 1 + g.pick(5)]));
      const equation = g.oneOf(["ij,jk->ik", "ij->ji", "ii->i", "ij,ij->", "ijk,ikl->ijl", "i,j->ij", "ij,kj->ik", "ijk->k", "ii", "ij,jk,kl->il"]); // prettier-ignore
      extents.i = equation.includes("ii") ? 3 : extents.i;
      const dtype = g.oneOf(FLOATS);
      const operands = equation.split("->")[0].split(",").map((letters) => input(g, dtype, [...letters].map((l) => extents[l]))); // prettier-ignore
      return { inputs: operands.map((o) => o.spec), arrays: operands.map((o) => o.x), attrs: { equation }, call: (...xs) => core.einsum(equation, ...xs), bound: summed(32) }; // prettier-ignore
    },
  },
];

/** Decompositions, in float64 and away from singularity. */
const decomposition = (op, make) => ({
  op,
  make(g) {
    const n = 1 + g.pick(6);
    const { parts, bound = 200 } = make(g, n);
    return { inputs: parts.map((p) => p.spec), arrays: parts.map((p) => p.x), attrs: {}, call: linalg[op], bound: summed(bound) }; // prettier-ignore
  },
});
const square = (g, n) => input(g, "float64", [...(g.pick(3) === 0 ? [2] : []), n, n]);
const symmetric = (g, n, ridge) => {
  const a = g.values("float64", n * n, "tame");
  const gram = Float64Array.from({ length: n * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    let sum = i === j ? ridge : 0;
    for (let k = 0; k < n; k++) sum += a[i * n + k] * a[j * n + k];
    return sum;
  });
  return input(g, "float64", [n, n], "tame", gram);
};
const decompositions = [
  decomposition("det", (g, n) => ({ parts: [square(g, n)] })),
  decomposition("inv", (g, n) => ({ parts: [square(g, n)] })),
  decomposition("solve", (g, n) => ({ parts: [input(g, "float64", [n, n]), input(g, "float64", [n, 1 + g.pick(3)])] })), // prettier-ignore
  decomposition("cholesky", (g, n) => ({ parts: [symmetric(g, n, 1)] })),
  decomposition("eigvalsh", (g, n) => ({ parts: [symmetric(g, n, 0)] })),
  decomposition("svdvals", (g, n) => ({ parts: [input(g, "float64", [n, 1 + g.pick(6)])] })),
  decomposition("pinv", (g, n) => ({ parts: [input(g, "float64", [n, 1 + g.pick(6)])] })),
  {
    eagerOnly: true,
    ...decomposition("matrixExp", (g, n) => ({
      parts: [input(g, "float64", [n, n])],
      bound: 2000,
    })),
  },
];

const inUnit = (v) => (Math.abs(v) <= 1 || !Number.isFinite(v) ? v : v % 1);

export const table = [
  ...["abs", "floor", "ceil", "trunc", "round"].map((op) => unary(op, equal)),
  ...["sign", "square"].map((op) => unary(op, signless, NUMBERS)),
  unary("neg", equal, ["float64", "float32", "int32", "int8"]),
  ...["isNan", "isFinite", "logicalNot"].map((op) => unary(op, equal)),
  ...["sqrt", "reciprocal"].map((op) => unary(op, ulps(1))),
  ...["exp", "expm1", "log", "log1p", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "rsqrt", "sigmoid"].map((op) => unary(op, ulps(4))), // prettier-ignore
  ...["erf", "erfc", "ndtr"].map((op) => unary(op, ulps(64))),
  ...["erfinv", "ndtri"].map((op) => unary(op, ulps(64), FLOATS, inUnit)),
  ...["lgamma", "digamma"].map((op) => unary(op, ulps(64, 1e-13), ["float64"])),
  ...["add", "sub", "mul"].map((op) => binary(op, equal)),
  ...["equal", "notEqual", "less", "lessEqual", "greater", "greaterEqual", "logicalAnd", "logicalOr"].map((op) => binary(op, equal)), // prettier-ignore
  ...["maximum", "minimum"].map((op) => binary(op, signless)),
  ...["div", "mod", "fmod"].map((op) => binary(op, ulps(1), FLOATS)),
  ...["pow", "hypot", "atan2"].map((op) => binary(op, ulps(4), FLOATS)),
  binary("logAddExp", ulps(8, 1e-15), ["float64"]),
  reduction("sum", summed(16)),
  reduction("prod", ulps(32), { dtypes: FLOATS }),
  reduction("mean", summed(16), { dtypes: FLOATS, empty: false }),
  ...["max", "min"].map((op) => reduction(op, signless, { empty: false })),
  ...["all", "any"].map((op) => reduction(op, equal)),
  ...["std", "variance"].map((op) => reduction(op, { scaled: 64, root: op === "std" }, { dtypes: FLOATS, empty: false, extra: (g) => ({ correction: g.pick(2) === 0 ? undefined : 0 }) })), // prettier-ignore
  reduction("logSumExp", ulps(16, 1e-14), { dtypes: ["float64"], empty: false }),
  reduction("norm", ulps(16), { dtypes: FLOATS }),
  ...["cumsum", "cumprod"].map((op) => shaped(op, (g, shape) => ({ attrs: { axis: shape.length - 1 }, call: (x) => core[op](x, { axis: shape.length - 1 }) }), op === "cumsum" ? { scaled: 16, tame: true } : { ulps: 32, tame: true }, ["float64"])), // prettier-ignore
  ...["argmax", "argmin"].map((op) => shaped(op, (g, shape) => { const axis = axisOf(g, shape.length); return { attrs: { axis }, call: (x) => core[op](x, { axis }) }; }, equal, ["float64", "float32", "int32"])), // prettier-ignore
  reduction("median", ulps(2), { dtypes: FLOATS, empty: false }),
  ...shapes,
  ...products,
  ...decompositions,
].map((entry) => (["median"].includes(entry.op) ? onlyAxis(entry) : entry));

/** Functions that take one axis and nothing else. */
function onlyAxis(entry) {
  return {
    ...entry,
    make(g) {
      const made = entry.make(g);
      const axis = Array.isArray(made.attrs.axis) ? undefined : made.attrs.axis;
      const attrs = named({ axis });
      return { ...made, attrs, call: (x) => core[entry.op](x, attrs) };
    },
  };
}
