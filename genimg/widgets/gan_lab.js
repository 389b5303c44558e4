// A generative adversarial network that trains in the page: two small perceptrons and a law in the plane.
// The mathematics is exported and tested against PyTorch and genimg.transport; the page is below it.

// ---------------------------------------------------------------- chance

// Uniform numbers in [0, 1) from a seed (mulberry32), and normal ones by Box and Muller.
export function chance(seed) {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return { uniform, normal };
}

const range = (n) => Array.from({ length: n }, (_, i) => i);
const around = (count, radius) => range(count).map((k) => [radius * Math.cos((2 * Math.PI * k) / count), radius * Math.sin((2 * Math.PI * k) / count)]);

// Laws in the plane: centres with a standard deviation, or a curve; every one inside [-3, 3] squared.
export const LAWS = {
  one: { name: "one Gaussian", centres: [[1.2, 0.8]], std: 0.15 },
  two: { name: "two Gaussians", centres: [[-1.2, 0], [1.2, 0]], std: 0.25 },
  far: { name: "a far Gaussian", centres: [[2.2, 2.2]], std: 0.15 },
  ring: { name: "ring of eight", centres: around(8, 2), std: 0.08 },
  grid: { name: "grid of 25", centres: range(25).map((k) => [(k % 5) - 2, Math.floor(k / 5) - 2]), std: 0.05 },
  spiral: { name: "spiral", curve: (t) => [(0.4 + 1.9 * t) * Math.cos(9 * t), (0.4 + 1.9 * t) * Math.sin(9 * t)], std: 0.06 },
  drawn: { name: "your own drawing", std: 0.06 },
};

export function sampleLaw(kind, n, random, drawn = []) {
  const law = LAWS[kind];
  const x = new Float64Array(2 * n);
  const places = kind === "drawn" ? drawn : law.centres;
  for (let i = 0; i < n; i++) {
    const at = law.curve ? law.curve(random.uniform()) : places[Math.floor(random.uniform() * places.length)] || [0, 0];
    for (let c = 0; c < 2; c++) x[2 * i + c] = at[c] + law.std * random.normal();
  }
  return x;
}

// ---------------------------------------------------------------- perceptrons

const sigmoid = (a) => (a >= 0 ? 1 / (1 + Math.exp(-a)) : Math.exp(a) / (1 + Math.exp(a)));
const softplus = (a) => Math.max(a, 0) + Math.log1p(Math.exp(-Math.abs(a)));

// A perceptron: its weights in one vector p, layer by layer, first the matrix (out, in), then the bias.
export function perceptron(widths, activation, random) {
  const layers = [];
  let size = 0;
  for (let k = 0; k + 1 < widths.length; k++) {
    layers.push({ W: size, b: size + widths[k] * widths[k + 1], from: widths[k], to: widths[k + 1] });
    size += (widths[k] + 1) * widths[k + 1];
  }
  const p = new Float64Array(size);
  for (const { W, b, from, to } of layers) for (let i = W; i < b + to; i++) p[i] = (2 * random.uniform() - 1) / Math.sqrt(from); // as PyTorch does
  return { widths, activation, layers, p };
}

const affine = (p, { W, b, from, to }, h, n, bias) => {
  const out = new Float64Array(n * to);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < to; j++) {
      let total = bias ? p[b + j] : 0;
      for (let k = 0, w = W + j * from, at = i * from; k < from; k++) total += p[w + k] * h[at + k];
      out[i * to + j] = total;
    }
  return out;
};

// The values of all layers at x (n, in). `trace.y` is the output; slopes and bends are σ' and σ'' of each hidden layer.
export function pass(net, x) {
  const n = x.length / net.widths[0];
  const trace = { n, h: [x], slope: [], bend: [] };
  net.layers.forEach((layer, k) => {
    const a = affine(net.p, layer, trace.h[k], n, true);
    if (k === net.layers.length - 1) return void (trace.y = a);
    const [slope, bend] = [new Float64Array(a.length), new Float64Array(a.length)];
    for (let i = 0; i < a.length; i++)
      if (net.activation === "tanh") {
        a[i] = Math.tanh(a[i]);
        slope[i] = 1 - a[i] * a[i];
        bend[i] = -2 * a[i] * slope[i];
      } else {
        slope[i] = a[i] > 0 ? 1 : net.activation === "leaky" ? 0.2 : 0;
        a[i] *= slope[i];
      }
    trace.h.push(a);
    trace.slope.push(slope);
    trace.bend.push(bend);
  });
  return trace;
}

// The derivative of all layers in the direction v (n, in), added to the trace; `trace.yt` is that of the output.
export function push(net, trace, v) {
  trace.ht = [v];
  trace.at = [];
  net.layers.forEach((layer, k) => {
    const a = affine(net.p, layer, trace.ht[k], trace.n, false);
    if (k === net.layers.length - 1) return void (trace.yt = a);
    trace.at.push(a);
    trace.ht.push(a.map((value, i) => value * trace.slope[k][i]));
  });
}

