/** Random programs: sequences of operations on a growing pool of arrays, for comparing executors. */
import fc from "fast-check";
import * as p from "@provably/core-tensor";
import type { NdArray, TypedArray } from "@provably/core-tensor";
import { cond, scan, whileLoop } from "@provably/core-tensor/compile";

const unary: readonly ((x: NdArray) => NdArray)[] = [
  p.tanh,
  p.sigmoid,
  p.relu,
  p.abs,
  p.neg,
  p.square,
  p.sin,
  p.cos,
  (x) => p.pow(p.add(p.abs(x), 0.5), 1.3),
  p.gelu,
  p.geluTanh,
  p.silu,
  p.softplus,
  p.erf,
  p.ndtr,
  p.sign,
  p.logSigmoid,
  p.mish,
  (x) => p.exp(p.tanh(x)),
  (x) => p.expm1(p.tanh(x)),
  (x) => p.log(p.add(p.abs(x), 0.5)),
  (x) => p.log1p(p.abs(x)),
  (x) => p.sqrt(p.add(p.square(x), 1)),
  (x) => p.rsqrt(p.add(p.abs(x), 1)),
  (x) => p.reciprocal(p.add(p.square(x), 1)),
  (x) => p.elu(x, 0.7),
  (x) => p.clip(x, -0.5, 1),
];

const binary: readonly ((a: NdArray, b: NdArray) => NdArray)[] = [
  p.add,
  p.sub,
  p.mul,
  p.maximum,
  p.minimum,
  p.logAddExp,
  (a, b) => p.div(a, p.add(p.square(b), 1)),
];

/** Shapes that broadcast with one another in many ways; several cross the vector width. */
const shapes = [
  [],
  [1],
  [5],
  [3, 5],
  [3, 1],
  [2, 3, 5],
  [2, 1, 5],
  [37],
  [3, 37],
  [64],
  [8, 8],
] as const;

function broadcasts(a: NdArray, b: NdArray): boolean {
  for (let i = 1; i <= Math.min(a.shape.length, b.shape.length); i++) {
    const [m, n] = [a.shape[a.shape.length - i]!, b.shape[b.shape.length - i]!];
    if (m !== n && m !== 1 && n !== 1) return false;
  }
  return true;
}

/** One operation on earlier values, chosen by three numbers; undefined where it does not fit. */
function apply(
  kind: number,
  pool: readonly NdArray[],
  leaves: readonly NdArray[],
  i: number,
  j: number,
): NdArray | undefined {
  const x = pool[i % pool.length]!;
  const y = pool[j % pool.length]!;
  const rank = x.shape.length;
  switch (kind) {
    case 0:
    case 1:
    case 2:
      return unary[j % unary.length]!(x);
    case 3:
    case 4:
    case 5:
      return broadcasts(x, y) ? binary[(i + j) % binary.length]!(x, y) : undefined;
    case 6:
      return rank > 0 ? p.sum(x, { axis: j % rank, keepDims: j % 2 === 0 }) : undefined;
    case 7:
      return rank > 0 ? p.mean(x, { axis: -1, keepDims: true }) : p.mean(x);
    case 8:
      return rank > 0 ? (j % 2 ? p.max : p.min)(x, { axis: j % rank }) : undefined;
    case 9:
      return p.transpose(x);
    case 10:
      return p.reshape(x, j % 2 ? [x.size] : [1, ...x.shape]);
    case 11:
      return rank > 0 && x.shape[0]! > 1 ? p.slice(x, [1], []) : undefined;
    case 12:
      return rank > 0 ? p.flip(x, j % rank) : undefined;
    case 13:
      return rank >= 2 && y.shape.length >= 2 && x.shape[rank - 1] === y.shape[y.shape.length - 1]
        ? p.mul(
            0.1,
            p.matmul(
              rank > y.shape.length ? p.reshape(x, [-1, x.shape[rank - 1]!]) : x,
              p.matrixTranspose(p.reshape(y, [-1, y.shape[y.shape.length - 1]!])),
            ),
          )
        : undefined;
    case 14:
      return rank > 0 ? (j % 2 ? p.softmax : p.logSoftmax)(x) : undefined;
    case 15:
      return rank > 0 ? p.concat([x, x], { axis: j % rank }) : undefined;
    case 16: {
      // decided by inputs, which every executor knows exactly
      const [a, b] = [leaves[i % leaves.length]!, leaves[j % leaves.length]!];
      return broadcasts(a, b) && broadcasts(x, p.greater(a, b))
        ? p.where(p.greater(a, b), x, p.neg(x))
        : undefined;
    }
    case 17:
      return p.asType(p.greater(leaves[i % leaves.length]!, 0), x.dtype);
    case 18:
      return rank > 0 ? p.logSumExp(x, { axis: -1 }) : undefined;
    case 19:
      return rank > 0 ? p.mul(0.1, p.cumsum(x, { axis: j % rank })) : undefined;
    case 20: {
      // written in place where x is not needed again, which depends on what follows
      if (rank === 0) return undefined;
      const row = p.mul(0.5, p.slice(x, [j % x.shape[0]!], [(j % x.shape[0]!) + 1]));
      return p.dynamicUpdateSlice(x, row, [
        i % x.shape[0]!,
        ...new Array<number>(rank - 1).fill(0),
      ]);
    }
    default:
      return rank > 0 ? p.take(x, p.array([0, x.shape[0]! - 1], { dtype: "int32" })) : undefined;
  }
}

