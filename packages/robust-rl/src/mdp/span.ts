/** How long rewards are summed: for ever with a discount, or over a horizon. */
import { DomainError, ShapeError } from "@provably/core-tensor";
import type { Mdp } from "./process.js";

export interface Span {
  readonly discount?: number | undefined;
  readonly horizon?: number | undefined;
  readonly terminalValues?: unknown;
}

/** Checks that the sum is finite, and known for as long as it lasts. */
export function checkSpan(
  fn: string,
  { discount, horizon, terminalValues }: Span,
  model: Mdp,
): void {
  if (discount === undefined && horizon === undefined)
    throw new DomainError(
      `${fn}: give a discount below 1, or a horizon (with or without a discount)`,
    );
  if (horizon !== undefined) return;
  if (discount === 1)
    throw new DomainError(`${fn}: discount must lie in [0, 1) without a horizon, got 1`);
  if (terminalValues !== undefined) throw new DomainError(`${fn}: terminalValues need a horizon`);
  if (model.steps !== undefined)
    throw new ShapeError(
      `${fn}: a process that depends on the step has a finite horizon; pass { horizon }`,
    );
}