// Backwards from `bar`, the derivative of a loss by y, and from `tbar`, its derivative by yt (null: there is none).
// Adds the derivative by the weights to `grad` (null: not wanted), gives that by x. Through yt it is a second one.
export function pull(net, trace, bar, tbar, grad) {
  const { n } = trace;
  for (let l = net.layers.length - 1; l >= 0; l--) {
    const { W, b, from, to } = net.layers[l];
    const [h, ht] = [trace.h[l], tbar && trace.ht[l]];
    const [down, tdown] = [new Float64Array(n * from), tbar && new Float64Array(n * from)];
    for (let i = 0; i < n; i++)
      for (let j = 0; j < to; j++) {
        const [one, two] = [bar[i * to + j], tbar ? tbar[i * to + j] : 0];
        if (one === 0 && two === 0) continue;
        const [w, at] = [W + j * from, i * from];
        for (let k = 0; k < from; k++) down[at + k] += net.p[w + k] * one;
        if (tbar) for (let k = 0; k < from; k++) tdown[at + k] += net.p[w + k] * two;
        if (!grad) continue;
        grad[b + j] += one;
        for (let k = 0; k < from; k++) grad[w + k] += one * h[at + k];
        if (tbar) for (let k = 0; k < from; k++) grad[w + k] += two * ht[at + k];
      }
    if (l > 0)
      for (let i = 0; i < down.length; i++) {
        const slope = trace.slope[l - 1][i];
        down[i] *= slope;
        if (!tbar) continue;
        down[i] += trace.bend[l - 1][i] * trace.at[l - 1][i] * tdown[i];
        tdown[i] *= slope;
      }
    [bar, tbar] = [down, tdown];
  }
  return bar;
}

const filled = (n, value) => new Float64Array(n).fill(value);

// ∇D at x (n, 2).
export function slopes(D, x) {
  const trace = pass(D, x);
  return { trace, g: pull(D, trace, filled(trace.n, 1), null, null) };
}

// weight · mean (‖∇D(x)‖ − target)², and its exact derivative by the weights of D, added to grad: with the direction
// v = ∂penalty/∂(∇D) held, it is the derivative by the weights of ⟨v, ∇D⟩, a derivative of D in the direction v.
export function penalty(D, x, target, weight, grad) {
  const { trace, g } = slopes(D, x);
  const v = new Float64Array(g.length);
  let total = 0;
  for (let i = 0; i < trace.n; i++) {
    const norm = Math.sqrt(g[2 * i] ** 2 + g[2 * i + 1] ** 2 + 1e-12);
    total += (norm - target) ** 2;
    const share = (2 * weight * (norm - target)) / (trace.n * norm);
    v[2 * i] = share * g[2 * i];
    v[2 * i + 1] = share * g[2 * i + 1];
  }
  push(D, trace, v);
  pull(D, trace, filled(trace.n, 0), filled(trace.n, 1), grad);
  return (weight * total) / trace.n;
}

// ---------------------------------------------------------------- objectives

export const OBJECTIVES = {
  saturating: { name: "vanilla, log(1 − D)", value: "V", logits: true },
  vanilla: { name: "vanilla, −log D", value: "V", logits: true },
  r1: { name: "vanilla + R1 penalty", value: "V", logits: true, strength: "γ" },
  clip: { name: "WGAN, clipped", value: "E D − E D", strength: "c" },
  gp: { name: "WGAN-GP", value: "E D − E D", strength: "λ" },
  tv: { name: "total variation", value: "δ", strength: "λ" },
};

// The critic's loss between real and fake (n, 2), as genimg.objectives has it; its derivative by D's weights in `grad`.
// u (n) places the points of the gradient penalty on the segments.
export function criticLoss(kind, strength, D, real, fake, u) {
  const n = real.length / 2;
  const grad = new Float64Array(D.p.length);
  const both = new Float64Array(4 * n);
  both.set(real);
  both.set(fake, 2 * n);
  const trace = pass(D, both);
  const bar = new Float64Array(2 * n);
  let [loss, distance, extra] = [0, 0, 0];
  for (let i = 0; i < 2 * n; i++) {
    const [y, sign] = [trace.y[i], i < n ? 1 : -1];
    if (OBJECTIVES[kind].logits) {
      distance -= softplus(-sign * y) / n;
      bar[i] = (-sign * sigmoid(-sign * y)) / n;
    } else {
      distance += (sign * (kind === "tv" ? Math.max(-1, Math.min(1, y)) / 2 : y)) / n;
      bar[i] = -sign / n;
      loss -= (sign * y) / n;
      if (kind === "tv" && Math.abs(y) > 1) {
        extra += (strength * (Math.abs(y) - 1) ** 2) / (2 * n);
        bar[i] += (strength * (Math.abs(y) - 1) * Math.sign(y)) / n;
      }
    }
  }
  if (OBJECTIVES[kind].logits) loss = -distance;
  pull(D, trace, bar, null, grad);
  if (kind === "gp") extra += penalty(D, real.map((value, i) => u[i >> 1] * value + (1 - u[i >> 1]) * fake[i]), 1, strength, grad);
  if (kind === "r1") extra += penalty(D, real, 0, strength / 2, grad);
  return { loss: loss + extra, distance, penalty: extra, grad };
}