type Choice = readonly [number, number, number];

/** The function that applies the choices one after the other and returns the last values. */
export function program(choices: readonly Choice[]): (...leaves: NdArray[]) => NdArray[] {
  return (...leaves) => {
    const pool = [...leaves];
    for (const [kind, i, j] of choices) {
      const y = apply(kind, pool, leaves, i, j);
      if (y !== undefined && y.size <= 2000) pool.push(y);
    }
    return pool.slice(-3);
  };
}

/**
 * The same inside control flow: the leaves are a state that goes round. Each array of the next state is the last value of its shape and
 * type, or stays as it is, so that states are handed through, exchanged, written in place and used twice.
 */
export function looped(
  choices: readonly Choice[],
  kind: "scan" | "whileLoop" | "cond",
): (...leaves: NdArray[]) => NdArray[] {
  const step = (state: readonly NdArray[]): NdArray[] => {
    const values = program(choices)(...state);
    return state.map((x) => {
      const y = values.find((v) => v.dtype === x.dtype && v.shape.join() === x.shape.join());
      return y === undefined ? x : state.includes(y) ? y : p.tanh(y);
    });
  };
  return (...leaves) => {
    switch (kind) {
      case "scan": {
        const [last, all] = scan((state: NdArray[]) => [step(state), state[0]!], leaves, null, {
          length: 3,
        });
        return [...last, all];
      }
      case "whileLoop":
        return whileLoop(
          ([n]: readonly [NdArray, NdArray[]]) => p.less(n, 3),
          ([n, state]) => [p.add(n, 1), step(state)] as const,
          [p.array(0), leaves] as const,
        )[1];
      default:
        return cond(
          p.greater(p.sum(leaves[0]!), 0),
          step,
          (state: NdArray[]) =>
            [...state.slice(1), state[0]!].map((x, i) =>
              x.shape.join() === state[i]!.shape.join() ? x : state[i]!,
            ),
          leaves,
        );
    }
  };
}

const index = fc.nat({ max: 1000 });

/** Views of one stretch of storage that overlap, run backwards, repeat elements or are the same view twice. */
export function viewsOf(
  data: TypedArray,
  extents: readonly (readonly number[])[],
  kinds: readonly number[],
): NdArray[] {
  return extents.map((shape, i) => {
    const size = shape.reduce((n, extent) => n * extent, 1);
    const kind = kinds[i % kinds.length]!;
    const whole = p.array(data, { copy: false });
    const flat = p.slice(whole, [kind % 7], [(kind % 7) + size]);
    switch (kind % 4) {
      case 0:
        return p.reshape(flat, shape);
      case 1:
        return p.flip(p.reshape(flat, shape));
      case 2:
        return p.transpose(p.reshape(flat, [...shape].reverse()));
      default:
        return shape.length === 0
          ? p.reshape(flat, shape)
          : p.broadcastTo(
              p.slice(whole, [kind % 7], [(kind % 7) + shape[shape.length - 1]!]),
              shape,
            );
    }
  });
}

/** Choices of a program, shapes of its inputs, and a seed for their elements. */
export const programs = {
  choices: fc.array(fc.tuple(fc.nat({ max: 21 }), index, index), { minLength: 3, maxLength: 24 }),
  shapes: fc.array(fc.constantFrom(...shapes), { minLength: 2, maxLength: 4 }),
  seed: index,
};

