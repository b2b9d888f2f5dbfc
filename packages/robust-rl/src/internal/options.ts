/** Options of which some must be given. */
import { type RecordSchema, check, checkOptions, recordOf } from "@provably/core-tensor/internal";

/** The options themselves, after their names and values were held against the schema: those not marked optional must be there. */
export function needOptions<O extends object>(fn: string, options: O, schema: RecordSchema<O>): O {
  checkOptions<O>(fn, options, schema);
  return check(fn, "options", options, recordOf<O>(schema));
}
