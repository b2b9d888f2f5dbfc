/** Models in one GGUF file, versions 2 and 3: key-value pairs, a table of tensors, then their blocks. */
import { type NdArray, FormatError, array, reshape, transpose } from "@provably/core-tensor";
import type { ModelConfig } from "../model/config.js";
import type { ModelFiles } from "./source.js";
import type { TensorStore } from "./tensors.js";
import { FACTORS, architectureOf, ggufConfig } from "./gguf-config.js";
import { type GgufHeader, type GgufTensor, type GgufValue, readGguf } from "./gguf-header.js";
import { GGUF_TYPES, ggufTypeName } from "./gguf-blocks.js";

/** Tensors of GGUF under the names that the Hugging Face layout gives them. */
const OUTER: Readonly<Record<string, string>> = {
  "token_embd.weight": "model.embed_tokens.weight",
  "output_norm.weight": "model.norm.weight",
  "output.weight": "lm_head.weight",
};
/** A tensor, and the file that it lies in. */
interface Placed extends GgufTensor {
  readonly file: string;
}

/** The choices of the model in a GGUF file, and its tensors under their Hugging Face names. */
export async function openGguf(
  files: ModelFiles,
  name: string,
): Promise<{ config: ModelConfig; tensors: TensorStore; stored: Record<string, number> }> {
  const header = await readGguf("loadModel", files, name);
  refuseOthers(header.values);
  const shards = await openShards(files, name, header);
  const [, { layer, permuted }] = architectureOf(header.values);
  const place = new Map<string, Placed>();
  const read = async ({ file, type, range }: Placed): Promise<Float32Array> =>
    GGUF_TYPES[type]!.read(await files.read(file, ...range));
  let factors: readonly number[] | undefined;
  for (const tensor of shards) {
    if (tensor.name === FACTORS) {
      factors = Array.from(await read(tensor));
      continue;
    }
    const renamed = rename(tensor.name, layer);
    if (renamed === undefined || place.has(renamed))
      throw new FormatError(
        `loadModel: GGUF tensor "${tensor.name}" ${renamed === undefined ? "is not understood" : "is there twice"}`,
      );
    place.set(renamed, tensor);
  }
  const config = ggufConfig(header.values, shards, factors);
  return {
    config,
    stored: bytesByType(shards),
    tensors: {
      names: [...place.keys()],
      async read(renamed) {
        const tensor = place.get(renamed)!;
        const stored = array(await read(tensor), { shape: tensor.shape, copy: false });
        return permuted ? unpermute(renamed, stored, config) : stored;
      },
    },
  };
}

/** Refuses files of GGUF that hold something else than the weights of a model. */
function refuseOthers(values: ReadonlyMap<string, GgufValue>): void {
  const refuse = (key: string, why: string): never => {
    throw new FormatError(
      `loadModel: GGUF key "${key}" (${JSON.stringify(values.get(key))}) ${why}`,
    );
  };
  const type = values.get("general.type");
  if (type !== undefined && type !== "model") refuse("general.type", 'is not "model"');
  const version = values.get("general.quantization_version");
  if (version !== undefined && version !== 2)
    refuse("general.quantization_version", "is not 2, of which the blocks are");
}

/** Bytes of all tensors by the name of their type. */
function bytesByType(tensors: readonly GgufTensor[]): Record<string, number> {
  const bytes: Record<string, number> = {};
  for (const { type, range } of tensors) {
    const name = ggufTypeName(type);
    bytes[name] = (bytes[name] ?? 0) + range[1] - range[0];
  }
  return bytes;
}

/** The tensors of a model in one file, or in several whose names count: `name-00001-of-00003.gguf`. */
async function openShards(files: ModelFiles, name: string, first: GgufHeader): Promise<Placed[]> {
  const number = (header: GgufHeader, key: string): number | undefined => {
    const value = header.values.get(key);
    if (value !== undefined && !Number.isInteger(value))
      throw new FormatError(`loadModel: GGUF key "${key}" of ${name} must be an integer`);
    return value as number | undefined;
  };
  const within = (header: GgufHeader, file: string): Placed[] =>
    header.tensors.map((tensor) => ({ ...tensor, file }));
  const count = number(first, "split.count") ?? 0;
  if (count <= 1) return within(first, name);
  const [, stem, part, total] = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/.exec(name) ?? [];
  if (stem === undefined || Number(total) !== count || Number(part) !== 1)
    throw new FormatError(
      `loadModel: ${name} is one of ${count} files; give the first, whose name must end in -00001-of-${String(count).padStart(5, "0")}.gguf`,
    );
  const all = within(first, name);
  for (let i = 0; i < count; i++) {
    const file = `${stem}-${String(i + 1).padStart(5, "0")}-of-${total!}.gguf`;
    const header = i === 0 ? first : await readGguf("loadModel", files, file);
    if (number(header, "split.no") !== i || number(header, "split.count") !== count)
      throw new FormatError(
        `loadModel: ${file} says that it is file ${String(header.values.get("split.no"))} (from 0) of ${String(header.values.get("split.count"))}`,
      );
    if (i > 0) all.push(...within(header, file));
  }
  const promised = number(first, "split.tensors.count") ?? all.length;
  if (promised !== all.length)
    throw new FormatError(
      `loadModel: the ${count} files have ${all.length} tensors, split.tensors.count says ${promised}`,
    );
  return all;
}

function rename(name: string, parts: Readonly<Record<string, string>>): string | undefined {
  if (Object.hasOwn(OUTER, name)) return OUTER[name];
  const [, layer, part, kind] = /^blk\.(\d+)\.(\w+)\.(weight|bias)$/.exec(name) ?? [];
  return part !== undefined && Object.hasOwn(parts, part)
    ? `model.layers.${layer}.${parts[part]}.${kind}`
    : undefined;
}

/** Queries and keys of `llama` are stored for rotating neighbours; here halves are rotated. */
function unpermute(name: string, stored: NdArray, config: ModelConfig): NdArray {
  const heads = name.includes("q_proj")
    ? config.numHeads
    : name.includes("k_proj")
      ? config.numKvHeads
      : undefined;
  if (heads === undefined || stored.shape[0]! % (2 * heads) !== 0) return stored;
  const rest = stored.shape.slice(1);
  const pairs = reshape(stored, [heads, stored.shape[0]! / heads / 2, 2, ...rest]);
  return reshape(transpose(pairs, [0, 2, 1, ...rest.map((_, i) => i + 3)]), stored.shape);
}
