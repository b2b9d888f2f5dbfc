/** Tensors in files, read one at a time. */
import { type NdArray, FormatError } from "@provably/core-tensor";
import {
  type SafetensorsTable,
  decodeSafetensor,
  safetensorsHeadSize,
  safetensorsTable,
} from "@provably/core-tensor/io";
import { jsonReader, parseJson } from "../model/json.js";
import { type ModelFiles, readWhole } from "./source.js";

/** Tensors by name, each read when asked for. */
export interface TensorStore {
  readonly names: readonly string[];
  read(name: string): Promise<NdArray>;
}

/** The tensors of a file as they are stored. */
export interface StoredTensors extends TensorStore {
  /** Element type as the file names it. */
  type(name: string): string;
}

/** Largest list of shards that is read. */
const MAX_INDEX = 100_000_000;

/** The tensors of a model in one `model.safetensors`, or in the shards that `model.safetensors.index.json` lists. */
export async function openSafetensors(files: ModelFiles, fn = "loadModel"): Promise<StoredTensors> {
  const index = await readWhole(files, "model.safetensors.index.json", MAX_INDEX);
  const map = index && shardMap(fn, index);
  const shards = map ? [...new Set(map.values())] : ["model.safetensors"];
  const place = new Map<string, { shard: string; table: SafetensorsTable }>();
  for (const shard of shards) {
    const table = await readTable(fn, files, shard);
    for (const name of Object.keys(table.entries)) {
      if (place.has(name))
        throw new FormatError(
          `${fn}: "${name}" is in two files, ${place.get(name)!.shard} and ${shard}`,
        );
      place.set(name, { shard, table });
    }
  }
  for (const [name, shard] of map ?? [])
    if (place.get(name)?.shard !== shard)
      throw new FormatError(`${fn}: the index puts "${name}" into ${shard}, which lacks it`);
  return {
    names: [...place.keys()],
    type: (name) => place.get(name)!.table.entries[name]!.type,
    async read(name) {
      const found = place.get(name);
      if (!found) throw new FormatError(`${fn}: there is no tensor "${name}"`);
      const entry = found.table.entries[name]!;
      return decodeSafetensor(entry, await files.read(found.shard, ...entry.range));
    },
  };
}

async function readTable(fn: string, files: ModelFiles, shard: string): Promise<SafetensorsTable> {
  const size = await files.size(shard);
  if (size === undefined) throw new FormatError(`${fn}: there is no file ${shard}`);
  const head = safetensorsHeadSize(await files.read(shard, 0, Math.min(8, size)), size);
  return safetensorsTable(await files.read(shard, 0, head), size);
}

/** The file of each tensor that an index names. Files must lie beside it: an index is not to be trusted with paths. */
function shardMap(fn: string, index: Uint8Array): Map<string, string> {
  const map = jsonReader(fn, parseJson(`${fn}: model.safetensors.index.json`, index)).value(
    "weight_map",
  );
  if (typeof map !== "object" || map === null || Array.isArray(map))
    throw new FormatError(`${fn}: the index has no weight_map`);
  const places = new Map<string, unknown>(Object.entries(map));
  for (const name of places.values())
    if (typeof name !== "string" || !/^[\w.-]+\.safetensors$/.test(name))
      throw new FormatError(
        `${fn}: the index names a file that cannot be used: ${JSON.stringify(name).slice(0, 60)}`,
      );
  return places as Map<string, string>;
}
