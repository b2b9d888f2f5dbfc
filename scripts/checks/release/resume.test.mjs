// Long runs killed twice at random moments and taken up again; npm run stress kills each of them 50 times.
import { describe, expect, it } from "vitest";
import { killAndResume } from "../../stress/resume.mjs";
import { jobs } from "../../stress/resume/jobs.mjs";

describe("runs that are killed and resumed", () => {
  it.each(Object.keys(jobs))("%s ends with the bits of the uninterrupted run", async (name) => {
    const { killed, wrong } = await killAndResume(name, 2);
    expect(killed).toBe(2);
    expect(wrong).toBe(0);
  });
});
