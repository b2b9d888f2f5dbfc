/** The table of families: the reader of the config of each. */
import type { ModelFamily } from "../description.js";
import { cohere, exaone4, glm } from "./cohere.js";
import type { ConfigReader } from "./common.js";
import { gemma } from "./gemma.js";
import { bloom, falcon, gpt2, gptj, mpt, neox, opt } from "./gpt.js";
import {
  granite,
  llama,
  ministral,
  mistral,
  olmo,
  olmo2,
  phi,
  phi3,
  qwen2,
  qwen3,
  smollm3,
  stablelm,
  starcoder2,
} from "./llama.js";
import { gptOss, mixtral, olmoe, qwen2Moe, qwen3Moe } from "./mixture.js";

/** By `model_type`. */
export const READERS: Readonly<Record<ModelFamily, ConfigReader>> = {
  llama,
  mistral,
  ministral,
  qwen2,
  qwen3,
  gemma,
  gemma2: gemma,
  gemma3_text: gemma,
  phi,
  phi3,
  smollm3,
  olmo,
  olmo2,
  olmo3: olmo2,
  granite,
  stablelm,
  starcoder2,
  cohere,
  cohere2: cohere,
  exaone4,
  glm,
  glm4: glm,
  gpt2,
  gptj,
  gpt_neox: neox,
  opt,
  falcon,
  bloom,
  mpt,
  mixtral,
  qwen2_moe: qwen2Moe,
  qwen3_moe: qwen3Moe,
  olmoe,
  gpt_oss: gptOss,
};
