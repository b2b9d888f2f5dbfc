/**
 * Weights that a folder stores in fewer bits: which tensors together are one matrix, and the numbers that they mean.
 *
 * Each method is one record. What a file announces and no record knows, a method, a field, a packing, is refused by its name: whole numbers
 * read as weights give a model that runs and says nothing right.
 */
import { FormatError, toTypedArray } from "@provably/core-tensor";
import { type JsonObject, jsonReader } from "../model/json.js";
import {
  type Method,
  type Parts,
  AWQ,
  BNB_4BIT,
  BNB_8BIT,
  gptq,
  mlx,
  packed,
  scaled,
} from "./quantised-matrices.js";
import type { StoredTensors, TensorStore } from "./tensors.js";

/**
 * The tensors of a folder with every matrix in floating-point numbers.
 *
 * @param config - the whole `config.json`
 * @param stored - see {@link StoredTensors}
 * @returns tensors by the names that the plain model has
 */
export function decodedTensors(config: JsonObject, stored: StoredTensors): TensorStore {
  const method = methodOf(config);
  const bases = new Map<string, string[]>();
  for (const name of method === undefined ? [] : stored.names)
    if (name.endsWith(method!.mark)) bases.set(name.slice(0, -method!.mark.length), []);
  if (method !== undefined && bases.size === 0)
    throw new FormatError(
      `loadModel: the config announces quantization "${quantName(config)}", and no tensor is stored so`,
    );
  const plain = stored.names.filter((name) => {
    for (let at = name.indexOf("."); at >= 0; at = name.indexOf(".", at + 1)) {
      const parts = bases.get(name.slice(0, at));
      if (parts === undefined || !method!.endings.test(name.slice(at))) continue;
      parts.push(name.slice(at));
      return false;
    }
    return true;
  });
  for (const name of plain)
    if (name.endsWith(".weight") && !FLOATS.has(stored.type(name)))
      throw new FormatError(
        `loadModel: "${name}" is stored as ${stored.type(name)}, and there is no scale that turns it into weights: a quantisation that is not understood`,
      );
  const matrices = new Map(
    [...bases].map(([base, endings]) => [`${base}.weight`, { base, endings }]),
  );
  return {
    names: [...plain, ...matrices.keys()],
    read(name) {
      const matrix = matrices.get(name);
      return matrix === undefined ? stored.read(name) : method!.decode(partsOf(stored, matrix));
    },
  };
}

const FLOATS = new Set(["F64", "F32", "F16", "BF16"]);

function partsOf(
  stored: StoredTensors,
  { base, endings }: { base: string; endings: readonly string[] },
): Parts {
  const wrong = (what: string): never => {
    throw new FormatError(`loadModel: the quantised matrix "${base}": ${what}`);
  };
  return {
    has: (ending) => endings.includes(ending),
    async get(ending) {
      if (!endings.includes(ending)) wrong(`there is no ${ending.slice(1)}`);
      const x = await stored.read(base + ending);
      return { data: toTypedArray(x), shape: x.shape };
    },
    type: (ending) => (endings.includes(ending) ? stored.type(base + ending) : undefined),
    ending: (start) => endings.find((ending) => ending.startsWith(start)),
    wrong,
  };
}

function quantName(config: JsonObject): string {
  const { quant_method: name } = (config.value("quantization_config") ?? {}) as {
    quant_method?: string;
  };
  return name ?? "mlx";
}

/** The method that a config announces; undefined for none. */
function methodOf(config: JsonObject): Method | undefined {
  const [old, mlx] = ["quantization_config", "quantization"].map((name) => config.object(name));
  if (config.has("compression_config"))
    throw new FormatError(
      'loadModel: compression_config is the old name of quantization "compressed-tensors"; it is not understood',
    );
  const settings = old?.has("quant_method") === true ? old : (mlx ?? old);
  if (settings === undefined) return undefined;
  const name = settings.has("quant_method") ? settings.text("quant_method") : "mlx";
  if (mlx !== undefined && name !== "mlx")
    throw new FormatError(
      `loadModel: the config announces quantization twice, "${name}" and that of mlx`,
    );
  if (config.value("model_type") === "gpt2")
    throw new FormatError(
      `loadModel: quantization "${name}" of gpt2, whose matrices are stored transposed, is not understood`,
    );
  if (!Object.hasOwn(METHODS, name))
    throw new FormatError(
      `loadModel: quantization method "${name}" is not one of ${Object.keys(METHODS).join(", ")}`,
    );
  const read = settingsReader(name, settings);
  const method = METHODS[name]!(read);
  const [unread] = settings.unread();
  if (unread !== undefined) read.refuse(unread);
  return method;
}

interface Settings {
  readonly c: JsonObject;
  /** The field changes no weight. */
  ignore(...names: string[]): void;
  /** The field must be absent or one of these. */
  only(name: string, ...values: readonly unknown[]): void;
  refuse(name: string): never;
}

function settingsReader(method: string, c: JsonObject): Settings {
  const refuse = (name: string): never => {
    throw new FormatError(
      `loadModel: ${name} ${JSON.stringify(c.value(name)).slice(0, 80)} of quantization "${method}" is not understood`,
    );
  };
  return {
    c,
    refuse,
    ignore(...names) {
      for (const name of names) c.value(name);
    },
    only(name, ...values) {
      if (c.has(name) && !values.includes(c.value(name))) refuse(name);
    },
  };
}

