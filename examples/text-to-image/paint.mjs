// From text to a picture, in the page: the pipeline's own scheduler and networks, a preview after each step, and a way to stop.
import { key } from "@provably/core-tensor/random";
import { convertPrediction, sampleAsync } from "@provably/score-diffusion";
import { fromDiffusers } from "@provably/score-diffusion/samplers";

/** Paints what the embeddings say. `files` as `fromDiffusers` takes them; `show(image, step)` gets `[3, height, width]` in [−1, 1] after each step and at the end. */
export async function paint(files, { runtime, text, seed = 0, numSteps = 4, show, ...work }) {
  const feeds = { encoder_hidden_states: text };
  const pipeline = await fromDiffusers(files, { runtime, numSteps, feeds });
  const { model, sampler, run, rowShape, vae } = pipeline;
  const picture = async (latents) => (await vae.decode(latents)).pick(0, null, null, null);
  let step = 0;
  const watched = {
    ...model,
    async evaluate(x, level) {
      const answer = await model.evaluate(x, level);
      const clean = convertPrediction(answer, model.prediction, "x0", x, level);
      await show(await picture(clean), ++step);
      return answer;
    },
  };
  const shape = [1, ...rowShape];
  const options = { shape, ...run, ...work };
  const { samples } = await sampleAsync(sampler, watched, key(seed), options);
  await show(await picture(samples), step + 1);
  return samples;
}
