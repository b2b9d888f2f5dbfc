// PyTorch as a contestant: a Python child process that times its own calls and reports them.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** A running PyTorch, or undefined with the reason where this machine has none. `PYTHON` names the interpreter. */
export async function startTorch() {
  const python = process.env.PYTHON ?? "python3";
  const child = spawn(python, [fileURLToPath(new URL("torch-server.py", import.meta.url))], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  let trouble = "";
  child.stderr.on("data", (data) => (trouble += data));
  const lines = createInterface({ input: child.stdout });
  const answers = [];
  const waiting = [];
  lines.on("line", (line) =>
    (waiting.shift() ?? ((answer) => answers.push(answer)))(JSON.parse(line)),
  );
  const closed = new Promise((resolve) => {
    child.on("error", resolve);
    child.on("close", resolve);
  });
  const next = () =>
    answers.length > 0
      ? answers.shift()
      : Promise.race([
          new Promise((resolve) => waiting.push(resolve)),
          closed.then(() => undefined),
        ]);
  const hello = await next();
  if (hello === undefined)
    return { reason: trouble.trim().split("\n").pop() || `${python} does not start` };
  const time = async (operation, times) => {
    child.stdin.write(`${JSON.stringify({ operation, times })}\n`);
    const answer = await next();
    if (answer === undefined)
      throw new Error(`PyTorch stopped: ${trouble.trim().split("\n").pop()}`);
    return answer.seconds;
  };
  return { version: hello.version, time, stop: () => child.stdin.end() };
}
