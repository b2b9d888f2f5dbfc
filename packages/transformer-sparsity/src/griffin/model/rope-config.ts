/** How a config says in what way positions are rotated. */
import { FormatError } from "@provably/core-tensor";
import { show } from "@provably/core-tensor/internal";
import type { JsonObject } from "./json.js";
import type { RopeConfig, RopeScaling } from "./rope.js";

/** Scalings by the names that configs have for them. */
const SCALINGS = ["default", "linear", "dynamic", "llama3", "yarn", "longrope"];

/** Where a family's config says how positions are rotated in, and what is meant when it does not. */
export interface RopeNames {
  /** Field of the base; default `rope_theta`. */
  readonly base: string;
  readonly defaultBase: number;
  /** Field of the rotated share of a head; default `partial_rotary_factor`. */
  readonly share: string;
  readonly defaultShare: number;
  /** Whether the share acts without a scaling too, which it does not in every family. */
  readonly shareActs: boolean;
  /** Names of scalings that stand for others. */
  readonly aliases: Readonly<Record<string, string>>;
  /** Scalings that the family has; default all. */
  readonly allowed: readonly string[];
  /** Which of several rotations: `rope_parameters` then holds one for each kind of layer. */
  readonly layerType?: "full_attention" | "sliding_attention";
  /** Whether an old `rope_scaling` is meant for these layers; default true. */
  readonly scaled: boolean;
}

/** From a config, old (`rope_theta`, `rope_scaling`) or new (`rope_parameters`). */
export function ropeConfig(
  c: JsonObject,
  headDim: number,
  maxPositions: number,
  given: Partial<RopeNames> = {},
): RopeConfig {
  const names: RopeNames = {
    base: "rope_theta",
    defaultBase: 10000,
    share: "partial_rotary_factor",
    defaultShare: 1,
    shareActs: (given.defaultShare ?? 1) !== 1,
    aliases: {},
    allowed: SCALINGS,
    scaled: given.layerType !== "sliding_attention",
    ...given,
  };
  if (c.has("rope_parameters") && c.has("rope_scaling"))
    throw new FormatError(
      "modelConfig: give either rope_parameters or rope_scaling; with both it is not clear which acts",
    );
  const parameters =
    ofLayerType(c, names.layerType) ?? (names.scaled ? c.object("rope_scaling") : undefined);
  const base = either(c, names.base, parameters, "rope_theta", names.defaultBase);
  const share = either(c, names.share, parameters, "partial_rotary_factor", names.defaultShare);
  if (!(base > 0)) throw new FormatError(`modelConfig: rope_theta must be above 0, got ${base}`);
  if (!(share > 0 && share <= 1))
    throw new FormatError(
      `modelConfig: the rotated share of a head must be in (0, 1], got ${share}`,
    );
  const rotarySize = Math.floor(headDim * share);
  const scaling: RopeScaling = parameters
    ? ropeScaling(parameters, c, maxPositions, rotarySize, names)
    : { type: "default" };
  if (scaling.type === "default" && !names.shareActs && share !== 1)
    throw new FormatError(
      `modelConfig: partial_rotary_factor ${share} without a scaling of rope is read by some libraries and ignored by others; it must be 1`,
    );
  const [unread] = parameters?.unread() ?? [];
  if (unread !== undefined)
    throw new FormatError(
      `modelConfig: field "${unread}" of rope "${scaling.type}" is not understood`,
    );
  return { kind: "rope", rotarySize, base, scaling };
}

/** The rope parameters of a kind of layer, where a family has them by kind. */
function ofLayerType(c: JsonObject, type: RopeNames["layerType"]): JsonObject | undefined {
  const all = c.object("rope_parameters");
  if (type === undefined || all === undefined) return all;
  const own = all.object(type);
  all.value("full_attention");
  all.value("sliding_attention");
  const [unread] = all.unread();
  if (unread !== undefined)
    throw new FormatError(
      `modelConfig: field "${unread}" of rope_parameters is not understood; they must hold full_attention and sliding_attention`,
    );
  return own;
}

