/** Workers of one machine: each sits in a seat, takes one job at a time, and is replaced when it dies. */
import type { Answer, Job } from "../schedule/job.js";

/** One worker. */
export interface Hired {
  readonly run: (job: Job) => Promise<Answer>;
  readonly dismiss: () => Promise<void>;
}

export interface Seats {
  readonly run: (job: Job) => Promise<Answer>;
  readonly close: () => Promise<void>;
}

interface Seat {
  readonly name: string;
  hired: Hired | undefined;
  isBusy: boolean;
}

interface Waiting {
  readonly job: Job;
  readonly settle: (answer: Answer) => void;
  readonly fail: (error: unknown) => void;
}

/** So many seats; jobs wait in a line for the first free one whose worker may take them. */
export function seatsOf(names: readonly string[], hire: (name: string) => Hired): Seats {
  const seats = names.map((name): Seat => ({ name, hired: undefined, isBusy: false }));
  const line: Waiting[] = [];
  const serve = async (seat: Seat, { job, settle, fail }: Waiting): Promise<void> => {
    seat.isBusy = true;
    try {
      seat.hired ??= hire(seat.name);
      const answer = await seat.hired.run(job);
      if ("crashed" in answer) {
        // nobody waits for what is dead already
        void seat.hired.dismiss().catch(() => {});
        seat.hired = undefined;
      }
      settle(answer);
    } catch (error) {
      fail(error);
    } finally {
      seat.isBusy = false;
      turn();
    }
  };
  const turn = (): void => {
    for (const seat of seats) {
      if (seat.isBusy) continue;
      const i = line.findIndex(({ job }) => job.notOn !== seat.name);
      if (i >= 0) void serve(seat, line.splice(i, 1)[0]!);
    }
  };
  return {
    run: (job) =>
      new Promise((settle, fail) => {
        line.push({ job, settle, fail });
        turn();
      }),
    async close() {
      await Promise.all(seats.map(async (seat) => seat.hired?.dismiss()));
    },
  };
}
