/** What the two splines share: bins from raw numbers, the bin an element falls into, and the identity outside the box. */
import {
  type NdArray,
  add,
  clip,
  concat,
  cumsum,
  expandDims,
  full,
  greaterEqual,
  lessEqual,
  abs,
  mul,
  slice,
  softmax,
  softplus,
  squeeze,
  sub,
  sum,
  takeAlongAxis,
  where,
  asType,
  array,
} from "@provably/core-tensor";
import {
  anything,
  check,
  checkOptions,
  positiveNumber,
  satisfying,
} from "@provably/core-tensor/internal";
import type { FlowValue } from "./family.js";

const MIN_WIDTH = 1e-3;
const MIN_SLOPE = 1e-3;

/** Raw slope whose softplus is 1: a conditioner's zero output is then near the identity. */
export const UNIT_SLOPE = Math.log(Math.E - 1);

/** Options of {@link rationalLinearSpline} and {@link rationalQuadraticSpline}. */
export interface SplineOptions {
  /** Number of bins $K$; default 8. */
  readonly bins?: number;
  /** The spline acts within $[-B, B]$ and is the identity outside; default 5. */
  readonly bound?: number;
}

export function checkSpline(
  fn: string,
  options: SplineOptions,
): { readonly bins: number; readonly bound: number } {
  const { bins = 8, bound = 5 } = checkOptions(fn, options, { bins: anything, bound: anything });
  check(
    fn,
    "bins",
    bins,
    satisfying<number>(
      `an integer in [2, ${1 / MIN_WIDTH}]`,
      (x) =>
        typeof x === "number" && ((x) => Number.isInteger(x) && x >= 2 && x * MIN_WIDTH <= 1)(x),
    ),
  );
  check(fn, "bound", bound, positiveNumber);
  return { bins, bound };
}

/** Knots `[…, K + 1]` from raw sizes `[…, K]`: softmax shares of `[−B, B]`, each at least a thousandth. */
function knots(raw: NdArray, bins: number, bound: number): NdArray {
  const shares = add(MIN_WIDTH, mul(1 - bins * MIN_WIDTH, softmax(raw)));
  const ends = add(-bound, mul(2 * bound, cumsum(shares, { axis: -1 })));
  return concat(
    [full([...raw.shape.slice(0, -1), 1], -bound, { dtype: raw.dtype as "float32" }), ends],
    { axis: -1 },
  );
}

const column = (x: NdArray, from: number, to: number): NdArray =>
  slice(x, [...x.shape.slice(0, -1).map(() => 0), from], [...x.shape.slice(0, -1), to]);

/** Cuts the last axis into pieces of the given sizes. */
export function pieces(raw: NdArray, sizes: readonly number[]): NdArray[] {
  let at = 0;
  return sizes.map((n) => column(raw, at, (at += n)));
}

/** The bin of every element: its corner, its extent, and the slopes at both ends, each of the shape of the element. */
export interface Bin {
  readonly index: NdArray;
  readonly x0: NdArray;
  readonly y0: NdArray;
  readonly y1: NdArray;
  readonly width: NdArray;
  readonly d0: NdArray;
  readonly d1: NdArray;
}

/** The value of the table `[…, K]` in each element's bin. */
export function pick(table: NdArray, index: NdArray): NdArray {
  return squeeze(takeAlongAxis(table, expandDims(index, -1), { axis: -1 }), -1);
}

/** Knots and slopes from raw numbers, and the bins in which the elements of `at` lie along the axis of inputs or of outputs. */
export function locate(
  at: NdArray,
  raw: { readonly widths: NdArray; readonly heights: NdArray; readonly slopes: NdArray },
  { bins, bound }: { readonly bins: number; readonly bound: number },
  along: "x" | "y",
): Bin {
  const xs = knots(raw.widths, bins, bound);
  const ys = knots(raw.heights, bins, bound);
  const one = full([...at.shape, 1], 1, { dtype: at.dtype as "float32" });
  const slopes = concat([one, add(MIN_SLOPE, softplus(raw.slopes)), one], { axis: -1 });
  const inner = column(along === "x" ? xs : ys, 1, bins);
  const index = asType(
    sum(asType(greaterEqual(expandDims(at, -1), inner), "int32"), { axis: -1 }),
    "int32",
  );
  const next = add(index, array(1, { dtype: "int32" }));
  const x0 = pick(xs, index);
  return {
    index,
    x0,
    width: sub(pick(xs, next), x0),
    y0: pick(ys, index),
    y1: pick(ys, next),
    d0: pick(slopes, index),
    d1: pick(slopes, next),
  };
}

/** Applies `inside` where |x| ≤ bound and the identity elsewhere. */
export function withTails(x: NdArray, bound: number, inside: (x: NdArray) => FlowValue): FlowValue {
  const within = lessEqual(abs(x), bound);
  const { value, logDet } = inside(clip(x, -bound, bound));
  return { value: where(within, value, x), logDet: where(within, logDet, 0) };
}
