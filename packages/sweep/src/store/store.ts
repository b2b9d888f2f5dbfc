/** Stores: where results lie, so that a run that was stopped goes on from them. */

/**
 * A place for bytes by name: four functions, which may be written for any other one, such as object storage.
 *
 * Names are made of lower-case letters, digits, `-`, `.` and `/`. `put` must be atomic: a name holds all of its bytes or is not there.
 * @category Stores
 */
export interface Store {
  /** The bytes under a name, or undefined. */
  readonly get: (name: string) => Promise<Uint8Array | undefined>;
  /** Keeps bytes under a name, whole or not at all. */
  readonly put: (name: string, bytes: Uint8Array) => Promise<void>;
  /** All names that begin so, in any order. */
  readonly list: (prefix: string) => Promise<readonly string[]>;
  /** Removes a name; nothing where there is none. */
  readonly remove: (name: string) => Promise<void>;
  /** Ends connections that the store has opened. */
  readonly close?: () => Promise<void>;
  /** Whether it ends with the process: tasks whose code is not known may use no other. */
  readonly isMemory?: boolean;
}
