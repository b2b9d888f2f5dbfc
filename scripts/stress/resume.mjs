// npm run stress -- resume: runs of resume/jobs.mjs killed at random moments and taken up again, held against the uninterrupted run, bit for bit.
import { fork } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { generator } from "./hostile.mjs";
import { jobs } from "./resume/jobs.mjs";

/** One life: ends by itself, or is killed some time after its first step. Whether it came to its end. */
function live(name, file, killAfterMs) {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL("./resume/life.mjs", import.meta.url)), [name, file], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      execArgv: [], // whatever runs this file, a life is plain Node on the built packages
    });
    if (killAfterMs !== undefined)
      child.on("message", () => setTimeout(killAfterMs).then(() => child.kill("SIGKILL")));
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      if (signal === "SIGKILL") resolve(false);
      else if (code === 0) resolve(true);
      else reject(new Error(`${name} ended with code ${code}`));
    });
  });
}

/** Kills a job so many times, over as many runs as that takes; the number of runs, and of those that ended with other bits. */
export async function killAndResume(name, kills, { seed = 1, longestMs = 120 } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "resume-"));
  const pick = generator(seed);
  try {
    const whole = join(folder, "whole");
    await live(name, whole);
    const expected = readFileSync(`${whole}.result`, "utf8");
    let [killed, runs, wrong] = [0, 0, 0];
    while (killed < kills) {
      const file = join(folder, `run${runs}`);
      for (;;) {
        const ended = await live(name, file, killed < kills ? pick(longestMs) : undefined);
        if (ended) break;
        killed++;
      }
      runs++;
      if (readFileSync(`${file}.result`, "utf8") !== expected) wrong++;
    }
    return { killed, runs, wrong };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export async function runResume(kills = 50) {
  let failures = 0;
  for (const name of Object.keys(jobs)) {
    const { killed, runs, wrong } = await killAndResume(name, kills);
    console.log(`${name}: killed ${killed} times in ${runs} runs; ${wrong === 0 ? "every run ended with the bits of the uninterrupted one" : `${wrong} ended otherwise`}`); // prettier-ignore
    failures += wrong;
  }
  return failures;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  process.exit((await runResume(Number(process.argv[2] ?? 50))) === 0 ? 0 : 1);
