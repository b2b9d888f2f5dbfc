// How fast are loss and exact gradient of the theory's masked reconstruction, and the simulation of one query in a large world?
import { key } from "@provably/core-tensor/random";
import {
  createAreaPartition,
  createSpatialDistribution,
  maeLossAndGradient,
  powerLawAreaSizes,
  sampleMaskedImages,
  simulateMeanField,
  trainMaskedReconstruction,
} from "@provably/transformer-sparsity/mim";

function gradient(numPatches, globalSize, localSize, batch) {
  return {
    name: `gradient, ${numPatches} patches, batch ${batch}`,
    bars: [{ peer: "numpy", ratio: 1 }],
    async contestants({ torch }) {
      const world = createSpatialDistribution(
        [0, 1, 2, 3].map((k) => createAreaPartition(key(k), { numPatches, globalSize, localSize })),
      );
      const { correlations } = trainMaskedReconstruction(world, key(4), { numSteps: 3 });
      const samples = sampleMaskedImages(world, key(5), batch);
      const list = [{ name: "mim", run: () => maeLossAndGradient(world, correlations, samples) }];
      if (torch)
        list.push({
          name: "numpy",
          time: (times) =>
            torch.time(["mae_theory", numPatches, 4, globalSize, localSize, batch], times),
        });
      return list;
    },
  };
}

const meanField = {
  name: "mean field, 6400 patches, 400 steps",
  async contestants() {
    const { globalSize, localSize } = powerLawAreaSizes({
      numPatches: 6400,
      globalExponent: 0.95,
      localExponent: 0.4,
    });
    const sizes = [
      globalSize,
      ...new Array(Math.floor((6400 - globalSize) / localSize)).fill(localSize),
    ];
    return [{ name: "mim", run: () => simulateMeanField({ sizes, queryArea: 1 }) }];
  },
};

export default {
  title: "theory of masked reconstruction: float64, one thread",
  cases: [gradient(64, 44, 5, 32), gradient(64, 16, 8, 32), meanField],
};
