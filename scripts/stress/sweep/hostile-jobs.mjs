// Jobs that nobody should take, put into a queue by hand, and what the worker says of each.
import { createRequire } from "node:module";
import { setTimeout as wait } from "node:timers/promises";

const require = createRequire(new URL("../../../packages/sweep/package.json", import.meta.url));

const code = { task: "odd", hash: "a".repeat(64), packages: {} };
const part = { settings: "{}", key: "0".repeat(32), from: 0, to: 1 };
const good = { protocol: 1, id: "x", code, parts: [part] };
const withPart = (changed) => ({ ...good, parts: [{ ...part, ...changed }] });

/** Name, data, and what the refusal says; `size` is the length of the largest. */
export const hostileData = (size) => [
  ["text", "rm -rf", /data of a job must be a record/],
  ["number", 7, /data of a job must be a record/],
  ["list", [good], /data of a job must be a record/],
  ["nothing", null, /data of a job must be a record/],
  ["empty", {}, /speaks the protocol undefined/],
  ["protocol", { ...good, protocol: 99 }, /speaks the protocol 99/],
  ["unknown-task", good, /no module of this worker has the hash aaaaaaaaaaaa… of "odd"/],
  ["path", { ...good, code: { ...code, hash: "../../etc/passwd" } }, /code\.hash must be 64/],
  ["packages", { ...good, code: { ...code, packages: { a: 1 } } }, /code\.packages must name/],
  ["prototype", { ...good, code: JSON.parse('{"__proto__":{"task":"odd"}}') }, /code\.task must be text/],
  ["prototype-in-settings", withPart({ settings: '{"__proto__":{"polluted":1}}' }), /settings must be a record/],
  ["broken-settings", withPart({ settings: "{" }), /settings must be a record/],
  ["key", withPart({ key: "x" }), /key must be a random key/],
  ["range", withPart({ to: 2 ** 40 }), /at most 1000000 tasks/],
  ["backwards", withPart({ to: -1 }), /must have from < to/],
  ["not-on", { ...good, notOn: 5 }, /notOn must be text/],
  ["large", withPart({ settings: `{"x":"${"y".repeat(size)}"}` }), /text of at most/],
]; // prettier-ignore

/** Puts all of them into the queue "q" and waits for the refusals; also one whose data is not even JSON. */
export async function hostileJobs(server, size) {
  const { port } = server;
  const { Queue } = require("bullmq");
  const jobs = new Queue("q", { connection: { port }, prefix: "provably" });
  jobs.on("error", () => {});
  const client = server.client();
  const data = hostileData(size);
  const wrong = [];
  await jobs.add("job", {}, { jobId: "bad-json", delay: 300 });
  await client.hset("provably:q:bad-json", { data: "{nothing" });
  for (const [name, job] of data) await jobs.add("job", job, { jobId: `bad-${name}` });
  for (const [name, , says] of data) {
    let reason;
    for (let i = 0; i < 1200 && reason === undefined; i++) {
      await wait(50);
      reason = (await jobs.getJob(`bad-${name}`))?.failedReason;
    }
    if (!/^ERR_JOB: /.test(reason ?? "") || !says.test(reason)) wrong.push(`${name}: ${reason}`);
  }
  await client.del("provably:q:bad-json");
  await jobs.close();
  client.disconnect();
  return { refused: data.length - wrong.length, wrong };
}
