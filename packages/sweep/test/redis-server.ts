// A redis-server of one's own, for tests and for npm run stress -- sweep.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Why tests with Redis cannot run here, or undefined. */
export const noRedis: string | undefined =
  spawnSync("redis-server", ["--version"]).status === 0 ? undefined : "there is no redis-server";

/** A port that is free now. */
export async function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

export interface Server {
  readonly port: number;
  readonly url: string;
  readonly start: () => Promise<void>;
  /** Ends the process at once, as a crash would. */
  readonly kill: () => Promise<void>;
  readonly remove: () => Promise<void>;
}

const ended = (child: ChildProcess) =>
  new Promise<void>((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.once("exit", () => resolve());
  });

/** Starts a server in a folder of its own; `args` are more options of redis-server. */
export async function startRedis(args: readonly string[] = []): Promise<Server> {
  const [port, dir] = [await freePort(), mkdtempSync(join(tmpdir(), "redis-"))];
  let child: ChildProcess | undefined;
  const start = async () => {
    const base = ["--port", String(port), "--dir", dir, "--save", "", "--bind", "127.0.0.1"];
    const server = spawn("redis-server", [...base, "--maxmemory-policy", "noeviction", ...args]);
    child = server;
    await new Promise<void>((resolve, reject) => {
      server.once("exit", (code) => reject(new Error(`redis-server ended with ${code}`)));
      server.stdout.on("data", (text: Buffer) => {
        if (text.includes("Ready to accept connections")) resolve();
      });
    });
  };
  const kill = async () => {
    child?.kill("SIGKILL");
    if (child) await ended(child);
  };
  await start();
  const remove = async () => {
    await kill();
    rmSync(dir, { recursive: true, force: true });
  };
  return { port, url: `redis://127.0.0.1:${port}`, start, kill, remove };
}

const bin = fileURLToPath(new URL("../bin/provably-worker.mjs", import.meta.url));

export interface WorkerProcess {
  readonly child: ChildProcess;
  readonly said: () => string;
  readonly kill: (signal?: NodeJS.Signals) => Promise<void>;
}

/** A worker process; plain Node on the built package. Resolves when it waits for jobs. */
export async function startWorkerProcess(
  connection: string,
  queue: string,
  tasks: string,
  more: readonly string[] = [],
): Promise<WorkerProcess> {
  const args = ["--queue", queue, "--tasks", tasks, "--threads", "1", "--lock", "2", ...more];
  const child = spawn(process.execPath, [bin, ...args], {
    env: { ...process.env, NODE_OPTIONS: "", PROVABLY_CONNECTION: connection },
  });
  let said = "";
  await new Promise<void>((resolve, reject) => {
    const hear = (text: Buffer) => {
      said += text.toString();
      if (said.includes("wait for jobs")) resolve();
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.once("exit", (code) => reject(new Error(`the worker ended with ${code}: ${said}`)));
  });
  const kill = async (signal: NodeJS.Signals = "SIGKILL") => {
    child.kill(signal);
    await ended(child);
  };
  return { child, said: () => said, kill };
}
