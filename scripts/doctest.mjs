// Runs the `ts` blocks of Markdown files and doc comments as tests.
//   expr; // => value      compares (numbers to 8 digits; an array may be written as nested lists)
//   expr; // throws Name   expects that error
//   ```ts no-run           is shown only
import { relative } from "node:path";
import ts from "typescript";

const FENCE = /^([ \t]*\*?[ \t]?)```(?:ts|typescript)([^\n]*)\n([\s\S]*?)^\1```/gm;
const COMMENT = /\/\*\*[\s\S]*?\*\//g;

/** The runnable blocks of a file, each with the line it starts on. */
export function codeBlocks(text, isMarkdown) {
  const parts = isMarkdown ? [{ 0: text, index: 0 }] : text.matchAll(COMMENT);
  const found = [];
  for (const part of parts)
    for (const fence of part[0].matchAll(FENCE)) {
      if (fence[2].includes("no-run")) continue;
      const line = text.slice(0, part.index + fence.index).split("\n").length;
      found.push({ line, code: isMarkdown ? fence[3] : fence[3].replace(/^[ \t]*\* ?/gm, "") });
    }
  return found;
}

/** An import statement as a dynamic import, so that it can stand inside a test. */
function dynamicImport(statement, source) {
  const clause = statement.importClause;
  const from = statement.moduleSpecifier.getText(source);
  if (clause === undefined) return `await import(${from});`;
  if (clause.isTypeOnly) return "";
  const bindings = clause.namedBindings;
  if (bindings && ts.isNamespaceImport(bindings))
    return `const ${bindings.name.text} = await import(${from});`;
  const names = (bindings?.elements ?? [])
    .filter((element) => !element.isTypeOnly)
    .map((element) =>
      element.propertyName
        ? `${element.propertyName.text}: ${element.name.text}`
        : element.name.text,
    );
  if (clause.name) names.push(`default: ${clause.name.text}`);
  return `const { ${names.join(", ")} } = await import(${from});`;
}

/** The statements of a block, imports made dynamic, comments that state values made comparisons. */
function bodyOf({ code }) {
  const source = ts.createSourceFile("block.ts", code, ts.ScriptTarget.Latest, true);
  return source.statements.map((statement) => {
    if (ts.isImportDeclaration(statement)) return dynamicImport(statement, source);
    const note = /^;?[ \t]*\/\/ (=>|throws) (.+)/.exec(code.slice(statement.end));
    if (note === null || !ts.isExpressionStatement(statement)) return statement.getText(source);
    const expression = statement.expression.getText(source);
    return note[1] === "=>"
      ? `doctestEqual(await (${expression}), ${note[2]});`
      : `await doctestThrows(async () => (${expression}), ${JSON.stringify(note[2].trim())});`;
  });
}

function toTest(block, file) {
  return `doctestIt(${JSON.stringify(`${file}:${block.line}`)}, async () => {\n${bodyOf(block).join("\n")}\n});`;
}

/** A block as statements without its comparisons. */
export const toStatements = (block) =>
  bodyOf({ code: block.code.replaceAll(/\/\/ (=>|throws) .*/g, "") }).join("\n");

const TOOLS = `
const doctestClose = (a, b) => typeof a === "number" && typeof b === "number" && (Object.is(a, b) || Math.abs(a - b) <= 1e-8 * (1 + Math.abs(b)));
const doctestSame = (a, b) => doctestClose(a, b) || (Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((x, i) => doctestSame(x, b[i])));
const doctestNested = (x, ...at) => (at.length === x.shape.length ? x.get(...at) : Array.from({ length: x.shape[at.length] }, (_, i) => doctestNested(x, ...at, i)));
const doctestPlain = (x, like) => (Array.isArray(like) && Array.isArray(x?.shape) && typeof x.get === "function" ? doctestNested(x) : x);
const doctestEqual = (got, b) => { const a = doctestPlain(got, b); if (!doctestSame(a, b)) doctestExpect(a).toEqual(b); };
const doctestThrows = async (run, name) => { let caught; try { await run(); } catch (error) { caught = error; } doctestExpect(caught?.name).toBe(name); };
`;

/** A block as a program of its own, for a user's project: its imports stay at the top, comparisons throw, `globalThis.done` hears the outcome. */
export function toProgram(block) {
  const source = ts.createSourceFile("block.ts", block.code, ts.ScriptTarget.Latest, true);
  const imports = source.statements
    .filter(ts.isImportDeclaration)
    .map((statement) => statement.getText(source));
  const rest = imports.reduce((code, statement) => code.replace(statement, ""), block.code);
  return `${imports.join("\n")}
const doctestExpect = (got) => { const same = (b) => { if (JSON.stringify(got) !== JSON.stringify(b)) throw new Error(\`expected \${JSON.stringify(b)}, got \${JSON.stringify(got)}\`); }; return { toEqual: same, toBe: same }; };
const doctestIt = (name, run) => run().then(() => (globalThis.done ?? console.log)("ran"), (error) => { (globalThis.done ?? console.error)(String(error)); if (globalThis.process) process.exitCode = 1; });
${TOOLS}
${toTest({ ...block, code: rest }, "README.md")}`;
}

const PLAIN = {
  compilerOptions: {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    verbatimModuleSyntax: true,
  },
};

/** The Vite plugin: a Markdown file becomes a module of tests, a source file gets its tests appended where it is the test entry. */
export function doctest(root) {
  return {
    name: "doctest",
    enforce: "pre",
    transform(code, id) {
      const file = id.split("?")[0];
      const isMarkdown = file.endsWith(".md");
      if (!isMarkdown && !/\/src\/.*\.ts$/.test(file)) return undefined;
      const tests = codeBlocks(code, isMarkdown).map((block) =>
        toTest(block, relative(root, file)),
      );
      if (tests.length === 0) return undefined;
      const body = `${TOOLS}\n${tests.join("\n")}`;
      return {
        code: isMarkdown
          ? ts.transpileModule(
              `import { it as doctestIt, expect as doctestExpect } from "vitest";\n${body}`,
              PLAIN,
            ).outputText
          : `${code}\nif (import.meta.vitest) { const { it: doctestIt, expect: doctestExpect } = import.meta.vitest;\n${body} }`,
        map: null,
      };
    },
  };
}
