/** Options inside other records: every field may be left out, and none may be added. */
import { type Guard, type Schema, optional, recordOf } from "@provably/core-tensor/internal";

/** The fields of a schema, each of which may be left out. */
export function optionalFields(schema: object): Readonly<Record<string, Guard<never>>> {
  const fields = Object.entries(schema as Readonly<Record<string, Guard>>);
  return Object.fromEntries(fields.map(([name, guard]) => [name, optional(guard)]));
}

export function optionsGuard<O extends object>(schema: Schema<O>): Guard<O> {
  return recordOf(optionalFields(schema));
}
