/** Who answers the questions of an online run. */
import { type ArrayInput, DomainError, ShapeError } from "@provably/core-tensor";
import { show } from "@provably/core-tensor/internal";
import { finite, read } from "../arrays.js";
import { sigmoid } from "../numerics.js";

/**
 * Who answers: with the probability that the first of two responses is preferred. 1 is the first, 0 the second, 0.5 a tie; any number between them counts
 * as that share of an answer for each. Nothing else is taken. `u` is a uniform number for oracles that draw.
 * @category Training
 */
export type PreferenceOracle = (prompt: number, first: number, second: number, u: number) => number;

/**
 * A {@link PreferenceOracle} that may take its time: a person, a model, a service.
 * @category Training
 */
export type PreferenceJudge = (...query: Parameters<PreferenceOracle>) => number | Promise<number>;

/**
 * An oracle that follows the Bradley-Terry model of a reward.
 *
 * @param reward - $r$, [X, Y]
 * @returns oracle: the first response wins when $u < \sigma(r_1 - r_2)$
 * @throws `ShapeError`, `DomainError` when `reward` is no finite table
 * @example
 * ```ts
 * import { bradleyTerryOracle } from "@provably/rlhf-vpo";
 *
 * bradleyTerryOracle([[100, 0]])(0, 0, 1, 0.5); // => 1
 * ```
 * @category Training
 */
export function bradleyTerryOracle(reward: ArrayInput): PreferenceOracle {
  const table = read("bradleyTerryOracle", "reward", reward);
  if (table.shape.length !== 2)
    throw new ShapeError(
      `bradleyTerryOracle: reward must have shape [X, Y], got [${table.shape.join(", ")}]`,
    );
  const r = finite("bradleyTerryOracle", "reward", table);
  const responses = table.shape[1]!;
  return (prompt, first, second, u) => {
    const fits =
      [prompt, first, second].every((i) => Number.isInteger(i) && i >= 0) &&
      first < responses &&
      second < responses;
    if (!fits || prompt >= table.shape[0]! || !Number.isFinite(u))
      throw new DomainError(
        `bradleyTerryOracle: no answer for prompt ${show(prompt)}, responses ${show(first)} and ${show(second)}, u ${show(u)}`,
      );
    return u < sigmoid(r[prompt * responses + first]! - r[prompt * responses + second]!) ? 1 : 0;
  };
}

/** An answer of an oracle, or an error that says what an answer is. */
export function answerOf(fn: string, answer: unknown): number {
  if (typeof answer === "number" && answer >= 0 && answer <= 1) return answer;
  const later = typeof (answer as { then?: unknown } | null | undefined)?.then === "function";
  throw new DomainError(
    later
      ? `${fn}: the oracle answered with a promise; onlineVpoAsync awaits its answers`
      : `${fn}: the oracle must answer with the probability that the first response is preferred, 1 (the first), 0 (the second), 0.5 (a tie) or between, got ${show(answer)}`,
  );
}
