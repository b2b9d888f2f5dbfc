/**
 * Workers that share the memory of compiled programs. The calling thread does its share and waits for theirs.
 *
 * A worker sleeps on a word of the shared memory. To run a function the caller writes its number and arguments into the worker's
 * mailbox and wakes it; a generated module travels as bytes through the same memory before its function first runs there, so that no
 * event loop is involved once a worker is up. The numbers of generated functions that are no longer in use are given to later ones.
 * Until it is, and where workers or shared memory cannot be had, the caller does everything: work is cut into the same tiles either
 * way, and results do not depend on who computes them.
 */
import type { Kernel } from "./static-kernels.js";

/** Words of a mailbox. */
const [TICKET, DONE, COMMAND, FUNCTION, COUNT, READY, ARGS] = [0, 1, 2, 3, 4, 5, 8];
const MAILBOX_WORDS = 512;
const [RUN, LOAD] = [1, 2];

/** Most arguments of a function. */
const MAX_ARGS = MAILBOX_WORDS - ARGS;

/** Room for one module on its way. */
const MODULE_BYTES = 1 << 18;

/** Checks of a word before the caller goes to sleep on it. */
const SPINS = 20_000;

/** What a worker runs: plain JavaScript as text, since it must start without files or bundlers. */
const WORKER = `
const start = ({ memory, modules, at, moduleAt }) => {
  const box = new Int32Array(memory.buffer, at, ${MAILBOX_WORDS});
  const kernels = {}, functions = [];
  for (const { key, bytes, names } of modules) {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
    for (const name of names) {
      functions.push(exports[name]);
      kernels[name + "." + key] = exports[name];
    }
  }
  Atomics.store(box, ${READY}, 1);
  for (let ticket = 0; ;) {
    Atomics.wait(box, ${TICKET}, ticket);
    ticket = Atomics.load(box, ${TICKET});
    try {
      if (box[${COMMAND}] === ${LOAD}) {
        const module = new WebAssembly.Module(new Uint8Array(memory.buffer, moduleAt, box[${COUNT}]).slice());
        functions[box[${FUNCTION}]] = new WebAssembly.Instance(module, { e: { m: memory, ...kernels } }).exports.run;
      } else functions[box[${FUNCTION}]](...box.subarray(${ARGS}, ${ARGS} + box[${COUNT}]));
    } catch {
      // the caller does this share itself, and all later ones
      Atomics.store(box, ${READY}, 0);
    }
    Atomics.store(box, ${DONE}, ticket);
    Atomics.notify(box, ${DONE});
    if (Atomics.load(box, ${READY}) === 0) return;
  }
};`;

interface NodeWorkers {
  readonly Worker: new (source: string, options: object) => { unref(): void };
}

/** `node:worker_threads`, without an import that a browser's bundler would stumble over. */
function nodeWorkers(): NodeWorkers | undefined {
  try {
    const { process } = globalThis as {
      process?: { getBuiltinModule?: (name: string) => unknown };
    };
    return process?.getBuiltinModule?.("node:worker_threads") as NodeWorkers | undefined;
  } catch {
    return undefined;
  }
}

/** Starts a worker; false where none can be had. */
function start(data: object): boolean {
  const node = nodeWorkers();
  try {
    if (node !== undefined) {
      const source = `${WORKER}\nstart(require("node:worker_threads").workerData);`;
      new node.Worker(source, { eval: true, workerData: data }).unref();
    } else {
      const url = URL.createObjectURL(
        new Blob([`${WORKER}\nonmessage = (event) => start(event.data);`], {
          type: "text/javascript",
        }),
      );
      new Worker(url).postMessage(data);
    }
    return true;
  } catch {
    return false;
  }
}

/** A static kernel module, as workers need it. */
export interface KernelModule {
  /** Element type, which is part of the name that generated modules import. */
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly names: readonly string[];
}

interface Member {
  readonly box: Int32Array;
  /** The generated module that it has last been given for each number. */
  readonly loaded: Map<number, Uint8Array>;
  ticket: number;
}

/** Whether a worker has started and has not failed. */
function isUp({ box }: Member): boolean {
  return Atomics.load(box, READY) === 1;
}

/** Whether the calling thread may sleep: not the main thread of a browser. */
function mayWait(): boolean {
  return (
    nodeWorkers() !== undefined ||
    typeof (globalThis as { importScripts?: unknown }).importScripts === "function"
  );
}

