/** Sizes of environments, checked before anything is allocated. */
import { DomainError } from "@provably/core-tensor";
import { show } from "@provably/core-tensor/internal";

/** Most numbers that a table of an environment may hold. */
const MOST = 2 ** 28;

/** Whole numbers of at least `least`, whose product is a table that memory can hold. */
export function checkSizes(fn: string, sizes: Readonly<Record<string, number>>, least = 1): void {
  let cells = 1;
  for (const [name, n] of Object.entries(sizes)) {
    if (!Number.isInteger(n) || n < least)
      throw new DomainError(`${fn}: ${name} must be an integer ≥ ${least}, got ${show(n)}`);
    cells *= n;
  }
  if (cells > MOST)
    throw new DomainError(
      `${fn}: ${Object.keys(sizes).join(" × ")} are ${cells} cells, more than ${MOST}`,
    );
}
