// A walk between two latents along one of several ways: pictures that were computed before, and a score beside them.
// On a built page a button loads the networks; from then on every t is computed here, between any two latents.

const CSS = `
.gwl { --real:#0072b2; --fake:#c27f00; --dual:#009e73; --line:#8888; --soft:#8882; --on:#fff; color-scheme: light; container-type: inline-size;
  font: 15px/1.4 system-ui, sans-serif; color: inherit; box-sizing: border-box; max-width: 808px; padding: 4px; margin: 0 auto; text-align: left; }
.gwl.dark { --real:#56b4e9; --fake:#e69f00; --dual:#35c89b; --on:#0b2230; color-scheme: dark; }
.gwl * { box-sizing: border-box; }
.gwl .both { display: flex; flex-wrap: wrap; gap: 12px 24px; align-items: center; justify-content: center; }
.gwl .both > div { min-width: 0; } .gwl .chart { flex: 1 1 300px; max-width: 440px; }
.gwl img { display: block; max-width: 100%; height: auto; margin: 0 auto; padding: 0; border-radius: 6px; filter: none; } .gwl img.sharp { image-rendering: pixelated; }
.gwl svg { display: block; width: 100%; height: auto; overflow: visible; } .gwl svg text { fill: currentColor; font: 13px system-ui, sans-serif; }
.gwl .bar { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; margin: 0 0 10px; font-size: 14px; }
.gwl .group { display: flex; flex-wrap: wrap; gap: 6px; }
.gwl label { position: relative; display: inline-block; margin: 0; }
.gwl label span { display: inline-block; font-size: 14px; line-height: 20px; background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: 6px 11px; }
.gwl label input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; cursor: pointer; }
.gwl label:hover span { border-color: currentColor; } .gwl :checked + span { background: var(--real); border-color: var(--real); color: var(--on); }
.gwl :focus-visible, .gwl label :focus-visible + span { outline: 3px solid var(--fake); outline-offset: 2px; }
.gwl .slide { display: flex; gap: 12px; align-items: center; margin-top: 10px; font-variant-numeric: tabular-nums; }
.gwl .slide input { flex: 1; min-width: 0; height: 28px; margin: 0; accent-color: var(--real); } .gwl output { min-width: 4.5em; }
.gwl p { margin: 4px 0 0; font-size: 14px; font-variant-numeric: tabular-nums; text-align: center; }
.gwl .drag { cursor: ew-resize; touch-action: pan-y; }
.gwl .live { justify-content: center; margin: 10px 0 0; }
.gwl button { font: inherit; color: inherit; background: var(--soft); border: 1px solid var(--line); border-radius: 6px; min-height: 34px; padding: 4px 12px; cursor: pointer; }
.gwl button:hover { border-color: currentColor; } .gwl [aria-disabled=true] { cursor: progress; opacity: .6; }
.gwl [hidden] { display: none; }
`;

// Where a value stands between the lowest and the highest, 0 to 1; in the middle if there is no difference.
export const height = (value, low, high) => (high > low ? (value - low) / (high - low) : 0.5);

// genimg.interpolation, in the page's own numbers. Opposite ends, which chance never draws, are joined straight.
export const straight = (a, b, t) => a.map((value, i) => (1 - t) * value + t * b[i]);
export function onTheSphere(a, b, t) {
  const [longA, longB] = [Math.hypot(...a), Math.hypot(...b)];
  const apart = (sign) => Math.hypot(...a.map((value, i) => value / longA + (sign * b[i]) / longB));
  const angle = 2 * Math.atan2(apart(-1), apart(1));
  if (angle < 1e-4 || angle > Math.PI - 1e-4) return straight(a, b, t);
  const [fromA, fromB] = [1 - t, t].map((share) => Math.sin(share * angle) / Math.sin(angle));
  return a.map((value, i) => fromA * value + fromB * b[i]);
}
const WAYS = { straight, "on the sphere": onTheSphere };

// d independent draws of N(0, 1), by Box and Muller.
const gaussian = (d) => Array.from({ length: d }, () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random()));

// The picture (1, c, h, w) in [-1, 1] as a data URL, rounded as Python rounds it.
function urlOf({ data, dims: [, channels, rows, columns] }) {
  const canvas = Object.assign(document.createElement("canvas"), { width: columns, height: rows });
  const picture = new ImageData(columns, rows);
  for (let i = 0; i < rows * columns; i++)
    for (let c = 0; c < 4; c++) picture.data[4 * i + c] = c === 3 ? 255 : Math.floor(127.5 * data[(channels === 1 ? 0 : c) * rows * columns + i] + 128);
  canvas.getContext("2d").putImageData(picture, 0, 0);
  return canvas.toDataURL();
}

