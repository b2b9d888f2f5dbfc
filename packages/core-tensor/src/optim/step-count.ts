/** Numbers that depend on how many steps have been done, also where that is only known when a compiled program runs. */
import { show } from "../check/index.js";
import { allocate } from "../array/dtype.js";
import { type NdArray, dense, rowMajorData } from "../array/ndarray.js";
import { DomainError } from "../errors.js";
import { add, mul, reciprocal, sub } from "../ops/arithmetic.js";
import { pow } from "../ops/power.js";
import { bindOne } from "../trace/bind.js";
import { convert } from "../trace/elementwise.js";
import type { Primitive } from "../trace/primitive.js";
import type { LearningRateSchedule } from "./schedule.js";

/**
 * Steps done. An optimiser starts with an array, so that one compiled training step serves all of them; a plain number is taken too, and stays one.
 * @category Optimisers
 */
export type StepCount = number | NdArray;

/** A step size on each step: a constant, or a function of the number of steps done. */
export type Rate = number | LearningRateSchedule;

interface ScheduleAttrs {
  readonly fn: string;
  readonly rate: LearningRateSchedule;
}

/** A schedule applied to step counts: an operation like any other, so that tracing can record it. */
const schedulePrimitive: Primitive<ScheduleAttrs> = {
  name: "schedule",
  shape: ([x]) => [{ shape: x!.shape, dtype: "float64" }],
  evaluate([x], { fn, rate }) {
    const data = allocate("float64", x!.size);
    rowMajorData(x!).forEach((step, i) => (data[i] = checkRate(fn, rate(step), step)));
    return [dense(data, "float64", x!.shape)];
  },
  derivative: { kind: "none" },
  batching: { kind: "elementwise" },
};

function checkRate(fn: string, value: number, step: StepCount): number {
  if (!Number.isFinite(value))
    throw new DomainError(
      `${fn}: learningRate must be finite, got ${show(value)} at step ${show(step)}`,
    );
  return value;
}

export function rateAt(fn: string, rate: Rate, step: StepCount): StepCount {
  if (typeof rate === "number") return checkRate(fn, rate, step);
  return typeof step === "number"
    ? checkRate(fn, rate(step), step)
    : bindOne(schedulePrimitive, [step], { fn, rate });
}

/** Undoes the bias of a running mean with the given decay that started at zero: $1 / (1 - \beta^t)$. */
export function unbiased(decay: number, step: StepCount): StepCount {
  return typeof step === "number"
    ? 1 / (1 - decay ** step)
    : reciprocal(sub(1, pow(decay, convert(step, "float64"))));
}

export function nextStep(step: StepCount): StepCount {
  return typeof step === "number" ? step + 1 : add(step, 1);
}

/** `factor · x` in the type of `x`. */
export function scaledBy(factor: StepCount, x: NdArray): NdArray {
  return mul(typeof factor === "number" ? factor : convert(factor, x.dtype), x);
}

/** `−factor · x` in the type of `x`. */
export function minus(factor: StepCount, x: NdArray): NdArray {
  return scaledBy(typeof factor === "number" ? -factor : mul(-1, factor), x);
}
