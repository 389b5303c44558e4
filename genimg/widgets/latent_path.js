// A walk between two latents along one of several ways: pictures that were computed before, and a score beside them.

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
`;

// Where a value stands between the lowest and the highest of all lines, 0 to 1; in the middle if there is no difference.
export function heights(lines) {
  const all = lines.flat();
  const [low, high] = [Math.min(...all), Math.max(...all)];
  return lines.map((line) => line.map((value) => (high > low ? (value - low) / (high - low) : 0.5)));
}

const number = (value) => value.toPrecision(3).replace("-", "−");

const [W, H, LEFT, TOP] = [380, 190, 8, 30]; // the chart's box, and its margins
const WIDE = W - 2 * LEFT;
const DEEP = H - TOP - 30;

function render({ model, el }) {
  const [ways, frames, scores, score, label, size] = ["ways", "frames", "scores", "score", "label", "size"].map((name) => model.get(name));
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
    <p aria-live="polite"></p>`;
  el.appendChild(root);
  const stopTheme = followTheme(root, el);
  const $ = (selector) => root.querySelector(selector);
  const [image, chart, slider] = [$("img"), $("svg"), $("[type=range]")];
  image.addEventListener("load", () => image.classList.toggle("sharp", Math.max(image.naturalWidth, image.naturalHeight) <= 48));
  $(".bar").hidden = ways.length < 2;
  $(".chart").hidden = !scores.length;

  const all = scores.flat();
  const places = heights(scores);
  const x = (i) => LEFT + (WIDE * i) / Math.max(1, last);
  const y = (share) => TOP + DEEP * (1 - share);

  function draw() {
    const [chosen, value] = [Math.max(0, ways.indexOf(model.get("way"))), model.get("value")];
    const t = `t = ${(value / Math.max(1, last)).toFixed(2)}`;
    const words = scores.length ? `${score} ${number(scores[chosen][value])}` : "";
    image.src = frames[chosen][value];
    image.alt = `${label}, ${ways[chosen]}, ${t}`;
    root.querySelectorAll("[type=radio]").forEach((button, i) => (button.checked = i === chosen));
    slider.value = value;
    slider.setAttribute("aria-valuetext", `${t}${words && `, ${words}`}`);
    $("output").textContent = t;
    $("p").textContent = words && `${ways[chosen]}, ${t}: ${words}`;
    if (!scores.length) return;
    chart.setAttribute("aria-label", `${score} along the way, from ${number(scores[chosen][0])} to ${number(scores[chosen][last])}`);
    const line = (i, style) => `<path d="${places[i].map((share, j) => `${j ? "L" : "M"}${x(j).toFixed(1)} ${y(share).toFixed(1)}`).join("")}" fill="none" ${style}/>`;
    chart.innerHTML =
      `<text x="${LEFT}" y="14">${escaped(score)}: between ${number(Math.min(...all))} and ${number(Math.max(...all))}</text>` +
      `<path d="M${LEFT} ${H - 30}H${W - LEFT}" stroke="currentColor" stroke-opacity=".4"/>` +
      `<path d="M${x(value)} ${TOP - 6}V${H - 30}" stroke="currentColor" stroke-opacity=".4" stroke-dasharray="3 3"/>` +
      ways.map((_, i) => (i === chosen ? "" : line(i, `stroke="currentColor" stroke-opacity=".45" stroke-width="1.5" stroke-dasharray="5 4"`))).join("") +
      line(chosen, `style="stroke:var(--dual)" stroke-width="2.5"`) +
      `<circle cx="${x(value)}" cy="${y(places[chosen][value])}" r="6" style="fill:var(--dual)" stroke="#fff" stroke-width="1.5"/>` +
      `<text x="${LEFT}" y="${H - 10}">t = 0</text><text x="${W - LEFT}" y="${H - 10}" text-anchor="end">t = 1</text>` +
      (ways.length > 1 ? `<text x="${W / 2}" y="${H - 10}" text-anchor="middle">solid: ${escaped(ways[chosen])}</text>` : "");
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
    set("value", Math.min(last, Math.max(0, Math.round(at))));
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
