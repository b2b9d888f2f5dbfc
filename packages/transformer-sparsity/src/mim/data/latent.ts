/** The laws of the latents: how strongly each area of an image shows its feature. */
import { DomainError } from "@provably/core-tensor";
import {
  anyFunction,
  anyNumber,
  byKind,
  check,
  listOf,
  optional,
  recordWith,
} from "@provably/core-tensor/internal";

/**
 * The law of the latent $z$ of an area, with values in $[L, U]$, $0 < L \le U$. Latents of different areas are independent.
 *
 * - `uniform`: uniform on `[low, high]`.
 * - `discrete`: one of `values`, equally likely unless `probabilities` are given; exact expectations need this kind.
 * - `quantile`: any law, by its quantile function on $[0, 1)$ and its second moment $E[z^2]$.
 * @category Data
 */
export type Latent =
  | { readonly kind: "uniform"; readonly low: number; readonly high: number }
  | {
      readonly kind: "discrete";
      readonly values: readonly number[];
      readonly probabilities?: readonly number[];
    }
  | {
      readonly kind: "quantile";
      readonly low: number;
      readonly high: number;
      readonly secondMoment: number;
      /** The value at a probability. */
      readonly quantile: (probability: number) => number;
    };

const shape = byKind("kind", {
  uniform: recordWith({ low: anyNumber, high: anyNumber }),
  discrete: recordWith({ values: listOf(anyNumber), probabilities: optional(listOf(anyNumber)) }),
  quantile: recordWith({
    low: anyNumber,
    high: anyNumber,
    secondMoment: anyNumber,
    quantile: anyFunction,
  }),
});

export function checkLatent(fn: string, latent: Latent): void {
  check(fn, "latent", latent, shape);
  const [low, high] = latentRange(latent);
  if (!(low > 0 && low <= high && Number.isFinite(high)))
    throw new DomainError(
      `${fn}: latent must have 0 < low ≤ high, got low ${low} and high ${high}`,
    );
  if (latent.kind !== "discrete" || latent.probabilities === undefined) return;
  const { values, probabilities } = latent;
  const total = probabilities.reduce((a, b) => a + b, 0);
  if (
    probabilities.length !== values.length ||
    !probabilities.every((p) => p >= 0) ||
    Math.abs(total - 1) > 1e-9
  )
    throw new DomainError(
      `${fn}: latent.probabilities must be ${values.length} numbers ≥ 0 that sum to 1, they sum to ${total}`,
    );
}

/** Least and greatest value, L and U. */
export function latentRange(latent: Latent): [number, number] {
  return latent.kind === "discrete"
    ? [Math.min(...latent.values), Math.max(...latent.values)]
    : [latent.low, latent.high];
}

/** The values of a discrete law with their probabilities. */
export function latentSupport(
  latent: Latent & { readonly kind: "discrete" },
): { readonly value: number; readonly probability: number }[] {
  const { values, probabilities } = latent;
  return values.map((value, i) => ({
    value,
    probability: probabilities?.[i] ?? 1 / values.length,
  }));
}

/** The latent at a uniform number in [0, 1). */
export function latentAt(latent: Latent, u: number): number {
  if (latent.kind === "uniform") return latent.low + (latent.high - latent.low) * u;
  if (latent.kind === "quantile") return latent.quantile(u);
  let rest = u;
  const support = latentSupport(latent);
  for (const { value, probability } of support) if ((rest -= probability) < 0) return value;
  return support[support.length - 1]!.value;
}

/** $E[z^2]$. */
export function latentSecondMoment(latent: Latent): number {
  if (latent.kind === "uniform")
    return (latent.low ** 2 + latent.low * latent.high + latent.high ** 2) / 3;
  if (latent.kind === "quantile") return latent.secondMoment;
  return latentSupport(latent).reduce(
    (total, { value, probability }) => total + probability * value * value,
    0,
  );
}
