// Two laws on a line: every distance between them, their optimal coupling, and the critics that attain the distances.
// The mathematics is exported and tested against genimg.divergence and genimg.transport; the page is below it.

// ---------------------------------------------------------------- mathematics

export const LOW = -6;
export const HIGH = 6;
export const STEP = 0.05;
export const COUNT = Math.round((HIGH - LOW) / STEP) + 1;
export const GRID = Array.from({ length: COUNT }, (_, i) => Math.round((LOW + i * STEP) * 100) / 100);
export const KINDS = { gaussian: "Gaussian", uniform: "uniform", bumps: "two bumps", point: "point mass" };
const BUMP = 0.35; // standard deviation of each of the two bumps

const sum = (values) => values.reduce((total, value) => total + value, 0);
const logNormal = (x, mean, sd) => -0.5 * ((x - mean) / sd) ** 2 - Math.log(sd);
const logAdd = (a, b) => (a === b ? a + Math.log(2) : Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b))));

// A law is mass on 2 * COUNT places: the grid's cells (a density), then the grid's points (atoms). The two halves are
// disjoint, so that a density and a point mass are mutually singular here as they are on the line. Logarithms are kept
// besides, since a Gaussian's tail is positive even where its exponential is not a number any more.
export function law({ kind, mean, width }) {
  const log = new Array(2 * COUNT).fill(-Infinity);
  if (kind === "point") {
    log[COUNT + Math.min(COUNT - 1, Math.max(0, Math.round((mean - LOW) / STEP)))] = 0;
  } else {
    GRID.forEach((x, i) => {
      if (kind === "gaussian") log[i] = logNormal(x, mean, width);
      else if (kind === "bumps") log[i] = logAdd(logNormal(x, mean - width, BUMP), logNormal(x, mean + width, BUMP));
      else if (kind === "uniform") {
        // The share of the cell that the interval covers: moving the interval then moves the mass smoothly.
        const inside = Math.min(x + STEP / 2, mean + width) - Math.max(x - STEP / 2, mean - width);
        log[i] = inside > 1e-12 ? Math.log(inside) : -Infinity;
      } else throw new Error(`unknown kind of law: ${kind}`);
    });
  }
  const top = Math.max(...log);
  const total = top + Math.log(sum(log.map((value) => Math.exp(value - top))));
  const shifted = log.map((value) => value - total);
  return { log: shifted, p: shifted.map(Math.exp) };
}

export function kl(first, second) {
  let total = 0;
  for (let i = 0; i < first.p.length; i++) {
    if (first.p[i] === 0) continue;
    if (second.log[i] === -Infinity) return Infinity;
    total += first.p[i] * (first.log[i] - second.log[i]);
  }
  return Math.max(0, total);
}

export function js(first, second) {
  let total = 0;
  for (let i = 0; i < first.p.length; i++) {
    const middle = (first.p[i] + second.p[i]) / 2;
    for (const mass of [first.p[i], second.p[i]]) if (mass > 0) total += 0.5 * mass * Math.log(mass / middle);
  }
  return Math.min(Math.log(2), Math.max(0, total));
}

export const delta = (first, second) => sum(first.p.map((mass, i) => Math.abs(mass - second.p[i]))) / 2;

// Mass at each point of the line, atoms and density together.
export const onLine = ({ p }) => GRID.map((_, i) => p[i] + p[COUNT + i]);

export function cumulative(masses) {
  let total = 0;
  return masses.map((mass) => (total += mass));
}

const gaps = (first, second) => {
  const F1 = cumulative(onLine(first));
  const F2 = cumulative(onLine(second));
  return F1.map((value, i) => F2[i] - value);
};

export const w1 = (first, second) => STEP * sum(gaps(first, second).slice(0, -1).map(Math.abs));

