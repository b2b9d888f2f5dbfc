/** `provably-worker`: computes the tasks of a queue on this machine. */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { isCoreTensorError } from "@provably/core-tensor";
import { redisOptions } from "../node/connection.js";
import { startWorker } from "./worker.js";

const HELP = `provably-worker: computes the tasks of a queue on this machine

  --connection <address>  redis://host:6379, or rediss:// for TLS; or the environment variable PROVABLY_CONNECTION,
                          which other users of the machine cannot see
  --queue <name>          name of the queue, as queue({ name }) has it
  --tasks <folder>        folder of the modules named *.task.mjs that may be run; nothing else ever is
  --threads <count>       threads; default one for each core
  --store <folder>        folder for results over 64 KB, which must be the store of the sweep; default Redis
  --ca <file>             certificate of the authority that signed that of Redis
  --memory <megabytes>    memory that a thread may take
  --lock <seconds>        a worker that is not heard of for so long has died; default 30`;

function fail(message: string): never {
  console.error(`provably-worker: ${message.replace(/^provably-worker: /, "")}`);
  process.exit(1);
}

function parsed() {
  try {
    return parseArgs({
      options: {
        connection: { type: "string" },
        queue: { type: "string" },
        tasks: { type: "string" },
        threads: { type: "string" },
        store: { type: "string" },
        ca: { type: "string" },
        memory: { type: "string" },
        lock: { type: "string" },
        help: { type: "boolean" },
      },
    }).values;
  } catch (error) {
    return fail(`${(error as Error).message}; --help tells what there is`);
  }
}

function count(name: string, text: string | undefined, most: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  return fail(`--${name} must be an integer from 1 to ${most}, got "${text}"`);
}

async function main(): Promise<void> {
  const given = parsed();
  if (given.help === true) {
    console.log(HELP);
    return;
  }
  const connection = given.connection ?? process.env["PROVABLY_CONNECTION"];
  if (connection === undefined)
    fail("--connection, or PROVABLY_CONNECTION, must say where Redis is");
  const { queue, tasks } = given;
  if (queue === undefined || !/^[\w-]{1,100}$/.test(queue))
    fail("--queue must be 1 to 100 letters, digits, - and _");
  if (tasks === undefined) fail("--tasks must name the folder of the tasks that may be run");
  const options = redisOptions("provably-worker", connection);
  if (given.ca !== undefined) options["tls"] = { ca: readFileSync(given.ca) };
  const stop = await startWorker({
    options,
    queue,
    tasks,
    threads: count("threads", given.threads, 4096) ?? availableParallelism(),
    store: given.store,
    lockSeconds: count("lock", given.lock, 3600) ?? 30,
    memoryMb: count("memory", given.memory, 1e6),
    log: (line) => console.log(line),
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => {
      stop().then(
        () => process.exit(0),
        () => process.exit(1),
      );
    });
}

main().catch((error: unknown) => {
  fail(isCoreTensorError(error) || error instanceof Error ? error.message : String(error));
});
