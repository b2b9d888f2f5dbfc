import * as p from "@provably/core-tensor";
import { golden } from "./cases.js";

golden(
  "conv",
  {
    conv2d: ([x, w, bias], { layout: _, ...rest }) => p.conv2d(x!, w!, { ...rest, bias: bias! }),
    conv1d: ([x, w], { dilation, padLeft }) =>
      p.conv1d(x!, w!, { dilation: dilation as number, padding: [padLeft as number, 0] }),
    convTranspose2d: ([x, w, bias], { layout: _, ...rest }) =>
      p.convTranspose2d(x!, w!, { ...rest, bias: bias! }),
    avgPool2d: ([x], { kernel, ...rest }) => p.avgPool2d(x!, kernel as number, rest),
    maxPool2d: ([x], { kernel, ...rest }) => p.maxPool2d(x!, kernel as number, rest),
    upsampleNearest2d: ([x], { scale }) => p.upsampleNearest2d(x!, scale as number),
  },
  { forward: 1e-11 },
);
