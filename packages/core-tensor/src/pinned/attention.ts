/** Attention of one query over rows of keys and values that grow by one row at a time, as in a language model that writes. */
import { anything, check, optional, recordWith, show } from "../check/index.js";
import { DomainError, ShapeError } from "../errors.js";
import { checkFloats } from "./matrix.js";
import { anyStore, layout } from "../exec/wasm/resident.js";

/**
 * Keys and values of a sequence, one token after another; each row holds all heads of a token.
 * @category Pinned matrices
 */
export interface CachedRows {
  /** Rows of `numKvHeads · headDim`; there may be more of them than the sequence has tokens. */
  readonly keys: Float32Array;
  readonly values: Float32Array;
  readonly numKvHeads: number;
  readonly headDim: number;
  /** First token that is seen; default 0. */
  readonly start?: number;
  /** Token after the last that is seen. */
  readonly stop: number;
}

const cachedRows = /* @__PURE__ */ recordWith<CachedRows>({
  keys: anything,
  values: anything,
  numKvHeads: anything,
  headDim: anything,
  start: optional(anything),
  stop: anything,
});

/**
 * Attention $\operatorname{softmax}(q K^\top / \sqrt d)\,V$ of one token over cached rows, for each head.
 *
 * Each head of keys serves a group of neighbouring heads of the query. The rows are copied to the kernels, which costs far less than multiplying them in JavaScript would;
 * where WebAssembly is off, or they do not fit, JavaScript multiplies all the same.
 *
 * @param query - `numHeads · headDim` numbers
 * @param cached - see {@link CachedRows}; at least one token is seen
 * @returns `numHeads · headDim` numbers
 * @throws `ShapeError` when the lengths do not fit, or no token is seen
 * @example
 * ```ts
 * import { attendRows } from "@provably/core-tensor/pinned";
 *
 * const [keys, values] = [Float32Array.of(1, 1), Float32Array.of(2, 4)];
 * attendRows(Float32Array.of(5), { keys, values, numKvHeads: 1, headDim: 1, stop: 2 }); // => Float32Array.of(3)
 * ```
 * @see Vaswani et al. (2017), "Attention is all you need", eq. 1
 * @category Pinned matrices
 */
export function attendRows(query: Float32Array, cached: CachedRows): Float32Array<ArrayBuffer> {
  const {
    keys,
    values,
    numKvHeads,
    headDim,
    start = 0,
    stop,
  } = check("attendRows", "cached", cached, cachedRows);
  checkFloats("attendRows", "query", query);
  checkFloats("attendRows", "keys", keys);
  checkFloats("attendRows", "values", values);
  for (const [name, value] of Object.entries({ numKvHeads, headDim, start, stop }))
    if (!Number.isInteger(value))
      throw new DomainError(`attendRows: ${name} must be an integer, got ${show(value)}`);
  if (numKvHeads < 1 || headDim < 1)
    throw new ShapeError(
      `attendRows: numKvHeads and headDim must be ≥ 1, got ${numKvHeads} and ${headDim}`,
    );
  const width = numKvHeads * headDim;
  if (!(start >= 0 && stop > start) || stop * width > Math.min(keys.length, values.length))
    throw new ShapeError(
      `attendRows: tokens ${start} to ${stop} need rows of ${width} numbers, got ${keys.length} keys and ${values.length} values`,
    );
  if (query.length === 0 || query.length % width !== 0)
    throw new ShapeError(
      `attendRows: query must hold groups of ${width} numbers, got ${query.length}`,
    );
  const scaled = query.map((x) => x / Math.sqrt(headDim));
  return (
    attendInWasm(scaled, cached, start, stop - start) ??
    attendInJs(scaled, cached, start, stop - start)
  );
}

