/** Observations and labels as a configuration wants them, checked before any work. */
import {
  DTypeError,
  DomainError,
  type NdArray,
  ShapeError,
  all,
  isFinite,
  isNdArray,
  item,
  max,
  min,
  toTypedArray,
} from "@provably/core-tensor";
import { anyList, check, show } from "@provably/core-tensor/internal";
import { SPECIAL } from "../network/text.js";
import type { MatteConfig } from "./config.js";

/** Throws unless the observations are what the configuration says. */
export function checkObserved(fn: string, config: MatteConfig, observed: NdArray): void {
  const { observation, dtype } = config;
  if (!isNdArray(observed) || observed.shape.length !== 2 || observed.size === 0)
    throw new ShapeError(
      `${fn}: observed must be an array [N, ${observation.kind === "text" ? "T" : observation.size}] with N ≥ 1, got ${isNdArray(observed) ? `[${observed.shape.join(", ")}]` : show(observed)}`,
    );
  if (observation.kind === "text") {
    checkWords(fn, config, "observed", observed, observed.shape);
    const [rows, width] = observed.shape as [number, number];
    const words = toTypedArray(observed);
    for (let i = 0; i < rows; i++)
      if (words[i * width] === SPECIAL.pad || words[i * width] === SPECIAL.end)
        throw new DomainError(`${fn}: observed[${i}] must hold a sentence, got an empty one`);
    return;
  }
  if (observed.shape[1] !== observation.size)
    throw new ShapeError(
      `${fn}: observed must have ${observation.size} columns, got ${observed.shape[1]!}`,
    );
  if (observed.dtype !== dtype)
    throw new DTypeError(`${fn}: observed must be ${dtype} like the model, got ${observed.dtype}`);
  if (item(all(isFinite(observed))) !== 1)
    throw new DomainError(`${fn}: observed must be finite, got NaN or an infinity`);
}

/** Throws unless an array of a shape holds numbers of words. */
export function checkWords(
  fn: string,
  { observation }: MatteConfig,
  name: string,
  words: NdArray,
  shape: readonly number[],
): void {
  if (observation.kind !== "text") return;
  if (!isNdArray(words) || words.shape.join() !== shape.join())
    throw new ShapeError(
      `${fn}: ${name} must be an array [${shape.join(", ")}], got ${show(words)}`,
    );
  if (words.dtype !== "int32")
    throw new DTypeError(`${fn}: ${name} must be int32 word numbers, got ${words.dtype}`);
  const [least, greatest] = [item(min(words)), item(max(words))];
  if (least < 0 || greatest >= observation.vocabularySize)
    throw new DomainError(
      `${fn}: ${name} must hold word numbers in [0, ${observation.vocabularySize}), got ${least < 0 ? least : greatest}`,
    );
}

/** Throws unless there is a label a row, if there are any. */
export function checkLabels(fn: string, labels: readonly number[] | undefined, rows: number): void {
  if (labels === undefined) return;
  if (check(fn, "labels", labels, anyList).length !== rows)
    throw new ShapeError(
      `${fn}: labels must hold one label a row, got ${labels.length} for ${rows} rows`,
    );
  labels.forEach((y, i) => {
    if (y !== 0 && y !== 1 && y !== -1)
      throw new DomainError(`${fn}: labels[${i}] must be 0, 1 or −1 (unknown), got ${show(y)}`);
  });
}
