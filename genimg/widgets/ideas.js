// One idea at a time, with sliders: what a law, a critic or a value does while its parameters move.
// The mathematics is exported and tested against genimg; the page is below it.

// ---------------------------------------------------------------- mathematics

export const STEP = 0.02;
export const GRID = Array.from({ length: 601 }, (_, i) => Math.round((-6 + i * STEP) * 100) / 100);
const total = (values) => values.reduce((all, value) => all + value, 0);
export const normal = (x, mean, sd) => Math.exp(-0.5 * ((x - mean) / sd) ** 2) / (sd * Math.sqrt(2 * Math.PI));
// A density on the grid, as masses that sum to 1: what lies beyond -6 and 6 is cut off.
export const masses = (mean, sd) => {
  const p = GRID.map((x) => normal(x, mean, sd));
  const all = total(p);
  return p.map((value) => value / all);
};
const running = (p) => {
  let all = 0;
  return p.map((value) => (all += value));
};

// G(z) = shift + scale z + bend z³ increases, so that the density of G(Z) at G(z) is that of Z at z over the slope of G.
export function pushforward({ shift, scale, bend }) {
  const z = GRID.map((x) => (2 * x) / 3);
  const x = z.map((value) => shift + scale * value + bend * value ** 3);
  const y = z.map((value) => normal(value, 0, 1) / (scale + 3 * bend * value * value));
  return { z, x, y, mean: shift, deviation: Math.sqrt(scale * scale + 6 * scale * bend + 15 * bend * bend) };
}

// D* = p / (p + q), and the JS that the generator then minimises, in nats.
export function discriminator({ real, fake, width }) {
  const p = masses(real, 1);
  const q = masses(fake, width);
  const D = p.map((value, i) => value / (value + q[i]));
  const part = (one, both) => (one / both > 0 ? one * Math.log((2 * one) / both) : 0);
  const js = total(p.map((value, i) => 0.5 * (part(value, value + q[i]) + part(q[i], value + q[i]))));
  return { p, q, D, js };
}

// The best critics of N(gap, 1) against N(0, 1), moved to the middle of the line, by their slopes: K times the sign of
// F2 - F1 if D is K-Lipschitz, and 1 + |F1 - F2| / (2 lambda rho) with the penalty, rho the density of the segments.
export function penalty({ gap, K, lam }) {
  const F = (mean) => running(masses(mean, 1));
  const F1 = F(gap / 2);
  const F2 = F(-gap / 2);
  const share = Array.from({ length: 100 }, (_, k) => (k + 0.5) / 100);
  const rho = GRID.map((x) => total(share.map((u) => normal(x, gap * (u - 0.5), Math.sqrt(u * u + (1 - u) ** 2)))) / 100);
  const off = F1.map((value, i) => F2[i] - value);
  const steep = off.map((value, i) => Math.sign(value) * (1 + Math.abs(value) / (2 * lam * rho[i])));
  const w1 = STEP * total(off.map(Math.abs));
  const reported = STEP * total(off.map((value, i) => value * steep[i]));
  const sum = (slope) => {
    const D = running(slope.map((value) => STEP * value));
    const middle = D[300];
    return D.map((value) => value - middle);
  };
  return { p: masses(gap / 2, 1), q: masses(-gap / 2, 1), clipped: sum(off.map((value) => K * Math.sign(value))), penalised: sum(steep), w1, reported, most: Math.max(...steep) };
}