// What one generated sample minimises as a function of y = D(x): its value and its slope.
export const pulls = {
  saturating: (y) => [-softplus(y), -sigmoid(y)],
  vanilla: (y) => [softplus(-y), -sigmoid(-y)],
};
const feel = (kind, y) => (pulls[kind === "r1" ? "vanilla" : kind] || ((d) => [-d, -1]))(y);

// The force on generated points: minus the derivative of their loss by where they are, (n, 2).
export function forces(kind, D, x) {
  const trace = pass(D, x);
  return pull(D, trace, trace.y.map((y) => -feel(kind, y)[1]), null, null);
}

export function generatorLoss(kind, G, D, z) {
  const born = pass(G, z);
  const judged = pass(D, born.y);
  const { n } = born;
  const grad = new Float64Array(G.p.length);
  let loss = 0;
  const bar = judged.y.map((y) => {
    const [value, slope] = feel(kind, y);
    loss += value / n;
    return slope / n;
  });
  pull(G, born, pull(D, judged, bar, null, null), null, grad);
  return { loss, grad };
}

// Adam, with PyTorch's epsilon and its bias correction.
export const adam = (size) => ({ m: new Float64Array(size), v: new Float64Array(size), t: 0 });
export function descend(p, grad, state, rate, beta1, beta2 = 0.99) {
  state.t++;
  const [c1, c2] = [1 - beta1 ** state.t, 1 - beta2 ** state.t];
  for (let i = 0; i < p.length; i++) {
    state.m[i] = beta1 * state.m[i] + (1 - beta1) * grad[i];
    state.v[i] = beta2 * state.v[i] + (1 - beta2) * grad[i] * grad[i];
    p[i] -= ((rate / c1) * state.m[i]) / (Math.sqrt(state.v[i] / c2) + 1e-8);
  }
}

// ---------------------------------------------------------------- what is true besides the critic

// The cheapest way to match n points with n points: the Hungarian method with potentials, O(n³). [column of each row].
export function assignment(cost, n) {
  const [u, v, row, way] = [filled(n + 1, 0), filled(n + 1, 0), new Int32Array(n + 1), new Int32Array(n + 1)];
  for (let i = 1; i <= n; i++) {
    row[0] = i;
    let at = 0;
    const [least, used] = [filled(n + 1, Infinity), new Uint8Array(n + 1)];
    do {
      used[at] = 1;
      let [step, next] = [Infinity, 0];
      for (let j = 1; j <= n; j++) {
        if (used[j]) continue;
        const slack = cost[(row[at] - 1) * n + j - 1] - u[row[at]] - v[j];
        if (slack < least[j]) [least[j], way[j]] = [slack, at];
        if (least[j] < step) [step, next] = [least[j], j];
      }
      for (let j = 0; j <= n; j++)
        if (used[j]) {
          u[row[j]] += step;
          v[j] -= step;
        } else least[j] -= step;
      at = next;
    } while (row[at]);
    for (; at; at = way[at]) row[at] = row[way[at]];
  }
  const found = new Array(n);
  for (let j = 1; j <= n; j++) found[row[j] - 1] = j - 1;
  return found;
}

// W1 between two samples of n points, exactly.
export function w1(x, y) {
  const n = x.length / 2;
  const cost = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) cost[i * n + j] = Math.hypot(x[2 * i] - y[2 * j], x[2 * i + 1] - y[2 * j + 1]);
  return assignment(cost, n).reduce((total, j, i) => total + cost[i * n + j] / n, 0);
}

// Two samples counted in cells: the D* of the counts, the V that it reaches (−log 4 + 2 JS) and the total variation.
export const SIDE = 3;
export function counted(x, y, cells = 24) {
  const count = (points) => {
    const found = filled(cells * cells, 0);
    const cell = (value) => Math.min(cells - 1, Math.max(0, Math.floor(((value + SIDE) / (2 * SIDE)) * cells)));
    for (let i = 0; i < points.length; i += 2) found[cell(points[i + 1]) * cells + cell(points[i])] += 2 / points.length;
    return found;
  };
  const [p, q] = [count(x), count(y)];
  let [V, delta] = [0, 0];
  const D = p.map((a, i) => {
    const b = q[i];
    if (a > 0) V += a * Math.log(a / (a + b));
    if (b > 0) V += b * Math.log(b / (a + b));
    delta += Math.abs(a - b) / 2;
    return a + b > 0 ? a / (a + b) : 0.5;
  });
  return { V, delta, D };
}

// How many centres of the law have at least `least` of the points within three standard deviations, and the share there.
export function modes(kind, x, least = 0.01) {
  const { centres, std } = LAWS[kind];
  if (!centres) return null;
  const near = filled(centres.length, 0);
  for (let i = 0; i < x.length; i += 2) {
    const k = centres.findIndex(([a, b]) => Math.hypot(x[i] - a, x[i + 1] - b) < Math.max(3 * std, 0.2));
    if (k >= 0) near[k] += 2 / x.length;
  }
  return { found: near.filter((share) => share >= least).length, of: centres.length, share: near.reduce((a, b) => a + b, 0) };
}

