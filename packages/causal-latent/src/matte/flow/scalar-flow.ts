/**
 * Monotone maps of the real line, chosen by a configuration. A network that writes the raw numbers of a map makes the flow conditional, see
 * conditional.ts.
 */
import { DomainError } from "@provably/core-tensor";
import { anyRecord, check, show } from "@provably/core-tensor/internal";
import { denseSigmoidalFlow } from "./dense-sigmoidal.js";
import type { ScalarFlow } from "./family.js";
import { rationalLinearSpline } from "./rational-linear.js";
import { rationalQuadraticSpline } from "./rational-quadratic.js";

/**
 * Which family, and its sizes.
 * @category Flows
 */
export type FlowConfig =
  | {
      readonly kind: "rational-linear" | "rational-quadratic";
      readonly bins?: number;
      readonly bound?: number;
    }
  | { readonly kind: "sigmoidal"; readonly hidden?: number; readonly layers?: number }
  /** No map beyond the affine one. */
  | { readonly kind: "affine" };

/**
 * The family that a configuration names.
 *
 * @param config - see {@link FlowConfig}
 * @returns the family; undefined for `"affine"`
 * @throws `DomainError` when a size is out of range or the kind unknown
 * @example
 * ```ts
 * import { scalarFlow } from "@provably/causal-latent/matte";
 *
 * scalarFlow({ kind: "rational-linear", bins: 8 }).numParams; // => 31
 * ```
 * @category Flows
 */
export function scalarFlow(config: FlowConfig): ScalarFlow | undefined {
  const { kind } = check("scalarFlow", "config", config, anyRecord);
  switch (kind) {
    case "rational-linear":
    case "rational-quadratic": {
      const { kind: _, ...sizes } = config as Extract<FlowConfig, { bins?: number }>;
      return kind === "rational-linear"
        ? rationalLinearSpline(sizes)
        : rationalQuadraticSpline(sizes);
    }
    case "sigmoidal": {
      const { kind: _, ...sizes } = config as Extract<FlowConfig, { hidden?: number }>;
      return denseSigmoidalFlow(sizes);
    }
    case "affine":
      return undefined;
    default:
      throw new DomainError(
        `scalarFlow: kind must be "rational-linear", "rational-quadratic", "sigmoidal" or "affine", got ${show(kind)}`,
      );
  }
}