/** A number that stands in the config or in its rope parameters; when in both, the same. */
function either(
  c: JsonObject,
  name: string,
  parameters: JsonObject | undefined,
  inner: string,
  fallback: number,
): number {
  const outer = c.has(name) ? c.number(name) : undefined;
  const own = parameters?.has(inner) ? parameters.number(inner) : undefined;
  if (outer !== undefined && own !== undefined && outer !== own)
    throw new FormatError(
      `modelConfig: ${name} is ${outer} and ${inner} of the rope parameters is ${own}; it is not clear which acts`,
    );
  return own ?? outer ?? fallback;
}

function ropeScaling(
  p: JsonObject,
  c: JsonObject,
  maxPositions: number,
  rotarySize: number,
  { aliases, allowed }: RopeNames,
): RopeScaling {
  const [name, old] = [p.text("rope_type", ""), p.text("type", "")];
  if (name !== "" && old !== "" && name !== old)
    throw new FormatError(
      `modelConfig: rope_type is "${name}" and type is "${old}"; it is not clear which acts`,
    );
  const said = [name, old, "default"].find((text) => text !== "")!;
  const type = aliases[said] ?? said;
  if (!SCALINGS.includes(type) || !allowed.includes(type))
    throw new FormatError(
      `modelConfig: rope scaling "${said}" is not one of ${allowed.join(", ")}`,
    );
  if (type === "default") return { type };
  const length = "original_max_position_embeddings";
  const originalLength = p.has(length)
    ? p.count(length)
    : type === "dynamic" || type === "linear"
      ? maxPositions
      : c.count(length, { fallback: maxPositions });
  const stretch = maxPositions / originalLength;
  const factor = type === "longrope" ? p.number("factor", stretch) : p.number("factor");
  if (!(factor > 0))
    throw new FormatError(`modelConfig: the factor of rope scaling must be above 0, got ${factor}`);
  switch (type) {
    case "linear":
      return { type, factor };
    case "dynamic":
      if (originalLength !== maxPositions)
        throw new FormatError(
          `modelConfig: ${length} ${originalLength} of dynamic rope is read by some libraries and ignored by others; it must be max_position_embeddings, ${maxPositions}`,
        );
      if (rotarySize <= 2)
        throw new FormatError("modelConfig: dynamic rope needs more than two rotated features");
      return { type, factor, originalLength };
    case "llama3":
      return {
        type,
        factor,
        originalLength,
        lowFrequency: p.number("low_freq_factor"),
        highFrequency: p.number("high_freq_factor"),
      };
    case "yarn": {
      const [mscale, allDim] = [p.number("mscale", 0), p.number("mscale_all_dim", 0)];
      const attention =
        mscale !== 0 && allDim !== 0
          ? magnitude(factor, mscale) / magnitude(factor, allDim)
          : magnitude(factor, 1);
      // whether the model was trained at its new length: it changes no number
      p.value("finetuned");
      return {
        type,
        factor,
        originalLength,
        betaFast: p.number("beta_fast", 0) || 32,
        betaSlow: p.number("beta_slow", 0) || 1,
        truncate: p.flag("truncate", true),
        attentionFactor: p.number("attention_factor", attention),
      };
    }
    default: {
      const factors = (field: string): number[] => {
        const list = p.numbers(field);
        if (list.length !== rotarySize / 2 || !list.every((x) => x > 0))
          throw new FormatError(
            `modelConfig: ${field} must hold ${rotarySize / 2} numbers above 0, got ${show(list)}`,
          );
        return list;
      };
      const attention =
        factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(originalLength));
      return {
        type: "longrope",
        originalLength,
        shortFactors: factors("short_factor"),
        longFactors: factors("long_factor"),
        attentionFactor: p.number("attention_factor", attention),
      };
    }
  }
}

/** By how much YaRN lengthens queries and keys together. */
function magnitude(factor: number, scale: number): number {
  return factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1;
}
