// npm run stress -- sweep [scale] [bar]: the bars of packages/sweep, with a real redis-server and worker processes; writes their section of
// docs/guides/under-stress.md. `scale` 0.1 runs a tenth of the tasks, and the page says so.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { key, foldIn } from "@provably/core-tensor/random";
import {
  collect,
  defineTask,
  inline,
  mean,
  quantiles,
  queue,
  sweep,
  threads,
} from "@provably/sweep";
import { spin } from "./sweep/busy.task.mjs";
import { generator } from "./hostile.mjs";
import { hostileJobs } from "./sweep/hostile-jobs.mjs";
import { noRedis, redisServer, started, workerProcess } from "./sweep/servers.mjs";
import { simulate } from "./sweep/simulate.mjs";

const at = (name) => new URL(`./sweep/${name}.task.mjs`, import.meta.url);
const percent = (share) => `${(100 * share).toFixed(1)} %`;
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
/** Threads as plain Node has them. */
const pool = (n) => threads(n, { execArgv: [] });

/** Rounds of the busy task that take a millisecond here. */
function roundsForMs() {
  spin(0.3, 1e6);
  // processor time: on a busy machine the clock goes on while this process waits
  const { user } = process.cpuUsage();
  spin(0.3, 5e7);
  return Math.round(5e7 / ((process.cpuUsage().user - user) / 1000));
}

async function withWorkers(count, body, env = () => ({})) {
  const server = await redisServer();
  const workers = await Promise.all(
    Array.from({ length: count }, (_, i) => workerProcess(server.url, "q", env(i))),
  );
  try {
    return await body(queue({ connection: server.url, name: "q" }), server, workers);
  } finally {
    for (const worker of workers) await worker.kill();
    await server.remove();
  }
}

/** 1. The same bits on every engine, for a task of every package. */
export async function sameBits(scale = 1) {
  const of = ["core-tensor", "score-diffusion", "robust-rl", "rlhf-vpo", "transformer-sparsity", "causal-latent"]; // prettier-ignore
  const given = {
    cases: of.map((name) => ({ of: name })),
    replicates: Math.max(2, Math.round(20 * scale)),
    reduce: { u: [mean(), quantiles([0.1, 0.9])], values: collect() },
  };
  const bits = ({ table, failures }) => [
    failures.map(({ error }) => error.message),
    table.map(({ numAnswered, reductions: { u, values } }) => [numAnswered, u, JSON.stringify(values, (_, x) => (ArrayBuffer.isView(x) ? [...x] : x))]), // prettier-ignore
  ];
  const truth = bits(await sweep(at("house"), key(1), { ...given, engine: inline() }));
  const others = [];
  for (const n of [1, 2])
    others.push([`threads ${n}`, await sweep(at("house"), key(1), { ...given, engine: pool(n) })]);
  for (const n of [1, 2, 4])
    others.push([`queue, ${n} workers`, await withWorkers(n, (engine) => sweep(at("house"), key(1), { ...given, engine }))]); // prettier-ignore
  const different = others.filter(([, result]) => !same(bits(result), truth)).map(([name]) => name);
  const failed = truth[0].length;
  return {
    bar: "same bits: the calling thread, threads 1 and 2, queue with 1, 2 and 4 workers, a task of every package",
    found: `${given.cases.length * given.replicates} tasks; ${different.length === 0 ? "all engines alike" : `others on ${different.join(", ")}`}${failed ? `; ${truth[0][0]}` : ""}`,
    holds: different.length === 0 && failed === 0,
  };
}

