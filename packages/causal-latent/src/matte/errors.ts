/** What training throws when it leaves the numbers. All other errors are those of core-tensor, checked before work. */
import { CoreTensorError } from "@provably/core-tensor";
import type { MatteParts } from "./model/loss.js";
import type { MatteParams } from "./model/params.js";

/**
 * The objective became NaN or infinite. Carries the terms that did it and the last weights with a finite objective.
 * @category Errors
 */
export class TrainingDivergedError extends CoreTensorError {
  override readonly name = "TrainingDivergedError";
  /** Weights before that step. Not enumerable, so that printing the error does not print them. */
  declare readonly params: MatteParams;
  constructor(
    /** Steps taken before the objective left the numbers. */
    readonly step: number,
    /** Terms of the objective at that step. */
    readonly parts: MatteParts,
    params: MatteParams,
  ) {
    const culprits = Object.entries(parts).flatMap(([name, value]) =>
      Number.isFinite(value) ? [] : [`${name} = ${String(value)}`],
    );
    super(
      `trainMatte: the objective must stay finite, got ${culprits.join(", ") || "overflow in the sum"} at step ${step + 1}; try a smaller learningRate`,
      "ERR_TRAINING_DIVERGED",
    );
    Object.defineProperty(this, "params", { value: params, enumerable: false });
  }
}
