// A Redis and workers of one's own, as processes.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(new URL("../../../packages/sweep/package.json", import.meta.url));

/** Why nothing here can run, or undefined. */
export const noRedis =
  spawnSync("redis-server", ["--version"]).status === 0 ? undefined : "there is no redis-server";

export const tasksFolder = fileURLToPath(new URL("./", import.meta.url));
const bin = fileURLToPath(
  new URL("../../../packages/sweep/bin/provably-worker.mjs", import.meta.url),
);

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

const ended = (child) =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.once("exit", resolve);
  });

/** A process that is ready when it says `word`; `kill` ends it at once. */
export async function started(command, args, word, options = {}) {
  const child = spawn(command, args, options);
  let said = "";
  await new Promise((resolve, reject) => {
    const hear = (text) => {
      said += text;
      if (said.includes(word)) resolve();
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.once("exit", (code) => reject(new Error(`${command} ended with ${code}: ${said.slice(-500)}`))); // prettier-ignore
  });
  return {
    child,
    async kill(signal = "SIGKILL") {
      child.kill(signal);
      await ended(child);
    },
  };
}

/** A Redis with an append-only file in a folder of its own, which can be killed and started again. */
export async function redisServer() {
  const [port, dir] = [await freePort(), mkdtempSync(join(tmpdir(), "stress-redis-"))];
  const args = ["--port", port, "--dir", dir, "--save", "", "--bind", "127.0.0.1", "--appendonly", "yes"]; // prettier-ignore
  const start = () => started("redis-server", args.map(String), "Ready to accept connections");
  let server = await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    pid: () => server.child.pid,
    /** A client of its own. */
    client() {
      const { Redis } = require("ioredis");
      return new Redis({ port });
    },
    async restart() {
      await server.kill();
      server = await start();
    },
    async remove() {
      await server.kill();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** A worker with one thread. */
export const workerProcess = (url, queue, env = {}, more = []) =>
  started(
    process.execPath,
    [bin, "--queue", queue, "--tasks", tasksFolder, "--threads", "1", "--lock", "3", ...more],
    "wait for jobs",
    { env: { ...process.env, NODE_OPTIONS: "", PROVABLY_CONNECTION: url, ...env } },
  );
