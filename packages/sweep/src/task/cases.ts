/** Cases: the settings over which a sweep runs. */
import { DomainError } from "@provably/core-tensor";
import { show } from "@provably/core-tensor/internal";
import { encode } from "./value.js";

/**
 * What a setting may be: a number that is not NaN, text, a boolean, null, a list of those, or a record of them.
 * @category Tasks
 */
export type Setting =
  number | string | boolean | null | readonly Setting[] | { readonly [name: string]: Setting };

/**
 * The settings of one case.
 * @category Tasks
 */
export type Case = Readonly<Record<string, Setting>>;

const MOST = 1e7;

/**
 * Every combination of settings, the last name fastest.
 *
 * @param settings - for each name the values that it takes
 * @returns one case for each combination; as many as the product of the lengths
 * @throws `DomainError` when a list is missing or empty, a value is NaN or `undefined`, or there are more than 10⁷ combinations
 * @example
 * ```ts
 * import { grid } from "@provably/sweep";
 *
 * grid({ numSamples: [10, 100], radius: [0, 0.1] })[1]; // => { numSamples: 10, radius: 0.1 }
 * ```
 * @category Tasks
 */
export function grid<const S extends Readonly<Record<string, readonly Setting[]>>>(
  settings: S,
): { readonly [K in keyof S]: S[K][number] }[] {
  caseText("grid", "settings", settings);
  const names = Object.keys(settings);
  let count = 1;
  for (const name of names) {
    const values: unknown = settings[name];
    if (!Array.isArray(values) || values.length === 0)
      throw new DomainError(
        `grid: settings.${name} must be a list with at least one value, got ${show(values)}`,
      );
    count *= values.length;
  }
  if (count > MOST)
    throw new DomainError(`grid: settings must make at most 10⁷ combinations, got ${count}`);
  return Array.from({ length: count }, (_, i) => {
    let rest = i;
    const made: Record<string, Setting> = {};
    for (const name of [...names].reverse()) {
      const values = settings[name]!;
      made[name] = values[rest % values.length]!;
      rest = Math.floor(rest / values.length);
    }
    return Object.fromEntries(names.map((name) => [name, made[name]])) as {
      [K in keyof S]: S[K][number];
    };
  });
}

/** The text of a case, the same however its names are ordered. */
export function caseText(fn: string, what: string, settings: unknown): string {
  if (typeof settings !== "object" || settings === null || Array.isArray(settings))
    throw new DomainError(`${fn}: ${what} must be a record of settings, got ${show(settings)}`);
  return encode(settings, { fn, what, nan: false });
}
