/**
 * Identifiable counterfactual generation: a variational model that separates content from style across domains.
 *
 * @packageDocumentation
 */

// flows
export { scalarFlow, type FlowConfig, type FlowValue, type ScalarFlow } from "./flow/scalar-flow.js";
export { rationalLinearSpline } from "./flow/rational-linear.js";
export { rationalQuadraticSpline } from "./flow/rational-quadratic.js";
export { denseSigmoidalFlow, type SigmoidalOptions } from "./flow/dense-sigmoidal.js";
export type { SplineOptions } from "./flow/bins.js";

// networks
export { lstmSequence } from "./network/lstm.js";
export type { LayerParams, MlpParams } from "./network/mlp.js";

// the model
export { matteConfig, type MatteConfig, type MatteOptions, type MatteWeights, type TextObservation, type VectorObservation } from "./model/config.js";
