/** Answers in words whose order everybody knows. */

const DEGREES = ["strongly", "very strongly", "completely", "totally", "fully"];

const SCALES: readonly (readonly string[])[] = [
  [
    "strongly disagree",
    "disagree",
    "somewhat disagree",
    "slightly disagree",
    "neither",
    "slightly agree",
    "somewhat agree",
    "agree",
    "strongly agree",
  ],
  [
    "disagree strongly",
    "disagree moderately",
    "disagree a little",
    "disagree slightly",
    "neither",
    "agree slightly",
    "agree a little",
    "agree moderately",
    "agree strongly",
  ],
  [
    "very inaccurate",
    "moderately inaccurate",
    "slightly inaccurate",
    "neither",
    "slightly accurate",
    "moderately accurate",
    "very accurate",
  ],
  [
    "very dissatisfied",
    "dissatisfied",
    "somewhat dissatisfied",
    "neither",
    "somewhat satisfied",
    "satisfied",
    "very satisfied",
  ],
  [
    "very unlikely",
    "unlikely",
    "somewhat unlikely",
    "neither",
    "somewhat likely",
    "likely",
    "very likely",
  ],
  ["very negative", "negative", "neither", "positive", "very positive"],
  [
    "never",
    "almost never",
    "rarely",
    "seldom",
    "occasionally",
    "sometimes",
    "often",
    "frequently",
    "usually",
    "very often",
    "almost always",
    "always",
  ],
  ["very poor", "poor", "fair", "good", "very good", "excellent"],
  ["very bad", "bad", "neither", "good", "very good"],
  [
    "not at all",
    "a little",
    "a bit",
    "slightly",
    "somewhat",
    "moderately",
    "quite",
    "quite a bit",
    "very",
    "very much",
    "extremely",
  ],
  ["none", "mild", "moderate", "severe", "very severe"],
  ["very low", "low", "medium", "middle", "moderate", "average", "high", "very high"],
  [
    "unimportant",
    "not important",
    "slightly important",
    "moderately important",
    "important",
    "very important",
  ],
  ["no", "maybe", "yes"],
  ["no", "don't know", "yes"],
  ["false", "true"],
  ["disagree", "neither", "agree"],
  ["incorrect", "correct"],
  ["wrong", "right"],
  ["absent", "present"],
];

const MIDDLE =
  /^(neutral|undecided|unsure|not sure|neither\b.*|neither\/nor|no opinion|in between)$/;

/** Lower case, one blank between words, one word for the middle and one for the highest degree. */
function plain(label: string): string {
  const text = label
    .trim()
    .toLowerCase()
    .replace(/[_\s]+/g, " ");
  if (MIDDLE.test(text)) return "neither";
  const degree = DEGREES.find((word) => text.startsWith(`${word} `));
  return degree === undefined ? text : text.replace(degree, "strongly");
}

/** The places of labels on a scale that has all of them; undefined when no scale does, or two labels mean the same. */
export function knownOrder(labels: readonly string[]): readonly number[] | undefined {
  const words = labels.map(plain);
  if (new Set(words).size !== words.length) return undefined;
  const scale = SCALES.find((known) => words.every((word) => known.includes(word)));
  return scale === undefined ? undefined : words.map((word) => scale.indexOf(word));
}

/** The numbers that labels begin with, as in "1 - never"; undefined unless all do, with different numbers. */
export function leadingNumbers(labels: readonly string[]): readonly number[] | undefined {
  const numbers = labels.map((label) => {
    const found = /^\s*([-+]?\d+(?:\.\d+)?)(?=$|[\s).:=–-])/.exec(label);
    return found === null ? NaN : Number(found[1]);
  });
  return numbers.some(Number.isNaN) || new Set(numbers).size !== numbers.length
    ? undefined
    : numbers;
}
