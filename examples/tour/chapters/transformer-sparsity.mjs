// transformer-sparsity: what transformers leave unused, and how they learn where to look.
import { mimSections } from "./transformer-sparsity-mim.mjs";

export const transformerSparsity = {
  name: "transformer-sparsity",
  title: "Where transformers look, and why masked pretraining teaches them to look apart",
  async run({ progress }) {
    return mimSections({ progress });
  },
};
