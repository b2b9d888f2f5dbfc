// Planted faults for the certificates of score-diffusion.
import convergence from "./score-diffusion/convergence.mjs";
import network from "./score-diffusion/network.mjs";
import posterior from "./score-diffusion/posterior.mjs";
import runs from "./score-diffusion/runs.mjs";

export default [...convergence, ...network, ...posterior, ...runs];