// f' = sign(F2 - F1), since E1 f - E2 f = - integral of f' (F1 - F2). The free constant makes E1 f + E2 f = 0.
export function potential(first, second) {
  const f = [0];
  gaps(first, second).slice(0, -1).forEach((gap, i) => f.push(f[i] + STEP * (Math.abs(gap) < 1e-9 ? 0 : Math.sign(gap))));
  const masses = onLine(first).map((mass, i) => mass + onLineOf(second, i));
  const level = sum(f.map((value, i) => value * masses[i])) / 2;
  return f.map((value) => value - level);
}
const onLineOf = ({ p }, i) => p[i] + p[COUNT + i];

// D* = 1_P - 1_N on the 2 * COUNT places, 0 where the laws agree.
export const hahn = (first, second) => first.log.map((value, i) => (value === second.log[i] ? 0 : Math.sign(value - second.log[i])));

// Monotone rearrangement: the leftmost mass goes to the leftmost place. [i, j, mass], at most 2 * COUNT - 1 of them.
export function coupling(first, second) {
  const a = onLine(first);
  const b = onLine(second);
  const moves = [];
  for (let i = 0, j = 0; i < COUNT && j < COUNT; ) {
    const mass = Math.min(a[i], b[j]);
    if (mass > 1e-15) moves.push([i, j, mass]);
    a[i] -= mass;
    b[j] -= mass;
    if (a[i] <= 1e-15) i++;
    else j++;
  }
  return moves;
}

const mean = (one) => sum(onLine(one).map((mass, i) => mass * GRID[i]));

// Every number of the page, and what theory allows for it once delta is known.
export function measure(first, second) {
  const d = delta(first, second);
  const pinsker = 2 * d * d;
  return {
    kl12: { value: kl(first, second), low: pinsker, high: Infinity },
    kl21: { value: kl(second, first), low: pinsker, high: Infinity },
    js: { value: js(first, second), low: (d * d) / 2, high: d * Math.log(2) },
    delta: { value: d, low: 0, high: 1 },
    w1: { value: w1(first, second), low: Math.abs(mean(first) - mean(second)), high: d * (HIGH - LOW) },
  };
}

// ---------------------------------------------------------------- page

const ROWS = [
  { key: "kl12", name: "KL(P₁‖P₂)", full: 5, unit: "nats", note: "unbounded; at least 2δ² (Pinsker)" },
  { key: "kl21", name: "KL(P₂‖P₁)", full: 5, unit: "nats", note: "unbounded; at least 2δ² (Pinsker)" },
  { key: "js", name: "JS", full: Math.log(2), unit: "nats", note: "between δ²/2 and δ log 2, never above log 2" },
  { key: "delta", name: "δ, total variation", full: 1, unit: "", note: "never above 1" },
  { key: "w1", name: "W₁", full: HIGH - LOW, unit: "", note: "between |mean₁ − mean₂| and 12 δ" },
];

const PRESETS = {
  "two Gaussians": [{ kind: "gaussian", mean: -1, width: 1 }, { kind: "gaussian", mean: 1, width: 1 }],
  "two points": [{ kind: "point", mean: -1, width: 1 }, { kind: "point", mean: 1, width: 1 }],
  "disjoint": [{ kind: "uniform", mean: -2, width: 1 }, { kind: "uniform", mean: 2, width: 1 }],
  "a mode is missing": [{ kind: "bumps", mean: 0, width: 2.5 }, { kind: "gaussian", mean: 2.5, width: 0.35 }],
};

