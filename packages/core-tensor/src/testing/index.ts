/**
 * Tools for testing numerical code: derivatives against finite differences.
 *
 * @packageDocumentation
 */

export { checkGrads, type CheckGradsOptions } from "./check-grads.js";
