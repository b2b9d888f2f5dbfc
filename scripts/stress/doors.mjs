// npm run stress -- doors: faults planted at the door, and what becomes of each; writes their section of docs/guides/faults.md.
//
// Every module of doors/ is named after a package and lists inputs as people bring them: `given` in words, `kind` (storage form, step
// convention, scale, code, option, file, argument), `give()` what is called, `right(result)` whether the result is the true one, by
// means that share nothing with the package, and `certificates(result)` where there are any. `outcome` is what must come of it:
//   right     the result is the true one
//   refused   a typed error; `says` is a part of its message: the argument, the option or the remedy by name
//   seen      the result is wrong, and a certificate fails or says that it is undecided
// A wrong result whose certificates hold is the one thing that may not happen.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CoreTensorError } from "@provably/core-tensor";

const folder = new URL("./doors/", import.meta.url);

/** The inputs of all packages, or of one. */
export async function doors(only = "") {
  const files = readdirSync(folder).filter((file) => file.endsWith(".mjs") && file.includes(only));
  const lists = await Promise.all(
    files.sort().map(async (file) => {
      const { default: list } = await import(new URL(file, folder).href);
      return list.map((entry) => ({ package: file.slice(0, -4), ...entry }));
    }),
  );
  return lists.flat();
}

/** What became of one input: its outcome, and in words what was seen where that is not what must come. */
export async function tryDoor({ give, right, certificates = () => [], says = "" }) {
  let result;
  try {
    result = await give();
  } catch (error) {
    const typed = error instanceof CoreTensorError || /^ERR_[A-Z_]+$/.test(error?.code ?? "");
    if (!typed) return { outcome: "crash", seen: `${error?.name}: ${error?.message}` };
    if (!error.message.includes(says))
      return { outcome: "refused", seen: `the message does not say "${says}": ${error.message}` };
    return { outcome: "refused" };
  }
  if (await right?.(result)) return { outcome: "right" };
  const failing = [await certificates(result)].flat().filter(({ holds }) => !holds);
  return failing.length > 0
    ? { outcome: "seen" }
    : { outcome: "silent", seen: "a wrong result in silence" };
}

const BEGIN = "<!-- doors: written by npm run stress -- doors -->";
const END = "<!-- end of doors -->";

/** The section of the page: what is given, and what becomes of it. */
export function section(entries) {
  const packages = [...new Set(entries.map((entry) => entry.package))];
  const count = (outcome) => entries.filter((entry) => entry.outcome === outcome).length;
  const tables = packages.map((name) => {
    const rows = entries
      .filter((entry) => entry.package === name)
      .map(
        ({ kind, given, outcome, note = "" }) => `| ${kind} | ${given} | ${outcome} | ${note} |`,
      );
    return `### ${name}\n\n| kind | what is brought | what becomes of it | remark |\n| --- | --- | --- | --- |\n${rows.join("\n")}\n`;
  });
  return `${BEGIN}

## Faults at the door

A certificate that reads the input as the solver did shares its misreading. So inputs are brought as people have them: in other storage forms, with other numbers of steps, on other scales, with other codes, with options misspelt. Each is right, refused by name, or makes a certificate fail; \`npm test\` brings every one of the ${entries.length}. ${count("right")} come out right, ${count("refused")} are refused, ${count("seen")} are seen by a certificate.

${tables.join("\n")}
${END}`;
}

const page = fileURLToPath(new URL("../../docs/guides/faults.md", import.meta.url));

/** The page with its section of doors as it must be. */
export async function pageWithDoors(entries, text = readFileSync(page, "utf8")) {
  const { format, resolveConfig } = await import("prettier");
  const [before, after] = text.includes(BEGIN)
    ? [text.slice(0, text.indexOf(BEGIN)), text.slice(text.indexOf(END) + END.length)]
    : [text.slice(0, text.indexOf("\n## ") + 1), text.slice(text.indexOf("\n## "))];
  return format(`${before}${section(entries)}\n${after}`, {
    ...(await resolveConfig(page)),
    parser: "markdown",
  });
}

export async function runDoors(only) {
  const entries = await doors(only);
  let failures = 0;
  for (const entry of entries) {
    const { outcome, seen } = await tryDoor(entry);
    if (outcome === entry.outcome && seen === undefined) continue;
    failures++;
    console.log(
      `${entry.package}: ${entry.given}: ${outcome}, must be ${entry.outcome}${seen ? ` (${seen})` : ""}`,
    );
  }
  console.log(`${entries.length} inputs at the door, ${failures} not as they must be`);
  if (failures === 0 && only === undefined) writeFileSync(page, await pageWithDoors(entries));
  return failures;
}
