/**
 * Latent causes from data: hierarchies of discrete concepts, and counterfactuals that change a style and keep the content.
 *
 * @packageDocumentation
 */
export * from "./hierarchy/index.js";
export * from "./matte/index.js";