const CSS = `
.gw2 { --real:#0072b2; --fake:#e69f00; --dual:#009e73; --real-text:#0072b2; --fake-text:#8a5d00; --dual-text:#007a59;
  --fake-track:#b37400; --line:#8888; --soft:#8882; color-scheme: light; font: 15px/1.4 system-ui, sans-serif; color: inherit; max-width: 800px; margin: 0 auto; }
.gw2.dark { --real:#3d9fdb; --fake:#e69f00; --dual:#1fbf8f; --real-text:#6cbcf0; --fake-text:#efb13a; --dual-text:#3fd3a6; --fake-track:#e69f00; color-scheme: dark; }
.gw2 * { box-sizing: border-box; }
.gw2 .pictures { display: flex; flex-wrap: wrap; gap: 0 20px; align-items: flex-start; }
.gw2 .lines { flex: 1 1 400px; min-width: 0; }
.gw2 .plan { flex: 0 1 230px; min-width: 200px; }
.gw2 svg { display: block; width: 100%; height: auto; overflow: visible; }
.gw2 svg text { fill: currentColor; font: 13px system-ui, sans-serif; }
.gw2 .drag { cursor: ew-resize; touch-action: pan-y; }
.gw2 .controls { display: flex; flex-wrap: wrap; gap: 10px 20px; margin: 10px 0; }
.gw2 fieldset { flex: 1 1 260px; min-width: 0; margin: 0; padding: 4px 12px 10px; border: 1px solid var(--line); border-radius: 8px; }
.gw2 fieldset.one { border-left: 4px solid var(--real); } .gw2 fieldset.two { border-left: 4px solid var(--fake); }
.gw2 legend { float: none; width: auto; margin: 0; padding: 0 6px; font-size: 15px; font-weight: 600; line-height: 1.4; }
.gw2 .one legend { color: var(--real-text); } .gw2 .two legend { color: var(--fake-text); }
.gw2 label { display: grid; grid-template-columns: 8.5em 1fr 3.2em; gap: 8px; align-items: center; min-height: 30px; font-size: 14px; }
.gw2 label output { text-align: right; font-variant-numeric: tabular-nums; }
.gw2 input[type=range] { width: 100%; min-width: 0; margin: 0; height: 24px; }
.gw2 .one input { accent-color: var(--real); } .gw2 .two input { accent-color: var(--fake-track); }
.gw2 select, .gw2 button { font: inherit; font-size: 14px; color: inherit; background: var(--soft); border: 1px solid var(--line);
  border-radius: 6px; padding: 3px 8px; min-height: 30px; }
.gw2 select { grid-column: 2 / 4; } .gw2 select option { color: #222; background: #fff; }
.gw2 button { cursor: pointer; } .gw2 button:hover { border-color: currentColor; }
.gw2 :focus-visible { outline: 2px solid var(--dual); outline-offset: 2px; }
.gw2 .presets { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; margin: 0 0 8px; font-size: 14px; }
.gw2 dl { margin: 6px 0 0; display: grid; grid-template-columns: max-content minmax(60px, 1fr) 6.2em; gap: 5px 12px; align-items: center; }
.gw2 dt { font-weight: 500; margin: 0; } .gw2 dd { margin: 0; min-width: 0; }
.gw2 dd.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.gw2 dd.number small { opacity: .75; font-size: 12px; }
.gw2 .bar { position: relative; height: 14px; border-radius: 3px; background: var(--soft); overflow: hidden; }
.gw2 .bar i { position: absolute; top: 0; bottom: 0; left: 0; background: currentColor; opacity: .62; transition: width .12s; }
.gw2 .bar b { position: absolute; top: 4.5px; bottom: 4.5px; background: var(--dual); transition: left .12s, width .12s; }
.gw2 .foot { margin: 6px 0 0; font-size: 13px; opacity: .85; }
.gw2 .foot b { display: inline-block; width: 18px; height: 5px; background: var(--dual); vertical-align: middle; }
.gw2 .spoken { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (max-width: 480px) { .gw2 label { grid-template-columns: 7em 1fr 3em; } .gw2 dl { grid-template-columns: max-content minmax(40px, 1fr) 4.6em; gap: 5px 8px; }
  .gw2 dd.number small { display: none; } .gw2 .plan { flex-basis: 240px; margin: 0 auto; } }
@media (prefers-reduced-motion: reduce) { .gw2 .bar i, .gw2 .bar b { transition: none; } }
`;

const W = 500; // units of the line pictures' view box
const px = (x) => 8 + ((x - LOW) / (HIGH - LOW)) * (W - 16);
const fixed = (value, digits = 2) => (value === Infinity ? "∞" : value.toFixed(digits).replace(/^-(0\.0+)$/, "$1"));
const path = (xs, ys) => xs.map((x, i) => `${i ? "L" : "M"}${x.toFixed(1)} ${ys[i].toFixed(1)}`).join("");