// P_Ghist of a generator that swings about the data and comes to rest: a state every 2 steps, weighed as History.weights
// does, and what of the data (and of the rest of the line) lies where the past has less than a hundredth.
export const TIMES = Array.from({ length: 61 }, (_, k) => 2 * k);
const data = (low, high) => low.map((value, i) => 0.6 * value + 0.4 * high[i]);
export function past({ alpha, beta, swing }) {
  const raw = TIMES.map((t) => (t < alpha ? 0 : Math.exp(-beta * (t - alpha))));
  const all = total(raw);
  const weights = raw.map((value) => value / all);
  const p = data(masses(-1.2, 0.5), masses(1.5, 0.7));
  const q = GRID.map(() => 0);
  TIMES.forEach((t, k) => {
    if (weights[k]) masses(-0.12 + swing * Math.exp(-t / 60) * Math.cos((Math.PI * t) / 12), 0.8).forEach((value, i) => (q[i] += weights[k] * value));
  });
  const rare = (value) => value / STEP < 0.01;
  const delta = total(p.map((value, i) => Math.abs(value - q[i]))) / 2;
  const missed = total(p.filter((_, i) => rare(q[i])));
  const rest = q.filter((_, i) => Math.abs(GRID[i]) <= 5 && rare(p[i]));
  return { weights, p, q, D: p.map((value, i) => Math.sign(value - q[i])), delta, missed, bare: rest.filter(rare).length / rest.length };
}

// CIE Lab to sRGB with the constants of genimg.numerics.color; not clipped.
const RGB_FROM_XYZ = [
  [3.2404813432005266, -1.5371515162713185, -0.4985363261688878],
  [-0.9692549499965682, 1.8759900014898907, 0.04155592655829284],
  [0.05564663913517715, -0.20404133836651123, 1.0573110696453443],
];
export function labToRgb([L, a, b]) {
  const cube = (t) => (t > 0.2068966 ? t ** 3 : (t - 16 / 116) / 7.787);
  const y = (L + 16) / 116;
  const xyz = [0.95047 * cube(y + a / 500), cube(y), 1.08883 * cube(y - b / 200)];
  const encode = (x) => (x > 0.0031308 ? 1.055 * x ** (1 / 2.4) - 0.055 : 12.92 * x);
  return RGB_FROM_XYZ.map((row) => encode(total(row.map((value, k) => value * xyz[k]))));
}
export const exists = (lab) => labToRgb(lab).every((value) => value >= -1e-4 && value <= 1 + 1e-4);

// The slice of the gamut at L as the points of a grid that exist, and the largest share of (a, b) that does.
export const CELL = 4;
export function gamut({ L, a, b }) {
  const side = Array.from({ length: 57 }, (_, k) => CELL * (k - 28));
  const cells = side.flatMap((u) => side.map((v) => [u, v])).filter(([u, v]) => exists([L, u, v]));
  let [low, high] = exists([L, a, b]) ? [1, 1] : [0, 1];
  for (let k = 0; k < 30 && low < high; k++) {
    const middle = (low + high) / 2;
    if (exists([L, middle * a, middle * b])) low = middle;
    else high = middle;
  }
  return { cells, share: low };
}

// Poisson editing of a row: in each gap the guide, plus the straight line between what it misses at the two seams.
export function edited(y, g, known) {
  const x = y.slice();
  for (let i = 0; i < y.length; i++) {
    if (known[i]) continue;
    let end = i;
    while (end < y.length && !known[end]) end++;
    const left = i > 0 ? y[i - 1] - g[i - 1] : y[end] - g[end]; // free at the border: a constant
    const right = end < y.length ? y[end] - g[end] : left;
    for (let k = i; k < end; k++) x[k] = g[k] + left + ((right - left) * (k - i + 1)) / (end - i + 1);
    i = end;
  }
  return x;
}

export const PIXELS = 48;
export const HOLE = 12; // its first pixel
export function poisson({ offset, tilt, end }) {
  const at = Array.from({ length: PIXELS }, (_, i) => i);
  const y = at.map((i) => 0.4 + 0.004 * i + 0.07 * Math.sin(i / 4));
  const g = at.map((i) => y[i] + 0.22 * Math.exp(-(((i - 20) / 2.2) ** 2)) + offset + tilt * (i / (PIXELS - 1) - 0.5));
  const known = at.map((i) => i < HOLE || i > end);
  const flat = g.map(() => 0);
  return { y, g, known, pasted: y.map((value, i) => (known[i] ? value : g[i])), x: edited(y, g, known), harmonic: edited(y, flat, known) };
}

