/** What training throws when it leaves the numbers behind. */
import { CoreTensorError } from "@provably/core-tensor";

/**
 * A loss that is no longer finite; the message names the step.
 * @category Errors
 */
export class DivergenceError extends CoreTensorError {
  override readonly name = "DivergenceError";
  constructor(message: string) {
    super(message, "ERR_DIVERGENCE");
  }
}
