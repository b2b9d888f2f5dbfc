/** Linear measurements whose spectrum is known: what DDRM, DDNM and MCG need. */
import { DomainError, type NdArray } from "@provably/core-tensor";
import type { Likelihood } from "../forward/forward-model.js";
import type { LinearOperator } from "../forward/operator.js";

export interface Spectral {
  readonly operator: LinearOperator;
  readonly sigma: number;
  readonly y: NdArray;
  /** f(AᵀA) v. */
  normalFunction(f: (eigenvalue: number) => number, v: NdArray): NdArray;
}

export function spectral(fn: string, { linear }: Likelihood): Spectral {
  if (linear === undefined)
    throw new DomainError(
      `${fn}: the forward model must be linear with Gaussian noise; use dpnp or dps`,
    );
  const { operator } = linear;
  if (operator.normalFunction === undefined)
    throw new DomainError(
      `${fn}: the spectrum of ${operator.name} is not known; use dpnp or piGdm`,
    );
  return { ...linear, normalFunction: (f, v) => operator.normalFunction!(f, v) };
}

/** Whether an eigenvalue of AᵀA counts as measured, and not as rounding. */
export function isMeasured(operator: LinearOperator, eigenvalue: number): boolean {
  return eigenvalue > 1e-10 * operator.norm ** 2;
}

/** 1/λ on measured directions: with Aᵀ it makes the pseudo-inverse. */
export function pseudoInverse(operator: LinearOperator): (eigenvalue: number) => number {
  return (eigenvalue) => (isMeasured(operator, eigenvalue) ? 1 / eigenvalue : 0);
}