// ---------------------------------------------------------------- page

const CSS = `
.gwi { --real:#0072b2; --fake:#e69f00; --dual:#009e73; --noise:#767676; --ochre:#8f6000; --line:#8888; --soft:#8882; font: 15px/1.4 system-ui, sans-serif; color: inherit; max-width: 640px; margin: 0 auto; }
.gwi.dark { --real:#56b4e9; --fake:#f0b429; --dual:#2fc79a; --noise:#a0a0a0; --ochre:#f0b429; }
.gwi svg { display: block; width: 100%; height: auto; }
.gwi svg text { font-size: 14px; fill: currentColor; }
.gwi label { display: grid; grid-template-columns: 11em 1fr 3.2em; gap: 10px; align-items: center; min-height: 34px; font-size: 14px; }
.gwi label output { text-align: right; font-variant-numeric: tabular-nums; }
.gwi input { width: 100%; min-width: 0; height: 28px; margin: 0; accent-color: var(--dual); }
.gwi :focus-visible { outline: 2px solid var(--dual); outline-offset: 2px; }
.gwi p { margin: 6px 0 0; font-variant-numeric: tabular-nums; }
@media (max-width: 480px) { .gwi label { grid-template-columns: 8em 1fr 3em; gap: 6px; } }
`;

const W = 600;
const across = (x) => 300 + 48 * x;
const line = (xs, ys) => xs.map((x, i) => `${i ? "L" : "M"}${across(x).toFixed(1)} ${ys[i].toFixed(1)}`).join("");
const curve = (xs, ys, colour, dashed = false) =>
  `<path d="${line(xs, ys)}" fill="none" style="stroke:var(--${colour})" stroke-width="2.2"${dashed ? ' stroke-dasharray="6 4"' : ""}/>`;
const heap = (xs, heights, colour, base) =>
  `<path d="${line(xs, heights.map((h) => base - h))}L${across(xs[xs.length - 1]).toFixed(1)} ${base}L${across(xs[0]).toFixed(1)} ${base}Z" style="fill:var(--${colour})" fill-opacity=".35"/>`;
const floor = (base) => `<path d="M8 ${base}H${W - 8}" stroke="currentColor" stroke-opacity=".5"/>` + [-4, -2, 0, 2, 4].map((x) => `<text x="${across(x)}" y="${base + 18}" text-anchor="middle">${x}</text>`).join("");
// Orange words on white are too pale to read, so they have a shade of their own.
const word = (x, y, text, colour) => `<text x="${x}" y="${y}" style="fill:var(--${colour === "fake" ? "ochre" : colour})">${text}</text>`;
const two = (p, q, base) => heap(GRID, p.map((v) => 200 * (v / STEP)), "real", base) + heap(GRID, q.map((v) => 200 * (v / STEP)), "fake", base);

