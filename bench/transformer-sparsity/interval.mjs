// Intervals for ratios of perplexities.

/** The quantile of Student's distribution above one half, by bisection of its distribution function, which is an integral of cosines: t = √ν tan θ. */
export function studentQuantile(p, freedom) {
  const steps = 2000;
  const density = (angle) => Math.cos(angle) ** (freedom - 1);
  const area = (to) => {
    let sum = density(0) + density(to);
    for (let i = 1; i < steps; i++) sum += (i % 2 === 0 ? 2 : 4) * density((to * i) / steps);
    return (sum * to) / steps / 3;
  };
  const half = area(Math.PI / 2);
  let [low, high] = [0, Math.PI / 2];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (0.5 + (0.5 * area(middle)) / half < p) low = middle;
    else high = middle;
  }
  return Math.sqrt(freedom) * Math.tan(low);
}

/** The geometric mean of ratios, given their logarithms, one a text, with Student's interval of 95 %. */
export function ratioInterval(logs) {
  const n = logs.length;
  const mean = logs.reduce((a, b) => a + b, 0) / n;
  const variance = logs.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (n - 1);
  const reach = studentQuantile(0.975, n - 1) * Math.sqrt(variance / n);
  return { ratio: Math.exp(mean), low: Math.exp(mean - reach), high: Math.exp(mean + reach) };
}
