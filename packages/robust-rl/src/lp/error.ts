/** What solvers throw. */
import { CoreTensorError } from "@provably/core-tensor";

/**
 * A solver that is not installed, or that gave up.
 * @category Linear programs
 */
export class SolverError extends CoreTensorError {
  override readonly name = "SolverError";
  constructor(message: string) {
    super(message, "ERR_SOLVER");
  }
}
