/** Calls of a network: points in batches of the size that it takes, with the time and the other inputs of each, and its predictions. */
import {
  DomainError,
  type NdArray,
  ShapeError,
  array,
  asType,
  reshape,
  toTypedArray,
} from "@provably/core-tensor";
import { show } from "@provably/core-tensor/internal";
import type { NoiseLevel } from "../schedule/level.js";
import type { FeedRows } from "./feeds.js";
import type { OnnxModelOptions } from "./options.js";
import {
  type OnnxRuntime,
  type OnnxSession,
  type OnnxTensor,
  runSession,
  typeOf,
} from "./runtime.js";
import {
  SAMPLE_TYPES,
  type SampleType,
  TIME_TYPES,
  type TimeType,
  decode,
  encode,
} from "./tensors.js";
import type { Wiring } from "./wiring.js";

/** One call of the network at a level: points in, predictions out, by rows. */
export type Ask = (x: NdArray, at: number, level: NoiseLevel) => Promise<NdArray>;

/** What asks the network, in batches of the size that it takes; the rows come in as many parts of equal size as there are sets of other inputs. */
export function askerOf(
  fn: string,
  runtime: Pick<OnnxRuntime, "Tensor">,
  session: OnnxSession,
  options: OnnxModelOptions,
  { inputs, sampleInput, timeInput, output, learnedVariance }: Wiring,
  sets: readonly (readonly FeedRows[])[],
): Ask {
  const sampleType = typeOf(fn, inputs, sampleInput, SAMPLE_TYPES, "float32");
  const said = timeInput === undefined ? undefined : inputs.get(timeInput);
  const timeType =
    options.timeType ??
    (timeInput === undefined ? "int64" : typeOf(fn, inputs, timeInput, TIME_TYPES, "int64"));
  const declared = inputs.get(sampleInput)?.shape;
  const fixed = typeof declared?.[0] === "number" ? declared[0] : undefined;
  const timePerRow = options.timePerRow ?? perRow(said?.shape, declared?.[0]);
  const tensor = (type: SampleType | TimeType, values: ArrayLike<number>, dims: number[]) =>
    new runtime.Tensor(type as never, encode(type, values) as never, dims);
  const timeOf = (at: number, n: number): OnnxTensor => {
    const times = new Array<number>(timePerRow ? n : 1).fill(at);
    return tensor(timeType, times, said?.shape?.length === 0 ? [] : [times.length]);
  };

  return async (x, at, level) => {
    const row = rowOf(fn, x, options.rowShape, declared);
    const [size, total] = [row.reduce((a, b) => a * b, 1), x.shape[0]!];
    if (timeInput !== undefined && !Number.isFinite(at))
      throw new DomainError(`${fn}: time must return a finite number, got ${show(at)}`);
    const points = toTypedArray<"float64">(asType(x, "float64"));
    const out = new Float64Array(x.size);
    const n = total / sets.length;
    const step = fixed ?? total;
    for (let from = 0; from < total; from += step) {
      // a last batch that is not full is filled up with its last row
      const rows = Array.from({ length: step }, (_, i) => Math.min(from + i, total - 1));
      const batch = new Float64Array(step * size);
      rows.forEach((place, i) =>
        batch.set(points.subarray(place * size, (place + 1) * size), i * size),
      );
      const given: Record<string, OnnxTensor> = {
        [sampleInput]: tensor(sampleType, batch, [step, ...row]),
        ...(timeInput !== undefined && { [timeInput]: timeOf(at, step) }),
        ...othersOf(runtime, sets, level, n, rows),
      };
      const answer = await runSession(fn, session, given, output);
      const numbers = predictionIn(fn, output, answer, [step, ...row], learnedVariance);
      out.set(numbers.subarray(0, Math.min(step, total - from) * size), from * size);
    }
    return asType(reshape(array(out), x.shape), x.dtype);
  };
}

