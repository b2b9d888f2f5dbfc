/** What a sampler is, and making one. */
import { DomainError, type NdArray, ShapeError, add, full, mul } from "@provably/core-tensor";
import {
  anyFunction,
  anyList,
  anyRecord,
  anyString,
  check,
  checkOptions,
  finiteNumber,
  type Guard,
  listOf,
  oneOf,
  optional,
  recordWith,
  show,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { compile } from "@provably/core-tensor/compile";
import { arrayOf } from "../internal/check.js";
import { type NoiseLevel, checkLevel } from "../schedule/level.js";
import { type Schedule, checkSchedule } from "../schedule/schedule.js";
import { type Query } from "./drive.js";

/**
 * Where a chain stands.
 * @category Samplers
 */
export interface SamplerState {
  /** The points, shape `[n, …]`. */
  readonly x: NdArray;
  /** What a step leaves for the next one; multistep samplers keep their last predictions here. */
  readonly memory?: readonly NdArray[];
}

/**
 * A sampler: a table of coefficients and one pure step. Drivers, tests and kernels share both.
 *
 * The step is a generator: it yields {@link Query}s, is handed the model's answers, and returns the next state. So one step function serves models
 * that answer at once and models that answer later.
 * @category Samplers
 */
export interface Sampler<Row = unknown> {
  readonly name: string;
  /** Independent standard normal arrays that each step takes. */
  readonly numNoises: number;
  /** What theory says of the order of convergence, for {@link certifyOrder}; absent where it says nothing. */
  readonly order?: { readonly expected: readonly [number, number]; readonly source: string };
  /** Coefficients of each step, in running order, from noise to data. */
  table(schedule: Schedule, options: TableOptions): readonly Row[];
  /** One step. */
  step(
    state: SamplerState,
    row: Row,
    noise: readonly NdArray[],
  ): Generator<Query, SamplerState, NdArray>;
}

const SAMPLER = recordWith({
  name: anyString,
  numNoises: wholeNumber(0),
  order: optional(recordWith({ expected: listOf(finiteNumber, 2) })),
  table: anyFunction,
  step: anyFunction,
});

/** A sampler, for functions that take one: it may be somebody else's. */
export function checkSampler<Row>(fn: string, sampler: Sampler<Row>): Sampler<Row> {
  if (typeof sampler === "function")
    throw new DomainError(
      `${fn}: sampler must be a sampler, got a function; call it, as in ddim()`,
    );
  return check(fn, "sampler", sampler, SAMPLER as Guard<Sampler<Row>>);
}

/** The table of a sampler, which may be somebody else's. */
export function rowsOf<Row>(
  fn: string,
  sampler: Sampler<Row>,
  schedule: Schedule,
  { stopAt = 0 }: TableOptions,
): readonly Row[] {
  return check(fn, "what sampler.table returns", sampler.table(schedule, { stopAt }), anyList);
}

/** Where a chain stands, as a step takes and returns it. */
export function checkState(fn: string, state: SamplerState): SamplerState {
  const { x, memory = [] } = check(fn, "state", state, anyRecord);
  arrayOf(fn, "state.x", x);
  for (const [i, part] of check(fn, "state.memory", memory, anyList).entries())
    arrayOf(fn, `state.memory[${i}]`, part);
  return state;
}

/**
 * A sampler of your own, from a table of coefficients and one pure step: its table and step check what they are given, as those of the
 * house do, and it runs wherever they run.
 *
 * @param spec - the parts of a {@link Sampler}; {@link transitions} and {@link stepRows} make rows for most methods
 * @param levels - which parts of a row are noise levels, default `["level"]`
 * @returns the sampler
 * @throws `DomainError` when a part is missing or is no such part
 * @example
 * ```ts
 * import { add, mul } from "@provably/core-tensor";
 * import { key } from "@provably/core-tensor/random";
 * import { defineSampler, gaussian, lambdaGrid, sample, transitions } from "@provably/score-diffusion";
 *
 * // the deterministic step of DDIM: the clean point and the noise, mixed anew
 * const mine = defineSampler({
 *   name: "mine",
 *   numNoises: 0,
 *   table: transitions,
 *   *step({ x }, { level, to }) {
 *     const noise = yield { x, level, want: "eps" };
 *     const clean = mul(add(x, mul(-level.sigma, noise)), 1 / level.alpha);
 *     return { x: add(mul(to.alpha, clean), mul(to.sigma, noise)) };
 *   },
 * }, ["level", "to"]);
 * const distribution = gaussian({ mean: [0], covariance: [[1]] });
 * sample(mine, distribution, key(0), { shape: [4, 1], schedule: lambdaGrid(16) }).numEvaluations; // => 16
 * ```
 * @category Samplers
 */
export function defineSampler<Row>(
  spec: Sampler<Row>,
  levels: readonly string[] = ["level"],
): Sampler<Row> {
  const fn = "defineSampler";
  const { name } = check(fn, "spec", spec, SAMPLER as Guard<Sampler<Row>>);
  check(fn, "levels", levels, listOf(anyString));
  return {
    ...spec,
    table(schedule, options) {
      return spec.table(
        checkSchedule(name, schedule),
        checkOptions<TableOptions>(name, options, TABLE),
      );
    },
    *step(state, row, noise) {
      checkState(name, state);
      checkRow(name, row, levels);
      if (check(name, "noise", noise, anyList).length < spec.numNoises)
        throw new ShapeError(
          `${name}: noise must hold ${spec.numNoises} arrays, got ${noise.length}`,
        );
      for (const [i, z] of noise.entries()) arrayOf(name, `noise[${i}]`, z);
      const steps = spec.step(state, row, noise);
      let turn = steps.next();
      while (!turn.done) turn = steps.next(arrayOf(name, "the model's answer", yield turn.value));
      return turn.value;
    },
  };
}

/** A row holds noise levels, numbers, and records. */
function checkRow(fn: string, row: unknown, levels: readonly string[]): void {
  const parts = check(fn, "row", row as Readonly<Record<string, unknown>>, anyRecord);
  for (const name of levels) checkLevel(fn, parts[name] as NoiseLevel, `row.${name}`);
  for (const [name, value] of Object.entries(parts))
    if (typeof value !== "number" && (typeof value !== "object" || value === null))
      throw new DomainError(`${fn}: row.${name} must be a number or a record, got ${show(value)}`);
}

/**
 * Where a chain ends.
 * @category Samplers
 */
export interface TableOptions {
  /** 1 to end at $Y_1$, whose distribution the theorems speak of, 0 to take the last step to the data as well. Default 0. */
  readonly stopAt?: 0 | 1;
}

export const TABLE = { stopAt: oneOf(0, 1) };

const fused = /* @__PURE__ */ compile((p: NdArray, x: NdArray, q: NdArray, y: NdArray) =>
  add(mul(p, x), mul(q, y)),
);
/** Number of elements from which one compiled loop is faster than three; both round alike. */
const LARGE = 4096;

/** `p·x + q·y`, the shape of nearly every step. */
export function combine(p: number, x: NdArray, q: number, y: NdArray): NdArray {
  if (x.size < LARGE || x.dtype !== y.dtype || x.dtype !== "float64")
    return add(mul(p, x), mul(q, y));
  return fused(full([], p, { dtype: "float64" }), x, full([], q, { dtype: "float64" }), y);
}
