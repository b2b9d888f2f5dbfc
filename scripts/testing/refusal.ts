import { expect } from "vitest";

/** The call throws an error of this project, with a code of its own, whose message has these words. */
export function expectRefusal(call: () => unknown, says: RegExp): void {
  let thrown: unknown;
  try {
    call();
  } catch (error) {
    thrown = error;
  }
  expect((thrown as { code?: string } | undefined)?.code).toMatch(/^ERR_/);
  expect((thrown as Error).message).toMatch(says);
}
