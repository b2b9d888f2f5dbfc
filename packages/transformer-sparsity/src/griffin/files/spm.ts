/**
 * Tokens of a vocabulary whose pieces have scores: of all neighbours that are a piece together, those of the highest score are merged, the leftmost at a tie,
 * until nothing is left to merge. Characters that are no piece become bytes.
 *
 * Source: the BPE model of SentencePiece. A heap of candidates makes the work $O(n \log n)$.
 */

export interface ScoredVocabulary {
  /** Number of a piece that may be merged, or undefined. */
  id(piece: string): number | undefined;
  score(id: number): number;
  /** Pieces that are merged but not to be given; their parts are. */
  unused(id: number): boolean;
  /** Tokens of the bytes of a character that is no piece. */
  bytes(character: string): readonly number[];
}

/** A piece in the making: a part of the text, and its neighbours by number, −1 at the ends. */
interface Symbol {
  text: string;
  before: number;
  after: number;
}

interface Candidate {
  readonly left: number;
  readonly right: number;
  readonly piece: string;
  readonly score: number;
}

/** The tokens of a text. */
export function encodeByScores(text: string, vocabulary: ScoredVocabulary): number[] {
  const symbols: Symbol[] = Array.from(text, (character, i) => ({
    text: character,
    before: i - 1,
    after: i + 1,
  }));
  if (symbols.length > 0) symbols.at(-1)!.after = -1;
  const parts = new Map<string, readonly [string, string]>();
  const queue: Candidate[] = [];
  const propose = (left: number, right: number): void => {
    if (left < 0 || right < 0) return;
    const [a, b] = [symbols[left]!.text, symbols[right]!.text];
    const piece = a + b;
    const id = vocabulary.id(piece);
    if (id === undefined) return;
    if (vocabulary.unused(id)) parts.set(piece, [a, b]);
    push(queue, { left, right, piece, score: vocabulary.score(id) });
  };
  for (let i = 1; i < symbols.length; i++) propose(i - 1, i);
  for (let best = pop(queue); best; best = pop(queue)) {
    const [left, right] = [symbols[best.left]!, symbols[best.right]!];
    // one of the two has been merged with another since
    if (left.text === "" || right.text === "" || left.text + right.text !== best.piece) continue;
    left.text = best.piece;
    right.text = "";
    left.after = right.after;
    if (right.after >= 0) symbols[right.after]!.before = best.left;
    propose(left.before, best.left);
    propose(best.left, left.after);
  }
  return symbols.flatMap(({ text }) => (text === "" ? [] : tokensOf(text, parts, vocabulary)));
}

function tokensOf(
  piece: string,
  parts: ReadonlyMap<string, readonly [string, string]>,
  vocabulary: ScoredVocabulary,
): readonly number[] {
  const id = vocabulary.id(piece);
  if (id === undefined) return vocabulary.bytes(piece);
  const made = vocabulary.unused(id) ? parts.get(piece) : undefined;
  return made === undefined ? [id] : made.flatMap((part) => tokensOf(part, parts, vocabulary));
}

/** Whether `a` is merged before `b`. */
function first(a: Candidate, b: Candidate): boolean {
  return a.score > b.score || (a.score === b.score && a.left < b.left);
}

function push(heap: Candidate[], entry: Candidate): void {
  let at = heap.push(entry) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!first(entry, heap[parent]!)) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = entry;
}

function pop(heap: Candidate[]): Candidate | undefined {
  const top = heap[0];
  const last = heap.pop();
  if (heap.length === 0 || last === undefined) return top;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && first(heap[child + 1]!, heap[child]!)) child++;
    if (!first(heap[child]!, last)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
  return top;
}