function attendInWasm(
  query: Float32Array,
  { keys, values, numKvHeads, headDim }: CachedRows,
  start: number,
  count: number,
): Float32Array<ArrayBuffer> | undefined {
  const width = numKvHeads * headDim;
  const group = query.length / width;
  const store = anyStore();
  const places =
    store &&
    layout(
      query.length * 4,
      count * width * 4 + 16,
      count * width * 4 + 16,
      group * count * 4,
      query.length * 4,
    );
  if (!store || !places) return undefined;
  const { f32, float32 } = store;
  const [qAt, kAt, vAt, weightsAt, outAt] = places as [number, number, number, number, number];
  f32.set(query, qAt / 4);
  f32.set(keys.subarray(start * width, (start + count) * width), kAt / 4);
  f32.set(values.subarray(start * width, (start + count) * width), vAt / 4);
  const headBytes = headDim * 4;
  for (let kv = 0; kv < numKvHeads; kv++) {
    float32.dots(
      qAt + kv * group * headBytes,
      kAt + kv * headBytes,
      width * 4,
      0,
      weightsAt,
      group,
      count,
      headDim,
    );
    for (let h = 0; h < group; h++) {
      const at = weightsAt + h * count * 4;
      softmaxInPlace(f32, at / 4, count);
      float32.combine(
        at,
        vAt + kv * headBytes,
        width * 4,
        0,
        outAt + (kv * group + h) * headBytes,
        headDim,
        count,
      );
    }
  }
  return f32.slice(outAt / 4, outAt / 4 + query.length);
}

function softmaxInPlace(x: Float32Array | Float64Array, at: number, count: number): void {
  let peak = -Infinity;
  for (let i = at; i < at + count; i++) if (x[i]! > peak) peak = x[i]!;
  let total = 0;
  for (let i = at; i < at + count; i++) total += x[i] = Math.exp(x[i]! - peak);
  for (let i = at; i < at + count; i++) x[i]! /= total;
}

/** Four positions at a time, in double precision: the query and the sum are then read once for four keys or values. */
function attendInJs(
  query: Float32Array,
  { keys, values, numKvHeads, headDim }: CachedRows,
  start: number,
  count: number,
): Float32Array<ArrayBuffer> {
  const width = numKvHeads * headDim;
  const group = query.length / width;
  const out = new Float32Array(query.length);
  const weights = new Float64Array(count);
  const mixed = new Float64Array(headDim);
  for (let at = 0; at < query.length; at += headDim) {
    const first = start * width + Math.floor(at / headDim / group) * headDim;
    scoreKeys(
      Float64Array.from(query.subarray(at, at + headDim)),
      keys,
      first,
      width,
      count,
      weights,
    );
    softmaxInPlace(weights, 0, count);
    mixed.fill(0);
    mixValues(weights, values, first, width, count, mixed);
    out.set(mixed, at);
  }
  return out;
}

/** Inner products with `count` keys, `width` apart. */
function scoreKeys(
  q: Float64Array,
  keys: Float32Array,
  first: number,
  width: number,
  count: number,
  scores: Float64Array,
): void {
  const d = q.length;
  let p = 0;
  for (; p + 3 < count; p += 4) {
    const k0 = first + p * width;
    const [k1, k2, k3] = [k0 + width, k0 + 2 * width, k0 + 3 * width];
    let [s0, s1, s2, s3] = [0, 0, 0, 0];
    for (let i = 0; i < d; i++) {
      const x = q[i]!;
      s0 += x * keys[k0 + i]!;
      s1 += x * keys[k1 + i]!;
      s2 += x * keys[k2 + i]!;
      s3 += x * keys[k3 + i]!;
    }
    scores[p] = s0;
    scores[p + 1] = s1;
    scores[p + 2] = s2;
    scores[p + 3] = s3;
  }
  for (; p < count; p++) {
    let s = 0;
    for (let i = 0, k = first + p * width; i < d; i++) s += q[i]! * keys[k + i]!;
    scores[p] = s;
  }
}

/** Adds `count` values, `width` apart, each times its weight. */
function mixValues(
  weights: Float64Array,
  values: Float32Array,
  first: number,
  width: number,
  count: number,
  sum: Float64Array,
): void {
  const d = sum.length;
  let p = 0;
  for (; p + 3 < count; p += 4) {
    const v0 = first + p * width;
    const [v1, v2, v3] = [v0 + width, v0 + 2 * width, v0 + 3 * width];
    const [w0, w1, w2, w3] = [weights[p]!, weights[p + 1]!, weights[p + 2]!, weights[p + 3]!];
    for (let i = 0; i < d; i++)
      sum[i]! +=
        w0 * values[v0 + i]! + w1 * values[v1 + i]! + (w2 * values[v2 + i]! + w3 * values[v3 + i]!);
  }
  for (; p < count; p++)
    for (let i = 0, v = first + p * width; i < d; i++) sum[i]! += weights[p]! * values[v + i]!;
}