function picture(first, second, specs) {
  const lines = [];
  const peak = (one) => Math.max(...one.p.slice(0, COUNT));
  const scale = 96 / Math.max(peak(first), peak(second), 1e-9);
  const base = 118;
  [["real", first], ["fake", second]].forEach(([colour, one]) => {
    const xs = GRID.map(px);
    if (peak(one) > 0) {
      const ys = one.p.slice(0, COUNT).map((mass) => base - scale * mass);
      lines.push(`<path d="${path(xs, ys)}L${xs[COUNT - 1]} ${base}L${xs[0]} ${base}Z" style="fill:var(--${colour})" fill-opacity=".3"/>`);
      lines.push(`<path d="${path(xs, ys)}" style="stroke:var(--${colour})" fill="none" stroke-width="2"/>`);
    }
    one.p.slice(COUNT).forEach((mass, i) => {
      if (mass > 0)
        lines.push(`<path d="M${px(GRID[i])} ${base}V${base - 96}" style="stroke:var(--${colour})" stroke-width="3"/><circle cx="${px(GRID[i])}" cy="${base - 96}" r="5" style="fill:var(--${colour})"/>`);
    });
  });
  lines.push(`<path d="M8 ${base}H${W - 8}" stroke="currentColor" stroke-opacity=".5"/>`);
  // Handles: what can be dragged should look like it. Labels step aside where the centres meet.
  const close = Math.abs(specs.first.mean - specs.second.mean) < 0.6 ? 11 * (specs.first.mean <= specs.second.mean ? 1 : -1) : 0;
  [["real", "P₁", specs.first.mean, -close], ["fake", "P₂", specs.second.mean, close]].forEach(([colour, name, at, aside]) =>
    lines.push(`<circle cx="${px(at)}" cy="${base}" r="7" style="fill:var(--${colour})" stroke="#fff" stroke-width="1.5"/><text x="${px(at) + aside}" y="${base + 22}" text-anchor="middle" style="fill:var(--${colour}-text)">${name}</text>`),
  );
  return lines.join("");
}

function duals(first, second) {
  const f = potential(first, second);
  const D = hahn(first, second);
  const xs = GRID.map(px);
  const middle = (Math.max(...f) + Math.min(...f)) / 2;
  const span = Math.max(1, (Math.max(...f) - Math.min(...f)) / 2);
  const top = 212;
  const bottom = 304;
  const zero = (y, label) => `<path d="M8 ${y}H${W - 8}" stroke="currentColor" stroke-opacity=".25"/><text x="10" y="${y - 42}">${label}</text>`;
  // Where neither law has mass any critic is optimal; the line is pale there.
  const sign = (i) => D[COUNT + i] || D[i];
  const pieces = [];
  for (let i = 0; i < COUNT; ) {
    let j = i;
    while (j + 1 < COUNT && sign(j + 1) === sign(i)) j++;
    const y = bottom - 32 * sign(i);
    pieces.push(`M${(px(GRID[i]) - (i ? 1 : 0)).toFixed(1)} ${y}H${(px(GRID[j]) + (j < COUNT - 1 ? 1 : 0)).toFixed(1)}`);
    i = j + 1;
  }
  return (
    zero(top, `f, of slope at most 1:  E₁f − E₂f = ${fixed(w1(first, second))} = W₁`) +
    `<path d="${path(xs, f.map((value) => top - (32 * (value - middle)) / span))}" style="stroke:var(--dual)" fill="none" stroke-width="2.2"/>` +
    zero(bottom, `D* = 1_P − 1_N:  E₁D* − E₂D* = ${fixed(2 * delta(first, second))} = 2δ`) +
    `<path d="${pieces.join("")}" style="stroke:var(--dual)" fill="none" stroke-width="2.2"/>` +
    [-6, -4, -2, 0, 2, 4, 6].map((x) => `<path d="M${px(x)} 344v4" stroke="currentColor" stroke-opacity=".5"/><text x="${px(x)}" y="362" text-anchor="middle">${x}</text>`).join("")
  );
}

