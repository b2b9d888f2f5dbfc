// npm run stress -- parsers: readers of files against mutated files. Each mutation gives a value or a typed error, soon, and in bounded memory.
// GGUF, config.json, tokenizer.json and whole models are attacked in packages/transformer-sparsity/test/griffin/hostile.test.ts, with RUN_SLOW=1.
import { crc32, deflateSync } from "node:zlib";
import { isCoreTensorError } from "@provably/core-tensor";
import {
  decodeNpy,
  decodeSafetensors,
  encodeNpy,
  encodeSafetensors,
} from "@provably/core-tensor/io";
import { readPreferences } from "@provably/rlhf-vpo";
import { decodePng, encodePng } from "@provably/score-diffusion";
import { generator, hostile } from "./hostile.mjs";

/* global TextDecoder */
const text = new TextEncoder();
const join = (...parts) => Uint8Array.from(Buffer.concat(parts));

/** Some bytes changed, flipped, doubled, cut or dropped, most of them in the first `head`; digits become digits, so that lengths and shapes change. */
export function mutate(original, head, pick) {
  let copy = pick(8) === 0 ? original.slice(0, pick(original.length)) : original.slice();
  for (let edits = pick(4) + 1; edits > 0 && copy.length > 1; edits--) {
    const at = pick(Math.min(copy.length, pick(5) === 0 ? copy.length : head));
    const kind = pick(6);
    if (kind === 0) copy[at] = pick(256);
    else if (kind === 1) copy[at] ^= 1 << pick(8);
    else if (kind === 2) copy[at] = copy[at] >= 48 && copy[at] < 58 ? 48 + pick(10) : 34 + pick(92);
    else if (kind === 3)
      copy = join(copy.subarray(0, at), copy.subarray(Math.min(copy.length, at + pick(6))));
    else if (kind === 4)
      copy = join(copy.subarray(0, at), copy.subarray(Math.max(0, at - pick(20))));
    else copy.copyWithin(at, pick(copy.length));
  }
  return copy;
}

/** A JSON value with something else in one place. */
function mutateJson(value, pick) {
  const keys = typeof value === "object" && value !== null ? Object.keys(value) : [];
  if (keys.length === 0 || pick(4) === 0) {
    const other = hostile[pick(hostile.length)]();
    try {
      return JSON.parse(JSON.stringify(other) ?? "null");
    } catch {
      return "1e999";
    }
  }
  const copy = Array.isArray(value) ? [...value] : { ...value };
  const key = keys[pick(keys.length)];
  const kind = pick(8);
  if (kind === 0) delete copy[key];
  else if (kind === 1) copy[["__proto__", "constructor", "", "a".repeat(100)][pick(4)]] = copy[key];
  else copy[key] = mutateJson(copy[key], pick);
  return copy;
}

function chunk(name, data) {
  const body = join(text.encode(name), data);
  const [length, sum] = [new Uint8Array(4), new Uint8Array(4)];
  new DataView(length.buffer).setUint32(0, data.length);
  new DataView(sum.buffer).setUint32(0, crc32 ? crc32(body) : crcOf(body));
  return join(length, body, sum);
}

function crcOf(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let k = 0; k < 8; k++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return ~crc >>> 0;
}

/** A PNG file whose checksums are right, with headers, chunks and scan lines that are not. */
function craftedPng(pick) {
  const size = () => [0, 1, 2, 5, 8, 300, 2 ** 31, 2 ** 32 - 1][pick(8)];
  const header = () => {
    const bytes = new Uint8Array(13);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, size());
    view.setUint32(4, size());
    bytes.set(
      [
        [1, 2, 4, 8, 16, 3][pick(6)],
        [0, 2, 3, 4, 6, 5][pick(6)],
        pick(9) === 0 ? 1 : 0,
        pick(9) === 0 ? 1 : 0,
        pick(4) === 0 ? 1 : 0,
      ],
      8,
    );
    return chunk("IHDR", bytes);
  };
  const noise = (n) => Uint8Array.from({ length: n }, () => pick(256));
  const other = () =>
    chunk(
      ["PLTE", "tRNS", "gAMA", "tEXt", "iCCP", "acTL", "fcTL", "fdAT", "pHYs", "zzzz", "IHDR"][
        pick(11)
      ],
      noise(pick(40)),
    );
  const parts = [Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10), header()];
  for (let k = pick(3); k > 0; k--) parts.push(pick(3) === 0 ? header() : other());
  for (let k = pick(3); k > 0; k--)
    parts.push(chunk("IDAT", pick(4) === 0 ? noise(30) : deflateSync(noise(pick(400)))));
  if (pick(5) > 0) parts.push(chunk("IEND", new Uint8Array(0)));
  return join(...parts);
}