const METHODS: Readonly<Record<string, (settings: Settings) => Method>> = {
  bitsandbytes: ({ c, ignore, only }) => {
    ignore(
      "_load_in_4bit",
      "_load_in_8bit",
      "llm_int8_threshold",
      "llm_int8_skip_modules",
      "llm_int8_enable_fp32_cpu_offload",
      "llm_int8_has_fp16_weight",
      "bnb_4bit_compute_dtype",
      "bnb_4bit_use_double_quant",
      "load_in_8bit",
    );
    only("bnb_4bit_quant_type", "nf4", "fp4");
    only("bnb_4bit_quant_storage", "uint8");
    return c.flag("load_in_4bit", false) ? BNB_4BIT : BNB_8BIT;
  },
  "compressed-tensors": compressedTensors,
  fp8: ({ c, ignore, only }) => {
    ignore("activation_scheme", "modules_to_not_convert", "ignored_layers");
    only("fmt", "e4m3");
    only("scale_fmt", "float");
    const blocks = c.has("weight_block_size") ? c.numbers("weight_block_size") : undefined;
    return scaled(
      /^\.(weight|weight_scale_inv|input_scale|activation_scale)$/,
      ".weight_scale_inv",
      blocks,
    );
  },
  gptq: ({ c, ignore, only, refuse }) => {
    ignore(
      "group_size",
      "damp_percent",
      "sym",
      "true_sequential",
      "static_groups",
      "desc_act",
      "model_name_or_path",
      "model_file_base_name",
      "model_seqlen",
      "dataset",
      "tokenizer",
      "batch_size",
      "block_name_to_quantize",
      "module_name_preceding_first_block",
      "modules_in_block_to_quantize",
      "pad_token_id",
      "use_exllama",
      "disable_exllama",
      "exllama_config",
      "max_input_length",
      "cache_block_outputs",
      "use_cuda_fp16",
      "lm_head",
      "meta",
      "quantizer",
    );
    only("checkpoint_format", "gptq", "gptq_v2");
    only("is_marlin_format", false);
    if (c.has("dynamic") && JSON.stringify(c.value("dynamic")) !== "{}") refuse("dynamic");
    const bits = c.count("bits");
    if (![2, 4, 8].includes(bits)) refuse("bits");
    return gptq(bits, c.text("checkpoint_format", "gptq") === "gptq" ? 1 : 0);
  },
  awq: ({ c, ignore, only, refuse }) => {
    ignore(
      "group_size",
      "modules_to_not_convert",
      "do_fuse",
      "fuse_max_seq_len",
      "modules_to_fuse",
      "backend",
      "exllama_config",
    );
    only("version", "gemm", "GEMM");
    only("zero_point", true);
    if (c.count("bits") !== 4) refuse("bits");
    return AWQ;
  },
  mlx: ({ c, only, refuse }) => {
    only("mode", "affine");
    const bits = c.count("bits");
    if (![2, 3, 4, 5, 6, 8].includes(bits)) refuse("bits");
    return mlx(bits, c.count("group_size"));
  },
};

function compressedTensors({ c, ignore, only, refuse }: Settings): Method {
  ignore("ignore", "global_compression_ratio", "version", "kv_cache_scheme");
  only("quantization_status", "compressed");
  const formats = ["int-quantized", "float-quantized", "naive-quantized", "pack-quantized"];
  only("format", ...formats);
  for (const name of ["sparsity_config", "transform_config"])
    if (c.has(name) && JSON.stringify(c.value(name)) !== "{}") refuse(name);
  const all = Object.values((c.value("config_groups") ?? {}) as Record<string, unknown>);
  if (all.length !== 1) refuse("config_groups");
  const group = jsonReader("loadModel", all[0], "config_groups.");
  for (const name of ["targets", "input_activations", "output_activations"]) group.value(name);
  if (group.has("format") && group.value("format") !== c.value("format")) refuse("config_groups");
  const w = group.object("weights");
  if (w === undefined) return refuse("config_groups");
  for (const name of [
    "observer",
    "observer_kwargs",
    "actorder",
    "group_size",
    "block_structure",
    "dynamic",
    "scale_dtype",
    "zp_dtype",
  ])
    w.value(name);
  const symmetric = w.flag("symmetric", true);
  const [bits, type, strategy] = [
    w.count("num_bits"),
    w.text("type", "int"),
    w.text("strategy", "tensor"),
  ];
  if (
    group.unread().length > 0 ||
    w.unread().length > 0 ||
    !["int", "float"].includes(type) ||
    !["tensor", "channel", "group", "block"].includes(strategy)
  )
    refuse("config_groups");
  const endings =
    /^\.(weight|weight_packed|weight_scale|weight_shape|weight_zero_point|weight_g_idx|input_scale|input_zero_point)$/;
  if (c.value("format") === "pack-quantized") {
    if (type !== "int" || ![4, 8].includes(bits) || strategy === "block" || !symmetric)
      refuse("config_groups");
    return packed(endings, bits);
  }
  if (bits !== 8) refuse("config_groups");
  return scaled(
    endings,
    ".weight_scale",
    strategy === "block" ? w.numbers("block_structure") : undefined,
  );
}