/** The other inputs of some rows, out of one set for all or of two halves. */
function othersOf(
  runtime: Pick<OnnxRuntime, "Tensor">,
  sets: readonly (readonly FeedRows[])[],
  level: NoiseLevel,
  n: number,
  rows: readonly number[],
): Record<string, OnnxTensor> {
  const out: Record<string, OnnxTensor> = {};
  sets.forEach((set, k) => {
    const own = rows.filter((row) => Math.floor(row / n) === k).map((row) => row - k * n);
    if (own.length === 0) return;
    for (const { name, byRow, of } of set) {
      const [before, value] = [out[name], of(level, n, own)];
      out[name] = before !== undefined && byRow ? joined(runtime, before, value) : value;
    }
  });
  return out;
}

/** Two tensors of one type, row after row; a value for all rows stays as it is. */
function joined(
  runtime: Pick<OnnxRuntime, "Tensor">,
  a: OnnxTensor & { readonly type?: string },
  b: OnnxTensor,
): OnnxTensor {
  const [x, y] = [a.data, b.data] as [Float32Array, Float32Array];
  const Storage = x.constructor as Float32ArrayConstructor;
  const data = new Storage(x.length + y.length);
  data.set(x);
  data.set(y, x.length);
  const dims = [a.dims[0]! + b.dims[0]!, ...a.dims.slice(1)];
  return new runtime.Tensor(a.type as never, data as never, dims);
}

/** The extents of a row as the network takes them, which it may have said. */
function rowOf(
  fn: string,
  x: NdArray,
  rowShape: readonly number[] | undefined,
  declared: readonly (number | string)[] | undefined,
): readonly number[] {
  const [n, ...rest] = x.shape as readonly [number, ...number[]];
  const row = rowShape ?? rest;
  if (n * row.reduce((a, b) => a * b, 1) !== x.size)
    throw new ShapeError(
      `${fn}: rows of shape [${rest.join(", ")}] do not fit rowShape [${row.join(", ")}]`,
    );
  const fits =
    declared === undefined ||
    (declared.length === row.length + 1 &&
      row.every((extent, i) => typeof declared[i + 1] !== "number" || declared[i + 1] === extent));
  if (!fits)
    throw new ShapeError(
      `${fn}: the network takes points [${declared.join(", ")}], got [${[n, ...row].join(", ")}]${rowShape === undefined ? "; where rows are flat give rowShape" : ""}`,
    );
  return row;
}

/** Whether a time of these extents wants a number for each row of points. */
function perRow(
  time: readonly (number | string)[] | undefined,
  rows: number | string | undefined,
): boolean {
  return time?.length === 1 && rows !== undefined && time[0] === rows;
}

/** The prediction in an output: all of it, or the first half of its channels. */
function predictionIn(
  fn: string,
  name: string,
  { data, dims }: OnnxTensor,
  wanted: readonly number[],
  learnedVariance: boolean,
): Float32Array | Float64Array {
  const numbers = decode(fn, name, data);
  const [n, channels = 1, ...rest] = wanted as readonly [number, ...number[]];
  const expected = learnedVariance ? [n, 2 * channels, ...rest] : wanted;
  const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
  const same = Array.isArray(dims)
    ? dims.filter((extent) => extent !== 1).join() === expected.filter((e) => e !== 1).join()
    : false;
  if (!same || numbers.length !== size(expected)) {
    const doubled = Array.isArray(dims) && dims[1] === 2 * channels && !learnedVariance;
    throw new ShapeError(
      `${fn}: output ${name} must be [${expected.join(", ")}], got [${Array.isArray(dims) ? dims.join(", ") : show(dims)}]${doubled ? "; for a network that predicts variances too set learnedVariance" : ""}`,
    );
  }
  if (!learnedVariance) return numbers;
  const half = size(wanted) / n;
  const out = new Float64Array(n * half);
  for (let i = 0; i < n; i++) out.set(numbers.subarray(2 * i * half, (2 * i + 1) * half), i * half);
  return out;
}
