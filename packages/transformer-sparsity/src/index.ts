/**
 * Nothing is here yet: the name is reserved for the package that its README describes.
 *
 * @packageDocumentation
 */
export {};
