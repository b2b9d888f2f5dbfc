// Grids of grey images as PNG.
import { PNG } from "pngjs";

/**
 * A PNG of equally large grey images in rows and columns.
 * `images[row][column]` holds `height · width` numbers in [0, 1], row by row; `scale` is the side of a pixel.
 */
export function imageGrid(images, { height = 28, width = 28, scale = 2, gap = 2 } = {}) {
  const columns = Math.max(...images.map((row) => row.length));
  const cellHeight = height * scale + gap;
  const cellWidth = width * scale + gap;
  const png = new PNG({
    width: columns * cellWidth + gap,
    height: images.length * cellHeight + gap,
  });
  png.data.fill(255);
  images.forEach((row, r) =>
    row.forEach((image, c) => {
      for (let y = 0; y < height * scale; y++)
        for (let x = 0; x < width * scale; x++) {
          const ink = image[Math.floor(y / scale) * width + Math.floor(x / scale)];
          const grey = Math.round(255 * (1 - Math.min(1, Math.max(0, ink))));
          const at = 4 * ((gap + r * cellHeight + y) * png.width + gap + c * cellWidth + x);
          png.data.fill(grey, at, at + 3);
        }
    }),
  );
  return PNG.sync.write(png);
}

/** A PNG as the source of an image element. */
export function dataUri(png) {
  return `data:image/png;base64,${png.toString("base64")}`;
}
