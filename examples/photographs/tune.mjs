// Which settings suit? PSNR on the middle of the photograph for tuning, which is neither trained on nor shown.
//   node examples/photographs/tune.mjs      ten minutes of one core
import { mean, reshape, slice } from "@provably/core-tensor";
import { foldIn, key } from "@provably/core-tensor/random";
import { annealing, ddsDdim, dpnp, imageModel, psnr } from "@provably/score-diffusion";
import { load, photographs, prior } from "./lib.mjs";
import { methods, problemsOf } from "./problems.mjs";

const SIDE = 128;
const image = load(photographs.find(({ role }) => role === "tuning"));
const truth = slice(image, [0, 100, 180], [3, 100 + SIDE, 180 + SIDE]);
const model = imageModel(prior(), [3, SIDE, SIDE]);
const quality = (samples) => psnr(reshape(samples, truth.shape), truth).toFixed(2);

for (const [problem, forward] of Object.entries(problemsOf(SIDE))) {
  const y = forward.measure(reshape(truth, [1, 3 * SIDE * SIDE]), foldIn(key("tuning"), problem));
  const tell = (name, cells) => console.log(`${problem}, ${name}: ${cells.join(", ")}`);
  const run = (name, settings) => {
    const [points] = Object.values(
      methods[name](forward, y, model, key("tuning"), { side: SIDE, ...settings }).images,
    );
    return quality(points);
  };
  for (const name of ["DPS", "LGD-MC"])
    tell(
      name,
      [1, 3, 10].map((pull) => `pull ${pull}: ${run(name, { pull })} dB`),
    );
  if (problem !== "coded phase retrieval")
    tell(
      "total variation",
      [3, 8, 20].map(
        (variation) => `weight ${variation}: ${run("total variation", { variation })} dB`,
      ),
    );
  tell("ΠGDM, DiffPIR", [run("ΠGDM", {}), run("DiffPIR", {})]);
  tell(
    "DPnP",
    [0.3, 0.6, 1].map((start) => {
      const { samples, chain } = dpnp(forward, y, model, key("tuning"), {
        numSamples: 1,
        etas: annealing({ start, end: 0.05, hold: 2, decay: 12, stay: 3 }),
        malaSteps: 15,
        denoiser: ddsDdim({ numSteps: 4 }),
      });
      return `start ${start}: ${quality(samples)} dB, mean ${quality(mean(chain, { axis: 0 }))} dB`;
    }),
  );
}
