// Makes a fresh clone ready: checks Node, installs with the pinned pnpm, builds every package. Needs only Node and npm.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

const { packageManager, engines } = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8"),
);
const [major, minor] = process.versions.node.split(".").map(Number);
const [wantMajor, wantMinor] = engines.node.match(/\d+/g).map(Number);
if (major < wantMajor || (major === wantMajor && minor < wantMinor)) {
  console.error(`Node ${engines.node} is needed, this is ${process.version}.`);
  process.exit(1);
}

// under `npx -p node@24 npm test` the inner npx would look for pnpm inside the outer one's package
delete process.env.npm_config_package;

// one string and a shell, so that npx.cmd works on Windows; no argument holds a space
function pnpm(command) {
  const { status } = spawnSync(`npx --yes ${packageManager} ${command}`, {
    stdio: "inherit",
    shell: true,
  });
  if (status !== 0) process.exit(status ?? 1);
}

pnpm("install --frozen-lockfile --prefer-offline --reporter=append-only");
pnpm("--recursive --reporter=append-only run build");