// ---------------------------------------------------------------- the game

// A setting is what the controls say: law, objective, strength, steps (of the critic), rateD, rateG, momentum, activation, seed.
export const BATCH = 128;
const WIDTH = 32;
export function game(setting, drawn = []) {
  const stream = (k) => chance(setting.seed * 1000 + k);
  const [data, latent, places, looks] = [1, 2, 3, 4].map(stream);
  const D = perceptron([2, WIDTH, WIDTH, 1], setting.activation, stream(5));
  const G = perceptron([2, WIDTH, WIDTH, 2], setting.activation, stream(6));
  const [ofD, ofG] = [adam(D.p.length), adam(G.p.length)];
  const noise = (n, from = latent) => Float64Array.from({ length: 2 * n }, from.normal);
  const fixed = noise(BATCH, stream(7));
  const it = { D, G, steps: 0, value: NaN, setting };
  it.real = (n, from = looks) => sampleLaw(it.setting.law, n, from, drawn);
  it.fake = (n) => pass(G, noise(n, looks)).y;
  it.shown = () => pass(G, fixed).y; // the same latents each time, so that the eye can follow them
  it.critic = () => {
    const { objective, strength, rateD, momentum } = it.setting;
    const u = Float64Array.from({ length: BATCH }, places.uniform);
    const { distance, grad } = criticLoss(objective, strength, D, it.real(BATCH, data), pass(G, noise(BATCH)).y, u);
    descend(D.p, grad, ofD, rateD, momentum);
    if (objective === "clip") D.p.forEach((w, i) => (D.p[i] = Math.max(-strength, Math.min(strength, w))));
    it.value = Number.isNaN(it.value) ? distance : 0.9 * it.value + 0.1 * distance;
  };
  it.generator = () => {
    const { objective, rateG, momentum } = it.setting;
    descend(G.p, generatorLoss(objective, G, D, noise(BATCH)).grad, ofG, rateG, momentum);
    it.steps++;
  };
  // The players in turn: as many steps of the critic as the setting says, then one of the generator.
  let turn = 0;
  it.next = () => {
    if (turn < it.setting.steps) it.critic();
    else it.generator();
    turn = turn < it.setting.steps ? turn + 1 : 0;
    return turn === 0;
  };
  it.round = () => {
    while (!it.next());
  };
  it.healthy = () => G.p.every(Number.isFinite) && D.p.every(Number.isFinite);
  return it;
}

// ---------------------------------------------------------------- page

const STRENGTHS = { clip: [0.01, 0.05, 0.1, 0.3], gp: [0.1, 1, 10], r1: [0.1, 1, 10], tv: [1, 10, 100] };
const USUAL = { clip: 0.1, gp: 1, r1: 1, tv: 10 };
const RATES = [0.0003, 0.001, 0.003, 0.01, 0.03];
const CELLS = 36; // of the heat map
const USE = "Play, or let one player move at a time. Every switch works while the players train; activation and seed begin anew.";
const KEPT = 300; // records of the curves, and pictures of the past

const CSS = `
.gwg { --real:#0072b2; --fake:#c27f00; --dual:#009e73; --fake-text:#8a5a00; --dual-text:#00735a; --line:#8888; --soft:#8882; --on:#fff; color-scheme: light;
  font: 15px/1.4 system-ui, sans-serif; color: inherit; box-sizing: border-box; max-width: 808px; padding: 4px; margin: 0 auto; text-align: left; }
.gwg.dark { --real:#56b4e9; --fake:#e69f00; --dual:#35c89b; --fake-text:#e69f00; --dual-text:#35c89b; --on:#0b2230; color-scheme: dark; }
.gwg * { box-sizing: border-box; }
.gwg .both { display: flex; flex-wrap: wrap; gap: 10px 18px; align-items: flex-start; }
.gwg .stage { flex: 1 1 300px; min-width: 0; max-width: 440px; margin: 0 auto; } .gwg .side { flex: 1 1 270px; min-width: 0; }
.gwg canvas { display: block; width: 100%; border-radius: 6px; } .gwg .plane { aspect-ratio: 1; border: 1px solid var(--line); }
.gwg .plane.pen { cursor: crosshair; touch-action: none; }
.gwg .bar { display: flex; flex-wrap: wrap; gap: 6px; align-items: center; margin: 0 0 8px; font-size: 14px; }
.gwg .grid { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 5px 10px; align-items: center; font-size: 14px; margin: 0 0 8px; }
.gwg .grid label { margin: 0; } .gwg select { font: inherit; font-size: 14px; color: inherit; background: var(--soft); border: 1px solid var(--line);
  border-radius: 6px; padding: 3px 6px; min-height: 32px; width: 100%; min-width: 0; } .gwg select option { color: #222; background: #fff; }
.gwg .tick { display: inline-flex; gap: 5px; align-items: center; margin: 0; min-height: 30px; } .gwg .tick input { margin: 0; accent-color: var(--dual); width: 17px; height: 17px; }
.gwg dl { margin: 8px 0 0; display: grid; grid-template-columns: 1fr max-content; gap: 2px 10px; font-size: 14px; }
.gwg dt { font-weight: 400; margin: 0; } .gwg dd { margin: 0; text-align: right; font-variant-numeric: tabular-nums; font-weight: 600; }
.gwg p { margin: 6px 0 8px; font-size: 14px; } .gwg .note { min-height: 2.8em; } .gwg .key { font-size: 13px; margin: 5px 0; }
.gwg .key b { font-weight: 600; } .gwg .key .r { color: var(--real); } .gwg .key .f { color: var(--fake-text); } .gwg .key .d { color: var(--dual-text); }
.gwg .cures:empty { display: none; } .gwg .cure { border-color: var(--dual); border-width: 2px; } .gwg [hidden] { display: none !important; }
.gwg .spoken { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
${controls("gwg")}`;

