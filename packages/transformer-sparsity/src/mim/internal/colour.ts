/** Numbers as colours: a perceptually even scale from dark blue to yellow. */

/** Viridis at nine places. */
const STOPS = [
  [68, 1, 84],
  [72, 40, 120],
  [62, 74, 137],
  [49, 104, 142],
  [38, 130, 142],
  [31, 158, 137],
  [53, 183, 121],
  [109, 205, 89],
  [253, 231, 37],
] as const;

/** Red, green and blue of a number in [0, 1]. */
export function viridis(value: number): readonly [number, number, number] {
  const at = Math.min(1, Math.max(0, value)) * (STOPS.length - 1);
  const i = Math.min(STOPS.length - 2, Math.floor(at));
  const [a, b, t] = [STOPS[i]!, STOPS[i + 1]!, at - i];
  return [0, 1, 2].map((c) => Math.round(a[c]! + t * (b[c]! - a[c]!))) as unknown as readonly [
    number,
    number,
    number,
  ];
}
