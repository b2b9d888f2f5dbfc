/** The table of calls that a configuration stands for. */
import { DomainError } from "@provably/core-tensor";
import { chainPlan, consistencyPlan } from "./chain.js";
import type { Settings } from "./config.js";
import { flowPlan } from "./flow.js";
import { edmPlan, ratioPlan } from "./ratio.js";
import type { Plan, PlanOptions } from "./shared.js";
import { solverPlan } from "./solver.js";

/** Options that only some classes look at. */
const READERS: Readonly<Record<string, readonly string[]>> = {
  eta: ["DDIMScheduler", "TCDScheduler"],
  useClippedModelOutput: ["DDIMScheduler"],
  sigmas: ["FlowMatchEulerDiscreteScheduler"],
  mu: [
    "FlowMatchEulerDiscreteScheduler",
    "DPMSolverMultistepScheduler",
    "DPMSolverSinglestepScheduler",
    "UniPCMultistepScheduler",
    "DEISMultistepScheduler",
  ],
};

/** The table of a configuration. */
export function planOf(fn: string, settings: Settings, options: PlanOptions): Plan {
  const { numSteps, sigmas, startIndex = 0 } = options;
  const n = sigmas?.length ?? numSteps;
  if (n === undefined || (sigmas !== undefined && numSteps !== undefined))
    throw new DomainError(`${fn}: give either numSteps or sigmas`);
  if (startIndex >= n)
    throw new DomainError(`${fn}: startIndex must be below the ${n} steps, got ${startIndex}`);
  if (options.variance !== undefined && !settings.word("variance_type").startsWith("learned"))
    throw new DomainError(
      `${fn}: variance is taken where config.variance_type is learned, got ${settings.word("variance_type")}`,
    );
  for (const [name, kinds] of Object.entries(READERS))
    if (options[name as keyof PlanOptions] !== undefined && !kinds.includes(settings.kind))
      throw new DomainError(
        `${fn}: ${name} is an option of ${kinds.join(" and ")}, not of ${settings.kind}`,
      );
  const asked = { ...options, fn, numSteps: n, startIndex };
  switch (settings.kind) {
    case "DDIMScheduler":
    case "DDPMScheduler":
    case "PNDMScheduler":
      return chainPlan(settings, asked);
    case "LCMScheduler":
    case "TCDScheduler":
      return consistencyPlan(settings, asked);
    case "FlowMatchEulerDiscreteScheduler":
    case "FlowMatchHeunDiscreteScheduler":
      return flowPlan(settings, asked);
    case "EDMEulerScheduler":
    case "EDMDPMSolverMultistepScheduler":
      return edmPlan(settings, asked);
    case "DPMSolverMultistepScheduler":
    case "DPMSolverSinglestepScheduler":
    case "UniPCMultistepScheduler":
    case "DEISMultistepScheduler":
      return solverPlan(settings, asked);
    default:
      return ratioPlan(settings, asked);
  }
}
