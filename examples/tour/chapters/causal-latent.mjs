// causal-latent: latent causes, found in digits and used on sentences.
import { counterfactualSections } from "./causal-latent-matte.mjs";
import { hierarchySections } from "./causal-latent-hierarchy.mjs";

export const causalLatent = {
  name: "causal-latent",
  title: "Latent causes: concepts that hang together, and what would have been",
  async run({ progress }) {
    return [...hierarchySections({ progress }), ...(await counterfactualSections({ progress }))];
  },
};
