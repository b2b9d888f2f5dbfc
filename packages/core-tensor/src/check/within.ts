/** Errors that name the function which the user called. */
import { isCoreTensorError } from "../errors.js";

/** The name with which messages of this house begin. */
const NAME = /^[A-Za-z]\w*(?=: )/;

/**
 * What `body` returns; where it throws a typed error, that error names `fn`, and not the function
 * inside that found the fault.
 *
 * For functions made of others, beside checks of their own arguments. It costs nothing until
 * something is thrown. Not around callbacks of the user, whose errors are theirs.
 *
 * @param fn - name of the function that the user called
 * @param body - the work, which calls other functions of this house
 * @returns what `body` returns
 */
export function within<T>(fn: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw isCoreTensorError(error) ? renamed(fn, error) : error;
  }
}

function renamed<E extends Error>(fn: string, error: E): E {
  const { message, stack } = error;
  error.message = message.replace(NAME, () => fn);
  // engines write the message into the stack when they make it
  if (stack !== undefined) error.stack = stack.replace(message, () => error.message);
  return error;
}
