// Which length of the pull suits the guided methods? PSNR on four digits that are neither trained on nor shown: image 860 of 0, 1, 2 and 3.
//   node examples/posterior/tune.mjs       three minutes of one core; the best of each row are the SCALES of digits.mjs
import { slice } from "@provably/core-tensor";
import { foldIn, key } from "@provably/core-tensor/random";
import { dps, lgdMc, mcg } from "@provably/score-diffusion/baselines";
import { GUIDED_STEPS, imagesFrom, judge, priorOf, problems } from "./digits.mjs";
import { meanAndError } from "./mixture.mjs";

const SEED = key("tuning");
const truth = slice(imagesFrom(860), [0], [4]);
const model = priorOf("network");

for (const [problem, forward] of Object.entries(problems)) {
  const y = forward.measure(truth, foldIn(SEED, "noise"));
  for (const [name, method] of Object.entries({ DPS: dps, "LGD-MC": lgdMc, MCG: mcg })) {
    if (name === "MCG" && forward.likelihood(y).linear === undefined) continue;
    const cells = [0.3, 1, 3].map((scale) => {
      const { samples } = method(forward, y, model, foldIn(SEED, name), {
        numSamples: 4,
        numSteps: GUIDED_STEPS,
        scale,
      });
      return `scale ${scale}: ${meanAndError(judge(samples, truth).psnr).mean.toFixed(2)} dB`;
    });
    console.log(`${problem}, ${name}: ${cells.join(", ")}`);
  }
}
