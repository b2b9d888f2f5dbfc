// What a stopped command had already counted: the next one goes on from there. Delete the file after a change of the search, or that counts too.
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";

/** `of` counts a run or takes it from the file; `forget` takes those that were asked for out of the file, when all is done. */
export function storedRuns(file) {
  const runs = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
  const asked = new Set();
  return {
    of(name, count) {
      asked.add(name);
      if (!(name in runs)) {
        runs[name] = count();
        writeFileSync(file, JSON.stringify(runs));
      }
      return runs[name];
    },
    forget() {
      const rest = Object.entries(runs).filter(([name]) => !asked.has(name));
      if (rest.length > 0) writeFileSync(file, JSON.stringify(Object.fromEntries(rest)));
      else rmSync(file, { force: true });
    },
  };
}
