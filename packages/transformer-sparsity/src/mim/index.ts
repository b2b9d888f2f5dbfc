/**
 * The theory of masked pretraining of attention made executable, measures of attention maps, and masked pretraining of a small vision transformer.
 *
 * @packageDocumentation
 */
export {};
