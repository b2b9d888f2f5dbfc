// A dry release: every package alone in a fresh project, its README's first example run in every way people run code.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, transformSync } from "esbuild";
import { build as viteBuild } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { noBrowser, openSite } from "../../browser.mjs";
import { codeBlocks, toProgram } from "../../doctest.mjs";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const names = readdirSync(`${root}packages`).sort();
const succeed = (command, cwd) => {
  const env = { ...process.env, NODE_ENV: "", npm_config_loglevel: "error" };
  const { status, stdout, stderr } = spawnSync(command, {
    cwd,
    shell: true,
    encoding: "utf8",
    env,
  });
  if (status !== 0) throw new Error(`${command}\n${stdout}${stderr}`.slice(-4000));
  return stdout;
};

// this Node, and with RUN_SLOW every one that is supported
const nodes = process.env.RUN_SLOW
  ? [20, 22, 24].map((version) => `npx --yes -p node@${version} node`)
  : ["node"];
const ranOn = (file, cwd) =>
  nodes.map((node) => succeed(`${node} ${file}`, cwd).trim().split("\n").at(-1));
const ran = nodes.map(() => "ran");

let tarballs;
beforeAll(() => {
  tarballs = mkdtempSync(join(tmpdir(), "provably-release-"));
  succeed(`npx pnpm -r --filter "./packages/*" pack --pack-destination ${tarballs}`, root);
});
afterAll(() => rmSync(tarballs, { recursive: true, force: true }));
const tarball = (name) =>
  join(
    tarballs,
    readdirSync(tarballs).find((file) => file.startsWith(`provably-${name}-`)),
  );

/** Kilobytes, from "≤ 60 KB" in the package's row of the README's table. */
const limitOf = (name) => {
  const row = readFileSync(`${root}README.md`, "utf8")
    .split("\n")
    .find(
      (line) =>
        line.startsWith("|") && line.includes(`packages/${name}/README.md`) && line.includes(" KB"),
    );
  return Number(/≤ (\d+) KB/.exec(row ?? "")?.[1]);
};

/** The entry of a package, or all of them where it has none of its own name. */
const mainEntries = (name) => {
  const { exports } = JSON.parse(readFileSync(`${root}packages/${name}/package.json`, "utf8"));
  const keys = exports["."]
    ? ["."]
    : Object.keys(exports).filter((key) => key !== "./package.json");
  return keys.map((key) => `@provably/${name}${key.slice(1)}`);
};

describe.each(names)("%s, installed alone", (name) => {
  // the first one that needs no file of this repository
  const block = codeBlocks(readFileSync(`${root}packages/${name}/README.md`, "utf8"), true).find(
    ({ code }) => !code.includes("examples/"),
  );
  let project;
  const bundled = {
    bundle: true,
    write: true,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    // what a parser of CSV asks for when it is given a stream of Node
    external: ["stream"],
    logLevel: "silent",
  };

  beforeAll(() => {
    project = mkdtempSync(join(tmpdir(), `provably-${name}-`));
    writeFileSync(
      join(project, "package.json"),
      JSON.stringify({ name: "consumer", private: true }),
    );
    const needed = [...new Set(["core-tensor", name])].map(tarball);
    succeed(`npm install --prefer-offline --no-audit --no-fund ${needed.join(" ")}`, project);
    const program = transformSync(toProgram(block), { loader: "ts" }).code;
    writeFileSync(join(project, "example.mjs"), program);
    writeFileSync(join(project, "example.cjs"), transformSync(program, { format: "cjs" }).code);
    writeFileSync(join(project, "example.mts"), block.code);
  });
  afterAll(() => rmSync(project, { recursive: true, force: true }));

  it("runs its example as an ES module and from CommonJS", () => {
    expect(ranOn("example.mjs", project)).toEqual(ran);
    expect(ranOn("example.cjs", project)).toEqual(ran);
  });

  it("type-checks its example", () => {
    const tsc = `node ${root}node_modules/typescript/bin/tsc`;
    succeed(
      `${tsc} --noEmit --strict --target es2022 --lib es2023,dom --module nodenext --moduleResolution nodenext example.mts`,
      project,
    );
  });

  it("runs its example bundled by Vite, and by esbuild minified with names kept", async () => {
    await build({
      ...bundled,
      entryPoints: [join(project, "example.mjs")],
      outfile: join(project, "esbuild.mjs"),
      minify: true,
      keepNames: true,
    });
    expect(ranOn("esbuild.mjs", project)).toEqual(ran);
    const lib = { entry: join(project, "example.mjs"), formats: ["es"], fileName: "vite" };
    await viteBuild({
      root: project,
      configFile: false,
      logLevel: "error",
      build: { lib, outDir: join(project, "vite"), emptyOutDir: true },
    });
    expect(ranOn("vite/vite.mjs", project)).toEqual(ran);
  });

  it("weighs no more, gzipped and without core-tensor, than the README says", async () => {
    const { outputFiles } = await build({
      ...bundled,
      stdin: {
        contents: mainEntries(name)
          .map((entry) => `export * from "${entry}";`)
          .join("\n"),
        resolveDir: project,
      },
      external: [
        "stream",
        ...(name === "core-tensor" ? [] : ["@provably/core-tensor", "@provably/core-tensor/*"]),
      ],
      minify: true,
      write: false,
    });
    expect(gzipSync(outputFiles[0].contents).length / 1024).toBeLessThanOrEqual(limitOf(name));
  });

  it.skipIf(noBrowser)("runs its example in a web worker", async () => {
    const site = join(project, "site");
    mkdirSync(site);
    await build({
      ...bundled,
      entryPoints: [join(project, "example.mjs")],
      outfile: join(site, "example.mjs"),
    });
    writeFileSync(
      join(site, "worker.mjs"),
      'globalThis.done = (outcome) => postMessage(outcome);\nimport("./example.mjs");',
    );
    writeFileSync(
      join(site, "index.html"),
      '<!doctype html><script type="module">new Worker("./worker.mjs", { type: "module" }).onmessage = ({ data }) => (document.title = data);</script>',
    );
    const { page, close } = await openSite(site);
    try {
      await page.waitForFunction("document.title !== ''", undefined, { timeout: 180_000 });
      expect(await page.title()).toBe("ran");
    } finally {
      await close();
    }
  });
});

describe("a release", () => {
  it.each(names)(
    "%s is public, with provenance, licence and changelog settings, without install scripts",
    (name) => {
      const {
        publishConfig,
        license,
        files,
        repository,
        scripts = {},
        sideEffects,
      } = JSON.parse(readFileSync(`${root}packages/${name}/package.json`, "utf8"));
      expect(publishConfig).toEqual({ access: "public", provenance: true });
      expect(license).toBe("MIT");
      expect(repository?.directory).toBe(`packages/${name}`);
      expect(sideEffects).toBe(false);
      expect(files).toContain("CHANGELOG.md");
      expect(Object.keys(scripts).filter((script) => /install|prepare/.test(script))).toEqual([]);
    },
  );

  it("has a version and a changelog waiting for every package", () => {
    const waiting = readdirSync(`${root}.changeset`)
      .filter((file) => file.endsWith(".md") && file !== "README.md")
      .map((file) => readFileSync(`${root}.changeset/${file}`, "utf8"));
    const silent = names.filter((name) => {
      const released =
        JSON.parse(readFileSync(`${root}packages/${name}/package.json`, "utf8")).version !==
        "0.0.0";
      return !released && !waiting.some((text) => text.includes(`"@provably/${name}":`));
    });
    expect(silent).toEqual([]);
  });
});
