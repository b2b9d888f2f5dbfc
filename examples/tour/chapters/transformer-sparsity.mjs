// transformer-sparsity: what transformers leave unused, and how they learn where to look.
import { griffinSections } from "./transformer-sparsity-griffin.mjs";
import { mimSections } from "./transformer-sparsity-mim.mjs";

export const transformerSparsity = {
  name: "transformer-sparsity",
  title: "What transformers leave unused, and how they learn where to look",
  async run({ progress }) {
    return [...(await griffinSections({ progress })), ...(await mimSections({ progress }))];
  },
};
