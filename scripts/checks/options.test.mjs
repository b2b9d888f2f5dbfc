// A misspelt option is never ignored: every public function that takes options, by its type, refuses a name that it does not know.
// The functions are found in the types; valid calls come from the examples, and one option more is put into each.
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { recordedCalls } from "../stress/calls.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const UNKNOWN = "notAnOption";

/** Functions that no example can call, with the reason. */
const WITHOUT_CALL = new Map([
  ["score-diffusion loadOnnxModel", "needs a file and the optional runtime"],
]);

/** What bears the name that a user gave it, with that of the example. */
const NAMED = new Map([["score-diffusion defineSampler(…).table", "mine"]]);

/** The source file of every entry, by the name under which users import it. */
function entries() {
  return readdirSync(`${root}packages`).flatMap((name) => {
    const { exports } = JSON.parse(readFileSync(`${root}packages/${name}/package.json`, "utf8"));
    return Object.entries(exports).flatMap(([key, targets]) => {
      const source = targets["@provably/source"];
      const entry = `${name}${key.slice(1)}`;
      return source && !entry.endsWith("/internal")
        ? [{ package: name, entry, file: `${root}packages/${name}/${source.slice(2)}` }]
        : [];
    });
  });
}

/**
 * The functions whose last parameter is an object with optional members only, by the label that `recordedCalls` gives them: exported
 * ones, what those return, and the functions in a record that they return.
 */
function functionsWithOptions() {
  const files = entries();
  const { config } = ts.readConfigFile(`${root}tsconfig.base.json`, ts.sys.readFile);
  const parsed = ts.parseJsonConfigFileContent(config, ts.sys, root);
  // types of the platform are not looked at
  const options = { ...parsed.options, types: [], lib: ["lib.es2023.d.ts"] };
  const program = ts.createProgram(
    files.map(({ file }) => file),
    options,
  );
  const checker = program.getTypeChecker();
  const found = new Map();
  const seen = new Set();
  const placeOfOptions = (type) => {
    const places = type.getCallSignatures().flatMap(({ parameters }) => {
      const last = parameters.at(-1);
      if (last === undefined) return [];
      const given = checker.getNonNullableType(checker.getTypeOfSymbol(last));
      return isOptions(given) ? [parameters.length - 1] : [];
    });
    return places.length > 0 ? Math.max(...places) : undefined;
  };
  const isOptions = (type) => {
    if (type.isUnion()) return type.types.every(isOptions);
    const members = checker.getPropertiesOfType(type);
    return (
      (type.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection)) !== 0 &&
      type.getCallSignatures().length === 0 &&
      checker.getIndexInfosOfType(type).length === 0 &&
      members.length > 0 &&
      members.every(({ flags }) => (flags & ts.SymbolFlags.Optional) !== 0)
    );
  };
  const add = (owner, label, type) => {
    const at = placeOfOptions(type);
    if (at !== undefined && !found.has(label)) found.set(label, { package: owner, label, at });
  };
  for (const { package: owner, entry, file } of files) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(file));
    for (const exported of checker.getExportsOfModule(module)) {
      const symbol =
        exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
      if (seen.has(symbol) || !(symbol.flags & ts.SymbolFlags.Value)) continue;
      seen.add(symbol);
      const type = checker.getTypeOfSymbol(symbol);
      const label = `${entry} ${exported.name}`;
      add(owner, label, type);
      for (const signature of type.getCallSignatures()) {
        const made = checker.getAwaitedType(signature.getReturnType()) ?? signature.getReturnType();
        add(owner, `${label}(…)`, made);
        if (!(made.flags & ts.TypeFlags.Object) || made.getCallSignatures().length > 0) continue;
        for (const member of checker.getPropertiesOfType(made))
          if (member.declarations?.every((d) => d.getSourceFile().fileName.includes("/packages/")))
            add(owner, `${label}(…).${member.name}`, checker.getTypeOfSymbol(member));
      }
    }
  }
  return [...found.values()];
}

/** What is wrong with the answer of `f` to one option more; undefined when it refuses it by name. */
async function answer(f, label, args, at) {
  const given = [...args];
  while (given.length < at) given.push(undefined);
  given[at] = { ...given[at], [UNKNOWN]: 1 };
  // what a maker returns speaks of its maker or of itself
  const [maker, member = maker] = label.split(" ")[1].split("(…).");
  const name = NAMED.get(label) ?? `${maker.split("(")[0]}|${member.split("(")[0]}`;
  try {
    const result = await f(...given);
    if (typeof result?.next === "function") await result.next();
  } catch (error) {
    const { message, code } = error;
    // samplers of a family bear their order or parts in their names: deis-3, repaint(ddim)
    const named =
      new RegExp(`^(${name})(-\\d|\\(.*\\))?: `).test(message) && message.includes(`"${UNKNOWN}"`);
    return named && code === "ERR_DOMAIN" ? undefined : `${error?.name}: ${message}`.slice(0, 200);
  }
  return "accepts it";
}

const targets = functionsWithOptions();
const { calls, returned } = await recordedCalls(
  undefined,
  targets.map(({ label }) => label),
);

/** The functions of a label: the export itself, or what examples got from it. */
async function functionsOf(label) {
  const [entry, name] = label.split(" ");
  if (name.includes("(")) return [...returned].flatMap(([f, made]) => (made === label ? [f] : []));
  return [(await import(`@provably/${entry}`))[name]];
}

/** What is wrong with each function of a package, by label. */
async function misled(owner) {
  const wrong = {};
  for (const { label, at } of targets.filter((target) => target.package === owner)) {
    const functions = await functionsOf(label);
    // where options come first nothing else is needed
    const known = functions.filter((f) => at === 0 || calls.has(f));
    // what functions return is looked at where an example uses it
    if (known.length === 0 && !label.includes("(") && !WITHOUT_CALL.has(label))
      wrong[label] = "no example calls it";
    for (const f of known) {
      const said = await answer(f, label, calls.get(f)?.[0].args ?? [], at);
      if (said !== undefined) wrong[label] = said;
    }
  }
  return wrong;
}

describe("an option that does not exist", () => {
  it("is looked for where there are options", () => {
    const labels = new Set(targets.map(({ label }) => label));
    for (const label of ["core-tensor mean", "core-tensor/compile compile"])
      expect(labels).toContain(label);
    expect(targets.length).toBeGreaterThan(200);
    for (const label of WITHOUT_CALL.keys()) expect(labels).toContain(label);
  });

  it.each(readdirSync(`${root}packages`))("is refused by name: %s", async (owner) => {
    expect(await misled(owner)).toEqual({});
  });
});
