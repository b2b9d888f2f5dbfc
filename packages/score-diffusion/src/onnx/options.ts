/** What is said of a network that its session does not say. */
import {
  anyFunction,
  anyString,
  anything,
  finiteNumber,
  listOf,
  mapOf,
  numberIn,
  oneOf,
  optional,
  recordOf,
  satisfying,
  trueOrFalse,
  wholeNumber,
} from "@provably/core-tensor/internal";
import type { NoiseLevel } from "../schedule/level.js";
import type { Training } from "../schedule/training.js";
import { PREDICTIONS, type Prediction } from "../score/prediction.js";
import type { OnnxFeed } from "./feeds.js";
import { TIME_TYPES, type TimeType } from "./tensors.js";

/**
 * Classifier-free guidance of an ONNX network, with the prediction $u + w(c - u)$.
 * @category Networks
 */
export interface OnnxGuidance {
  /** $w$: 1 samples from the condition, above 1 overstates it. */
  readonly scale: number;
  /** The inputs without the condition, or with what is to be avoided, by the same names as in `feeds`; those left out are the same. */
  readonly feeds: Readonly<Record<string, OnnxFeed>>;
  /** How far to bring the spread of each guided prediction back to that of the conditional one, in [0, 1]; default 0. */
  readonly rescale?: number;
}

/**
 * Options of {@link onnxModel}.
 * @category Networks
 */
export interface OnnxModelOptions {
  /** What the network predicts; default `eps`. */
  readonly prediction?: Prediction;
  /** The training of the network, by whose schedule noise levels become its steps 0, 1, …; needed where the network takes a time, unless `time` is given. */
  readonly trainedOn?: Training;
  /** The time that the network knows a noise level by, where it is no step of a schedule, such as $\sigma/\alpha$ itself; points go in as they are. */
  readonly time?: (level: NoiseLevel) => number;
  /** Name of the input for the points; default the one with the extents of the output, else the first. */
  readonly sampleInput?: string;
  /** Name of the input for the time; default the one that is left, and none where there is none. */
  readonly timeInput?: string;
  /** Name of the output; default the one with the extents of the points, else the first. */
  readonly output?: string;
  /** Type of the time; default what the session says, else `int64`. Whole types round to the nearest number, ties to even. */
  readonly timeType?: TimeType;
  /** Whether the network takes one time for each row, shape `[n]`, instead of one for all; default what the session says, else false. */
  readonly timePerRow?: boolean;
  /** Extents of a row as the network wants them, such as `[1, 28, 28]`; default those of the points. */
  readonly rowShape?: readonly number[];
  /** Whether the output has twice the channels of the points, the prediction and then variances, of which the prediction is taken; default what the session says, else false. */
  readonly learnedVariance?: boolean;
  /** Other inputs by their names; see {@link OnnxFeed}. */
  readonly feeds?: Readonly<Record<string, OnnxFeed>>;
  /** Classifier-free guidance: both predictions are asked for in one batch of twice the rows. */
  readonly guidance?: OnnxGuidance;
}

const anyFeed = satisfying<OnnxFeed>(
  "numbers, a tensor of the runtime, or a function of the level",
  (x) => (typeof x === "object" && x !== null) || typeof x === "number" || typeof x === "function",
);

export const OPTIONS = {
  prediction: oneOf(...PREDICTIONS),
  trainedOn: anything,
  time: anyFunction,
  sampleInput: anyString,
  timeInput: anyString,
  output: anyString,
  timeType: oneOf(...TIME_TYPES),
  timePerRow: trueOrFalse,
  rowShape: listOf(wholeNumber(1)),
  learnedVariance: trueOrFalse,
  feeds: mapOf(anyFeed),
  guidance: recordOf({
    scale: finiteNumber,
    feeds: mapOf(anyFeed),
    rescale: optional(numberIn(0, 1)),
  }),
};