const number = (value) => value.toPrecision(3).replace("-", "−");

const [W, H, LEFT, TOP] = [380, 190, 8, 30]; // the chart's box, and its margins
const WIDE = W - 2 * LEFT;
const DEEP = H - TOP - 30;

function render({ model, el }) {
  const [ways, frames, scores, score, label, size] = ["ways", "frames", "scores", "score", "label", "size"].map((name) => model.get(name));
  const network = model.live && model.get("live");
  const last = frames[0].length - 1;
  // Radio buttons of two widgets must not share a name, and each widget has a module of its own, so none can count.
  const view = `gwl-${Math.random().toString(36).slice(2)}`;
  const root = document.createElement("div");
  root.className = "gwl";
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", label);
  root.innerHTML = `<style>${CSS}</style>
    <div class="bar">Way<div class="group" role="radiogroup" aria-label="way">${ways
      .map((way, i) => `<label><input ${QUIET} type="radio" name="${view}" value="${i}"><span>${escaped(way)}</span></label>`)
      .join("")}</div></div>
    <div class="both"><div><img alt="" width="${size[1]}" height="${size[0]}"></div>
      <div class="chart"><svg class="drag" viewBox="0 0 ${W} ${H}" role="img"></svg></div></div>
    <div class="slide"><input ${QUIET} type="range" min="0" max="${last}" step="1" aria-label="t, from one latent to the other"><output></output></div>
    <p aria-live="polite"></p>
    <div class="bar live"><button ${QUIET} type="button">compute it here</button><span role="status">for every t and other ends; loads the networks, some megabytes, once</span></div>`;
  el.appendChild(root);
  const stopTheme = followTheme(root, el);
  const $ = (selector) => root.querySelector(selector);
  const [image, chart, slider] = [$("img"), $("svg"), $("[type=range]")];
  image.addEventListener("load", () => image.classList.toggle("sharp", Math.max(image.naturalWidth, image.naturalHeight) <= 48));
  $(".bar").hidden = ways.length < 2;
  $(".chart").hidden = !scores.length;
  $(".live").hidden = !network;

  let lines = scores; // a number per t and way; a way that is being computed has none
  let shown = {}; // the picture, where it is, and its score
  const x = (i) => LEFT + (WIDE * i) / Math.max(1, last);
  const now = () => ({ chosen: Math.max(0, ways.indexOf(model.get("way"))), value: model.get("value") });

  function show(next) {
    shown = next;
    const { chosen, value, url, level } = shown;
    const t = `t = ${(value / Math.max(1, last)).toFixed(2)}`;
    const words = scores.length ? `${score} ${number(level)}` : "";
    image.src = url;
    image.alt = `${label}, ${ways[chosen]}, ${t}`;
    root.querySelectorAll("[type=radio]").forEach((button, i) => (button.checked = i === chosen));
    slider.value = value;
    slider.setAttribute("aria-valuetext", `${t}${words && `, ${words}`}`);
    $("output").textContent = t;
    $("p").textContent = words && `${ways[chosen]}, ${t}: ${words}`;
    if (scores.length) drawChart();
  }

  function drawChart() {
    const { chosen, value, level } = shown;
    const points = lines.map((line) => line.map((number, i) => [i, number]));
    // Where the reader stands is a point of the line, too, when it lies between two that were computed before.
    if (points[chosen].length && value % 1) points[chosen].splice(Math.ceil(value), 0, [value, level]);
    const all = points.flat().map(([, number]) => number);
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const y = (number) => TOP + DEEP * (1 - height(number, low, high));
    const between = all.length ? `between ${number(low)} and ${number(high)}` : "…";
    const ends = lines[chosen].length ? `, from ${number(lines[chosen][0])} to ${number(lines[chosen][last])}` : "";
    chart.setAttribute("aria-label", `${score} along the way${ends}`);
    const line = (i, style) => `<path d="${points[i].map(([at, number], j) => `${j ? "L" : "M"}${x(at).toFixed(1)} ${y(number).toFixed(1)}`).join("")}" fill="none" ${style}/>`;
    chart.innerHTML =
      `<text x="${LEFT}" y="14">${escaped(score)}: ${between}</text>` +
      `<path d="M${LEFT} ${H - 30}H${W - LEFT}" stroke="currentColor" stroke-opacity=".4"/>` +
      `<path d="M${x(value)} ${TOP - 6}V${H - 30}" stroke="currentColor" stroke-opacity=".4" stroke-dasharray="3 3"/>` +
      ways.map((_, i) => (i === chosen ? "" : line(i, `stroke="currentColor" stroke-opacity=".45" stroke-width="1.5" stroke-dasharray="5 4"`))).join("") +
      line(chosen, `style="stroke:var(--dual)" stroke-width="2.5"`) +
      (lines[chosen].length ? `<circle cx="${x(value)}" cy="${y(level)}" r="6" style="fill:var(--dual)" stroke="#fff" stroke-width="1.5"/>` : "") +
      `<text x="${LEFT}" y="${H - 10}">t = 0</text><text x="${W - LEFT}" y="${H - 10}" text-anchor="end">t = 1</text>` +
      (ways.length > 1 ? `<text x="${W / 2}" y="${H - 10}" text-anchor="middle">solid: ${escaped(ways[chosen])}</text>` : "");
  }

  // ------------------------------------------------------------ computed in the page

  const [button, note] = [$("button"), $("[role=status]")];
  const breath = () => new Promise((done) => setTimeout(done)); // lets the page answer between two pictures
  let ends = model.get("ends");
  let session = null;
  let [busy, wanted, walks] = [false, false, 0];

  async function compute(chosen, value) {
    const z = WAYS[ways[chosen]](...ends, value / Math.max(1, last));
    const { x, score } = await session.run({ z: { data: Float32Array.from(z), dims: [1, z.length] } });
    return { chosen, value, x, level: score.data[0] };
  }

  // The latest t that was asked for; those that came while a picture was computed are skipped.
  async function frame() {
    wanted = true;
    if (busy) return;
    busy = true;
    try {
      while (wanted) {
        wanted = false;
        const { chosen, value } = now();
        const { x, level } = await compute(chosen, value);
        show({ chosen, value, url: urlOf(x), level });
        await breath();
      }
    } finally {
      busy = false;
    }
  }

  async function newEnds() {
    const walk = ++walks;
    ends = ends.map((end) => gaussian(end.length));
    lines = lines.map(() => []);
    await frame();
    const { chosen } = now();
    for (const i of ways.keys()) {
      const way = (chosen + i) % ways.length; // the one that is seen comes first
      const line = [];
      for (let value = 0; value <= last && scores.length; value++) {
        const { level } = await compute(way, value);
        await breath();
        if (walk !== walks) return; // other ends, meanwhile
        line.push(level);
      }
      lines[way] = line;
      show(shown);
    }
  }

  async function press() {
    if (session) return newEnds();
    button.setAttribute("aria-disabled", "true");
    note.textContent = "loading the networks …";
    try {
      session = await openLive(model, network);
    } finally {
      button.removeAttribute("aria-disabled");
    }
    slider.step = Math.max(1, last) / 100;
    button.textContent = "other ends";
    note.textContent = "The networks run in this page now; t takes every value.";
    return frame();
  }

  const stays = (error) => (note.textContent = `${error.message} What was computed before stays.`);
  if ((button.hidden = liveProblem() !== "")) stays(new Error(liveProblem()));
  button.addEventListener("click", () => button.hasAttribute("aria-disabled") || press().catch(stays));

  // ------------------------------------------------------------ what the reader does

  function draw() {
    if (session) return void frame().catch(stays);
    const { chosen, value } = now();
    show({ chosen, value, url: frames[chosen][value], level: scores.length && scores[chosen][value] });
  }

  function set(name, value) {
    model.set(name, value);
    model.save_changes();
  }
  root.addEventListener("input", ({ target }) => {
    if (target.type === "range") set("value", Number(target.value));
    if (target.type === "radio") set("way", ways[target.value]);
  });
  const drag = (event) => {
    const box = chart.getBoundingClientRect();
    const at = ((((event.clientX - box.left) / box.width) * W - LEFT) / WIDE) * last;
    set("value", Math.min(last, Math.max(0, session ? at : Math.round(at))));
  };
  chart.addEventListener("pointerdown", (event) => {
    chart.setPointerCapture(event.pointerId);
    drag(event);
  });
  chart.addEventListener("pointermove", (event) => event.buttons && drag(event));

  const names = ["change:value", "change:way"];
  names.forEach((name) => model.on(name, draw));
  draw();
  return () => {
    stopTheme();
    names.forEach((name) => model.off(name, draw));
  };
}

export default { render };