/** One way from a state and a row, both of one width, to the next state; all have gradients but `while`. */
type Step = (c: NdArray, x: NdArray, w: NdArray) => NdArray;

const zero = (): NdArray => p.array(0, { dtype: "int32" });
const first = (x: NdArray, length: number): NdArray => p.slice(x, [0], [length]);

const conv = (c: NdArray, taps: NdArray): NdArray =>
  p.reshape(
    p.conv1d(p.reshape(c, [1, 1, c.size]), p.reshape(taps, [1, 1, -1]), {
      padding: [taps.size - 1, 0],
    }),
    [c.size],
  );

/** Place for one element, anywhere in a vector, by its values. */
const somewhere = (x: NdArray): NdArray =>
  p.clip(p.asType(p.mul(p.abs(first(x, 1)), x.size), "int32"), 0, x.size - 1);

const steps: Readonly<Record<string, Step>> = {
  product: (c, x) => p.mul(c, x),
  affine: (c, x, w) => p.add(p.mul(c, w), x),
  matrix: (c, x, w) =>
    p.add(p.matmul(p.mul(p.reshape(w, [-1, 1]), p.reshape(x, [1, -1])), c), p.flip(x)),
  concat: (c, x) => {
    const half = c.size >> 1;
    return p.concat([p.slice(x, [half], []), first(c, half)]);
  },
  pad: (c, x) => p.add(c, p.pad(first(x, 1), [[c.size - 1, 0]])),
  softmax: (c, x) => p.add(p.softmax(c), p.logSoftmax(x)),
  sums: (c, x) => p.add(p.cumsum(c), p.mul(p.sum(x), 0.1)),
  gather: (c, x) => p.add(p.take(c, somewhere(x)), x),
  scatter: (c, x) => p.scatterAdd(c, somewhere(x), p.mul(first(x, 1), 0.5)),
  conv: (c, x, w) => conv(c, p.concat([first(w, 1), first(w, 1)])),
  update: (c, x) => p.dynamicUpdateSlice(c, first(x, 1), somewhere(c)),
  slice: (c, x) => p.add(p.dynamicSlice(c, somewhere(x), [1]), x),
  cond: (c, x) =>
    cond(
      p.greater(p.sum(x), 0),
      (a: NdArray, b: NdArray) => p.add(a, b),
      (a: NdArray, b: NdArray) => p.concat([first(b, 1), p.slice(a, [1], [])]),
      c,
      x,
    ),
  nested: (c, x) => {
    const [last, rows] = scan(
      (a: NdArray, b: NdArray): [NdArray, NdArray] => [p.tanh(p.add(a, b)), p.mul(a, b)],
      p.mul(first(c, 1), 0.5),
      p.reshape(p.concat([c, x]), [-1, 1]),
      { reverse: c.size % 2 === 0 },
    );
    return p.add(p.reshape(first(rows, c.size), [-1]), last);
  },
  while: (c, x) =>
    whileLoop(
      ([n]: readonly [NdArray, NdArray]) => p.less(n, 3),
      ([n, a]) => [p.add(n, 1), p.tanh(p.add(a, x))] as const,
      [zero(), c] as const,
    )[1],
};

export interface Recurrence {
  readonly step: string;
  readonly width: number;
  readonly length: number;
  readonly reverse: boolean;
  readonly dtype: "float32" | "float64";
}

/** Rows of state, of something narrower and of something wider come out side by side; so do their gradients. */
export function recurrence({ step, reverse }: Recurrence) {
  const next = steps[step]!;
  return (c: NdArray, xs: NdArray, w: NdArray): NdArray[] => {
    const [last, rows] = scan(
      (a: NdArray, x: NdArray): [NdArray, NdArray[]] => {
        const b = p.tanh(next(a, x, w));
        return [b, [p.mul(a, 2), first(b, 1), p.concat([x, b]), p.sum(b), p.softmax(p.add(a, x))]];
      },
      c,
      xs,
      { reverse },
    );
    return [last, ...rows];
  };
}

export const recurrences: fc.Arbitrary<Recurrence> = fc.record({
  step: fc.constantFrom(...Object.keys(steps)),
  width: fc.integer({ min: 1, max: 20 }),
  length: fc.integer({ min: 1, max: 5 }),
  reverse: fc.boolean(),
  dtype: fc.constantFrom("float32" as const, "float64" as const),
});
