/** One preference: a prompt with a chosen and a rejected response, a tie, or a response judged by itself. */
import { CoreTensorError } from "@provably/core-tensor";
import { show } from "@provably/core-tensor/internal";

/**
 * A message of a conversation. Whatever else it carries, tool calls or a name, is handed through.
 * @category Data
 */
export interface Message {
  readonly role: string;
  /** Text, parts of several kinds, or null beside tool calls. */
  readonly content: string | readonly unknown[] | null;
}

/**
 * Text, or messages.
 * @category Data
 */
export type Content = string | readonly Message[];

/** What every kind of preference may carry. */
interface Carried {
  readonly prompt: Content;
  /** Weight of the preference, positive. */
  readonly weight?: number;
  /** Who judged it. */
  readonly annotator?: string | number;
  /** Columns of the file that say nothing of the preference: identifiers, sources, tools. */
  readonly columns?: Readonly<Record<string, unknown>>;
}

/**
 * One response preferred to another.
 * @category Data
 */
export interface PreferenceRecord extends Carried {
  readonly chosen: Content;
  readonly rejected: Content;
  /** By how much the chosen response is better. */
  readonly margin?: number;
  /** Cached $\ln\pi_{\mathrm{ref}}$ of the chosen response. */
  readonly refChosen?: number;
  /** Cached $\ln\pi_{\mathrm{ref}}$ of the rejected response. */
  readonly refRejected?: number;
  /** Scores of the chosen and of the rejected response, the larger the better. */
  readonly scores?: readonly [number, number];
  /** Their ranks, 1 the best. */
  readonly ranks?: readonly [number, number];
  /** The untrimmed strings of a transcript that was cut into messages. */
  readonly raw?: { readonly prompt: string; readonly chosen: string; readonly rejected: string };
}

/**
 * Two responses of which neither is preferred.
 * @category Data
 */
export interface TieRecord extends Carried {
  readonly first: Content;
  readonly second: Content;
  /** The probability that the first is preferred. */
  readonly preference: 0.5;
}

/**
 * A response judged by itself, as `ktoLoss` wants it.
 * @category Data
 */
export interface UnpairedRecord extends Carried {
  readonly completion: Content;
  readonly desirable: boolean;
}

/**
 * A response with a score, the larger the better; {@link pairsFromScores} compares those of one prompt.
 * @category Data
 */
export interface ScoredRecord extends Carried {
  readonly completion: Content;
  readonly score: number;
}

/**
 * A preference as people store it.
 * @category Data
 */
export type Preference = PreferenceRecord | TieRecord | UnpairedRecord | ScoredRecord;

/**
 * What can be wrong with a line.
 * @category Data
 */
export type PreferenceErrorCode =
  | "INVALID_JSON"
  | "INVALID_CSV"
  | "INVALID_PARQUET"
  | "MISSING_FIELD"
  | "INVALID_TYPE"
  | "UNKNOWN_FIELD"
  | "UNKNOWN_LAYOUT"
  | "IDENTICAL_RESPONSES"
  | "LINE_TOO_LONG";

/**
 * A line that holds no preference. `line` counts lines, or records of a JSON array, of CSV and of Parquet, from 1.
 * @category Data
 */
export class PreferenceFormatError extends CoreTensorError {
  override readonly name = "PreferenceFormatError";
  readonly reason: PreferenceErrorCode;
  readonly line: number;
  /** The field that is wrong, where it is one. */
  readonly field: string | undefined;
  /** The name of the source, where the reader was told. */
  readonly file: string | undefined;
  /** What is wrong, without the place. */
  readonly detail: string;
  constructor(reason: PreferenceErrorCode, line: number, detail: string, file?: string) {
    super(
      `${file === undefined ? "" : `${file}, `}line ${show(line)}: ${detail}`,
      `ERR_PREFERENCE_${reason}`,
    );
    this.reason = reason;
    this.line = line;
    this.file = file;
    this.detail = detail;
    // messages name their field in one way
    this.field = /fields? "([^"]+)"/.exec(detail)?.[1];
  }
}
