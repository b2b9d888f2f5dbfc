/** Columns that describe people instead of asking them, by their names and by answers that no other column has. */
import type { Item } from "./item.js";

/** Names of what is asked of nobody as an item of a scale, whatever the answers look like. */
const PERSON =
  /^(id|ids|uid|idnr|case|caseid|respondent|participant|subject|person|pid|age|age(yr|mo|s|group|class|cat)|(yr|year|month|date)?of?(birth|born)|birth(year|date|day)?|dob|sex|gender|date|timestamp|startdate|enddate|zip|zipcode|postcode)(nr|no|num|number)?$/;

/** Names that describe people too, but may be those of items: they count where nothing else is answered alike. */
const PERHAPS =
  /^(grade|school|class|classroom|cohort|wave|year|month|day|region|country|state|city|site|center|centre|clinic|hospital|group|condition|treatment|arm|income|salary|education|educ|degree|race|ethnicity|religion|marital|maritalstatus|married|children|household|occupation|job|department|height|weight|bmi|duration|seconds|minutes)$/;

const plain = (name: string): string => name.toLowerCase().replace(/[^a-z]/g, "");

/** Whether every answer of one item is an answer of the other too. */
const within = (a: Item, b: Item): boolean =>
  a.kind === b.kind &&
  (a.kind === "continuous" || answers(a).every((label) => answers(b).includes(label)));

/** Answers that were put together count one by one. */
const answers = ({ labels }: Item): string[] => labels.flatMap((label) => label.split(" or "));

/** Whether the answers of an item are also those of another, both ways round. */
const isAlike = (a: Item, b: Item): boolean => a !== b && (within(a, b) || within(b, a));

/** The items that only describe people, each with the reason; others must be answered in another way. */
export function describesPeople(items: readonly Item[]): ReadonlyMap<Item, string> {
  const named = (item: Item): boolean =>
    PERSON.test(plain(item.name)) || PERHAPS.test(plain(item.name));
  const others = items.filter((item) => !named(item));
  const out = new Map<Item, string>();
  for (const item of items) {
    const word = plain(item.name);
    const alike = others.some((other) => isAlike(item, other));
    // ages are as continuous as reaction times, and no answers for that
    if (PERSON.test(word) ? !alike || item.kind === "continuous" : PERHAPS.test(word) && !alike)
      out.set(
        item,
        "by its name and answers it describes people, and is no item; name it in items if it is one",
      );
  }
  return out;
}

/** Items whose answers are unlike those that most items share; none where there is no such majority. */
export function answeredOtherwise(items: readonly Item[]): readonly Item[] {
  const most = items.reduce<readonly Item[]>((best, item) => {
    const same = items.filter((other) => other === item || within(other, item));
    return same.length > best.length ? same : best;
  }, []);
  return 4 * most.length < 3 * items.length ? [] : items.filter((item) => !most.includes(item));
}
