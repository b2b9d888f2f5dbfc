// The public interface of a built package as text: every exported name of every entry with its declaration, comments left out.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

/** One section an entry, one declaration an export, in alphabetical order. */
export function apiReport(folder) {
  const { name, exports } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const entries = Object.entries(exports).filter(
    ([key]) => key !== "./package.json" && key !== "./internal",
  );
  const files = entries.map(([, { import: target }]) => join(folder, target.types));
  const program = ts.createProgram(files, {
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    module: ts.ModuleKind.ESNext,
    skipLibCheck: true,
  });
  const checker = program.getTypeChecker();
  const printer = ts.createPrinter({ removeComments: true, omitTrailingSemicolon: true });
  const declared = new Map();

  const sections = entries.map(([key], i) => {
    const source = program.getSourceFile(files[i]);
    const module = checker.getSymbolAtLocation(source);
    const lines = (module ? checker.getExportsOfModule(module) : []).map((symbol) => {
      const target =
        symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      // an entry that repeats another's export only names it
      if (declared.has(target)) return `${symbol.name}: as in ${declared.get(target)}`;
      declared.set(target, `${name}${key.slice(1)}`);
      const text = (target.declarations ?? []).map((node) => {
        const statement = ts.isVariableDeclaration(node) ? node.parent.parent : node;
        return printer
          .printNode(ts.EmitHint.Unspecified, statement, statement.getSourceFile())
          .replaceAll(/\s+/g, " ")
          .replace(/^(export )?(declare )?/, "");
      });
      return `${symbol.name}: ${text.join(" | ") || "?"}`;
    });
    return `# ${name}${key.slice(1)}\n\n${lines.sort((a, b) => (a < b ? -1 : 1)).join("\n")}\n`;
  });
  return sections.join("\n");
}
