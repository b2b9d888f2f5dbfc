/**
 * The results of a sweep in a store: a manifest of the code, and segments of results, each under the hash of its bytes.
 *
 * A segment is text. Its first line names the cases in it by their identities, SHA-256 of (task, code, versions, case, key); every other line
 * is a result: number of the case in that list, replicate, value.
 */
import { show } from "@provably/core-tensor/internal";
import { StoreError } from "../errors.js";
import { type Code, differences } from "../task/code.js";
import { sha256 } from "../task/hash.js";
import type { Store } from "./store.js";

/** A result: case and replicate by their numbers, and the value as text. */
export interface Entry {
  readonly caseIndex: number;
  readonly replicate: number;
  readonly text: string;
}

export interface Archive {
  /** Hands over every result that is there, and says how many segments were read. */
  readonly load: (take: (entry: Entry) => void) => Promise<void>;
  readonly write: (entries: readonly Entry[]) => Promise<void>;
}

const FORMAT = "provably sweep 1";
const MANIFEST = "sweep.json";
const [utf8, text] = [new TextEncoder(), new TextDecoder()];

/** The identity of a case: results with the same one, and the same replicate, have the same bits. */
export function caseIdentity(code: Code, key: string, settings: string): Promise<string> {
  return sha256(
    JSON.stringify([FORMAT, code.task, code.hash, Object.entries(code.packages), settings, key]),
  );
}

/** Opens a store for the results of a sweep; refuses one that holds those of other code. */
export async function openArchive(
  store: Store,
  code: Code,
  key: string,
  identities: readonly string[],
): Promise<Archive> {
  await checkManifest(store, code);
  const folder = `results/${(await caseIdentity(code, key, "")).slice(0, 16)}/`;
  return {
    async load(take) {
      const indexOf = new Map(identities.map((identity, i) => [identity, i]));
      for (const name of [...(await store.list(folder))].sort()) {
        const bytes = await store.get(name);
        if (bytes !== undefined) readSegment(name, await checked(name, bytes), indexOf, take);
      }
    },
    async write(entries) {
      const bytes = utf8.encode(segmentText(entries, identities));
      await store.put(`${folder}${(await sha256(bytes)).slice(0, 32)}.txt`, bytes);
    },
  };
}

async function checkManifest(store: Store, code: Code): Promise<void> {
  const found = await store.get(MANIFEST);
  const mine = JSON.stringify({ format: FORMAT, ...code }, undefined, 1);
  if (found === undefined) return store.put(MANIFEST, utf8.encode(mine));
  let theirs: Partial<Code & { format: string }>;
  try {
    theirs = JSON.parse(text.decode(found)) as Partial<Code & { format: string }>;
  } catch {
    throw new StoreError(`sweep: ${MANIFEST} in the store is not JSON: it is no store of a sweep`);
  }
  if (theirs.format !== FORMAT || typeof theirs.hash !== "string" || !theirs.packages)
    throw new StoreError(
      `sweep: the store has the format ${show(theirs.format)}, not ${show(FORMAT)}; take another store`,
    );
  const differing = differences(code, theirs as Code);
  if (differing !== "")
    throw new StoreError(
      `sweep: the store holds results of other code: ${differing}; take another store, or go back to that code`,
    );
}

/** The text of a segment whose bytes have the hash that its name says. */
async function checked(name: string, bytes: Uint8Array): Promise<string> {
  const hash = /([0-9a-f]{32})\.txt$/.exec(name)?.[1];
  if (hash === undefined || (await sha256(bytes)).slice(0, 32) !== hash)
    throw new StoreError(
      `sweep: ${name} in the store is damaged: its bytes do not have the hash of its name; remove it, and its tasks are computed again`,
    );
  return text.decode(bytes);
}

function segmentText(entries: readonly Entry[], identities: readonly string[]): string {
  const places = new Map<number, number>();
  const lines = entries.map(({ caseIndex, replicate, text: value }) => {
    if (!places.has(caseIndex)) places.set(caseIndex, places.size);
    return `${places.get(caseIndex)!} ${replicate} ${value}`;
  });
  const cases = [...places.keys()].map((index) => identities[index]);
  return [JSON.stringify({ format: FORMAT, cases }), ...lines].join("\n");
}

const LINE = /^(\d+) (\d+) (.*)$/s;

function readSegment(
  name: string,
  segment: string,
  indexOf: ReadonlyMap<string, number>,
  take: (entry: Entry) => void,
): void {
  const [head, ...lines] = segment.split("\n");
  const { cases } = JSON.parse(head!) as { readonly cases: readonly string[] };
  for (const line of lines) {
    const [, place, replicate, value] = LINE.exec(line) ?? [];
    if (value === undefined) throw new StoreError(`sweep: ${name} in the store has a broken line`);
    // a case that this sweep does not have
    const caseIndex = indexOf.get(cases[Number(place)]!);
    if (caseIndex !== undefined) take({ caseIndex, replicate: Number(replicate), text: value });
  }
}