// Each idea: what is drawn, and what is said about it; the second is also read to those who do not see the first.
export const IDEAS = {
  pushforward: (values) => {
    const { z, x, y, mean, deviation } = pushforward(values);
    const rays = [-2, -1, 0, 1, 2].map((at) => `<path d="M${across(at)} 100L${across(values.shift + values.scale * at + values.bend * at ** 3).toFixed(1)} 160" stroke="currentColor" stroke-opacity=".55"/>`);
    const drawn = heap(z, z.map((value) => 180 * normal(value, 0, 1)), "noise", 100) + rays.join("") + heap(x, y.map((value) => Math.min(130, 180 * value)), "fake", 300) + floor(300);
    return { drawn: drawn + word(12, 40, "noise z", "noise") + word(12, 215, "law of G(z)", "fake"), said: `Mean ${mean.toFixed(2)}, standard deviation ${deviation.toFixed(2)}.` };
  },
  discriminator: (values) => {
    const { p, q, D, js } = discriminator(values);
    const drawn = two(p, q, 300) + curve(GRID, D.map((value) => 160 - 140 * value), "dual") + floor(300);
    return { drawn: drawn + word(12, 16, "D* = 1", "dual") + word(12, 176, "D* = 0", "dual"), said: `JS ${js.toFixed(3)} nats, of at most 0.693.` };
  },
  penalty: (values) => {
    const { p, q, clipped, penalised, w1, reported, most } = penalty(values);
    const level = (value) => Math.max(-20, Math.min(320, 150 - 30 * value));
    const drawn = two(p, q, 300) + curve(GRID, clipped.map(level), "dual", true) + curve(GRID, penalised.map(level), "dual") + floor(300);
    const said = `W₁ ${w1.toFixed(2)}. Clipped (dashed): reports ${(values.K * w1).toFixed(2)}. Penalty (solid): reports ${reported.toFixed(2)}, steepest slope ${most.toFixed(2)}.`;
    return { drawn, said };
  },
  past: (values) => {
    const { weights, p, q, D, delta, missed, bare } = past(values);
    const most = Math.max(...weights);
    const bars = weights.map((value, k) => (value ? `<rect x="${60 + 8 * k}" y="${(70 - (50 * value) / most).toFixed(1)}" width="6" height="${((50 * value) / most).toFixed(1)}" style="fill:var(--fake)"/>` : ""));
    const axis = `<path d="M56 70H548" stroke="currentColor" stroke-opacity=".5"/>` + [0, 40, 80, 120].map((t) => `<text x="${63 + 4 * t}" y="86" text-anchor="middle">${t}</text>`).join("");
    const drawn = bars.join("") + axis + word(12, 16, "weights of the states, by step t", "fake") + two(p, q, 300) + curve(GRID, D.map((value) => 142 - 24 * value), "dual") + floor(300);
    const said = `δ(P_real, P_Ghist) = ${delta.toFixed(2)}. Out of reach of the past: ${Math.round(100 * missed)} % of P_real, ${Math.round(100 * bare)} % of the rest of [−5, 5].`;
    return { drawn: drawn + word(12, 122, "D* = 1", "dual") + word(12, 184, "D* = −1", "dual"), said };
  },
  gamut: ({ L, a, b }) => {
    const { cells, share } = gamut({ L, a, b });
    const place = (u, v) => [230 + 1.35 * u, 160 - 1.35 * v].map((value) => value.toFixed(1));
    const seen = (u, v) => `rgb(${labToRgb([L, u, v]).map((value) => Math.round(255 * Math.min(1, Math.max(0, value)))).join(" ")})`; // prettier-ignore
    const tiles = cells.map(([u, v]) => `<rect x="${(227.3 + 1.35 * u).toFixed(1)}" y="${(157.3 - 1.35 * v).toFixed(1)}" width="5.5" height="5.5" fill="${seen(u, v)}"/>`);
    const axes = `<path d="M75 160H385M230 6V314" stroke="currentColor" stroke-opacity=".4"/><text x="385" y="154" text-anchor="end">a, red</text><text x="75" y="154">green</text><text x="236" y="18">b, yellow</text><text x="236" y="312">blue</text>`;
    const [x, y] = place(a, b);
    const [nearX, nearY] = place(share * a, share * b);
    const ray = share < 1 ? `<path d="M${x} ${y}L${nearX} ${nearY}" stroke="currentColor" stroke-dasharray="4 3"/><circle cx="${nearX}" cy="${nearY}" r="5" fill="none" stroke="currentColor" stroke-width="2"/>` : "";
    const chosen = `<path d="M${x - 7} ${y}h14M${x} ${y - 7}v14" stroke="currentColor" stroke-width="2.5"/>`;
    const swatch = (top, text, u, v) => `<text x="430" y="${top - 6}">${text}</text><rect x="430" y="${top}" width="150" height="90" fill="${seen(u, v)}" stroke="currentColor" stroke-opacity=".5"/>`;
    const said = share === 1 ? "A screen can show this colour." : `No screen shows this colour; ${share.toFixed(2)} of its chroma is the most at this lightness.`;
    const drawn = tiles.join("") + axes + ray + chosen + swatch(40, share === 1 ? "the colour" : "clipped in RGB", a, b) + (share === 1 ? "" : swatch(180, "chroma scaled", share * a, share * b));
    return { drawn, said: `At this L, ${Math.round((100 * cells.length) / 57 ** 2)} % of the square of (a, b) exists. ${said}` };
  },
  poisson: (values) => {
    const { y, g, known, pasted, x, harmonic } = poisson(values);
    const at = y.map((_, i) => -6 + (12 * i) / (PIXELS - 1));
    const high = (value) => 220 - 190 * value;
    const [from, to] = [HOLE - 1, Math.min(PIXELS - 1, values.end + 1)];
    const part = (row, colour, start, stop, dashed) => curve(at.slice(start, stop + 1), row.slice(start, stop + 1).map(high), colour, dashed);
    const strip = (row, top) => row.map((value, i) => `<rect x="${100 + 10 * i}" y="${top}" width="10.5" height="18" fill="rgb(${[0, 0, 0].map(() => Math.round(255 * Math.min(1, Math.max(0, value)))).join(" ")})"/>`).join("");
    const curves = part(harmonic, "noise", from, to, true) + part(g, "fake", 0, PIXELS - 1, true) + part(x, "fake", from, to) + part(y, "real", 0, from) + (known[PIXELS - 1] ? part(y, "real", to, PIXELS - 1) : "");
    const seams = (row) => Math.max(Math.abs(row[HOLE] - row[HOLE - 1]), known[PIXELS - 1] ? Math.abs(row[to] - row[to - 1]) : 0);
    const names = word(12, 16, "known", "real") + word(72, 16, "guide (dashed), edited (solid)", "fake") + word(300, 16, "without a guide", "noise");
    const rows = `<text x="12" y="274">pasted</text><text x="12" y="304">edited</text>` + strip(pasted, 260) + strip(x, 290);
    const added = [x[HOLE] - g[HOLE], x[values.end] - g[values.end]].map((value) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(2));
    return { drawn: names + curves + rows, said: `Added to the guide: ${added[0]} at the first pixel of the hole, ${added[1]} at its last. Largest step at a seam: pasted ${seams(pasted).toFixed(2)}, edited ${seams(x).toFixed(2)}.` };
  },
};

