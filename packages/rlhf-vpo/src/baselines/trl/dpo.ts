/** The losses of TRL's DPO trainer, in its own conventions and in operations of the core. */
import {
  DomainError,
  type ArrayInput,
  type NdArray,
  add,
  array,
  div,
  exp,
  expm1,
  logSigmoid,
  maximum,
  mean,
  mul,
  neg,
  relu,
  sigmoid,
  softplus,
  sort,
  square,
  stopGradient,
  sub,
} from "@provably/core-tensor";
import {
  anything,
  check,
  checkOptions,
  finiteNumber,
  listOf,
  numberIn,
  oneOf,
  positiveNumber,
  recordOf,
  trueOrFalse,
} from "@provably/core-tensor/internal";
import { share } from "../../arrays.js";
import {
  REFERENCED,
  type ReferencedTokens,
  type Rows,
  masked,
  matrix,
  pooledNll,
  rowSum,
} from "./tokens.js";

/**
 * Names of losses in TRL's DPO trainer, in this package's spelling.
 * @category Losses of TRL
 */
export type TrlDpoName =
  | "sigmoid"
  | "hinge"
  | "ipo"
  | "exoPair"
  | "ncaPair"
  | "robust"
  | "bcoPair"
  | "sppoHard"
  | "aot"
  | "aotUnpaired"
  | "apoZero"
  | "apoDown"
  | "discopop"
  | "sft"
  | "sigmoidNorm";

const NAMES: readonly TrlDpoName[] = [
  "sigmoid",
  "hinge",
  "ipo",
  "exoPair",
  "ncaPair",
  "robust",
  "bcoPair",
  "sppoHard",
  "aot",
  "aotUnpaired",
  "apoZero",
  "apoDown",
  "discopop",
  "sft",
  "sigmoidNorm",
];

/**
 * What the log-ratio u of a response counts as: u itself (reverse KL), $1 - e^{-u}$ (forward KL), $\ln 2\sigma(u)$ (Jensen-Shannon), or
 * $(e^{(a-1)u} - 1)/(a-1)$ (α-divergence with the coefficient a, within 1e-6 of 1 reverse KL).
 * @category Losses of TRL
 */
export type TrlDivergence =
  "reverseKl" | "forwardKl" | "jensenShannon" | { readonly alpha: number };

/**
 * Options of {@link trlDpoLoss}.
 * @category Losses of TRL
 */
export interface TrlDpoOptions {
  /** One loss, or several with weights, as MPO (`sigmoid` .8, `bcoPair` .2, `sft` 1) or RPO (`sigmoid` 1, `sft`). Default `"sigmoid"`. */
  readonly loss?: TrlDpoName | readonly { readonly name: TrlDpoName; readonly weight: number }[];
  /** Default 0.1. */
  readonly beta?: number;
  /** Read by `exoPair`, `robust`, `aot` and `aotUnpaired`, and ignored by the others as in TRL; default 0. */
  readonly labelSmoothing?: number;
  /** Default 0.05. */
  readonly discopopTau?: number;
  /** Default `"reverseKl"`. */
  readonly divergence?: TrlDivergence;
  /** Weight in [0, 1] of the tokens of a response beyond the length of the other (LD-DPO); default 1. */
  readonly ldAlpha?: number;
  /** Weigh pairs by how likely the policy is to give them (WPO), without gradient and not normalised; needs both collisions. Default false. */
  readonly wpo?: boolean;
}

const DPO = {
  loss: anything,
  beta: positiveNumber,
  labelSmoothing: share,
  discopopTau: positiveNumber,
  divergence: anything,
  ldAlpha: numberIn(0, 1),
  wpo: trueOrFalse,
};
const LOSSES = listOf(recordOf({ name: oneOf(...NAMES), weight: finiteNumber }));
const DIVERGENCES = oneOf("reverseKl", "forwardKl", "jensenShannon");

