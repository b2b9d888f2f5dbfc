/** Flags of logs. */

/** A flag as people write it; undefined when it is none. */
export function flagOf(x: unknown): 0 | 1 | undefined {
  const word = String(x).toLowerCase();
  if (word === "1" || word === "true") return 1;
  return word === "0" || word === "false" ? 0 : undefined;
}
