// The repository itself: types, lint, format, the direction of imports, and what must not be written down.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path/posix";
import { fileURLToPath } from "node:url";
import { globSync } from "tinyglobby";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const run = (tool, ...args) => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [`${root}node_modules/${tool}`, ...args],
    { cwd: root, encoding: "utf8" },
  );
  return { status, text: `${stdout}${stderr}` };
};
const clean = (result) =>
  expect(result.text.slice(-4000) + (result.status === 0 ? "" : "\nfailed")).not.toContain(
    "\nfailed",
  );

describe("code", () => {
  it("type-checks", () => clean(run("typescript-7/bin/tsc", "-p", ".")));
  it("passes the linter", () => clean(run("oxlint/bin/oxlint", "--type-aware")));
  it("is formatted", () => clean(run("prettier/bin/prettier.cjs", "--check", ".")));

  it("points downwards only: domain packages use core-tensor's public entries and nothing of each other", () => {
    const { name, exports } = JSON.parse(
      readFileSync(`${root}packages/core-tensor/package.json`, "utf8"),
    );
    // a device is the user's to open
    const entries = new Set(
      Object.keys(exports)
        .filter((key) => key !== "./package.json" && key !== "./gpu")
        .map((key) => name + key.slice(1)),
    );
    const wrong = [];
    for (const file of globSync("packages/*/src/**/*.ts", { cwd: root })) {
      const owner = file.split("/")[1];
      for (const [line, from] of readFileSync(root + file, "utf8").matchAll(
        /^.*from "(@provably\/[^"]+)".*$/gm,
      )) {
        if (line.startsWith(" *")) continue; // an example in a doc comment
        if (owner === "core-tensor" || !entries.has(from)) wrong.push(`${file}: ${from}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it("has storeys in core-tensor: no file imports from a storey above its own", () => {
    const storeys = ["check", "array", "exec", "forms", "trace", "tree", "ops", "transform", "graph", "compile", "eager"]; // prettier-ignore
    // files beside the folders lie below them all, the entries above
    const storey = (file) => {
      const [folder, ...rest] = file.split("/").slice(3);
      if (rest.length === 0) return folder === "index.ts" ? storeys.length : -1;
      return storeys.includes(folder) ? storeys.indexOf(folder) : storeys.length;
    };
    const wrong = [];
    for (const file of globSync("packages/core-tensor/src/**/*.ts", { cwd: root }))
      for (const [, from] of readFileSync(root + file, "utf8").matchAll(
        /^(?:import|export|\}).* from "(\.[^"]+)\.js"/gm,
      )) {
        const target = join(dirname(file), `${from}.ts`);
        if (storey(target) > storey(file)) wrong.push(`${file} → ${target}`);
      }
    expect(wrong).toEqual([]);
  });

  it("has no circles: no file imports, by whatever way round, a file that imports it", () => {
    const imports = new Map();
    for (const file of globSync("packages/*/src/**/*.ts", { cwd: root })) {
      const text = readFileSync(root + file, "utf8");
      const targets = [...text.matchAll(/^(?:import|export|\}).* from "(\.[^"]+)\.js"/gm)].map(
        ([, target]) => join(dirname(file), `${target}.ts`),
      );
      imports.set(file, targets);
    }
    const finished = new Set();
    const circles = [];
    const visit = (file, path) => {
      if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(" → "));
      if (finished.has(file) || path.includes(file)) return;
      for (const target of imports.get(file) ?? []) visit(target, [...path, file]);
      finished.add(file);
    };
    for (const file of imports.keys()) visit(file, []);
    expect(imports.size).toBeGreaterThan(100);
    expect(circles).toEqual([]);
  });

  it("has a README in every package with the same rooms: install, an example, certificates, functions, limits, checks, sources", () => {
    const rooms = [/^npm install @provably\//m, /^```ts$/m, /^##+ What the certificates? means?$/m, /^##+ What is in it$/m, /^##+ When (not )?to use it$/m, /^##+ How it was verified$/m, /^##+ Sources$/m]; // prettier-ignore
    const wrong = globSync("packages/*/README.md", { cwd: root }).flatMap((file) => {
      const text = readFileSync(root + file, "utf8");
      return rooms.filter((room) => !room.test(text)).map((room) => `${file}: ${room}`);
    });
    expect(wrong).toEqual([]);
  });

  it("mentions no path or host of the machine it was written on", () => {
    // spelt in parts, so that this file does not name them itself
    const forbidden = new RegExp(
      ["/wor" + "k/", "/tm" + "p/", "\\.\\./share" + "d", "registr" + "y\\.[a-z]+\\."].join("|"),
    );
    const { stdout } = spawnSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" });
    const files = stdout
      .split("\0")
      .filter((file) => file !== "" && !/\.(png|wasm)$|fixtures\/|lock/.test(file));
    const wrong = files.filter((file) => {
      try {
        return forbidden.test(readFileSync(root + file, "utf8"));
      } catch {
        return false;
      }
    });
    expect(wrong).toEqual([]);
  });
});