function plan(first, second) {
  const size = 220;
  const at = (x) => ((x - LOW) / (HIGH - LOW)) * size;
  const cells = new Map();
  for (const [i, j, mass] of coupling(first, second)) {
    const key = `${Math.min(59, i >> 2)},${Math.min(59, j >> 2)}`;
    cells.set(key, (cells.get(key) || 0) + mass);
  }
  const most = Math.max(...cells.values());
  const unit = size / 60.25;
  const squares = [...cells].filter(([, mass]) => mass > 2e-4 * most).map(([key, mass]) => {
    const [i, j] = key.split(",").map(Number);
    return `<rect x="${(i * unit).toFixed(2)}" y="${(size - (j + 1) * unit).toFixed(2)}" width="${(unit + 0.6).toFixed(2)}" height="${(unit + 0.6).toFixed(2)}" fill="currentColor" fill-opacity="${Math.max(0.06, Math.sqrt(mass / most)).toFixed(2)}"/>`;
  });
  const edge = (one, colour, draw) => {
    const masses = onLine(one);
    const high = Math.max(...masses);
    return `<path d="${draw(masses.map((mass) => (20 * mass) / high))}" style="stroke:var(--${colour});fill:var(--${colour})" fill-opacity=".3" stroke-width="1.5"/>`;
  };
  const xs = GRID.map(at);
  return (
    `<rect x="0" y="0" width="${size}" height="${size}" fill="none" stroke="currentColor" stroke-opacity=".35"/>` +
    `<path d="M0 ${size}L${size} 0" stroke="currentColor" stroke-opacity=".3" stroke-dasharray="3 3"/>` +
    squares.join("") +
    edge(first, "real", (h) => path(xs, h.map((v) => size + 24 - v)) + `L${size} ${size + 24}L0 ${size + 24}Z`) +
    edge(second, "fake", (h) => path(h.map((v) => v - 24), xs.map((y) => size - y)) + `L-24 0L-24 ${size}Z`)
  );
}

