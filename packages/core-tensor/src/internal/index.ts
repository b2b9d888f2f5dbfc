/**
 * What the packages of this house share beneath their public faces: checks of arguments, and the
 * making of certificates. Not for users: it may change with any release.
 */
export * from "../check/index.js";
export { flatNumbers, numberList, rngKey, tensor, typedArray } from "./arrays.js";
export { certificate } from "../certificate.js";
export { table } from "../table/types.js";
