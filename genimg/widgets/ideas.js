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

// ---------------------------------------------------------------- page

const CSS = `
.gwi { --real:#0072b2; --fake:#e69f00; --dual:#009e73; --line:#8888; --soft:#8882; font: 15px/1.4 system-ui, sans-serif; color: inherit; max-width: 640px; margin: 0 auto; }
.gwi.dark { --real:#56b4e9; --fake:#f0b429; --dual:#2fc79a; }
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
const word = (x, y, text, colour) => `<text x="${x}" y="${y}" style="fill:var(--${colour})">${text}</text>`;
const two = (p, q, base) => heap(GRID, p.map((v) => 200 * (v / STEP)), "real", base) + heap(GRID, q.map((v) => 200 * (v / STEP)), "fake", base);

// Each idea: what is drawn, and what is said about it; the second is also read to those who do not see the first.
export const IDEAS = {
  pushforward: (values) => {
    const { z, x, y, mean, deviation } = pushforward(values);
    const rays = [-2, -1, 0, 1, 2].map((at) => `<path d="M${across(at)} 100L${across(values.shift + values.scale * at + values.bend * at ** 3).toFixed(1)} 160" stroke="currentColor" stroke-opacity=".55"/>`);
    const drawn = heap(z, z.map((value) => 180 * normal(value, 0, 1)), "dual", 100) + rays.join("") + heap(x, y.map((value) => Math.min(130, 180 * value)), "fake", 300) + floor(300);
    return { drawn: drawn + word(12, 40, "noise z", "dual") + word(12, 215, "law of G(z)", "fake"), said: `Mean ${mean.toFixed(2)}, standard deviation ${deviation.toFixed(2)}.` };
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
      input.nextElementSibling.textContent = values[input.dataset.key].toFixed(2);
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
