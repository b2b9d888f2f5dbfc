/** What stands for "no answer" among answers: words, and numbers that lie apart from all others. */

/** Numbers that stand for "no answer" where they lie far from the other answers. */
const CODES = [
  -1, -2, -7, -8, -9, -77, -88, -98, -99, -999, -9999, 7, 8, 9, 66, 77, 88, 96, 97, 98, 99, 777,
  888, 997, 998, 999, 9999,
];

/** Between the values of a measurement and a code there are at least so many of the widest gaps between values, and such a share of their range. */
const APART = [3, 1 / 8] as const;

const WORDS =
  /^(na|n\/?a|n\.a\.|none given|null|missing|blank|no (answer|response|reply)|not? (answered|applicable|available|asked)|refused|refusal|prefer not to (say|answer)|unknown|no data|skipped|[-–—.?]+)$/;

/** Whether a label says that there is no answer. */
export const isNoAnswer = (label: string): boolean =>
  WORDS.test(
    label
      .trim()
      .toLowerCase()
      .replace(/[_\s]+/g, " "),
  );

/** Codes among the different values of a column, lowest first. */
export function codesIn(used: readonly number[], maxStates: number): readonly number[] {
  const few = used.length <= maxStates + 4 && used.every(Number.isInteger);
  return few ? strayCodes(used) : codesApart(used);
}

/** Codes that lie farther from the answers than these lie from each other: 99 or 9 beside 1 to 5, −9 beside 0 to 3; none where fewer than two answers are left. */
function strayCodes(used: readonly number[]): number[] {
  const answers = used.filter((x) => !CODES.includes(x));
  if (answers.length < 2) return [];
  const widest = Math.max(1, ...answers.slice(1).map((x, i) => x - answers[i]!));
  let codes = used.filter((x) => CODES.includes(x));
  for (;;) {
    const near = codes.find((x) => answers.some((y) => Math.abs(x - y) <= widest));
    if (near === undefined) break;
    answers.push(near);
    codes = codes.filter((x) => x !== near);
  }
  const [low, high] = [Math.min(...answers), Math.max(...answers)];
  // −1 belongs to a scale from −1 to 1, not to one from 0 to 4
  const below = low < 0 && high > 2 * -low ? answers.filter((x) => x < 0 && CODES.includes(x)) : [];
  // 6 and 8 may be an answer that nobody chose in between, but for 9 beside 1 to 7
  const stray = codes.filter(
    (x) => x < 0 || x > 9 || x - high > 2 || (x === 9 && high === 7 && used.length > 7),
  );
  return [...below, ...stray].sort((a, b) => a - b);
}

/** Codes beyond the values of a measurement, such as 999 behind 0 to 100, by a gap wider than any between values. */
function codesApart(used: readonly number[]): number[] {
  const values = used.filter((x) => !CODES.includes(x));
  if (values.length < 10) return [];
  const [low, high] = [values[0]!, values[values.length - 1]!];
  const widest = Math.max(...values.slice(1).map((x, i) => x - values[i]!));
  const gap = Math.max(APART[0] * widest, APART[1] * (high - low));
  const beyond = (x: number): boolean =>
    (low >= 0 && x < 0 && low - x > widest) || x - high > gap || low - x > gap;
  return used.filter((x) => CODES.includes(x) && beyond(x));
}