function render({ model, el }) {
  const idea = IDEAS[model.get("idea")];
  const root = document.createElement("div");
  root.className = "gwi";
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", model.get("label"));
  root.innerHTML =
    `<style>${CSS}</style><svg viewBox="0 0 ${W} 324" role="img"></svg>` +
    model.get("sliders").map(({ key, label, low, high, step }) => `<label><span>${escaped(label)}</span><input ${QUIET} type="range" data-key="${key}" min="${low}" max="${high}" step="${step}" aria-label="${escaped(label)}"><output></output></label>`).join("") +
    `<p aria-live="polite"></p>`;
  el.appendChild(root);
  const stopTheme = followTheme(root, el);
  const svg = root.querySelector("svg");

  function draw() {
    const values = model.get("values");
    for (const input of root.querySelectorAll("input")) {
      input.value = values[input.dataset.key];
      input.nextElementSibling.textContent = values[input.dataset.key].toFixed(input.step.split(".")[1]?.length ?? 0);
    }
    const { drawn, said } = idea(values);
    svg.innerHTML = drawn;
    svg.setAttribute("aria-label", said);
    root.querySelector("p").textContent = said;
  }
  root.addEventListener("input", ({ target }) => {
    model.set("values", { ...model.get("values"), [target.dataset.key]: Number(target.value) });
    model.save_changes();
  });
  model.on("change:values", draw);
  draw();
  return () => {
    stopTheme();
    model.off("change:values", draw);
  };
}

export default { render };