function scoreOf(divergence: TrlDivergence): (u: NdArray) => NdArray {
  if (typeof divergence === "object") {
    const { alpha } = divergence;
    if (Math.abs(alpha - 1) < 1e-6) return (u) => u;
    return (u) => div(expm1(mul(u, alpha - 1)), alpha - 1);
  }
  return {
    reverseKl: (u: NdArray) => u,
    forwardKl: (u: NdArray) => neg(expm1(neg(u))),
    jensenShannon: (u: NdArray) => add(logSigmoid(u), Math.LN2),
  }[divergence];
}

/** Each token's weight where those beyond the other response's length count less. */
function desensitised(own: Rows, other: Rows, weight: number): NdArray {
  if (weight === 1) return own.mask;
  const shape = own.mask.shape as [number, number];
  const [mask, mine, theirs] = [own.mask, own.counts, other.counts];
  const out = new Float64Array(mask.size);
  for (let i = 0; i < shape[0]; i++) {
    const most = Math.min(mine.get(i), theirs.get(i));
    let seen = 0;
    for (let t = 0; t < shape[1]; t++) {
      if (mask.get(i, t) === 0) continue;
      out[i * shape[1] + t] = seen++ < most ? 1 : weight;
    }
  }
  return array(out, { shape });
}

/**
 * A loss of TRL's DPO trainer, as a differentiable function of token log-probabilities: means over the batch, masks, lengths and weights as TRL takes them.
 *
 * With $u$, $v$ the log-ratios of policy and reference, sums over tokens, and $z = \beta(f(u) - f(v))$ with $f$ of the divergence. `ipo` and `sigmoidNorm`
 * divide $f$ of the ratios by the numbers of tokens, `sft` is the mean over all chosen tokens, `aot` sorts the log-ratios within the batch.
 *
 * @param batch - see {@link ReferencedTokens}
 * @param options - see {@link TrlDpoOptions}
 * @returns the loss, a scalar array
 * @throws `ShapeError`, `DomainError` when arrays do not fit together or an option is out of range
 * @example
 * ```ts
 * import { item } from "@provably/core-tensor";
 * import { trlDpoLoss } from "@provably/rlhf-vpo/baselines";
 *
 * const mask = [[1, 1]];
 * const batch = { chosen: [[-1, -1]], rejected: [[-1, -2]], refChosen: [[-1, -1]], refRejected: [[-1, -2]], chosenMask: mask, rejectedMask: mask };
 * item(trlDpoLoss(batch)); // => Math.LN2
 * item(trlDpoLoss(batch, { loss: "sft" })); // => 1
 * ```
 * @see TRL 1.13, `DPOTrainer`; Wang and others (2023) for divergences; Liu and others (2024) for LD-DPO; Zhou and others (2024) for WPO
 * @category Losses of TRL
 */
