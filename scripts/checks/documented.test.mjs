// Every public function is documented in the house template: what it computes, every parameter, the result, an example, and where it belongs.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { globSync } from "tinyglobby";
import ts from "typescript";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** The exports of every entry of a package, as the compiler sees them. */
function* publicSymbols(folder) {
  const { exports } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  const files = Object.entries(exports).flatMap(([key, entry]) =>
    key === "./internal" ? [] : (entry["@provably/source"] ?? []),
  );
  const program = ts.createProgram(
    files.map((file) => `${folder}/${file}`),
    {
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      target: ts.ScriptTarget.ES2022,
      customConditions: ["@provably/source"],
      skipLibCheck: true,
    },
  );
  const checker = program.getTypeChecker();
  for (const file of program.getRootFileNames())
    for (const symbol of checker.getExportsOfModule(
      checker.getSymbolAtLocation(program.getSourceFile(file)),
    ))
      yield [
        checker,
        symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol,
      ];
}

function gaps(checker, symbol) {
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

it.each(globSync("packages/*", { cwd: root, onlyDirectories: true }))(
  "%s documents every export in the house template",
  (folder) => {
    const wrong = [];
    let count = 0;
    for (const [checker, symbol] of publicSymbols(root + folder.replace(/\/$/, ""))) {
      count++;
      wrong.push(...gaps(checker, symbol).map((gap) => `${symbol.name}: ${gap}`));
    }
    expect(count).toBeGreaterThan(50);
    expect(wrong).toEqual([]);
  },
);
