// Longer computations than the examples: the long runs that are killed and resumed, and those that run side by side.
import { jobs } from "../resume/jobs.mjs";
import { tasks } from "../together/tasks.mjs";

export const computations = {
  ...tasks,
  ...Object.fromEntries(Object.entries(jobs).map(([name, job]) => [name, () => job(undefined, () => {})])),
};
