/** On which states nature may play. */

/**
 * Where nature may put mass: on every state, or only where the nominal kernel has some.
 * @category Uncertainty
 */
export type Support = "full" | "nominal";
