// What a stopped command had already counted: the next one goes on from there. Delete the file after a change of the search, or that counts too.
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";

/** `of` counts a run or takes it from the file; `forget` removes the file, when all is done. */
export function storedRuns(file) {
  const runs = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
  return {
    of(name, count) {
      if (!(name in runs)) {
        runs[name] = count();
        writeFileSync(file, JSON.stringify(runs));
      }
      return runs[name];
    },
    forget: () => rmSync(file, { force: true }),
  };
}
