/** Letting other work run in the middle of long work. */

/** A turn of the event loop, in which a signal may arrive. */
export function othersWork(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
