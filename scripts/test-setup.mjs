// Property tests draw the same cases in every run, so that a red run can be repeated.
import fc from "fast-check";

fc.configureGlobal({ seed: 20240611, numRuns: 50 });
