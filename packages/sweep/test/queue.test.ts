// Sweeps over a queue in a real Redis, with worker processes that run the built package. Truth: the calling thread.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { key } from "@provably/core-tensor/random";
import { type SweepProgress, collect, directory, grid, inline, mean, memory, quantiles, queue, redis, sweep } from "@provably/sweep"; // prettier-ignore
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Server, type WorkerProcess, freePort, noRedis, startRedis, startWorkerProcess } from "./redis-server.js"; // prettier-ignore

const draws = new URL("./tasks/draws.task.mjs", import.meta.url);
const odd = new URL("./tasks/odd.task.mjs", import.meta.url);
const tasks = fileURLToPath(new URL("./tasks/", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "queue-"));
const given = {
  cases: grid({ n: [5, 20] }),
  replicates: 100,
  reduce: { average: [mean(), quantiles([0.05, 0.95]), collect()] },
};

describe.skipIf(noRedis)(`a queue${noRedis ? ` (skipped: ${noRedis})` : ""}`, () => {
  let server: Server;
  let worker: WorkerProcess;
  const at = (name = "q") => queue({ connection: server.url, name });
  beforeAll(async () => {
    server = await startRedis(["--appendonly", "yes", "--appendfsync", "always"]);
    worker = await startWorkerProcess(server.url, "q", tasks);
  });
  afterAll(async () => {
    await worker.kill();
    await server.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  it("gives the bits of the calling thread on two workers, which audit each other", async () => {
    const alone = await sweep(draws, key(2), { ...given, engine: inline() });
    const second = await startWorkerProcess(server.url, "q", tasks);
    const seen: SweepProgress[] = [];
    const { table, certificate } = await sweep(draws, key(2), { ...given, engine: at(), audit: 0.2, onProgress: (p) => seen.push(p) }); // prettier-ignore
    expect(table).toEqual(alone.table);
    expect(certificate.holds).toBe(true);
    expect(certificate.note).toMatch(/^\d+ of 200 tasks audited, 0 disagreements, 0 failures/);
    expect(seen.at(-1)).toMatchObject({ numAnswered: 200, numTasks: 200, state: "running" });
    await second.kill("SIGTERM");
  });

  it("carries large results through Redis, or through a folder that both sides share", async () => {
    const wide = { cases: [{ size: 9000 }], reduce: { big: collect() } };
    const alone = await sweep(odd, key(2), { ...wide, engine: inline() });
    const there = await sweep(odd, key(2), { ...wide, engine: at() });
    expect(there.table).toEqual(alone.table);
    const shared = await startWorkerProcess(server.url, "shared", tasks, ["--store", folder]);
    const store = directory(folder);
    const found = await sweep(odd, key(2), { ...wide, engine: at("shared"), store });
    expect(found.table).toEqual(alone.table);
    expect(await store.list("payloads/")).toEqual([]);
    await expect(sweep(odd, key(3), { ...wide, engine: at("shared"), store: memory() })).rejects.toThrow(/both must be the same folder/); // prettier-ignore
    await shared.kill();
  });

  it("goes on when a worker is killed, when Redis is killed, and says that it waits", async () => {
    const slow = { cases: [{ wait: 15 }], replicates: 200, reduce: { u: [mean(), collect()] } };
    const alone = await sweep(odd, key(5), { ...slow, cases: [{ wait: 15 }], engine: inline() });
    const states = new Set<string>();
    const run = sweep(odd, key(5), { ...slow, engine: at(), onProgress: ({ state }) => states.add(state) }); // prettier-ignore
    await new Promise((resolve) => setTimeout(resolve, 900));
    await worker.kill();
    worker = await startWorkerProcess(server.url, "q", tasks);
    await server.kill();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await server.start();
    const { table, certificate } = await run;
    expect(table).toEqual(alone.table);
    expect(certificate.holds).toBe(true);
    expect([...states].sort()).toEqual(["running", "waiting"]);
  });

  it("reports a task that throws or takes its thread down, and the rest goes on", async () => {
    const { table, failures } = await sweep(odd, key(0), { cases: [{ what: "throws" }, { what: "exits" }, {}], replicates: 2, engine: at() }); // prettier-ignore
    expect(table.map(({ numAnswered }) => numAnswered)).toEqual([0, 0, 2]);
    expect(failures.map(({ error }) => error.code)).toEqual(["ERR_TASK", "ERR_TASK", "ERR_WORKER_LOST", "ERR_WORKER_LOST"]); // prettier-ignore
  });

  it("refuses hostile jobs by name, and its worker lives", async () => {
    const own = await startRedis();
    const lives = await startWorkerProcess(own.url, "q", tasks, ["--lock", "30"]);
    const jobs = new Queue("q", { connection: { port: own.port }, prefix: "provably" });
    const client = new Redis({ port: own.port });
    const code = { task: "odd", hash: "a".repeat(64), packages: {} };
    const part = { settings: "{}", key: "0".repeat(32), from: 0, to: 1 };
    const good = { protocol: 1, id: "x", code, parts: [part] };
    const bad: [string, unknown, RegExp][] = [
      ["text", "rm -rf", /data of a job must be a record/],
      ["protocol", { ...good, protocol: 99 }, /speaks the protocol 99/],
      ["hash", good, /no module of this worker has the hash aaaaaaaaaaaa… of "odd"/],
      ["path", { ...good, code: { ...code, hash: "../../etc/passwd" } }, /code\.hash must be 64/],
      [
        "prototype",
        JSON.parse(
          `{"protocol":1,"id":"x","code":{"task":"odd","hash":"${"a".repeat(64)}","packages":{}},"parts":[{"settings":"{\\"__proto__\\":{\\"polluted\\":1}}","key":"${"0".repeat(32)}","from":0,"to":1}]}`,
        ),
        /settings must be a record/,
      ],
      ["range", { ...good, parts: [{ ...part, to: 2 ** 40 }] }, /at most 1000000 tasks/],
      [
        "broken settings",
        { ...good, parts: [{ ...part, settings: "{" }] },
        /settings must be a record/,
      ],
      [
        "size",
        { ...good, parts: [{ ...part, settings: `{"x":"${"y".repeat(2e7)}"}` }] },
        /text of at most/,
      ],
    ];
    for (const [name, data] of bad) await jobs.add("job", data, { jobId: `bad-${name}` });
    // not even JSON
    await jobs.add("job", {}, { jobId: "bad-json", delay: 200 });
    await client.hset("provably:q:bad-json", "data", "{nothing");
    for (const [name, , says] of bad) {
      let reason: string | undefined;
      for (let i = 0; i < 200 && reason === undefined; i++) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        reason = (await jobs.getJob(`bad-${name}`))?.failedReason;
      }
      expect(reason, name).toMatch(/^ERR_JOB: /);
      expect(reason, name).toMatch(says);
    }
    await client.del("provably:q:bad-json");
    await jobs.close();
    client.disconnect();
    expect(lives.child.exitCode).toBe(null);
    const after = await sweep(draws, key(2), {
      ...given,
      engine: queue({ connection: own.url, name: "q" }),
    });
    expect(after.certificate.holds).toBe(true);
    await lives.kill();
    await own.remove();
  });

  it("is one sweep's at a time, and ends with the signal", async () => {
    const controller = new AbortController();
    const first = sweep(odd, key(0), { cases: [{ wait: 20 }], replicates: 10_000, engine: at("lonely"), signal: controller.signal }); // prettier-ignore
    await new Promise((resolve) => setTimeout(resolve, 400));
    await expect(sweep(draws, key(0), { ...given, engine: at("lonely") })).rejects.toThrow(/"lonely" is in use by another sweep, of the task "odd"/); // prettier-ignore
    controller.abort(new Error("enough"));
    await expect(first).rejects.toThrow("enough");
    await expect(sweep(draws, key(0), { ...given, engine: at("lonely"), signal: AbortSignal.timeout(300) })).rejects.toMatchObject({ name: "TimeoutError" }); // prettier-ignore
  });

  it("refuses workers whose folder holds other code, after it has asked often enough", async () => {
    const other = await startWorkerProcess(server.url, "other", folder);
    await expect(sweep(draws, key(0), { ...given, engine: at("other") })).rejects.toThrow(/no worker takes the jobs: no module of this worker has the hash/); // prettier-ignore
    await other.kill();
  });

  it("keeps results in Redis where that is the store", async () => {
    const store = redis(server.url, { name: "kept" });
    const run = { ...given, engine: inline(), store };
    const first = await sweep(draws, key(2), run);
    const names = await store.list("");
    expect(names).toContain("sweep.json");
    expect((await sweep(draws, key(2), run)).table).toEqual(first.table);
    expect((await store.list("")).length).toBe(names.length);
    await store.close!();
  });

  it("names a Redis that is not there, wants a password, is full, or is too old", async () => {
    const refused = queue({ connection: `redis://127.0.0.1:${await freePort()}`, name: "q" });
    await expect(sweep(draws, key(2), { ...given, engine: refused })).rejects.toMatchObject({ code: "ERR_ENGINE", message: expect.stringMatching(/queue: Redis cannot be used: .*ECONNREFUSED/) as string }); // prettier-ignore
    const closed = await startRedis(["--requirepass", "open-sesame"]);
    const wrong = queue({ connection: `redis://:wrong-word@127.0.0.1:${closed.port}`, name: "q" });
    const said = await sweep(draws, key(2), { ...given, engine: wrong }).catch((error: unknown) => (error as Error).message); // prettier-ignore
    expect(said).toMatch(/Redis cannot be used: .*(WRONGPASS|NOAUTH|password)/);
    expect(said).not.toMatch(/wrong-word/);
    const open = `redis://:open-sesame@127.0.0.1:${closed.port}`;
    const inside = await startWorkerProcess(open, "q", tasks);
    const { certificate } = await sweep(draws, key(2), { ...given, engine: queue({ connection: open, name: "q" }) }); // prettier-ignore
    expect(certificate.holds).toBe(true);
    expect(inside.said()).not.toMatch(/sesame/);
    await inside.kill();
    const client = new Redis({ port: closed.port, password: "open-sesame" });
    await client.config("SET", "maxmemory", "1");
    await expect(sweep(draws, key(2), { ...given, engine: queue({ connection: open, name: "full" }) })).rejects.toThrow(/(Redis is full|OOM)/); // prettier-ignore
    client.disconnect();
    await closed.remove();
    // a server that says it is of 2015
    const old = createServer((socket) => {
      socket.on("data", (data) => {
        const info = "redis_version:3.0.7\r\nloading:0\r\n";
        for (const _ of data.toString().matchAll(/\*\d+\r\n/g))
          socket.write(data.toString().toLowerCase().includes("info") ? `$${info.length}\r\n${info}\r\n` : "+OK\r\n"); // prettier-ignore
      });
    }).listen(0);
    const { port } = old.address() as { port: number };
    await expect(sweep(draws, key(2), { ...given, engine: queue({ connection: { port, enableReadyCheck: false }, name: "q" }) })).rejects.toThrow(/Redis 5 or newer is needed, got 3\.0\.7/); // prettier-ignore
    old.close();
  });

  it("speaks TLS, with the certificate of an authority of one's own", async () => {
    const file = (name: string) => join(folder, name);
    const made = spawnSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", file("key.pem"), "-out", file("cert.pem")]); // prettier-ignore
    expect(made.status).toBe(0);
    const tlsPort = await freePort();
    const secret = await startRedis(["--tls-port", String(tlsPort), "--tls-cert-file", file("cert.pem"), "--tls-key-file", file("key.pem"), "--tls-auth-clients", "no", "--tls-ca-cert-file", file("cert.pem")]); // prettier-ignore
    const url = `rediss://localhost:${tlsPort}`;
    const inside = await startWorkerProcess(url, "q", tasks, ["--ca", file("cert.pem")]);
    const tls = { ca: readFileSync(file("cert.pem")) };
    const connection = { host: "localhost", port: tlsPort, tls };
    const { certificate } = await sweep(draws, key(2), { ...given, engine: queue({ connection, name: "q" }) }); // prettier-ignore
    expect(certificate.holds).toBe(true);
    await expect(sweep(draws, key(2), { ...given, engine: queue({ connection: url, name: "q" }) })).rejects.toThrow(/self.signed certificate/); // prettier-ignore
    await inside.kill();
    await secret.remove();
  });

  it("has a worker that says what it needs", () => {
    writeFileSync(join(folder, "x"), "");
    const bin = fileURLToPath(new URL("../bin/provably-worker.mjs", import.meta.url));
    const run = (...args: string[]) => {
      const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], { encoding: "utf8", env: { PATH: process.env["PATH"] } }); // prettier-ignore
      return `${status} ${stdout}${stderr}`;
    };
    expect(run("--help")).toMatch(/^0 provably-worker: computes/);
    expect(run()).toMatch(/^1 provably-worker: --connection, or PROVABLY_CONNECTION/);
    expect(run("--connection", "redis://localhost:1", "--queue", "a b")).toMatch(
      /^1 .*--queue must be/,
    );
    expect(run("--conection", "x")).toMatch(/^1 .*--conection/);
    expect(run("--connection", "redis://:secret@127.0.0.1:1", "--queue", "q", "--tasks", folder)).toMatch(/^1 provably-worker: Redis cannot be used: (?!.*secret)/); // prettier-ignore
  });
});
