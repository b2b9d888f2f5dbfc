/** Numbers as people write them in files. */

/**
 * How numbers are written.
 * @category Tables
 */
export interface NumberFormat {
  /** Sign between whole and fraction; default `"."`. */
  readonly decimal?: "." | ",";
  /** Sign between groups of three digits; default none. */
  readonly thousands?: "" | "," | "." | " " | "'" | "_";
}

/** A reader of one way of writing numbers: the number, or `undefined` for other text. */
export type NumberReader = (text: string) => number | undefined;

const escaped = (sign: string): string => sign.replace(/[.]/g, "\\$&");

/** The reader of a format: decimal numbers with an exponent or without, and the infinities by name. */
export function numberReader({ decimal = ".", thousands = "" }: NumberFormat): NumberReader {
  const point = escaped(decimal);
  const tail = "(?:[eE][+-]?\\d+)?$";
  const plain = new RegExp(`^[+-]?(?:\\d+(?:${point}\\d*)?|${point}\\d+)${tail}`);
  const group = escaped(thousands);
  const grouped =
    thousands === ""
      ? undefined
      : new RegExp(`^[+-]?\\d{1,3}(?:${group}\\d{3})+(?:${point}\\d*)?${tail}`);
  const finite = (text: string): number | undefined => {
    const value = Number(text);
    // digits beyond the largest double are not infinity
    return Number.isFinite(value) ? value : undefined;
  };
  return (text) => {
    if (plain.test(text)) return finite(decimal === "." ? text : text.replace(decimal, "."));
    if (grouped?.test(text)) {
      const digits = text.replaceAll(thousands, "");
      return finite(decimal === "." ? digits : digits.replace(decimal, "."));
    }
    const infinite = /^([+-]?)inf(?:inity)?$/i.exec(text);
    if (infinite !== null) return infinite[1] === "-" ? -Infinity : Infinity;
    return undefined;
  };
}

/** Whether text is a number in a way of writing that {@link numberReader} was not told about. */
export function looksFormatted(text: string): boolean {
  return (
    /^[+-]?[$€£]?\s?[+-]?\d{1,3}(?:(?:[,.' _\u00a0\u202f]\d{3})+(?:[.,]\d*)?|,\d+)\s?[%€]?$/.test(
      text,
    ) || /^[+-]?(?:[$€£]\s?\d*[.,]?\d+|\d*[.,]?\d+\s?[%€]|\d+,\d+)$/.test(text)
  );
}

/** Whether a whole number has digits that no double holds, such as long identifiers. */
export function losesDigits(text: string): boolean {
  const digits = text.replace(/[^\d.,eE]/g, "");
  if (!/^\d{16,}$/.test(digits)) return false;
  return BigInt(digits) !== BigInt(Number(digits));
}

/** Whether text is a whole number with zeros before it, such as a postal code, which reading as a number would lose. */
export function hasLeadingZeros(text: string): boolean {
  return /^[+-]?0\d+$/.test(text);
}
