/** Words of game files with their places. */
import { FormatError } from "@provably/core-tensor";
import { show } from "@provably/core-tensor/internal";

/** One word of a file. */
export interface Token {
  readonly kind: "text" | "word" | "open" | "close" | "end";
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

/** Reads the words of a file one after the other; commas and white space only separate. */
export class Tokens {
  private at = 0;
  private line = 1;
  private column = 1;
  private ahead: Token | undefined;

  constructor(
    private readonly fn: string,
    private readonly source: string,
  ) {
    if (source.startsWith("\uFEFF")) this.at = 1;
  }

  /** The next word, without taking it. */
  peek(): Token {
    return (this.ahead ??= this.read());
  }

  take(): Token {
    const token = this.peek();
    this.ahead = undefined;
    return token;
  }

  /** The next word, which must be of a kind. */
  expect(kind: Token["kind"], what: string): Token {
    if (this.peek().kind !== kind) throw this.wrong(this.peek(), what);
    return this.take();
  }

  /** Takes the next word if it is of a kind. */
  takeIf(kind: Token["kind"]): Token | undefined {
    return this.peek().kind === kind ? this.take() : undefined;
  }

  /** A number: whole, decimal, with an exponent, or a fraction. */
  number(what: string): number {
    const token = this.peek();
    const value = token.kind === "word" ? numberOf(token.text) : undefined;
    if (value === undefined) throw this.wrong(token, what);
    this.take();
    return value;
  }

  /** A whole number from `low` on and up to `high`. */
  whole(what: string, low: number, high = 2 ** 31 - 1): number {
    const token = this.peek();
    const value = token.kind === "word" && /^[+-]?\d+$/.test(token.text) ? Number(token.text) : NaN;
    if (!(value >= low && value <= high)) throw this.wrong(token, what);
    this.take();
    return value;
  }

  wrong(token: Token, what: string): FormatError {
    const got = token.kind === "end" ? "the end of the file" : show(token.text);
    return this.error(token, `expected ${what}, got ${got}`);
  }

  error({ line, column }: Pick<Token, "line" | "column">, says: string): FormatError {
    return new FormatError(`${this.fn}: line ${line}, column ${column}: ${says}`);
  }

  private step(): string {
    const c = this.source[this.at++]!;
    if (c === "\n" || (c === "\r" && this.source[this.at] !== "\n")) {
      this.line++;
      this.column = 1;
    } else if (!/[\uDC00-\uDFFF]/.test(c)) this.column++;
    return c;
  }

  private read(): Token {
    while (this.at < this.source.length && /[\s,]/.test(this.source[this.at]!)) this.step();
    const place = { line: this.line, column: this.column };
    if (this.at >= this.source.length) return { kind: "end", text: "", ...place };
    const c = this.source[this.at]!;
    if (c === "{" || c === "}") {
      this.step();
      return { kind: c === "{" ? "open" : "close", text: c, ...place };
    }
    return c === '"' ? this.quoted(place) : this.bare(place);
  }

  private quoted(place: Pick<Token, "line" | "column">): Token {
    this.step();
    let text = "";
    while (this.at < this.source.length) {
      const c = this.step();
      if (c === '"') {
        // another text begins where this one should have ended
        if (!/^[\s,{}]?$/.test(this.source[this.at] ?? "")) break;
        return { kind: "text", text, ...place };
      }
      const escaped = c === "\\" && /["\\]/.test(this.source[this.at] ?? "");
      text += escaped ? this.step() : c;
    }
    throw this.error(place, "a text has no closing quote");
  }

  private bare(place: Pick<Token, "line" | "column">): Token {
    let text = "";
    while (this.at < this.source.length && !/[\s,{}"]/.test(this.source[this.at]!))
      text += this.step();
    return { kind: "word", text, ...place };
  }
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

function numberOf(text: string): number | undefined {
  const [top, bottom, more] = text.split("/");
  if (more !== undefined || !NUMBER.test(top!)) return undefined;
  if (bottom === undefined) return finite(Number(top));
  return /^\d+$/.test(bottom) && Number(bottom) > 0
    ? finite(Number(top) / Number(bottom))
    : undefined;
}

const finite = (x: number): number | undefined => (Number.isFinite(x) ? x : undefined);

/** Title and players, at the head of both kinds of files; then perhaps a comment. */
export function readHead(tokens: Tokens, kind: "NFG" | "EFG", version: string) {
  for (const word of [kind, version]) {
    const token = tokens.peek();
    if (token.text !== word || token.kind !== "word")
      throw tokens.wrong(token, `a file that begins with "${kind} ${version} R"`);
    tokens.take();
  }
  const form = tokens.peek();
  if (form.kind !== "word" || !/^[RD]$/.test(form.text)) throw tokens.wrong(form, '"R" or "D"');
  tokens.take();
  const title = tokens.expect("text", "a title in quotes").text;
  tokens.expect("open", "a list of players in braces");
  const players = readTexts(tokens, "the name of a player in quotes");
  if (players.length === 0) throw tokens.wrong(tokens.peek(), "at least one player");
  return { title, players };
}

/** Texts up to a closing brace. */
export function readTexts(tokens: Tokens, what: string): string[] {
  const found: string[] = [];
  while (!tokens.takeIf("close")) found.push(tokens.expect("text", what).text);
  return found;
}
