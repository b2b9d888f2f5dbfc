export function generator(seed: number): (n: number) => number;
export function print(x: unknown): string;
export function spoiltArguments(
  valid: unknown[][],
  pick: (n: number) => number,
  options?: readonly string[],
): unknown[];
