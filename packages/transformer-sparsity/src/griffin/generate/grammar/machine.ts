/** Grammars of texts, read character by character: rules, and the stacks of what may still come. */

/** A rule of a grammar. */
export type Rule =
  | { readonly kind: "chars"; readonly has: (char: string) => boolean }
  | { readonly kind: "sequence"; readonly parts: readonly Rule[] }
  | { readonly kind: "choice"; readonly options: readonly Rule[] }
  | { readonly kind: "repeat"; readonly part: Rule; readonly min: number; readonly max: number }
  | { readonly kind: "later"; readonly get: () => Rule };

export const chars = (has: (char: string) => boolean): Rule => ({ kind: "chars", has });
export const sequence = (...parts: readonly Rule[]): Rule => ({ kind: "sequence", parts });
export const choice = (...options: readonly Rule[]): Rule => ({ kind: "choice", options });
export const repeat = (part: Rule, min = 0, max = Infinity): Rule => ({
  kind: "repeat",
  part,
  min,
  max,
});
export const maybe = (part: Rule): Rule => repeat(part, 0, 1);
export const later = (get: () => Rule): Rule => ({ kind: "later", get });
export const nothing: Rule = sequence();

/** Exactly this text. */
export function literal(text: string): Rule {
  return sequence(...[...text].map((own) => chars((char) => char === own)));
}

/** What is still to come, the nearest first; `done` counts the rounds of a repetition. */
interface Stack {
  readonly rule: Rule;
  readonly done: number;
  readonly rest: Stack | null;
  readonly id: number;
}

/** The ways in which a text may go on: each begins with a set of characters, or is at an end (null). */
export type Ways = readonly (Stack | null)[];

/** A machine that reads texts of a rule. Equal stacks are one object, so that sets of them stay small. */
export function machine(start: Rule) {
  const known = new Map<Rule, Map<string, Stack>>();
  let count = 0;
  const push = (rule: Rule, rest: Stack | null, done = 0): Stack => {
    const own = known.get(rule) ?? new Map<string, Stack>();
    known.set(rule, own);
    const name = `${done},${rest?.id ?? -1}`;
    const found = own.get(name) ?? { rule, done, rest, id: count++ };
    own.set(name, found);
    return found;
  };
  /** All stacks that begin with characters, or are empty, to which `stack` leads without a character. */
  const open = (stack: Stack | null, into: Set<Stack | null>, seen: Set<Stack>): void => {
    if (stack === null || stack.rule.kind === "chars") {
      into.add(stack);
      return;
    }
    if (seen.has(stack)) return;
    seen.add(stack);
    const { rule, rest, done } = stack;
    switch (rule.kind) {
      case "sequence":
        open(
          rule.parts.reduceRight<Stack | null>((tail, part) => push(part, tail), rest),
          into,
          seen,
        );
        return;
      case "choice":
        for (const option of rule.options) open(push(option, rest), into, seen);
        return;
      case "repeat": {
        if (done >= rule.min) open(rest, into, seen);
        // beyond the least number rounds are counted only where there is a greatest
        const next = rule.max === Infinity ? Math.min(done + 1, rule.min) : done + 1;
        if (done < rule.max) open(push(rule.part, push(rule, rest, next)), into, seen);
        return;
      }
      case "later":
        open(push(rule.get(), rest), into, seen);
    }
  };
  const opened = (stacks: Iterable<Stack | null>): Ways => {
    const into = new Set<Stack | null>();
    const seen = new Set<Stack>();
    for (const stack of stacks) open(stack, into, seen);
    return [...into];
  };
  const made = new WeakSet<Ways>();
  const noted = (ways: Ways): Ways => {
    made.add(ways);
    return ways;
  };
  return {
    isWays: (x: unknown): x is Ways => typeof x === "object" && x !== null && made.has(x as Ways),
    start: noted(opened([push(start, null)])),
    step(ways: Ways, char: string): Ways | undefined {
      const next = new Set<Stack | null>();
      for (const stack of ways)
        if (stack?.rule.kind === "chars" && stack.rule.has(char)) next.add(stack.rest);
      return next.size === 0 ? undefined : noted(opened(next));
    },
    ended: (ways: Ways): boolean => ways.includes(null),
  };
}
