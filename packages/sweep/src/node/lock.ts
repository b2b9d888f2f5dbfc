/** The lock of a coordinator: one sweep a queue, and one coordinator a sweep. */
import { EngineError } from "../errors.js";
import type { RedisClient } from "./connection.js";
import { lockKey } from "./queue-names.js";

const [HELD_MS, RENEW_MS, WAIT_MS] = [4000, 1000, 250];

/** Extends the lock where it is still ours, or takes it where nobody has it. */
const RENEW = `
local held = redis.call('get', KEYS[1])
if held == false or held == ARGV[1] then
  redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 1
end
return 0`;
const RELEASE = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0`;

export interface Lock {
  readonly release: () => Promise<unknown>;
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Takes the lock; waits for that of a coordinator of the same sweep, which may have died. */
export async function takeLock(
  redis: RedisClient,
  name: string,
  { identity, task }: { readonly identity: string; readonly task: string },
  onLost: (error: EngineError) => void,
): Promise<Lock> {
  const mine = JSON.stringify({ identity, task, token: crypto.randomUUID() });
  const renew = () => redis.eval(RENEW, 1, lockKey(name), mine, HELD_MS);
  const deadline = performance.now() + 2 * HELD_MS;
  while ((await renew()) !== 1) {
    const held = await redis.get(lockKey(name));
    const other =
      held === null ? undefined : (JSON.parse(held) as { identity: string; task: string });
    if (other !== undefined && other.identity !== identity)
      throw new EngineError(
        `queue: "${name}" is in use by another sweep, of the task "${other.task}"; take another name`,
      );
    if (performance.now() > deadline)
      throw new EngineError(`queue: "${name}" is in use by another process that runs this sweep`);
    await wait(WAIT_MS);
  }
  const timer = setInterval(() => {
    renew().then(
      (kept) => {
        if (kept !== 1)
          onLost(new EngineError(`queue: "${name}" was taken over by another process`));
      },
      () => {},
    );
  }, RENEW_MS);
  return {
    release() {
      clearInterval(timer);
      return redis.eval(RELEASE, 1, lockKey(name), mine);
    },
  };
}
