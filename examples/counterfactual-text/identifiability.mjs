// How far training identifies content and style, on vectors whose latents are known: means over drawn models with 95 % intervals.
//   node examples/counterfactual-text/identifiability.mjs      one to four minutes, as busy as the machine is
import { key } from "@provably/core-tensor/random";
import { identifiabilityExperiment, identifiabilitySettings } from "@provably/causal-latent/matte";
import { progressBar } from "../tour/lib/progress.mjs";

const numTrials = 5; // models drawn for each way
const bar = progressBar(
  "training on vectors: five ways, five models each",
  identifiabilitySettings.length * numTrials,
);
const onProgress = ({ iteration }) => bar.step(iteration);
const rows = identifiabilityExperiment(identifiabilitySettings, key("identifiability"), {
  numTrials,
  onProgress,
});
bar.finish();

const cell = (e) =>
  (e === undefined
    ? ""
    : `${e.value.toFixed(2)} [${e.interval.map((x) => x.toFixed(2)).join(", ")}]`
  ).padStart(20);
console.log(
  "\nlearned → true              content → content       style → style     style → content     content → style    MCC of style noise",
);
for (const r of rows)
  console.log(
    r.name.padEnd(26) +
      [
        r.contentFromContent,
        r.styleFromStyle,
        r.contentFromStyle,
        r.styleFromContent,
        r.styleNoiseMcc,
      ]
        .map(cell)
        .join(""),
  );
