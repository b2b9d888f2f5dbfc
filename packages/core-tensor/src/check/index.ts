/** The vocabulary of checks: one way to say what an argument must look like, and one error for what does not. */
export { show } from "./show.js";
export {
  type Fault,
  type Guard,
  abortSignal,
  anyFunction,
  anyList,
  anyNumber,
  anyRecord,
  anyString,
  anything,
  check,
  either,
  finiteNumber,
  isRecord,
  listOf,
  longWork,
  nonNegativeNumber,
  nullable,
  numberIn,
  numberInside,
  oneOf,
  optional,
  positiveNumber,
  satisfying,
  trueOrFalse,
  wholeNumber,
} from "./guard.js";
export { nearestName } from "./nearest.js";
export {
  NONE,
  type RecordSchema,
  type Schema,
  byKind,
  checkOptions,
  mapOf,
  recordOf,
  recordWith,
  extended,
} from "./options.js";
export { within } from "./within.js";
