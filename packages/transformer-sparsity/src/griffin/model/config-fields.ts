/**
 * What becomes of the fields of a `config.json`: those that change the computation are read by the families and acted on, or refused;
 * those named here change nothing; any other is refused by name, for a field that nobody reads may be the one that matters.
 */
import { FormatError } from "@provably/core-tensor";
import type { JsonObject } from "./json.js";

/** Training, bookkeeping, and defaults of other libraries' generation: no logit depends on them. */
const HARMLESS = new Set(
  `architectures _name_or_path _commit_hash transformers_version transformers.js_config torch_dtype dtype license
  use_cache keys_to_ignore_at_inference gradient_checkpointing pretraining_tp torchscript use_bfloat16 tf_legacy_loss return_dict
  output_attentions output_hidden_states chunk_size_feed_forward reorder_and_upcast_attn is_decoder
  attn_implementation _attn_implementation _attn_implementation_autoset use_flash_attn _flash_attn_2_enabled
  initializer_range initializer_factor init_std attention_dropout hidden_dropout dropout activation_dropout classifier_dropout
  attn_pdrop embd_pdrop resid_pdrop emb_pdrop _sliding_window_pattern embedding_dropout residual_dropout layerdrop unsloth_version unsloth_fixed
  summary_activation summary_first_dropout summary_proj_to_labels summary_type summary_use_proj
  id2label label2id num_labels problem_type finetuning_task task_specific_params
  pad_token_id sep_token_id unk_token_id decoder_start_token_id tokenizer_class prefix max_sequence_length
  max_length max_new_tokens min_length do_sample early_stopping num_beams num_beam_groups diversity_penalty temperature top_k top_p
  typical_p repetition_penalty length_penalty no_repeat_ngram_size encoder_no_repeat_ngram_size bad_words_ids num_return_sequences
  output_scores return_dict_in_generate forced_bos_token_id forced_eos_token_id remove_invalid_values
  exponential_decay_length_penalty suppress_tokens begin_suppress_tokens`.split(/\s+/),
);

/** Fields with the one value that this decoder stands for. */
const FIXED: Readonly<Record<string, unknown>> = {
  add_cross_attention: false,
  is_encoder_decoder: false,
  tie_encoder_decoder: false,
  use_bidirectional_attention: false,
  use_mrope: false,
  is_causal: true,
  pruned_heads: {},
};

/** Names under which weights in fewer bits are announced. */
const QUANTISATION = ["quantization_config", "quantization", "compression_config"];

/** Refuses a field unless it is absent, null, or of the one value that is computed. */
export function mustBe(c: JsonObject, name: string, only: unknown, fn = "modelConfig"): void {
  if (c.has(name) && JSON.stringify(c.value(name)) !== JSON.stringify(only))
    throw new FormatError(
      `${fn}: ${name} ${JSON.stringify(c.value(name)).slice(0, 80)} is not supported, only ${JSON.stringify(only)}`,
    );
}

/** Refuses classes of models whose decoder is another one than the family's. */
export function checkArchitecture(c: JsonObject, family: string): void {
  const names = c.value("architectures") ?? [];
  const plain = (name: string): string => name.toLowerCase().replaceAll("_", "");
  // Gemma 3 names its language model after the whole, which sees images too
  const own = [plain(family), plain(family).replace(/3text$/, "3")].join("|");
  const fits = (name: unknown): boolean =>
    typeof name === "string" &&
    new RegExp(`^(${own})(forcausallm|lmheadmodel|model)$`).test(plain(name));
  if (!Array.isArray(names) || !names.every(fits))
    throw new FormatError(
      `modelConfig: architectures ${JSON.stringify(names).slice(0, 80)} is not the language model of family ${family}`,
    );
}

/** Refuses what says that the file means another computation, and every field that no one has read. */
export function checkFields(c: JsonObject, family: string, fn = "modelConfig"): void {
  for (const name of QUANTISATION)
    if (c.has(name))
      throw new FormatError(
        `${fn}: ${name} says that the weights are stored in fewer bits (${quantMethod(c, name)})${fn === "modelConfig" ? "; loadModel decodes what it knows, and takes its config from the file" : ", which is not understood"}`,
      );
  if (c.has("auto_map"))
    throw new FormatError(`${fn}: auto_map says that the model runs by code of its own`);
  for (const [name, only] of Object.entries(FIXED)) mustBe(c, name, only, fn);
  const [unknown, ...more] = c.unread().filter((name) => !HARMLESS.has(name));
  if (unknown !== undefined)
    throw new FormatError(
      `${fn}: field "${unknown}" (${JSON.stringify(c.value(unknown)).slice(0, 80)}) is not understood for family ${family}${more.length === 0 ? "" : `, nor ${more.map((name) => `"${name}"`).join(", ")}`}; leave it out if it does not change the computation`,
    );
}

function quantMethod(c: JsonObject, name: string): string {
  const method = (c.value(name) as { quant_method?: unknown }).quant_method;
  return typeof method === "string" ? method : name;
}
