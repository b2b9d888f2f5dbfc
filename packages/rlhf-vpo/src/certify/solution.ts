/** A pessimistic solution as it was given, read a second time for its certificates. */
import { DomainError } from "@provably/core-tensor";
import { anything, check, recordWith } from "@provably/core-tensor/internal";
import { finite, logDistributions } from "../arrays.js";
import { type PreferenceProblem, flattenProblem } from "../exact/problem.js";
import {
  type TrainingResult,
  type VpoHyperparameters,
  hyperparametersOf,
} from "../train/offline.js";
import { type Given, type Table, readGiven, tableFrom } from "./given.js";

/** The problem, the solution and the weights between them. */
export interface GivenSolution {
  readonly given: Given;
  readonly theta: readonly number[];
  readonly logPolicy: Table;
  readonly beta: number;
  readonly alpha: number;
}

export function readSolution(
  fn: string,
  problem: PreferenceProblem,
  result: Pick<TrainingResult, "theta" | "logPolicy">,
  hyperparameters: VpoHyperparameters,
): GivenSolution {
  const { beta, alpha, sign } = hyperparametersOf(fn, hyperparameters);
  if (sign === 1)
    throw new DomainError(`${fn}: attitude must be "pessimistic", the saddle is one of pessimism`);
  const { dimension, prompts, responses } = flattenProblem(fn, problem);
  check(fn, "result", result, recordWith({ theta: anything, logPolicy: anything }));
  const theta = Array.from(finite(fn, "theta", result.theta, [dimension]));
  logDistributions(fn, "logPolicy", result.logPolicy, [prompts, responses]);
  return { given: readGiven(problem), theta, logPolicy: tableFrom(result.logPolicy), beta, alpha };
}
