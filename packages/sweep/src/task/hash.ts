/** SHA-256, by what the platform brings. */
import { EngineError } from "../errors.js";
import { builtin } from "./builtin.js";

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** The SHA-256 of text or bytes, in 64 hexadecimal digits. */
export async function sha256(data: string | Uint8Array): Promise<string> {
  const node = builtin<typeof import("node:crypto")>("node:crypto");
  if (node !== undefined) return node.createHash("sha256").update(data).digest("hex");
  const { subtle } = globalThis.crypto as { subtle?: SubtleCrypto };
  if (subtle === undefined)
    throw new EngineError("sweep: a page must be served over https or from localhost, for SHA-256");
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  return hex(new Uint8Array(await subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>)));
}

/** A place for a rolling hash of 64 bits, which tells results apart: two lists of words. */
export interface Digests {
  readonly low: Uint32Array;
  readonly high: Uint32Array;
}

/** Two 32-bit hashes of a text (MurmurHash3's finaliser over two multiplicative hashes). */
export function digest(text: string): [number, number] {
  let [a, b] = [0x9747b28c, 0x3c6ef372];
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    a = Math.imul(a ^ c, 0x85ebca6b);
    b = Math.imul(b ^ c, 0xc2b2ae35);
    a ^= a >>> 15;
    b ^= b >>> 13;
  }
  return [finish(a ^ text.length), finish(b)];
}

function finish(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