const shown = (value, digits = 2) => (Number.isFinite(value) ? value.toFixed(digits).replace("-", "−") : "–");

function render({ model, el }) {
  const presets = model.get("presets");
  const root = document.createElement("div");
  root.className = "gwg";
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "A generative adversarial network that trains in this page");
  const choose = (key, label, options) =>
    `<label for="${key}">${label}</label><select ${QUIET} data-key="${key}" aria-label="${label}">${options.map(([value, name]) => `<option value="${value}">${name}</option>`).join("")}</select>`;
  root.innerHTML = `<style>${CSS}</style>
    <div class="bar" role="group" aria-label="examples">Break it: ${Object.keys(presets)
      .map((name) => `<button ${QUIET} type="button" data-preset="${escaped(name)}">${escaped(name)}</button>`)
      .join("")}</div><div class="bar cures"></div>
    <p class="note"></p>
    <div class="both"><div class="stage">
      <div class="bar"><button ${QUIET} type="button" data-do="play">play</button><button ${QUIET} type="button" data-do="critic">critic step</button>
        <button ${QUIET} type="button" data-do="generator">generator step</button><button ${QUIET} type="button" data-do="reset">reset</button></div>
      <canvas ${QUIET} class="plane" tabindex="0" role="img"></canvas>
      <p class="key"><b class="r">blue</b> data, <b class="f">orange</b> generated, <b class="d">green</b> <span data-map></span></p>
      <div class="bar"><label class="tick"><input ${QUIET} type="checkbox" data-show="pull" checked>pull</label>
        <label class="tick"><input ${QUIET} type="checkbox" data-show="past">past samples</label>
        <label class="tick"><input ${QUIET} type="checkbox" data-show="best">D* instead of the critic</label></div>
    </div><div class="side"><div class="grid">
      ${choose("law", "data", Object.entries(LAWS).map(([key, { name }]) => [key, name]))}
      ${choose("objective", "objective", Object.entries(OBJECTIVES).map(([key, { name }]) => [key, name]))}
      ${choose("strength", "strength", [])}
      ${choose("steps", "critic steps", [1, 2, 5, 10].map((n) => [n, `${n} per generator step`]))}
      ${choose("rateD", "critic’s rate", RATES.map((n) => [n, n]))}
      ${choose("rateG", "generator’s rate", RATES.map((n) => [n, n]))}
      ${choose("momentum", "momentum β₁", [0, 0.5, 0.9].map((n) => [n, n]))}
      ${choose("activation", "activation", [["relu", "ReLU"], ["leaky", "leaky ReLU"], ["tanh", "tanh"]])}
      ${choose("seed", "seed", [1, 2, 3, 4, 5].map((n) => [n, n]))}</div>
      <div class="bar pen" hidden><span>Draw on the picture.</span><button ${QUIET} type="button" data-do="clear">clear the drawing</button></div>
      <canvas class="curves" style="aspect-ratio:3" role="img"></canvas>
      <dl></dl></div></div><p class="spoken" aria-live="polite"></p>`;
  el.appendChild(root);
  const $ = (selector) => root.querySelector(selector);
  const [plane, curves] = [$(".plane"), $(".curves")];
  for (const select of root.querySelectorAll("select")) select.previousElementSibling.addEventListener("click", () => select.focus());
  const stopTheme = followTheme(root, el);
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  let drawn = [];
  let [it, records, past, cures] = [null, [], [], []];
  let [playing, frames, truth, best, pen, last] = [0, 0, {}, null, null, 0];
  const setting = () => model.get("setting");

  function start() {
    it = game({ ...setting() }, drawn);
    [records, past, frames, truth] = [[], [], 0, {}];
    check();
    draw();
  }
  // What is true of the two laws besides what the critic says: dear, and therefore not in every frame.
  function check() {
    const [x, y] = [it.real(BATCH), it.fake(BATCH)];
    const healthy = it.healthy();
    const many = healthy ? it.fake(2000) : null;
    best = healthy ? counted(it.real(2000), many) : null;
    truth = { w1: healthy ? w1(x, y) : NaN, floor: w1(x, it.real(BATCH)), modes: healthy ? modes(it.setting.law, many) : null, pull: NaN };
    if (healthy) {
      const pullOn = forces(it.setting.objective, it.D, y);
      for (let i = 0, total = 0; i < BATCH; i++) truth.pull = (total += Math.hypot(pullOn[2 * i], pullOn[2 * i + 1])) / (i + 1);
    }
    records.push({ step: it.steps, value: it.value, w1: truth.w1, best: OBJECTIVES[it.setting.objective].logits ? best && best.V : it.setting.objective === "tv" ? best && best.delta : truth.w1 });
    if (records.length > KEPT) records.splice(0, records.length - KEPT);
  }

  const change = (part, again = false) => {
    model.set("setting", { ...setting(), ...part });
    model.save_changes();
    if (again || "seed" in part || "activation" in part) start();
    else Object.assign(it.setting, part);
    if (!playing) (check(), draw());
  };

  // ------------------------------------------------------------ drawing

  const inks = () => (root.classList.contains("dark") ? { paper: [22, 26, 28], peak: [16, 132, 98], real: "#7cc7f5", fake: "#ffb62e", edge: "#201400", pull: "#fff", line: "#bbb", dual: "#35c89b" } : { paper: [255, 255, 255], peak: [70, 184, 148], real: "#0072b2", fake: "#e69f00", edge: "#5a3e00", pull: "#222", line: "#555", dual: "#007a59" });
  const fit = (canvas) => {
    const [box, dense] = [canvas.getBoundingClientRect(), Math.min(2, devicePixelRatio || 1)];
    const [wide, high] = [Math.max(1, Math.round(box.width * dense)), Math.max(1, Math.round(box.height * dense))];
    if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
    return { pen: canvas.getContext("2d"), wide, high, dense };
  };
  const field = new Float64Array(2 * CELLS * CELLS);
  for (let i = 0; i < CELLS * CELLS; i++) {
    field[2 * i] = (((i % CELLS) + 0.5) / CELLS) * 2 * SIDE - SIDE;
    field[2 * i + 1] = SIDE - ((Math.floor(i / CELLS) + 0.5) / CELLS) * 2 * SIDE;
  }
  const small = Object.assign(document.createElement("canvas"), { width: CELLS, height: CELLS });

  function heat(ink) {
    const useBest = $("[data-show=best]").checked && best;
    const cells = useBest ? 24 : CELLS;
    const values = useBest ? best.D : pass(it.D, field).y;
    const logits = OBJECTIVES[it.setting.objective].logits;
    let [low, high] = [Infinity, -Infinity];
    const level = (i) => (useBest ? values[(cells - 1 - Math.floor(i / cells)) * cells + (i % cells)] : logits ? sigmoid(values[i]) : values[i]);
    for (let i = 0; i < cells * cells; i++) [low, high] = [Math.min(low, level(i)), Math.max(high, level(i))];
    const span = logits || useBest ? [0, 1] : [low, Math.max(high, low + 1e-9)];
    if (small.width !== cells) Object.assign(small, { width: cells, height: cells });
    const image = new ImageData(cells, cells);
    for (let i = 0; i < cells * cells; i++) {
      const share = (level(i) - span[0]) / (span[1] - span[0]);
      for (let c = 0; c < 3; c++) image.data[4 * i + c] = ink.paper[c] + share * (ink.peak[c] - ink.paper[c]);
      image.data[4 * i + 3] = 255;
    }
    small.getContext("2d").putImageData(image, 0, 0);
    $("[data-map]").textContent = useBest ? "D* by counting, from 0 to 1" : logits ? `the critic’s “real”, here from ${shown(low)} to ${shown(high)}` : `the critic, here from ${shown(low)} to ${shown(high)}`;
    return !useBest;
  }

  function draw() {
    const ink = inks();
    const { pen: to, wide, dense } = fit(plane);
    const at = (x, y) => [((x + SIDE) / (2 * SIDE)) * wide, ((SIDE - y) / (2 * SIDE)) * wide];
    const dots = (points, colour, size, edge) => {
      to.fillStyle = colour;
      to.strokeStyle = edge || colour;
      to.lineWidth = 0.7 * dense;
      for (let i = 0; i < points.length; i += 2) {
        to.beginPath();
        to.arc(...at(points[i], points[i + 1]), size * dense, 0, 7);
        to.fill();
        if (edge) to.stroke();
      }
    };
    if (it.healthy()) {
      to.imageSmoothingEnabled = heat(ink);
      to.drawImage(small, 0, 0, wide, wide);
    } else to.clearRect(0, 0, wide, wide);
    if ($("[data-show=past]").checked) {
      to.globalAlpha = 0.35;
      for (const points of past) dots(points, ink.fake, 1.3);
      to.globalAlpha = 1;
    }
    dots(it.real(160, chance(9)), ink.real, 2.2);
    if (it.setting.law === "drawn" && pen) dots(pen, ink.pull, 4);
    if (it.healthy()) {
      const fake = it.shown();
      if ($("[data-show=pull]").checked) {
        const some = fake.slice(0, 64);
        const force = forces(it.setting.objective, it.D, some);
        to.strokeStyle = to.fillStyle = ink.pull;
        to.lineWidth = 1.3 * dense;
        for (let i = 0; i < some.length; i += 2) {
          const size = Math.hypot(force[i], force[i + 1]);
          const reach = Math.min(0.8, 0.5 * size) / (size || 1);
          const [a, b] = [at(some[i], some[i + 1]), at(some[i] + reach * force[i], some[i + 1] + reach * force[i + 1])];
          to.beginPath();
          to.moveTo(...a);
          to.lineTo(...b);
          to.stroke();
          const angle = Math.atan2(b[1] - a[1], b[0] - a[0]);
          if (Math.hypot(b[0] - a[0], b[1] - a[1]) < 6 * dense) continue;
          to.beginPath();
          to.moveTo(...b);
          for (const turn of [2.7, -2.7]) to.lineTo(b[0] + 6 * dense * Math.cos(angle + turn), b[1] + 6 * dense * Math.sin(angle + turn));
          to.fill();
        }
      }
      dots(fake, ink.fake, 2.7, ink.edge);
    }
    lines(ink);
    say();
  }

  function lines(ink) {
    const { pen: to, wide, high, dense } = fit(curves);
    to.clearRect(0, 0, wide, high);
    to.font = `${12 * dense}px system-ui, sans-serif`;
    const logits = OBJECTIVES[it.setting.objective].logits;
    [[`critic’s ${OBJECTIVES[it.setting.objective].value}; thin: ${logits || it.setting.objective === "tv" ? "best, counted" : "W₁"}`, ["best", "value"]], ["exact W₁", ["w1"]]].forEach(([title, keys], side) => {
      const [left, width, top, deep] = [side * 0.54 * wide, 0.46 * wide, 22 * dense, high - 28 * dense];
      const values = records.flatMap((one) => keys.map((key) => one[key])).filter(Number.isFinite);
      to.fillStyle = to.strokeStyle = ink.line;
      to.fillText(title, left, 13 * dense, width);
      if (!values.length) return;
      let [low, most] = [Math.min(...values), Math.max(...values)];
      if (side) low = 0;
      if (most - low < 1e-6) most = low + 1;
      for (const key of keys) {
        to.beginPath();
        to.strokeStyle = key === "value" ? ink.dual : ink.line;
        to.lineWidth = (key === "best" ? 1 : 2) * dense;
        records.forEach((one, i) => Number.isFinite(one[key]) && to.lineTo(left + (width * i) / Math.max(1, records.length - 1), top + deep * (1 - (one[key] - low) / (most - low))));
        to.stroke();
      }
    });
  }

  function say() {
    const { objective, law } = it.setting;
    const rows = [
      ["generator steps", String(it.steps)],
      truth.modes && truth.modes.of > 1 ? ["modes found", `${truth.modes.found} of ${truth.modes.of}`] : null,
      [`critic’s ${OBJECTIVES[objective].value}`, shown(it.value)],
      OBJECTIVES[objective].logits ? ["V of D*, counted in cells", shown(best ? best.V : NaN)] : objective === "tv" ? ["δ, counted in cells", shown(best ? best.delta : NaN)] : null,
      ["exact W₁ of 128 samples", shown(truth.w1)],
      ["… between two samples of the data", shown(truth.floor)],
      ["mean length of the pull", Number.isFinite(truth.pull) ? truth.pull.toPrecision(2) : "–"],
    ].filter(Boolean);
    $("dl").innerHTML = rows.map(([name, value]) => `<dt>${name}</dt><dd>${value}</dd>`).join("");
    const text = rows.map((row) => row.join(": ")).join(", ");
    plane.setAttribute("aria-label", `${LAWS[law].name} in blue and the generated samples in orange on the plane. ${text}`);
    curves.setAttribute("aria-label", `Curves of the critic’s value and of W1 over time; now ${shown(it.value)} and ${shown(truth.w1)}`);
    if (!it.healthy()) $(".note").textContent = "The weights have left every bound. Press reset, and take smaller rates.";
    if (!playing) $(".spoken").textContent = text;
  }

  function controlsNow() {
    const now = setting();
    const strength = $("[data-key=strength]");
    const { strength: symbol } = OBJECTIVES[now.objective];
    strength.innerHTML = (STRENGTHS[now.objective] || []).map((n) => `<option value="${n}">${symbol} = ${n}</option>`).join("") || "<option>none</option>";
    strength.disabled = !symbol;
    for (const select of root.querySelectorAll("select")) if (select !== strength || symbol) select.value = String(now[select.dataset.key]);
    const drawing = now.law === "drawn";
    $(".pen").hidden = !drawing;
    plane.classList.toggle("pen", drawing);
    $("[data-do=play]").textContent = playing ? "pause" : "play";
    const names = cures.map(({ label }, k) => `<button ${QUIET} type="button" class="cure" data-cure="${k}">cure: ${escaped(label)}</button>`);
    if ($(".cures").dataset.now !== names.join("")) $(".cures").innerHTML = $(".cures").dataset.now = names.join("");
  }

  // ------------------------------------------------------------ time

  function advance(budget) {
    const until = performance.now() + budget;
    let rounds = 0;
    do {
      if (!it.next()) continue;
      rounds++;
      if (it.steps % 10 === 0) {
        past.push(it.shown().slice(0, 48));
        if (past.length > KEPT) past.splice(0, past.length - KEPT);
      }
    } while (performance.now() < until && rounds < 20);
  }
  function frame(now) {
    if (!playing) return;
    playing = requestAnimationFrame(frame);
    // Who asked for less motion sees two still pictures a second.
    if (calm.matches && now - last < 500) return void advance(12);
    const box = plane.getBoundingClientRect();
    if (box.bottom < 0 || box.top > innerHeight) return; // nobody looks
    last = now;
    advance(14);
    if (frames++ % 10 === 0) check();
    draw();
    if (!it.healthy()) stop();
  }
  const stop = () => {
    cancelAnimationFrame(playing);
    playing = 0;
    check();
    draw();
    controlsNow();
  };
  const play = () => {
    if (!it.healthy()) start();
    playing = requestAnimationFrame(frame);
    controlsNow();
  };

  const DO = {
    play: () => (playing ? stop() : play()),
    critic: () => (it.critic(), check(), draw()),
    generator: () => (it.generator(), check(), draw()),
    reset: () => (start(), controlsNow()),
    clear: () => ((drawn.length = 0), draw()),
  };
  root.addEventListener("click", ({ target }) => {
    const { do: action, preset, cure } = target.dataset || {};
    if (action) DO[action]();
    if (preset) {
      cures = presets[preset].cures;
      change({ ...presets[preset].setting, seed: setting().seed }, true); // the reader's seed stays
      $(".note").textContent = presets[preset].note;
      if (!playing) play();
    }
    if (cure) {
      $(".note").textContent = cures[cure].note;
      const { seed, activation, ...switches } = cures[cure].setting;
      change(switches); // the broken game goes on: with a seed or an activation, a new one would begin
      if (!playing) play();
    }
    if (preset || cure) controlsNow();
  });
  root.addEventListener("input", ({ target }) => {
    const { key } = target.dataset;
    if (!key) return void draw();
    const part = { [key]: ["law", "objective", "activation"].includes(key) ? target.value : Number(target.value) };
    if (key === "objective") part.strength = USUAL[part.objective] ?? 1;
    change(part);
    if (key !== "seed") {
      // Whoever turns another switch plays a game of their own: what was said of the example holds no longer.
      cures = [];
      const { objective, steps } = setting();
      $(".note").textContent = steps < 5 && ["clip", "gp", "tv"].includes(objective) ? "This objective is for a critic that keeps up with the generator: give it five steps." : USE;
    }
    controlsNow();
  });

  // ------------------------------------------------------------ the reader's own law

  const place = (event) => {
    const box = plane.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * 2 * SIDE - SIDE, SIDE - ((event.clientY - box.top) / box.height) * 2 * SIDE];
  };
  const add = (point) => {
    drawn.push(point);
    if (drawn.length > 500) drawn.shift();
    if (!playing) draw();
  };
  let down = false;
  plane.addEventListener("pointerdown", (event) => {
    if (setting().law !== "drawn") return;
    down = true;
    plane.setPointerCapture(event.pointerId);
    add(place(event));
  });
  plane.addEventListener("pointermove", (event) => down && add(place(event)));
  for (const end of ["pointerup", "pointercancel"]) plane.addEventListener(end, () => (down = false));
  plane.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-0.2, 0], ArrowRight: [0.2, 0], ArrowUp: [0, 0.2], ArrowDown: [0, -0.2] }[event.key];
    const action = { p: "play", c: "critic", g: "generator", r: "reset" }[event.key];
    if (way && setting().law === "drawn") {
      pen = (pen || [0, 0]).map((value, i) => Math.max(-SIDE, Math.min(SIDE, value + way[i])));
      draw();
    } else if (event.key === "Enter" && setting().law === "drawn") add([...(pen ||= [0, 0])]);
    else if (action && !event.ctrlKey && !event.metaKey && !event.altKey) DO[action]();
    else return;
    event.preventDefault();
  });

  const heard = () => {
    Object.assign(it.setting, setting());
    controlsNow();
  };
  model.on("change:setting", heard);
  const watch = new MutationObserver(draw);
  watch.observe(root, { attributes: true, attributeFilter: ["class"] });
  const grown = new ResizeObserver(draw);
  start();
  controlsNow();
  $(".note").textContent = USE;
  grown.observe(plane);
  return () => {
    cancelAnimationFrame(playing);
    stopTheme();
    watch.disconnect();
    grown.disconnect();
    model.off("change:setting", heard);
  };
}

export default { render };
