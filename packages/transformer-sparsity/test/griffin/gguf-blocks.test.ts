import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { GGUF_TYPES, ggufTypeName } from "../../src/griffin/files/gguf-blocks.js";

/** Blocks of random bytes, with factors of many sizes, and the weights that the reference reader (gguf-py) gives. */
const { cases } = JSON.parse(
  readFileSync(new URL("../fixtures/gguf-blocks.json", import.meta.url), "utf8"),
) as { cases: { type: number; name: string; blocks: string; weights: string }[] };

describe("blocks of GGUF", () => {
  it.each(cases)("of type $name are decoded to the bits of the reference", (given) => {
    const type = GGUF_TYPES[given.type]!;
    const bytes = new Uint8Array(Buffer.from(given.blocks, "base64"));
    const weights = type.read(bytes);
    expect(type.name).toBe(given.name);
    expect(ggufTypeName(given.type)).toBe(given.name);
    expect(weights.length).toBe((bytes.length / type.blockBytes) * type.blockSize);
    expect(Buffer.from(weights.buffer).toString("base64")).toBe(given.weights);
  });

  it("are of every type that the table knows but F32 and F16, which no block has", () => {
    const named = cases.map(({ name }) => name);
    for (const { name } of Object.values(GGUF_TYPES))
      if (name !== "F32" && name !== "F16") expect(named).toContain(name);
  });
});
