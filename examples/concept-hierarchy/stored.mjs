// What a run that was stopped had already counted: the next one with the same options goes on from there.
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";

/** `of` counts a cell or takes it from the file; `forget` removes the file, when all is done. */
export function storedCells(file) {
  const cells = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
  return {
    of(name, count) {
      if (!(name in cells)) {
        cells[name] = count();
        writeFileSync(file, JSON.stringify(cells));
      }
      return cells[name];
    },
    forget: () => rmSync(file, { force: true }),
  };
}
