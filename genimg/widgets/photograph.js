// A photograph of the reader's own: the part of it that a network sees is chosen by a frame, and comes back filled.
// Nothing of it leaves the page but that part, reduced to what the network sees. What can be tested without a page
// comes first. Pixels are RGBA bytes; masks: 1 = known; a frame is { x, y, width, height } in pixels of the photograph.

// A frame of the given shape, moved and scaled about its middle, that stays inside the photograph.
export function framed({ x, y, width, height }, [right, down], scale, [wide, high], least = 16) {
  const most = Math.min(wide / width, high / height);
  const by = Math.min(most, Math.max(Math.min(most, least / Math.min(width, height)), scale));
  const [w, h] = [width * by, height * by];
  const within = (at, room) => Math.min(Math.max(0, room), Math.max(0, at));
  return { x: within(x + (width - w) / 2 + right, wide - w), y: within(y + (height - h) / 2 + down, high - h), width: w, height: h };
}

// The harmonic function in the missing pixels that has the values of u at the known ones beside them, free at the
// borders, in place. It starts from the solution at half the size, so that few steps of conjugate gradients remain.
export function harmonic(u, mask, [height, width], tolerance = 1e-3) {
  const at = [];
  for (let i = 0; i < mask.length; i++) if (!mask[i]) at.push(i);
  if (!at.length || at.length === mask.length) return u;
  const [rows, columns] = [(height + 1) >> 1, (width + 1) >> 1];
  if (at.length > 64 && Math.min(rows, columns) > 1) {
    const [sum, count] = [new Float64Array(rows * columns), new Float64Array(rows * columns)];
    for (let i = 0; i < mask.length; i++)
      if (mask[i]) {
        const k = (Math.floor(i / width) >> 1) * columns + ((i % width) >> 1);
        sum[k] += u[i];
        count[k]++;
      }
    const half = harmonic(sum.map((value, k) => (count[k] ? value / count[k] : 0)), Uint8Array.from(count, (n) => (n ? 1 : 0)), [rows, columns], tolerance);
    for (const i of at) u[i] = half[(Math.floor(i / width) >> 1) * columns + ((i % width) >> 1)];
  } else for (const i of at) u[i] = 0;
  const near = new Int32Array(4 * at.length);
  at.forEach((i, k) => near.set([i >= width ? i - width : i, i + width < mask.length ? i + width : i, i % width ? i - 1 : i, (i + 1) % width ? i + 1 : i], 4 * k));
  const pulled = new Float64Array(at.length);
  const laplace = (v) => {
    for (let k = 0, j = 0; k < at.length; k++) pulled[k] = 4 * v[at[k]] - v[near[j++]] - v[near[j++]] - v[near[j++]] - v[near[j++]];
  };
  const square = (v) => {
    let total = 0;
    for (let k = 0; k < v.length; k++) total += v[k] * v[k];
    return total;
  };
  laplace(u);
  const residual = pulled.map((value) => -value);
  const along = new Float64Array(mask.length); // 0 where it is known
  const enough = tolerance * tolerance * at.length; // a mean residual, of the unit of u
  for (let now = square(residual), last = Infinity; now > enough; [last, now] = [now, square(residual)]) {
    for (let k = 0; k < at.length; k++) along[at[k]] = residual[k] + (now / last) * along[at[k]];
    laplace(along);
    let across = 0;
    for (let k = 0; k < at.length; k++) across += along[at[k]] * pulled[k];
    const step = now / across;
    for (let k = 0; k < at.length; k++) {
      u[at[k]] += step * along[at[k]];
      residual[k] -= step * pulled[k];
    }
  }
  return u;
}

// RGBA bytes of part of a photograph, (height, width), with a small picture enlarged (bilinear) into what is missing of
// it: "raw" is the whole picture, "overlay" the missing pixels, all else joins those without a seam. Known pixels stay.
export function putBack(rgba, [height, width], small, mask, [rows, columns], how) {
  const nearest = (long, short) => Int32Array.from({ length: long }, (_, i) => Math.min(short - 1, Math.floor(((i + 0.5) * short) / long)));
  const linear = (long, short) =>
    Array.from({ length: long }, (_, i) => {
      const place = Math.min(short - 1, Math.max(0, ((i + 0.5) * short) / long - 0.5));
      const first = Math.floor(place);
      return [first, Math.min(short - 1, first + 1), place - first];
    });
  const [down, across] = [nearest(height, rows), nearest(width, columns)];
  const known = Uint8Array.from({ length: height * width }, (_, i) => mask[down[Math.floor(i / width)] * columns + across[i % width]]);
  const [vertical, horizontal] = [linear(height, rows), linear(width, columns)];
  const result = Uint8ClampedArray.from(rgba);
  for (let c = 0; c < 3; c++) {
    const guide = new Float64Array(height * width);
    for (let r = 0, i = 0; r < height; r++) {
      const [above, below, lower] = vertical[r];
      for (let k = 0; k < width; k++, i++) {
        const [left, right, later] = horizontal[k];
        const row = (line) => (1 - later) * small[4 * (line * columns + left) + c] + later * small[4 * (line * columns + right) + c];
        guide[i] = (1 - lower) * row(above) + lower * row(below);
      }
    }
    const joined = how !== "raw" && how !== "overlay";
    const u = joined ? harmonic(Float64Array.from(guide, (value, i) => rgba[4 * i + c] - value), known, [height, width]) : null;
    for (let i = 0; i < guide.length; i++) if (how === "raw" || !known[i]) result[4 * i + c] = guide[i] + (u ? u[i] : 0);
  }
  return result;
}
