import * as p from "@provably/core-tensor";
import { golden } from "./cases.js";

golden(
  "nn",
  {
    softmax: ([x], attrs) => p.softmax(x!, attrs),
    logSoftmax: ([x], attrs) => p.logSoftmax(x!, attrs),
    crossEntropy: ([logits, classes], attrs) => p.crossEntropy(logits!, classes!, attrs),
    binaryCrossEntropyWithLogits: ([logits, targets], attrs) =>
      p.binaryCrossEntropyWithLogits(logits!, targets!, attrs),
    layerNorm: ([x, scale, shift], { eps }) =>
      p.layerNorm(x!, { scale: scale!, shift: shift!, epsilon: eps as number }),
    rmsNorm: ([x, scale], { eps }) => p.rmsNorm(x!, { scale: scale!, epsilon: eps as number }),
    groupNorm: ([x, scale, shift], { groups, eps }) =>
      p.groupNorm(x!, groups as number, { scale: scale!, shift: shift!, epsilon: eps as number }),
    attention: ([q, k, v], { causal }) => p.attention(q!, k!, v!, { causal: causal as boolean }),
    rope: ([x], attrs) => p.rope(x!, attrs),
    swiglu: ([x, gate, up, down]) => p.swiglu(x!, gate!, up!, down!),
    embedding: ([table, ids]) => p.take(table!, ids!),
    lstmCell: ([x, hidden, cell, input, recurrent, bias]) => {
      const next = p.lstmCell(
        x!,
        { hidden: hidden!, cell: cell! },
        { input: input!, hidden: recurrent!, bias: bias! },
      );
      return [next.hidden, next.cell];
    },
    timestepEmbedding: ([t], { dim, maxPeriod }) =>
      p.timestepEmbedding(t!, dim as number, maxPeriod as number),
  },
  { forward: 1e-11 },
);