/** 2. Workers and coordinators killed, Redis restarted, every task counted once. */
export async function killed(
  scale = 1,
  { kills = Math.round(50 * scale), restarts = Math.max(1, Math.round(5 * scale)) } = {},
) {
  // on a busy machine shorter tasks take as long
  const ms = loadavg()[0] > 8 ? 5 : 20;
  const rounds = ms * roundsForMs();
  const [replicates, cases] = [Math.round(5000 * scale), [{ rounds }, { rounds: rounds + 1 }]];
  const given = { cases, replicates, reduce: { x: [mean(), collect()] } };
  const truth = await sweep(at("busy"), key(0), { ...given, engine: pool(2) });
  const folder = mkdtempSync(join(tmpdir(), "stress-sweep-"));
  const pick = generator(7);
  const server = await redisServer();
  const args = [fileURLToPath(new URL("./sweep/coordinator.mjs", import.meta.url)), server.url, "q", `${folder}/store`, JSON.stringify({ cases, replicates })]; // prettier-ignore
  const coordinator = () => started(process.execPath, args, "started");
  try {
    const workers = [await workerProcess(server.url, "q"), await workerProcess(server.url, "q")];
    let main = await coordinator();
    const alive = () => main.child.exitCode === null && main.child.signalCode === null;
    let [shot, restarted, coordinators] = [0, 0, 0];
    while (alive() && shot < kills) {
      await wait(300 + pick(1500));
      if (!alive()) break;
      const target = pick(5);
      if (target < 3) {
        const i = pick(2);
        await workers[i].kill();
        workers[i] = await workerProcess(server.url, "q");
      } else {
        await main.kill();
        main = await coordinator();
        coordinators++;
      }
      shot++;
      if (restarted < restarts && shot % Math.ceil(kills / (restarts + 1)) === 0) {
        await server.restart();
        restarted++;
      }
    }
    await Promise.race([new Promise((resolve) => (alive() ? main.child.once("exit", resolve) : resolve())), wait(600_000)]); // prettier-ignore
    for (const worker of workers) await worker.kill();
    const result = JSON.parse(readFileSync(`${folder}/store.json`, "utf8"));
    const alike = same(result.table, truth.table) && result.disagreements === 0;
    return {
      bar: "50 random SIGKILLs of workers and of the coordinator, 5 of Redis, during 10⁴ tasks: each counted once, same bits",
      found: `${2 * replicates} tasks of ${ms} ms; ${shot} kills (${coordinators} of the coordinator), ${restarted} of Redis; ${alike ? "the bits of the undisturbed run" : `${result.failures} failures, ${result.disagreements} disagreements, other bits`}`,
      holds: alike && shot >= kills && restarted >= restarts,
    };
  } finally {
    await server.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

const timed = async (work) => {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
};

/** Seconds of processor time that processes have taken, this one among them. */
function processorSeconds(pids) {
  const { user, system } = process.cpuUsage();
  const others = pids.map((pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  });
  return others.reduce((a, b) => a + b, (user + system) / 1e6);
}

/** The largest memory that Redis takes while `work` runs: in the first half of the time, and in the second. */
async function memoryWhile(client, work) {
  const used = [];
  const timer = setInterval(async () => {
    const info = await client.info("memory").catch(() => "");
    used.push(Number(/used_memory:(\d+)/.exec(info)?.[1] ?? 0) / 1e6);
  }, 500);
  await work();
  clearInterval(timer);
  const half = used.length >> 1;
  return [Math.max(0, ...used.slice(0, half)), Math.max(0, ...used.slice(half))];
}

/** 3. What Redis costs over threads on the same cores, and how much memory it takes. */
export async function overhead(scale = 1) {
  const perMs = roundsForMs();
  const rows = [];
  for (const [ms, count, limit] of [
    [1, 1e5, 0.2],
    [10, 1e4, 0.05],
  ]) {
    const given = { cases: [{ rounds: ms * perMs }], replicates: Math.round(count * scale), reduce: { x: mean() } }; // prettier-ignore
    const row = await withWorkers(2, async (engine, server, workers) => {
      const pids = [server.pid(), ...workers.map(({ child }) => child.pid)];
      const client = server.client();
      const measured = async (work) => {
        const [cpu, start] = [processorSeconds(pids), performance.now()];
        await work();
        return [(performance.now() - start) / 1000, processorSeconds(pids) - cpu];
      };
      const on = (turn, where) => sweep(at("busy"), key(turn), { ...given, engine: where });
      await sweep(at("busy"), key(9), { ...given, replicates: 200, engine });
      const alone = await measured(() => on(1, pool(2)));
      let memory;
      const apart = await measured(async () => {
        memory = await memoryWhile(client, () => on(1, engine));
      });
      client.disconnect();
      const [wall, cpu] = [apart[0] / alone[0] - 1, apart[1] / alone[1] - 1];
      // on a busy machine the clock also counts others' work
      const isBusy = loadavg()[0] > 3;
      return {
        bar: `${given.replicates} tasks of ${ms} ms: Redis costs at most ${100 * limit} % over threads on the same cores; its memory is flat`,
        found: `${alone[0].toFixed(1)} s on two threads, ${apart[0].toFixed(1)} s on two workers: ${percent(wall)}; of processor time, all processes together, ${alone[1].toFixed(1)} s and ${apart[1].toFixed(1)} s: ${percent(cpu)}${isBusy ? " (this one counts, for the machine was busy)" : ""}; Redis ${memory[0].toFixed(1)} MB at most in the first half of the time, ${memory[1].toFixed(1)} in the second`,
        holds: (isBusy ? cpu : wall) <= limit && memory[1] < memory[0] + 5,
      };
    });
    rows.push(row);
  }
  return rows;
}

/** 4. Two workers in little more than half of the time of one. */
export async function speed(scale = 1) {
  const given = { cases: [{ rounds: 5 * roundsForMs() }], replicates: Math.round(4000 * scale), reduce: { x: mean() } }; // prettier-ignore
  const seconds = async (n) =>
    withWorkers(n, async (engine) => {
      await sweep(at("busy"), key(5), { ...given, replicates: 100, engine });
      return timed(() => sweep(at("busy"), key(6), { ...given, engine }));
    });
  const [one, two] = [await seconds(1), await seconds(2)];
  return {
    bar: "two workers on two cores in at most 0.55 of the time of one",
    found: `${one.toFixed(1)} s and ${two.toFixed(1)} s: ${(two / one).toFixed(2)}`,
    holds: two / one <= 0.55,
  };
}

/** 5. Wrong bits of one worker are found by the audit, as often as its share says. */
export async function flipped(scale = 1) {
  const planted = await withWorkers(
    2,
    (engine) =>
      sweep(at("flips"), key(3), { cases: [{ n: 1 }], replicates: 400, engine, audit: 1 }),
    (i) => (i === 0 ? { PLANTED_FLIP: "0.02" } : {}),
  );
  // one wrong task among a hundred: the audit sees it when it looks at that one
  let seen = 0;
  const [runs, share] = [Math.round(2000 * scale), 0.05];
  for (let run = 0; run < runs; run++) {
    const calls = new Map();
    const task = defineTask({
      name: "one wrong",
      run({ i }, k) {
        const again = calls.has(k);
        calls.set(k, true);
        return { x: i === 17 && !again ? 1 : 0 };
      },
    });
    const { disagreements } = await sweep(task, foldIn(key("flips"), run), {
      cases: Array.from({ length: 100 }, (_, i) => ({ i })),
      engine: inline(),
      audit: share,
    });
    if (disagreements.length > 0) seen++;
  }
  const error = Math.sqrt((share * (1 - share)) / runs);
  const right = Math.abs(seen / runs - share) < 4 * error;
  return {
    bar: "a bit that is flipped in a result of one worker is found by `audit: 1`, and by `audit: 0.05` with that probability",
    found: `${planted.disagreements.length} of some 8 planted in 400 tasks and their audits found by \`audit: 1\`; one wrong task of a hundred found in ${percent(seen / runs)} of ${runs} sweeps by \`audit: 0.05\``,
    holds: planted.disagreements.length > 0 && !planted.certificate.holds && right,
  };
}

/** 6. A thousand virtual workers. */
export async function thousand(scale = 1) {
  const rows = [];
  for (const [what, taskMs] of [
    ["0.1 to 0.6 s, by their case", (i) => 100 + 10 * (i % 50)],
    ["20 ms", () => 20],
  ]) {
    const { holds, numTasks, seconds, idle, jobsPerSecond, bytesPerSecond, mostAhead, memory } = await simulate({ numWorkers: 1000, numCases: 1000, numReplicates: Math.round(1000 * scale), taskMs }); // prettier-ignore
    const [early, late] = [Math.max(...memory.slice(2, 10)), Math.max(...memory.slice(10))];
    rows.push({
      bar: `10³ virtual workers, ${numTasks} tasks of ${what}: at most 5 % idle, memory flat`,
      found: `${seconds.toFixed(0)} s of the fake clock, ${percent(idle)} idle; ${jobsPerSecond.toFixed(0)} jobs and ${(bytesPerSecond / 1e6).toFixed(1)} MB a second through Redis, at most ${mostAhead} jobs ahead; heap ${early.toFixed(0)} MB at most in the first half, ${late.toFixed(0)} in the second`,
      holds: holds && (scale < 1 || idle <= 0.05) && late < early + 10,
    });
  }
  return rows;
}

/** 7. Jobs that nobody should take. */
export async function hostile(scale = 1) {
  const server = await redisServer();
  const worker = await workerProcess(server.url, "q", {}, ["--lock", "60"]);
  try {
    const { refused, wrong } = await hostileJobs(server, scale < 1 ? 1e7 : 1e8);
    const after = await sweep(at("flips"), key(3), { cases: [{ n: 1 }], replicates: 50, engine: queue({ connection: server.url, name: "q" }) }); // prettier-ignore
    return {
      bar: "hostile jobs put into the queue by hand are refused by name, and the worker lives",
      found: `${refused} kinds refused, the largest of 100 MB${wrong.length > 0 ? `; not ${wrong.join("; ")}` : ""}; the same process computed 50 tasks afterwards`,
      holds: wrong.length === 0 && after.certificate.holds && worker.child.exitCode === null,
    };
  } finally {
    await worker.kill();
    await server.remove();
  }
}

export const bars = { sameBits, killed, overhead, speed, flipped, thousand, hostile };

const [BEGIN, END] = ["<!-- sweep: written by npm run stress -- sweep -->", "<!-- end of sweep -->"]; // prettier-ignore
const page = fileURLToPath(new URL("../../docs/guides/under-stress.md", import.meta.url));

export async function writePage(rows, load, scale) {
  const { format, resolveConfig } = await import("prettier");
  const text = readFileSync(page, "utf8");
  const table = rows
    .map(
      ({ bar, found, holds }) => `| ${bar} | ${found} | ${holds ? "holds" : "**does not hold**"} |`,
    )
    .join("\n");
  const section = `${BEGIN}

## One sweep on many machines

A real \`redis-server\` with an append-only file, and workers in processes of their own, with one thread each, on ${availableParallelism()} cores. ${load < 1 ? "Nothing else ran beside them." : `Other work ran beside them: ${load.toFixed(1)} processes waited for the cores on the average, which ratios of times bear and times do not.`}${scale === 1 ? "" : ` The numbers of tasks are ${scale} of what the bars ask for.`}

| bar | found | |
| --- | --- | --- |
${table}

${END}`;
  const [before, after] = text.includes(BEGIN)
    ? [text.slice(0, text.indexOf(BEGIN)), text.slice(text.indexOf(END) + END.length)]
    : [`${text.trimEnd()}\n\n`, "\n"];
  const config = { ...(await resolveConfig(page)), parser: "markdown" };
  writeFileSync(page, await format(`${before}${section}${after}`, config));
}

/** The number of bars that do not hold. */
export async function runSweep(scale = 1, only = "") {
  if (noRedis !== undefined) {
    console.log(`skipped: ${noRedis}`);
    return 0;
  }
  const load = loadavg()[2];
  const rows = [];
  for (const [name, run] of Object.entries(bars)) {
    if (!name.includes(only)) continue;
    for (const row of [await run(Number(scale))].flat()) {
      rows.push(row);
      console.log(`${row.holds ? "holds" : "DOES NOT HOLD"}: ${row.bar}\n  ${row.found}`);
    }
  }
  if (only === "") await writePage(rows, load, Number(scale));
  return rows.filter(({ holds }) => !holds).length;
}
