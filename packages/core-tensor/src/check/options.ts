/** Options and records by their schemas: names, kinds, and nothing beside them. */
import { type Fault, type Guard, anything, faultError, isRecord } from "./guard.js";
import { nearestName } from "./nearest.js";
import { show } from "./show.js";

/** A guard for every field of a type, and for none that it does not have. */
export type Schema<O> = { readonly [K in keyof O]-?: Guard<Exclude<O[K], undefined>> };

/** A guard for every field of a record: those that may be left out are marked `optional`. */
export type RecordSchema<O> = { readonly [K in keyof O]-?: Guard<O[K]> };

type Fields = Readonly<Record<string, Guard<never>>>;

/** No options: the default of functions that are called very often. */
export const NONE: Readonly<Record<string, never>> = Object.freeze({});

/**
 * The options themselves, after every name and value in them was held against the schema.
 *
 * Every option may be left out. A name that the schema does not have is an error that says which
 * known name is nearest: a misspelt option is never ignored.
 *
 * @param fn - name of the function that the user called
 * @param options - what was passed
 * @param schema - a guard for every option of the type
 * @returns `options`
 * @throws {@link DomainError} for anything but an object, for unknown names and for wrong values
 */
export function checkOptions<O extends object>(fn: string, options: O, schema: Schema<O>): O {
  // most calls bring no options, and are not to pay for those of others
  if (options === NONE) return options;
  if (!isRecord(options))
    throw faultError(fn, "options", {
      path: "",
      expected: `an object with any of ${names(schema)}`,
      got: options,
    });
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(schema, name))
      throw faultError(fn, "", {
        path: "",
        expected: "",
        got: name,
        says: unknownName("option", name, schema),
      });
  }
  // by the schema's names: options may also come from a prototype or a getter
  for (const name in schema) {
    const guard = schema[name] as Guard;
    if (guard === anything) continue;
    const value = options[name];
    if (value === undefined) continue;
    const fault = guard(value);
    if (fault !== undefined) throw faultError(fn, name, fault);
  }
  return options;
}

/** A record of exactly the given fields, as people write them by hand: problems, specifications. */
export function recordOf(fields: Fields): Guard<object>;
export function recordOf<O extends object>(fields: RecordSchema<O>): Guard<O>;
export function recordOf(fields: Fields): Guard<object> {
  return (x) => {
    const wrong = openFault(x, fields);
    if (wrong !== undefined) return wrong;
    for (const name of Object.keys(x as object))
      if (!Object.hasOwn(fields, name))
        return { path: "", expected: "", got: x, says: `: ${unknownName("field", name, fields)}` };
    return undefined;
  };
}

/** A schema with more names than another. A call, unlike `{ ...base }`, may be dropped by a bundler when nothing uses it. */
export function extended<A extends object, B extends object>(base: A, more: B): A & B {
  return { ...base, ...more };
}

/** A record with at least the given fields: results and models, which may carry more. */
export function recordWith(fields?: Fields): Guard<object>;
export function recordWith<O extends object>(fields: RecordSchema<O>): Guard<O>;
export function recordWith(fields: Fields = {}): Guard<object> {
  return (x) => openFault(x, fields);
}

function openFault(x: unknown, fields: Fields): Fault | undefined {
  if (!isRecord(x)) return { path: "", expected: `an object with ${names(fields)}`, got: x };
  for (const name of Object.keys(fields)) {
    const guard = fields[name]!;
    const value = x[name];
    if (value === undefined && !guard.optional) {
      const stray = Object.keys(x).filter((other) => !Object.hasOwn(fields, other));
      const meant = stray.find((other) => nearestName(other, [name]) === name);
      const hint = meant === undefined ? "" : ` (it has "${meant}")`;
      const says = `.${name} must be given, got ${show(x)}${hint}`;
      return { path: "", expected: "", got: x, says };
    }
    const fault = guard(value);
    if (fault !== undefined) {
      const path = `.${name}${fault.path}`;
      return fault.says === undefined ? { ...fault, path } : { ...fault, path, says: fault.says };
    }
  }
  return undefined;
}

/** An object whose every value fits, whatever the names. */
export function mapOf<T>(guard: Guard<T>): Guard<Readonly<Record<string, T>>> {
  return (x) => {
    if (!isRecord(x)) return { path: "", expected: "an object", got: x };
    for (const name of Object.keys(x)) {
      const fault = guard(x[name]);
      if (fault !== undefined) return { ...fault, path: `.${name}${fault.path}` };
    }
    return undefined;
  };
}

/** The description that the value of a field chooses. */
export function byKind(field: string, guards: Fields): Guard<object> {
  return (x) => {
    if (!isRecord(x)) return { path: "", expected: `an object with ${field}`, got: x };
    const kind = x[field];
    if (typeof kind !== "string" || !Object.hasOwn(guards, kind)) {
      const expected = `one of ${Object.keys(guards).map(show).join(", ")}`;
      return { path: `.${field}`, expected, got: kind };
    }
    return guards[kind]!(x);
  };
}

const names = (schema: object): string => Object.keys(schema).join(", ") || "nothing";

/** What is wrong with a name that nobody knows, and which was probably meant. */
function unknownName(what: string, name: string, schema: object): string {
  const known = Object.keys(schema);
  const nearest = nearestName(name, known);
  const hint = nearest === undefined ? "" : `; did you mean ${show(nearest)}?`;
  const rest = known.length === 0 ? `there are no ${what}s` : `known: ${known.join(", ")}`;
  return `unknown ${what} ${show(name)}${hint}${hint === "" ? "; " : " "}${rest}`;
}
