/**
 * Rotations and reflections of 64-bit matrices in place, for the decompositions.
 *
 * The matrices stay in the scratch memory while one decomposition runs, since copying them in and out for every rotation would cost more than the
 * rotation. Nothing else may run on the scratch memory meanwhile; decompositions call nothing else.
 */
import { orthogonalF64 } from "./binaries/orthogonal.js";
import { SCRATCH_START, align, kernel, reserve, scratchF64 } from "./runtime.js";

/** Matrices smaller than this are faster in plain JavaScript. */
export const ORTHOGONAL_MIN_SIZE = 24;

/** Orthogonal transformations of row-major matrices, in place. */
export interface Orthogonal {
  /** Storage for a matrix that is to be transformed. */
  zeros(length: number): Float64Array;
  /** Turns rows i and i + 1 by `cosines[i]`, `sines[i]`: for i = m − 1 … l, or with `upwards` for i = l … m − 1 the other way round. */
  rotate(
    a: Float64Array,
    width: number,
    l: number,
    m: number,
    cosines: Float64Array,
    sines: Float64Array,
    upwards: boolean,
  ): void;
  /** `I − β v vᵀ` from the left on rows `row …` and columns `from … to`. */
  reflectRows(
    a: Float64Array,
    width: number,
    row: number,
    from: number,
    to: number,
    v: Float64Array,
    beta: number,
  ): void;
  /** `I − β v vᵀ` from the right on rows `first … last` and columns `column …`. */
  reflectColumns(
    a: Float64Array,
    width: number,
    first: number,
    last: number,
    column: number,
    v: Float64Array,
    beta: number,
  ): void;
  /** `H B H` of the symmetric trailing block from `at` on, of which only the lower triangle is kept. */
  rankTwo(a: Float64Array, width: number, at: number, v: Float64Array, beta: number): void;
}

/** Exports of `assembly/orthogonal-f64.ts`; addresses in bytes. */
interface OrthogonalKernel {
  rotate(
    a: number,
    width: number,
    l: number,
    m: number,
    cosines: number,
    sines: number,
    upwards: number,
  ): void;
  reflectRows(
    a: number,
    width: number,
    cols: number,
    v: number,
    n: number,
    beta: number,
    w: number,
  ): void;
  reflectColumns(a: number, width: number, rows: number, v: number, n: number, beta: number): void;
  rankTwo(a: number, width: number, v: number, m: number, beta: number, p: number): void;
}

const load = /* @__PURE__ */ kernel<OrthogonalKernel>(orthogonalF64);

/** SIMD transformations with room for `total` numbers in matrices whose sides are at most `longest`; undefined where there is no SIMD. */
export function residentOrthogonal(total: number, longest: number): Orthogonal | undefined {
  if (longest < ORTHOGONAL_MIN_SIZE) return undefined;
  const run = load();
  const vector = align(longest * 8);
  if (!run || !reserve(2 * vector + total * 8 + 64)) return undefined;
  const memory = scratchF64;
  const [p, q] = [SCRATCH_START, SCRATCH_START + vector];
  let next = q + vector;
  const put = (v: Float64Array, address: number): number => {
    memory.set(v, address / 8);
    return address;
  };
  const address = (a: Float64Array, index: number): number => a.byteOffset + index * 8;
  return {
    zeros(length) {
      const view = memory.subarray(next / 8, next / 8 + length).fill(0);
      next += align(length * 8);
      return view;
    },
    rotate(a, width, l, m, cosines, sines, upwards) {
      // the kernel counts rotations from row l on
      put(cosines.subarray(l, m), p);
      put(sines.subarray(l, m), q);
      run.rotate(address(a, l * width), width, 0, m - l, p, q, Number(upwards));
    },
    reflectRows(a, width, row, from, to, v, beta) {
      run.reflectRows(
        address(a, row * width + from),
        width,
        to - from,
        put(v, p),
        v.length,
        beta,
        q,
      );
    },
    reflectColumns(a, width, first, last, column, v, beta) {
      run.reflectColumns(
        address(a, first * width + column),
        width,
        last - first,
        put(v, p),
        v.length,
        beta,
      );
    },
    rankTwo(a, width, at, v, beta) {
      run.rankTwo(address(a, at * width + at), width, put(v, p), v.length, beta, q);
    },
  };
}
