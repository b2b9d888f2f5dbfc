// Messages of commits since this check began: a subject that a log shows whole, and a body where something was decided or measured.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const FIRST = "b9ff17e";
const git = (...args) => spawnSync("git", args, { cwd: root, encoding: "utf8" });
const known = git("merge-base", "--is-ancestor", FIRST, "HEAD").status === 0;

describe(`commits${known ? "" : " (skipped: this clone does not reach back to where the check began)"}`, () => {
  it.skipIf(!known)("have a subject of 72 characters or less", () => {
    const subjects = git("log", "--no-merges", "--format=%s", `${FIRST}..HEAD`)
      .stdout.trim()
      .split("\n");
    expect(subjects.filter((subject) => [...subject].length > 72)).toEqual([]);
  });
});
