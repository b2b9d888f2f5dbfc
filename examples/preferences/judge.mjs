// A scripted judge: plain words win. Anyone can check it, and it never tires.

/** Mean length of the words of a text; 0 without any. */
export function meanWordLength(text) {
  const words = text.match(/[A-Za-z]+/g) ?? [];
  return words.length === 0 ? 0 : words.reduce((sum, word) => sum + word.length, 0) / words.length;
}

/** 1 when the first text has the shorter words, 0 when the second has, one half for a tie or where a text has no words at all. */
export function prefers(first, second) {
  const [a, b] = [meanWordLength(first), meanWordLength(second)];
  if (a === 0 || b === 0 || Math.abs(a - b) < 1e-12) return 0.5;
  return a < b ? 1 : 0;
}
