/** Encoder and decoder of vectors: fully connected layers. */

import { type RngKey, foldIn } from "@provably/core-tensor/random";
import type { MatteConfig, VectorObservation } from "../model/config.js";
import { type FlowMlpParams, initMlp } from "./mlp.js";

/**
 * Weights of the networks on vectors.
 * @category Networks
 */
export interface VectorNetworkParams {
  /** From `p` to means and log-variances of all latents. */
  readonly encoder: FlowMlpParams;
  /** From all latents to `p`. */
  readonly decoder: FlowMlpParams;
}

export function initVectorNetwork(
  observation: Required<VectorObservation>,
  latents: number,
  key: RngKey,
  dtype: MatteConfig["dtype"],
): VectorNetworkParams {
  const { size, hidden } = observation;
  return {
    // a small last layer: log-variances begin near 0 whatever the scale of the data
    encoder: initMlp([size, ...hidden, 2 * latents], foldIn(key, "encoder"), dtype, 0.01),
    decoder: initMlp([latents, ...[...hidden].reverse(), size], foldIn(key, "decoder"), dtype),
  };
}
