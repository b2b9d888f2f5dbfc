/** Small rules for numbers. */

/** The nearest whole number, of two equally near the even one: how Python and the runtimes of networks round. */
export function roundHalfToEven(x: number): number {
  const below = Math.floor(x);
  const rest = x - below;
  if (rest === 0.5) return below % 2 === 0 ? below : below + 1;
  return rest < 0.5 ? below : below + 1;
}
