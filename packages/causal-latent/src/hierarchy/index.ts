/**
 * Hierarchies of discrete latent concepts, recovered from data by tests of rank.
 *
 * @packageDocumentation
 */
export {};