export class WorkerPool {
  private readonly members: Member[] = [];
  /** Generated modules by the number of their function. */
  private readonly generated = new Map<number, Uint8Array>();
  private readonly numbers = new WeakMap<object, number>();
  /** Numbers below the next one that stand for no function. */
  private readonly unused: number[] = [];
  private next = 0;
  /** Takes back the number of a function that no program uses any more. */
  private readonly dropped = new FinalizationRegistry<number>((number) => {
    this.generated.delete(number);
    this.unused.push(number);
  });

  /** `boxesAt` and `moduleAt` are addresses of blocks of {@link WorkerPool.boxBytes} and {@link WorkerPool.moduleBytes} bytes. */
  constructor(
    private readonly memory: WebAssembly.Memory,
    private readonly modules: readonly KernelModule[],
    exports: readonly Kernel[],
    private readonly boxesAt: number,
    private readonly moduleAt: number,
  ) {
    modules.forEach(({ names }, i) => {
      for (const name of names) this.numbers.set(exports[i]![name]!, this.next++);
    });
  }

  static readonly maxThreads = 16;
  static readonly boxBytes = MAILBOX_WORDS * 4;
  static readonly moduleBytes = MODULE_BYTES;

  /** Starts workers until there are `threads` threads in all; they join when they are up. */
  grow(threads: number): void {
    while (this.members.length < Math.min(threads, WorkerPool.maxThreads) - 1) {
      const at = this.boxesAt + this.members.length * WorkerPool.boxBytes;
      const box = new Int32Array(this.memory.buffer, at, MAILBOX_WORDS);
      box.fill(0);
      const data = { memory: this.memory, modules: this.modules, at, moduleAt: this.moduleAt };
      if (!start(data)) return;
      this.members.push({ box, loaded: new Map(), ticket: 0 });
    }
  }

  /** Workers that are up. */
  get numReady(): number {
    return this.members.filter(isUp).length;
  }

  /** Generated functions that are known; a worker holds at most one module for each number that one of them ever had. */
  get numGenerated(): number {
    return this.generated.size;
  }

  /** Makes a generated function known for as long as somebody holds it. */
  add(fn: object, bytes: Uint8Array): void {
    if (bytes.length > MODULE_BYTES) return;
    const number = this.unused.pop() ?? this.next++;
    this.numbers.set(fn, number);
    this.generated.set(number, bytes);
    this.dropped.register(fn, number);
  }

  /** Calls `fn` once with each list of arguments, on as many threads as there are. */
  run(fn: (...args: number[]) => unknown, shares: readonly number[][]): void {
    const number = this.numbers.get(fn);
    const helpers =
      number === undefined || shares[0]!.length > MAX_ARGS ? [] : this.members.filter(isUp);
    const given: { readonly member: Member; readonly share: number[] }[] = [];
    const own: number[][] = [];
    shares.forEach((share, i) => {
      const member = i === 0 ? undefined : helpers[i - 1];
      if (member === undefined || !this.teach(member, number!)) own.push(share);
      else {
        this.send(member, RUN, number!, share);
        given.push({ member, share });
      }
    });
    for (const share of own) fn(...share);
    for (const { member, share } of given) {
      this.join(member);
      if (!isUp(member)) fn(...share);
    }
  }

  /** Sends a worker the module of a generated function that it does not have; false when it fails at it. */
  private teach(member: Member, number: number): boolean {
    const bytes = this.generated.get(number);
    if (bytes !== undefined && member.loaded.get(number) !== bytes) {
      new Uint8Array(this.memory.buffer, this.moduleAt, bytes.length).set(bytes);
      this.send(member, LOAD, number, [bytes.length]);
      this.join(member);
      member.loaded.set(number, bytes);
    }
    return isUp(member);
  }

  private send(member: Member, command: number, fn: number, args: readonly number[]): void {
    const { box } = member;
    box[COMMAND] = command;
    box[FUNCTION] = fn;
    box[COUNT] = command === LOAD ? args[0]! : args.length;
    if (command === RUN) for (let i = 0; i < args.length; i++) box[ARGS + i] = args[i]!;
    Atomics.store(box, TICKET, ++member.ticket);
    Atomics.notify(box, TICKET);
  }

  private join({ box, ticket }: Member): void {
    for (let i = 0; i < SPINS; i++) if (Atomics.load(box, DONE) === ticket) return;
    const sleeps = mayWait();
    for (let done = Atomics.load(box, DONE); done !== ticket; done = Atomics.load(box, DONE))
      if (sleeps) Atomics.wait(box, DONE, done);
  }
}
