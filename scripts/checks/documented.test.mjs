// Every public function is documented in the house template: what it computes, every parameter, the result, an example, and where it belongs.
import { readFileSync } from "node:fs";
import { join } from "node:path/posix";
import { fileURLToPath } from "node:url";
import { globSync } from "tinyglobby";
import ts from "typescript";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

const folders = globSync("packages/*", { cwd: root, onlyDirectories: true }).map((folder) =>
  folder.replace(/\/$/, ""),
);
const entriesOf = (folder) => {
  const { exports } = JSON.parse(readFileSync(`${root}${folder}/package.json`, "utf8"));
  return Object.entries(exports)
    .filter(([key, entry]) => key !== "./internal" && entry["@provably/source"])
    .map(([, entry]) => join(root, folder, entry["@provably/source"]));
};
const program = ts.createProgram(folders.flatMap(entriesOf), {
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  target: ts.ScriptTarget.ES2022,
  customConditions: ["@provably/source"],
  skipLibCheck: true,
});
const checker = program.getTypeChecker();

/** The exports of every entry of a package, as the compiler sees them. */
const publicSymbols = (folder) =>
  entriesOf(folder).flatMap((file) =>
    checker
      .getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(file)))
      .map((symbol) =>
        symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol,
      ),
  );

function gaps(symbol) {
  const missing = symbol.getDocumentationComment(checker).length === 0 ? ["a description"] : [];
  const { valueDeclaration: declaration, flags } = symbol;
  const [signature] = declaration
    ? checker.getTypeOfSymbolAtLocation(symbol, declaration).getCallSignatures()
    : [];
  if (!signature || flags & ts.SymbolFlags.Class) return missing;
  const tags = symbol.getJsDocTags(checker);
  const described = tags.filter(({ name }) => name === "param").map(({ text }) => text?.[0]?.text);
  for (const { name } of signature.parameters)
    if (!described.includes(name)) missing.push(`@param ${name}`);
  const isVoid = (signature.getReturnType().flags & ts.TypeFlags.Void) !== 0;
  for (const tag of ["example", "category", ...(isVoid ? [] : ["returns"])])
    if (!tags.some(({ name }) => name === tag)) missing.push(`@${tag}`);
  return missing;
}

it.each(folders)("%s documents every export in the house template", (folder) => {
  const symbols = publicSymbols(folder);
  const wrong = symbols.flatMap((symbol) => gaps(symbol).map((gap) => `${symbol.name}: ${gap}`));
  expect(symbols.length).toBeGreaterThan(30);
  expect(wrong).toEqual([]);
});
