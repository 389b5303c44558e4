// Semantic inpainting in the page: Adam on z by a graph of `genimg.live`, then Poisson editing. What a kernel does with
// `genimg.inpaint` in a notebook; the tests hold one to the other.
// Pictures are planes as the networks take them: channel by channel, row by row, in [-1, 1]. Masks: 1 = known.

// argmin ‖∇x − ∇g‖² with x = y where it is known, free at the borders: `genimg.poisson.edit`, clamped.
// With u = x − g this is Laplace's equation on the missing pixels, by conjugate gradients.
export function poisson(y, g, mask, [height, width]) {
  const at = Int32Array.from(mask.keys()).filter((i) => !mask[i]); // the missing pixels
  // Its four neighbours; at a border, where nothing flows, the pixel itself.
  const beside = (i) => [i >= width ? i - width : i, i + width < mask.length ? i + width : i, i % width ? i - 1 : i, (i + 1) % width ? i + 1 : i];
  const near = Int32Array.from([...at].flatMap(beside));
  const laplace = (v) => Float64Array.from(at, (i, k) => 4 * v[i] - v[near[4 * k]] - v[near[4 * k + 1]] - v[near[4 * k + 2]] - v[near[4 * k + 3]]);
  const x = Float32Array.from(y);
  for (let plane = 0; plane < y.length; plane += mask.length) {
    const u = Float64Array.from(mask, (known, i) => (known ? y[plane + i] - g[plane + i] : 0));
    const residual = laplace(u).map((value) => -value);
    const along = new Float64Array(mask.length); // 0 where it is known
    const square = () => residual.reduce((sum, value) => sum + value * value, 0);
    const enough = 1e-16 * square();
    for (let now = square(), last = Infinity; now > enough; [last, now] = [now, square()]) {
      at.forEach((i, k) => (along[i] = residual[k] + (now / last) * along[i]));
      const pulled = laplace(along);
      const step = now / at.reduce((sum, i, k) => sum + along[i] * pulled[k], 0);
      at.forEach((i, k) => {
        u[i] += step * along[i];
        residual[k] -= step * pulled[k];
      });
    }
    for (const i of at) x[plane + i] = Math.min(1, Math.max(-1, g[plane + i] + u[i]));
  }
  return x;
}

// ẑ = argmin L(G(z)) as `genimg.inpaint.search_steps` finds it, by short steps from `start`, else from z = 0, the mean of all z.
// `given` is what the graph takes beside z. Yields { step, x, loss, best } before the first update and after each one; `best` is { x, loss } so far.
export async function* descend(search, given, { start, steps = 20, lr = 0.03, patience = 50, tolerance = 1e-3 } = {}) {
  const dims = search.shape("z");
  const z = { data: new Float32Array(start ?? dims[0] * dims[1]), dims };
  const [mean, square] = [new Float64Array(z.data.length), new Float64Array(z.data.length)];
  let best = { loss: Infinity };
  let [mark, since] = [Infinity, 0]; // the loss to beat, and its age
  for (let step = 0; ; step++) {
    const out = await search.run({ z, ...given });
    const [x, loss, slope] = [out.x.data, out.loss.data[0], out.slope.data];
    if (loss < best.loss) best = { x, loss };
    if (mark === Infinity || best.loss < mark - tolerance * Math.abs(mark)) [mark, since] = [best.loss, 0];
    else since++;
    yield { step, x, loss, best };
    if (step === steps || since >= patience) return;
    slope.forEach((value, i) => {
      mean[i] = 0.9 * mean[i] + 0.1 * value;
      square[i] = 0.999 * square[i] + 0.001 * value * value;
      z.data[i] -= (lr * (mean[i] / (1 - 0.9 ** (step + 1)))) / (Math.sqrt(square[i] / (1 - 0.999 ** (step + 1))) + 1e-8);
    });
  }
}

// x, found for a picture without colour in the tones of the generator, as grey and as light as the picture is; others as they are.
export function asTaken(x, { grey, gain, shift }) {
  if (!grey.data[0]) return x;
  const area = x.length / 3;
  const light = (i) => 0.299 * x[i] + 0.587 * x[area + i] + 0.114 * x[2 * area + i];
  return x.map((_, i) => Math.min(1, Math.max(-1, (light(i % area) - shift.data[0]) / gain.data[0])));
}

export function planes(image, [height, width], channels) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const brush = canvas.getContext("2d", { willReadFrequently: true });
  brush.drawImage(image, 0, 0);
  const { data } = brush.getImageData(0, 0, width, height);
  const area = height * width;
  return Float32Array.from({ length: channels * area }, (_, i) => data[4 * (i % area) + Math.floor(i / area)] / 127.5 - 1);
}

export function pictureOf(x, [height, width]) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const [image, area] = [new ImageData(width, height), height * width];
  for (let i = 0; i < area; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = Math.floor((x[x.length > area ? c * area + i : i] + 1) * 127.5 + 0.5);
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas.toDataURL("image/png");
}

// Fills the hole as a kernel would: by the traits `phase`, `done`, `total`, `note`, `frame` and `results` of the model.
export async function fillHere(model, url, mask, stopping) {
  const answer = (traits) => Object.entries(traits).forEach(([name, value]) => model.set(name, value));
  const [size, name, steps] = [model.get("size"), model.get("live"), 20];
  if (!mask.includes(0)) return answer({ note: "Nothing is missing: paint a hole first.", phase: "refused" });
  if (!mask.includes(1)) return answer({ note: "Nothing is known: a search needs some pixels to hold on to.", phase: "refused" });
  answer({ phase: "running", done: 0, total: 0, results: [], note: "the networks are being loaded…" });
  try {
    const image = Object.assign(new Image(), { src: url });
    await image.decode().catch(() => Promise.reject(new Error("This picture cannot be read.")));
    const [search, encoder] = await Promise.all([name, "encoder"].map((one) => openLive(model, one)));
    answer({ frame: "" });
    const channels = model.get("colour") ? 3 : 1;
    const y = { data: planes(image, size, channels), dims: [1, channels, ...size] };
    const known = { data: Float32Array.from(mask), dims: [1, 1, ...size] };
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const began = performance.now();
    let [seen, last] = [0, null];
    const first = await encoder.run({ mask: known, y });
    for await (last of descend(search, { mask: known, y: { ...y, data: first.shown.data } }, { start: first.z.data, steps })) {
      if (stopping()) break;
      if (performance.now() - seen < 60) continue;
      answer({ done: last.step, total: steps, note: `loss ${last.loss.toFixed(1)}`, ...(still ? {} : { frame: pictureOf(asTaken(last.x, first), size) }) });
      await new Promise((go) => setTimeout(go)); // the page draws, and reads what the reader does
      seen = performance.now();
    }
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const raw = asTaken(last.best.x, first);
    const overlay = raw.map((value, i) => (mask[i % mask.length] ? y.data[i] : value));
    const results = [["raw", raw], ["overlay", overlay], ["Poisson", poisson(y.data, raw, mask, size)]];
    answer({ done: last.step, total: steps, note: `lowest loss ${last.best.loss.toFixed(1)}, after ${seconds} s in this browser` });
    answer({ results: results.map(([title, x]) => [title, pictureOf(x, size)]), phase: stopping() ? "stopped" : "done" });
  } catch (error) {
    answer({ note: error.message, phase: "failed" });
  }
}