function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "gw2";
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Two laws on a line: move them and watch every distance between them");
  const fields = (which, title) => `
    <fieldset class="${which}" data-law="${which === "one" ? "first" : "second"}"><legend>${title}</legend>
      <label><span>law</span><select ${QUIET} data-part="kind" aria-label="kind of ${title}">${Object.entries(KINDS)
        .map(([kind, name]) => `<option value="${kind}">${name}</option>`)
        .join("")}</select></label>
      <label><span>centre</span><input ${QUIET} type="range" data-part="mean" min="-4" max="4" step="0.05" aria-label="centre of ${title}"><output></output></label>
      <label><span data-name></span><input ${QUIET} type="range" data-part="width" min="0.2" max="2.5" step="0.05" aria-label="width of ${title}"><output></output></label>
    </fieldset>`;
  root.innerHTML = `<style>${CSS}</style>
    <div class="presets" role="group" aria-label="examples"><span>Try:</span>${Object.keys(PRESETS)
      .map((name) => `<button ${QUIET} type="button" data-preset="${name}">${name}</button>`)
      .join("")}</div>
    <div class="pictures">
      <div class="lines"><svg class="drag" viewBox="0 0 ${W} 366" role="img" aria-label="the two laws above, the optimal dual variables f and D* below"></svg></div>
      <div class="plan"><svg viewBox="-28 -26 252 278" role="img" aria-label="optimal coupling: first law across, second law upwards"></svg></div>
    </div>
    <div class="controls">${fields("one", "P₁ (real)")}${fields("two", "P₂ (generated)")}</div>
    <dl aria-label="distances">${ROWS.map(
      ({ key, name, note }) =>
        `<dt title="${note}">${name}</dt><dd><div class="bar" aria-hidden="true" title="${note}" data-bar="${key}"><i></i><b></b></div></dd><dd class="number" data-number="${key}"></dd>`,
    ).join("")}</dl>
    <p class="foot"><b aria-hidden="true"></b> what theory allows once δ is known (for W₁ also the means). Full bars: 5 nats, 5 nats, log 2, 1, and 12, the length of the line.</p>
    <p class="spoken" aria-live="polite"></p>`;
  el.appendChild(root);
  const stopTheme = followTheme(root, el);
  const $ = (selector) => root.querySelector(selector);
  const [lines, square] = root.querySelectorAll("svg");
  let spoken = 0;

  function draw() {
    const specs = { first: model.get("first"), second: model.get("second") };
    for (const [name, spec] of Object.entries(specs)) {
      const box = $(`[data-law=${name}]`);
      for (const part of ["kind", "mean", "width"]) {
        const input = box.querySelector(`[data-part=${part}]`);
        input.value = spec[part];
        const shown = input.parentElement.querySelector("output");
        if (shown) shown.textContent = fixed(spec[part]);
      }
      const width = box.querySelector("[data-part=width]");
      width.disabled = spec.kind === "point";
      box.querySelector("[data-name]").textContent = { gaussian: "std. deviation", uniform: "half-width", bumps: "bumps at ±", point: "width" }[spec.kind];
      if (width.disabled) width.parentElement.querySelector("output").textContent = "0";
    }
    const first = law(specs.first);
    const second = law(specs.second);
    lines.innerHTML = picture(first, second, specs) + duals(first, second);
    square.innerHTML = `<text x="-26" y="-12">optimal coupling π</text>` + plan(first, second);
    const values = measure(first, second);
    for (const { key, full, unit } of ROWS) {
      const { value, low, high } = values[key];
      const share = (amount) => `${(100 * Math.min(1, amount / full)).toFixed(1)}%`;
      const [bar, band] = $(`[data-bar=${key}]`).children;
      bar.style.width = share(value);
      band.style.left = share(low);
      band.style.width = `calc(${share(high)} - ${share(low)} + 2px)`;
      band.hidden = key === "delta";
      $(`[data-number=${key}]`).innerHTML = `${fixed(value, 3)}${unit ? ` <small>${unit}</small>` : ""}`;
    }
    clearTimeout(spoken);
    // Spoken once the slider rests: a reader should not be flooded with numbers on the way.
    spoken = setTimeout(() => {
      $(".spoken").textContent = ROWS.map(({ key, name }) => `${name} ${values[key].value === Infinity ? "infinite" : fixed(values[key].value, 2)}`).join(", ");
    }, 500);
  }

  function change(name, part) {
    model.set(name, { ...model.get(name), ...part });
    model.save_changes();
  }

  root.addEventListener("input", ({ target }) => {
    const name = target.closest("[data-law]")?.dataset.law;
    if (name) change(name, { [target.dataset.part]: target.dataset.part === "kind" ? target.value : Number(target.value) });
  });
  root.addEventListener("click", ({ target }) => {
    const pair = PRESETS[target.dataset?.preset];
    if (!pair) return;
    model.set("first", { ...pair[0] });
    model.set("second", { ...pair[1] });
    model.save_changes();
  });

  // Dragging: the law whose centre is nearest to where the pointer went down.
  let held = null;
  const place = (event) => {
    const box = lines.getBoundingClientRect();
    return LOW + ((((event.clientX - box.left) / box.width) * W - 8) / (W - 16)) * (HIGH - LOW);
  };
  lines.addEventListener("pointerdown", (event) => {
    const x = place(event);
    const off = (name) => model.get(name).mean - x;
    const name = Math.abs(off("first")) <= Math.abs(off("second")) ? "first" : "second";
    held = { name, off: off(name) };
    lines.setPointerCapture(event.pointerId);
  });
  lines.addEventListener("pointermove", (event) => {
    if (!held) return;
    const goal = Math.max(-4, Math.min(4, place(event) + held.off));
    change(held.name, { mean: Math.round(goal / STEP) * STEP });
  });
  for (const end of ["pointerup", "pointercancel"]) lines.addEventListener(end, () => (held = null));

  model.on("change:first", draw);
  model.on("change:second", draw);
  draw();
  return () => {
    clearTimeout(spoken);
    stopTheme();
    model.off("change:first", draw);
    model.off("change:second", draw);
  };
}

export default { render };
