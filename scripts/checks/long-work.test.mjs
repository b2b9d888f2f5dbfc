// That npm run stress -- abort and -- resume know every function of the public interface that can be stopped, or taken up again.
import { describe, expect, it } from "vitest";
import { abortable, functionsTaking } from "../stress/abort.mjs";
import { runs } from "../stress/abort/runs.mjs";
import { jobs } from "../stress/resume/jobs.mjs";

describe("long work", () => {
  it("that takes a signal is aborted in npm run stress, all of it", () => {
    const aborted = new Set(Object.keys(runs).map((name) => name.split(",")[0]));
    // what shares its loop with a function that is there, or ends sooner than an abort has to
    const brief = new Set([
      "averageReward",
      "certifyGroups",
      "certifyHierarchy",
      "certifyPlan",
      "certifyScore",
      "certifyScoreAsync",
      "evaluatePolicy",
      "filesFromUrl",
      "itemCorrelations",
      "loadPreferences",
      "minimize",
      "onlineVpoAsync",
      "planFromLog",
      "robustAverageReward",
      "robustPlan",
      "robustPolicyEvaluation",
      "robustShortestPath",
      "robustnessProfile",
      "scoreGroups",
      "shortestPath",
    ]);
    expect(abortable().filter((name) => !aborted.has(name) && !brief.has(name))).toEqual([]);
    expect([...aborted].filter((name) => !abortable().includes(name))).toEqual([]);
  });

  it("that takes a state is killed and resumed in npm run stress", () => {
    // restorations share their loop: three of them stand for all; the others are the same functions on other input or write no state of training
    const alike = new Set([
      "ddnm",
      "ddrm",
      "diffPir",
      "lgdMc",
      "mcg",
      "piGdm",
      "pnpDm",
      "dapsAsync",
      "ddnmAsync",
      "ddrmAsync",
      "diffPirAsync",
      "pnpDmAsync",
      "redDiffAsync",
      "dpnpAsync",
      "onlineVpoAsync",
      // killed fifty times in its own test
      "startOnline",
      "trainTokenContrastive",
      "saveMatte",
    ]);
    const killed = new Set(Object.keys(jobs));
    expect(
      functionsTaking(/\bstate\?: /).filter((name) => !killed.has(name) && !alike.has(name)),
    ).toEqual([]);
  });
});
