/** Which input of a network takes what. */
import { DomainError } from "@provably/core-tensor";
import { show } from "@provably/core-tensor/internal";
import type { OnnxModelOptions } from "./options.js";
import { type OnnxSession, type Values, namedValue, valuesOf } from "./runtime.js";

/** Which input takes what, by the names that are given and else by what the session says of them. */
export interface Wiring {
  readonly inputs: Values;
  readonly sampleInput: string;
  readonly timeInput: string | undefined;
  readonly output: string;
  readonly learnedVariance: boolean;
}

export function wiringOf(fn: string, session: OnnxSession, options: OnnxModelOptions): Wiring {
  const { inputNames, outputNames } = session;
  const { feeds = {}, guidance } = options;
  const [inputs, outputs] = [valuesOf(session.inputMetadata), valuesOf(session.outputMetadata)];
  for (const name of Object.keys(feeds)) namedValue(fn, "input", inputNames, name);
  for (const name of Object.keys(guidance?.feeds ?? {}))
    if (!Object.hasOwn(feeds, name))
      throw new DomainError(`${fn}: guidance.feeds.${name} must have a counterpart in feeds`);
  const open = inputNames.filter((name) => !Object.hasOwn(feeds, name));
  const rank = (values: Values, name: string): number => values.get(name)?.shape?.length ?? -1;
  // points have more extents than times and labels, and an output of as many
  const candidates = open.filter((name) => name !== options.timeInput);
  const ranks = outputNames.map((name) => rank(outputs, name));
  const alike = candidates.filter(
    (name) => rank(inputs, name) > 1 && ranks.includes(rank(inputs, name)),
  );
  const sampleInput = namedValue(
    fn,
    "input",
    inputNames,
    options.sampleInput ?? (alike.length === 1 ? alike[0] : candidates[0]),
  );
  const images = outputNames.filter((name) => rank(outputs, name) === rank(inputs, sampleInput));
  const output = namedValue(
    fn,
    "output",
    outputNames,
    options.output ?? images[0] ?? outputNames[0],
  );
  const left = open.filter((name) => name !== sampleInput);
  const timeInput =
    options.timeInput === undefined
      ? left[0]
      : namedValue(fn, "input", inputNames, options.timeInput);
  if (left.some((name) => name !== timeInput))
    throw new DomainError(
      `${fn}: the inputs ${left.map(show).join(", ")} are left beside the points: name the one that takes the time with timeInput, and give the others in feeds`,
    );
  const [channels, predicted] = [
    inputs.get(sampleInput)?.shape?.[1],
    outputs.get(output)?.shape?.[1],
  ];
  const doubled = typeof channels === "number" && predicted === 2 * channels;
  return {
    inputs,
    sampleInput,
    timeInput,
    output,
    learnedVariance: options.learnedVariance ?? doubled,
  };
}
