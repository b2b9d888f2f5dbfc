/** Samplers that are tables: every call of the network is followed by a linear combination of points, predictions and noise. */
import { type NdArray, add, mul } from "@provably/core-tensor";
import type { Process } from "../../sampler/drive.js";
import { type Sampler, defineSampler } from "../../sampler/sampler.js";
import { transitions } from "../../sampler/steps.js";
import { type NoiseLevel, lambdaOf } from "../../schedule/level.js";
import type { Schedule } from "../../schedule/schedule.js";
import { type Prediction, convertPrediction } from "../../score/prediction.js";

/**
 * A linear combination of what a table's sampler remembers. Factors that are left out are 0.
 * @category Samplers
 */
export interface TableFormula {
  /** Of the point at which the network was asked. */
  readonly point?: number;
  /** Of the anchor: a point that was kept. */
  readonly anchor?: number;
  /** Of the predictions, newest first. */
  readonly predictions?: readonly number[];
  /** Of the noise that the network itself predicts, where its predictions are clipped. */
  readonly rawNoise?: number;
  /** Of the step's fresh noise. */
  readonly noise?: number;
}

/**
 * One call of the network.
 * @category Samplers
 */
export interface TableCall {
  /** Where it is asked. */
  readonly level: NoiseLevel;
  /** What for. */
  readonly want: Prediction;
  /** The next point. */
  readonly next: TableFormula;
  /** The anchor from now on; default the one before, or at the first call the point itself. */
  readonly keep?: TableFormula;
}

/**
 * One step of a table: one call or several.
 * @category Samplers
 */
export interface TableRow {
  /** Where the step starts. */
  readonly level: NoiseLevel;
  /** Where it ends. */
  readonly to: NoiseLevel;
  readonly calls: readonly TableCall[];
}

/** A change of predicted clean points, such as a clip. */
export type CleanPointRule = (clean: NdArray) => NdArray;

/** A step of one call. */
export function oneCall(
  level: NoiseLevel,
  to: NoiseLevel,
  want: Prediction,
  next: TableFormula,
  keep?: TableFormula,
): TableRow {
  return { level, to, calls: [{ level, want, next, ...(keep && { keep }) }] };
}

/** What the formulas of a call are made of. */
interface Remembered {
  readonly point: NdArray;
  readonly anchor: NdArray;
  readonly predictions: readonly NdArray[];
  readonly rawNoise: () => NdArray;
  readonly noise: NdArray | undefined;
}

function evaluate(formula: TableFormula, memory: Remembered): NdArray {
  const { point = 0, anchor = 0, predictions = [], rawNoise = 0, noise = 0 } = formula;
  const parts: NdArray[] = [];
  if (point !== 0) parts.push(mul(point, memory.point));
  if (anchor !== 0) parts.push(mul(anchor, memory.anchor));
  for (const [i, weight] of predictions.entries())
    if (weight !== 0) parts.push(mul(weight, memory.predictions[i]!));
  if (rawNoise !== 0) parts.push(mul(rawNoise, memory.rawNoise()));
  if (noise !== 0) parts.push(mul(noise, memory.noise!));
  return parts.length === 0 ? mul(0, memory.point) : parts.reduce((a, b) => add(a, b));
}

function* runStep(
  x: NdArray,
  memory: readonly NdArray[],
  calls: readonly TableCall[],
  noise: NdArray | undefined,
  rule: CleanPointRule | undefined,
  depth: number,
): Process<{ x: NdArray; memory: NdArray[] }> {
  let [point, anchor, predictions] = [x, memory[0] ?? x, memory.slice(1)];
  for (const { level, want, next, keep } of calls) {
    const at = point;
    const answer = yield { x: at, level, want: rule === undefined ? want : "x0" };
    const prediction =
      rule === undefined ? answer : convertPrediction(rule(answer), "x0", want, at, level);
    const rawNoise = (): NdArray =>
      convertPrediction(answer, rule === undefined ? want : "x0", "eps", at, level);
    predictions = [prediction, ...predictions].slice(0, depth);
    const remembered = { point, anchor, predictions, rawNoise, noise };
    const moved = evaluate(next, remembered);
    if (keep !== undefined) anchor = evaluate(keep, remembered);
    point = moved;
  }
  return { x: point, memory: [anchor, ...predictions] };
}

/** Predictions that most formulas reach back for. */
const DEPTH = 5;

/** The sampler of a table, on any schedule. */
export function tableSampler(
  spec: Pick<Sampler, "name" | "numNoises" | "order">,
  rowsOf: (schedule: Schedule, stopAt: 0 | 1) => readonly TableRow[],
  { rule, depth = DEPTH }: { readonly rule?: CleanPointRule; readonly depth?: number } = {},
): Sampler<TableRow> {
  return defineSampler<TableRow>(
    {
      ...spec,
      table: (schedule, { stopAt = 0 }) => rowsOf(schedule, stopAt),
      *step({ x, memory = [] }, { calls }, [noise]) {
        return yield* runStep(x, memory, calls, noise, rule, depth);
      },
    },
    ["level", "to"],
  );
}

/** The levels that the steps of a schedule pass, from the noise on. */
export function levelsOf(schedule: Schedule, stopAt: 0 | 1): NoiseLevel[] {
  const steps = transitions(schedule, { stopAt });
  return steps.length === 0 ? [] : [...steps.map(({ level }) => level), steps.at(-1)!.to];
}

/** σ/α. */
export const ratioOf = ({ alpha, sigma }: NoiseLevel): number => sigma / alpha;

/** What is gained in ln(α/σ) from one level to another; 0 between equal ones. */
export function gain(from: NoiseLevel, to: NoiseLevel): number {
  if (to.sigma === 0) return Infinity;
  return from.alpha === to.alpha && from.sigma === to.sigma ? 0 : lambdaOf(to) - lambdaOf(from);
}
