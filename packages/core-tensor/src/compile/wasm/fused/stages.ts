/**
 * In which pass over a tile each step is computed. A static kernel works on a tile between two passes: what it works on belongs to the
 * pass before, what reads its results to a pass after, and what crosses passes lies in scratch memory meanwhile.
 */
import { type FusedSpec, isWideSpec } from "./spec.js";

/** Scratch that all tiles of a pass take together, about half of a first-level cache. */
const SCRATCH_BYTES = 16384;

/** Kernels work on pairs of vectors and may pass the end of a tile. */
const SLACK_BYTES = 64;

export class Stages {
  readonly count: number;
  readonly tileElements: number;
  /** The pass that computes a step. */
  private readonly level: number[] = [];
  /** The pass in which a step can be used. */
  private readonly available: number[] = [];
  /** Scratch buffers, of kernel steps and of steps that later passes need. */
  private readonly buffers = new Map<number, number>();
  private readonly bufferBytes: number;

  constructor(private readonly spec: FusedSpec) {
    for (const step of spec.steps) {
      const level = step.args.reduce((most, a) => Math.max(most, this.available[a]!), 0);
      this.level.push(level);
      this.available.push(step.kind === "kernel" ? level + 1 : level);
    }
    this.count = Math.max(...spec.results.map((x) => this.available[x.step]!)) + 1;
    this.assignBuffers();
    const bytesPerElement = isWideSpec(spec) ? 8 : 4;
    const share = SCRATCH_BYTES / bytesPerElement / Math.max(1, this.buffers.size);
    this.tileElements = Math.max(256, Math.min(1024, 2 ** Math.floor(Math.log2(share))));
    this.bufferBytes = this.tileElements * bytesPerElement + SLACK_BYTES;
  }

  private assignBuffers(): void {
    const { steps, results } = this.spec;
    const keep = (id: number): void => {
      if (!this.buffers.has(id)) this.buffers.set(id, this.buffers.size);
    };
    steps.forEach((step, id) => {
      if (step.kind === "kernel") keep(id);
      for (const a of step.args)
        if (this.isComputed(a) && this.available[a]! < this.level[id]!) keep(a);
    });
    for (const x of results) if (steps[x.step]!.kind === "kernel") keep(x.step);
  }

  /** Neither loaded from memory nor a constant. */
  private isComputed(id: number): boolean {
    const { kind } = this.spec.steps[id]!;
    return kind !== "operand" && kind !== "constant";
  }

  get scratchBytes(): number {
    return this.buffers.size * this.bufferBytes;
  }

  /** Where a step's tile begins in scratch memory. */
  offset(id: number): number {
    return this.buffers.get(id)! * this.bufferBytes;
  }

  /** Whether a step comes from scratch memory in this pass. */
  isRead(id: number, stage: number): boolean {
    return this.spec.steps[id]!.kind === "kernel" || this.level[id]! < stage;
  }

  /** Results, by number, that this pass can store. */
  results(stage: number): number[] {
    return this.spec.results.flatMap((x, k) => (this.available[x.step] === stage ? [k] : []));
  }

  /** Kernels that run after this pass. */
  kernels(stage: number): number[] {
    return this.spec.steps.flatMap((step, id) =>
      step.kind === "kernel" && this.level[id] === stage ? [id] : [],
    );
  }

  /** Steps of this pass that a later one reads back. */
  spilled(stage: number): number[] {
    return [...this.buffers.keys()].filter(
      (id) => this.spec.steps[id]!.kind !== "kernel" && this.level[id] === stage,
    );
  }
}
