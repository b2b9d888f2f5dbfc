/** Outcomes of a job with large arrays, as one safetensors file: arrays as they are, everything else as text beside them. */
import { type NdArray, array, toTypedArray } from "@provably/core-tensor";
import { decodeSafetensors, encodeSafetensors } from "@provably/core-tensor/io";
import type { Outcome } from "../schedule/job.js";
import { fromBase64, toBase64 } from "../task/value.js";

/** Beyond this many bytes outcomes travel as a file of their own. */
export const LARGE = 64 * 1024;

/** Roughly the bytes that outcomes take as text. */
export function sizeOf(outcomes: readonly Outcome[]): number {
  return outcomes.reduce(
    (sum, outcome) => sum + (typeof outcome === "string" ? outcome.length : outcome.message.length),
    0,
  );
}

/** Arrays inside the text of a value: base64, which holds no quotes. */
const DATA = /"data":"([A-Za-z0-9+/=]{64,})"/g;

/** Packs outcomes. */
export function packOutcomes(outcomes: readonly Outcome[]): Uint8Array {
  const tensors: Record<string, NdArray> = {};
  let count = 0;
  const light = outcomes.map((outcome) =>
    typeof outcome !== "string"
      ? outcome
      : outcome.replaceAll(DATA, (_, data: string) => {
          tensors[`data.${count}`] = array(fromBase64(data), { dtype: "uint8" });
          return `"data":${count++}`;
        }),
  );
  const text = new TextEncoder().encode(JSON.stringify(light));
  tensors["outcomes"] = array(text, { dtype: "uint8" });
  return encodeSafetensors(tensors);
}

/** The outcomes in such a file; throws for any other. */
export function unpackOutcomes(file: Uint8Array): Outcome[] {
  const { tensors } = decodeSafetensors(file);
  const bytes = (name: string): Uint8Array => toTypedArray(tensors[name]!) as Uint8Array;
  const light = JSON.parse(new TextDecoder().decode(bytes("outcomes"))) as Outcome[];
  return light.map((outcome) =>
    typeof outcome !== "string"
      ? outcome
      : outcome.replaceAll(
          /"data":(\d+)/g,
          (_, i: string) => `"data":"${toBase64(bytes(`data.${i}`))}"`,
        ),
  );
}