const safetensors = encodeSafetensors({ a: [[1, 2], [3, 4]], "b.weight": [5, 6, 7], c: true }, { format: "pt" }); // prettier-ignore
const tableLength = Number(new DataView(safetensors.buffer).getBigUint64(0, true));
const table = JSON.parse(new TextDecoder().decode(safetensors.subarray(8, 8 + tableLength)));
const npy = encodeNpy([[1, 2, 3], [4, 5, 6]]); // prettier-ignore
const png = encodePng([[[0, 1], [1, 0], [0.5, -1]]]); // prettier-ignore
const record = { prompt: [{ role: "user", content: "why?" }], chosen: [{ role: "assistant", content: "so" }], rejected: [{ role: "assistant", content: "because" }], weight: 1, margin: 0.5 }; // prettier-ignore
const lines = text.encode(
  `${JSON.stringify(record)}\n{"prompt": "q", "chosen": "a", "rejected": "b"}\n`,
);

async function readAll(bytes, pick) {
  const at = pick(bytes.length + 1);
  const records = [];
  for await (const found of readPreferences([bytes.subarray(0, at), bytes.subarray(at)], {
    maxLineBytes: 1000,
  }))
    records.push(found);
  return records;
}

/** Each reader with a maker of broken files. */
export const parsers = {
  safetensors: (pick) => {
    if (pick(2) === 0) return decodeSafetensors(mutate(safetensors, 8 + tableLength, pick));
    const head = text.encode(JSON.stringify(mutateJson(table, pick)));
    const length = new Uint8Array(8);
    new DataView(length.buffer).setBigUint64(0, BigInt(head.length), true);
    return decodeSafetensors(join(length, head, safetensors.subarray(8 + tableLength)));
  },
  npy: (pick) => decodeNpy(mutate(npy, 128, pick)),
  png: (pick) => decodePng(pick(2) === 0 ? mutate(png, png.length, pick) : craftedPng(pick)),
  jsonl: (pick) =>
    readAll(
      pick(2) === 0
        ? mutate(lines, lines.length, pick)
        : text.encode(`${JSON.stringify(mutateJson(record, pick))}\n`),
      pick,
    ),
};

/** How a reader fares against so many broken files. */
export async function attack(name, count, seed = 1) {
  const pick = generator(seed);
  const result = { values: 0, errors: 0, faults: [], slowestMs: 0, largestBytes: 0 };
  for (let i = 0; i < count; i++) {
    const [start, before] = [process.cpuUsage(), process.memoryUsage().arrayBuffers];
    try {
      await parsers[name](pick);
      result.values++;
    } catch (error) {
      if (isCoreTensorError(error)) result.errors++;
      else
        result.faults.push(
          `mutation ${i}: ${error?.name}: ${String(error?.message).slice(0, 200)}`,
        );
    }
    const { user, system } = process.cpuUsage(start);
    result.slowestMs = Math.max(result.slowestMs, (user + system) / 1000); // of processor time
    result.largestBytes = Math.max(
      result.largestBytes,
      process.memoryUsage().arrayBuffers - before,
    );
  }
  return result;
}

/** The number of readers that failed. */
export async function runParsers(count = 100_000) {
  let failures = 0;
  for (const name of Object.keys(parsers)) {
    const { values, errors, faults, slowestMs, largestBytes } = await attack(name, count);
    const sound = faults.length === 0 && slowestMs < 2000 && largestBytes < 5e8;
    console.log(
      `${name}: ${count} mutations, ${values} read, ${errors} refused, ${faults.length} neither; slowest ${slowestMs.toFixed(0)} ms, most memory ${(largestBytes / 1e6).toFixed(1)} MB`,
    );
    for (const fault of faults.slice(0, 5)) console.log(`  ${fault}`);
    if (!sound) failures++;
  }
  return failures;
}
