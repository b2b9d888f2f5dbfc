// Faults in what a run of a sampler says of itself, and in its points.
import { add, mul } from "@provably/core-tensor";
import { foldIn, key } from "@provably/core-tensor/random";
import { certifyPosterior, ddpm, sample, sampleAdaptive } from "@provably/score-diffusion";
import { lineLaw, power } from "./line.mjs";

const finite = {
  certificate: "sample",
  given: "64 points in 20 steps",
  make: (seed) => ({ seed, law: lineLaw(seed) }),
  honest: ({ seed, law }) =>
    sample(ddpm, law, key(seed), { shape: [64, 1], numSteps: 20 }).certificate,
  faults: {
    "the network gives NaN at one level": ({ seed, law }) => {
      let asked = 0;
      const broken = {
        ...law,
        evaluate: (x, level) => (++asked === 7 ? mul(NaN, x) : law.evaluate(x, level)),
      };
      return sample(ddpm, broken, key(seed), { shape: [64, 1], numSteps: 20, onNonFinite: "stop" })
        .certificate;
    },
    "the law is another": {
      damage: ({ seed }) =>
        sample(ddpm, lineLaw(seed + 1000), key(seed), { shape: [64, 1], numSteps: 20 }).certificate,
      note: "it says that the run came through, nothing of the law; `certifyScore` judges the network, `certifyOrder` and `certifyErrorBound` the sampler",
    },
  },
};

const adaptive = {
  certificate: "sampleAdaptive",
  given: "16 points by steps of controlled error",
  make: (seed) => ({ seed, law: lineLaw(seed) }),
  honest: ({ seed, law }) => sampleAdaptive(law, key(seed), { shape: [16, 1] }).certificate,
  faults: {
    "stopped after 20 tries": ({ seed, law }) =>
      sampleAdaptive(law, key(seed), { shape: [16, 1], maxIterations: 20 }).certificate,
    "a score that jumps from call to call": {
      damage({ seed, law }) {
        let asked = 0;
        const jumping = {
          ...law,
          evaluate: (x, level) => mul(++asked % 2 === 0 ? 0.5 : 1.5, law.evaluate(x, level)),
        };
        return sampleAdaptive(jumping, key(seed), { shape: [16, 1], maxIterations: 200 })
          .certificate;
      },
      note: "else the steps became so short that the jumps stayed within the tolerance",
    },
    "points moved after the run": {
      damage({ seed, law }) {
        const result = sampleAdaptive(law, key(seed), { shape: [16, 1] });
        return { ...result, samples: add(1, result.samples) }.certificate;
      },
      note: "it was made with the points and says how the steps went; `certifyPosterior` judges points where the law is known, see below",
    },
  },
};

const adaptivePoints = {
  certificate: "certifyPosterior, points of sampleAdaptive",
  given: "400 points by steps of controlled error against the law of their model",
  make(seed) {
    const law = lineLaw(seed);
    const run = (more = {}) => sampleAdaptive(law, key(seed), { shape: [400, 1], ...more }).samples;
    return { run, certify: (x) => certifyPosterior(x, law, foldIn(key(seed), "judge")) };
  },
  honest: ({ run, certify }) => certify(run()),
  faults: {
    "points moved by 0.3 after the run": {
      damage: ({ run, certify }) => certify(add(0.3, run())),
      ...power,
    },
    "spread a quarter too large": {
      damage: ({ run, certify }) => certify(mul(1.25, run())),
      ...power,
    },
    "stopped at λ = 0": {
      damage: ({ run, certify }) => certify(run({ lambdaMax: 0, denoise: false })),
      ...power,
    },
    "a tolerance of 5": ({ run, certify }) =>
      certify(run({ relativeTolerance: 5, absoluteTolerance: 5 })),
  },
};

export default [finite, adaptive, adaptivePoints];