export function trlDpoLoss(batch: ReferencedTokens, options: TrlDpoOptions = {}): NdArray {
  const fn = "trlDpoLoss";
  const {
    loss = "sigmoid",
    beta = 0.1,
    labelSmoothing: e = 0,
    discopopTau = 0.05,
    divergence = "reverseKl",
    ldAlpha = 1,
    wpo = false,
  } = checkOptions<TrlDpoOptions>(fn, options, DPO);
  if (typeof divergence === "object")
    check(fn, "divergence", divergence, recordOf({ alpha: finiteNumber }));
  else check(fn, "divergence", divergence, DIVERGENCES);
  const losses = typeof loss === "string" ? [{ name: loss, weight: 1 }] : loss;
  check(fn, "loss", losses, LOSSES);
  check(fn, "batch", batch, recordOf(REFERENCED));
  const tokens = matrix(fn, "chosen", batch.chosen);
  const [up, down] = [
    masked(fn, "chosenMask", batch.chosenMask, tokens),
    masked(fn, "rejectedMask", batch.rejectedMask, tokens),
  ];
  const rejected = matrix(fn, "rejected", batch.rejected, tokens);
  const [upWeights, downWeights] = [
    desensitised(up, down, ldAlpha),
    desensitised(down, up, ldAlpha),
  ];
  const policy = [rowSum(mul(tokens, upWeights)), rowSum(mul(rejected, downWeights))] as const;
  const reference = [
    rowSum(mul(matrix(fn, "refChosen", batch.refChosen, tokens), upWeights)),
    rowSum(mul(matrix(fn, "refRejected", batch.refRejected, tokens), downWeights)),
  ] as const;
  const [u, v] = [sub(policy[0], reference[0]), sub(policy[1], reference[1])];
  const score = scoreOf(divergence);
  const [fu, fv] = [score(u), score(v)];
  const z = mul(beta, sub(fu, fv));
  const average = sub(div(fu, maximum(up.counts, 1)), div(fv, maximum(down.counts, 1)));
  const smoothed = (x: NdArray): NdArray => add(mul(1 - e, softplus(neg(x))), mul(e, softplus(x)));
  const [x, y] = [mul(beta, fu), mul(beta, fv)];
  const formulas: Readonly<Record<TrlDpoName, () => NdArray>> = {
    sigmoid: () => softplus(neg(z)),
    hinge: () => relu(sub(1, z)),
    ipo: () => square(sub(average, 1 / (2 * beta))),
    exoPair: () => {
      if (!(e > 0)) throw new DomainError(`${fn}: loss "exoPair" needs labelSmoothing above 0`);
      const yes = mul(sigmoid(z), sub(logSigmoid(z), Math.log1p(-e)));
      return add(yes, mul(sigmoid(neg(z)), sub(logSigmoid(neg(z)), Math.log(e))));
    },
    ncaPair: () => add(softplus(neg(x)), mul(0.5, add(softplus(x), softplus(y)))),
    robust: () => {
      if (!(e < 0.5)) throw new DomainError(`${fn}: loss "robust" needs labelSmoothing below 0.5`);
      return div(sub(mul(1 - e, softplus(neg(z))), mul(e, softplus(z))), 1 - 2 * e);
    },
    bcoPair: () => add(softplus(neg(x)), softplus(y)),
    sppoHard: () => add(square(sub(fu, 0.5 / beta)), square(add(fv, 0.5 / beta))),
    aot: () => {
      const own = sort(sub(policy[0], policy[1]), { axis: 0 });
      return smoothed(mul(beta, sub(own, sort(sub(reference[0], reference[1]), { axis: 0 }))));
    },
    aotUnpaired: () => smoothed(mul(beta, sub(sort(u, { axis: 0 }), sort(v, { axis: 0 })))),
    apoZero: () => add(sigmoid(neg(x)), sigmoid(y)),
    apoDown: () => add(sigmoid(x), sigmoid(neg(z))),
    discopop: () => {
      const m = sigmoid(div(z, discopopTau));
      return add(mul(sub(1, m), softplus(neg(z))), mul(m, exp(neg(z))));
    },
    sft: () => pooledNll(tokens, up),
    sigmoidNorm: () => softplus(neg(mul(beta, average))),
  };
  const weights = wpo ? wpoWeights(fn, batch, tokens, rejected, up, down) : undefined;
  return losses
    .map(({ name, weight }) => {
      const value = formulas[name]();
      return mul(weight, mean(weights ? mul(value, weights) : value));
    })
    .reduce((a, b) => add(a, b));
}

function wpoWeights(
  fn: string,
  { chosenCollision, rejectedCollision }: ReferencedTokens,
  chosen: NdArray,
  rejected: NdArray,
  up: Rows,
  down: Rows,
): NdArray {
  if (chosenCollision === undefined || rejectedCollision === undefined)
    throw new DomainError(`${fn}: wpo needs chosenCollision and rejectedCollision, [B, T]`);
  const confidence = (x: NdArray, collision: ArrayInput, name: string, { mask, counts }: Rows) => {
    const off = mul(sub(x, matrix(fn, name, collision, chosen)), mask);
    return exp(div(rowSum(off), maximum(counts, 1)));
  };
  return stopGradient(
    mul(
      confidence(chosen, chosenCollision, "chosenCollision", up),
      confidence(rejected, rejectedCollision, "rejectedCollision", down),
    ),
  );
}
