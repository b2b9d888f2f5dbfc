/**
 * Identifiable counterfactual generation: a variational model that separates content from style across domains.
 *
 * @packageDocumentation
 */
export {};
