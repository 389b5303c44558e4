// Colours for a grey picture, or for the reader's own: the page splits it into light and colour, a network that sees
// a small copy of the light says which colours belong to it, and the page joins them to the light in full.
// What can be tested without a page is exported and held to the package; the page is below it.
// The network runs in the page where there is a live folder; else a kernel is asked through `asked` and `answer`.

// ---------------------------------------------------------------- light and colour, as genimg.color has them

const WHITE = [0.95047, 1, 1.08883];
const decoded = Float64Array.from({ length: 256 }, (_, i) => (i / 255 > 0.04045 ? ((i / 255 + 0.055) / 1.055) ** 2.4 : i / 255 / 12.92));
// Bytes of linear light, looked up: three powers a pixel would make the slider stutter.
const FINE = 65536;
const encoded = Uint8Array.from({ length: FINE + 1 }, (_, i) => Math.round(255 * (i / FINE > 0.0031308 ? 1.055 * (i / FINE) ** (1 / 2.4) - 0.055 : (12.92 * i) / FINE)));
const byte = (light) => encoded[light < 0 ? 0 : light > 1 ? FINE : (FINE * light + 0.5) | 0];
const cube = (t) => (t > 0.2068966 ? t * t * t : (t - 16 / 116) / 7.787);

// L in [0, 100] of each pixel of RGBA bytes.
export function lightness(rgba) {
  const L = new Float32Array(rgba.length / 4);
  for (let i = 0; i < L.length; i++) {
    const Y = 0.212671 * decoded[rgba[4 * i]] + 0.71516 * decoded[rgba[4 * i + 1]] + 0.072169 * decoded[rgba[4 * i + 2]];
    L[i] = 116 * (Y > 0.008856 ? Math.cbrt(Y) : 7.787 * Y + 16 / 116) - 16;
  }
  return L;
}

// RGBA bytes of the grey picture with this L, as `color.grey`.
export function grey(L) {
  const rgba = new Uint8ClampedArray(4 * L.length).fill(255);
  for (let i = 0; i < L.length; i++) rgba[4 * i] = rgba[4 * i + 1] = rgba[4 * i + 2] = byte(cube((L[i] + 16) / 116));
  return rgba;
}

// Whether any pixel is more than grey.
export function hasColour(rgba) {
  for (let i = 0; i < rgba.length; i += 4) if (rgba[i] !== rgba[i + 1] || rgba[i] !== rgba[i + 2]) return true;
  return false;
}

// Reduced to size x size pixels, antialiased, as `colorize.shrink`; the aspect ratio is not kept.
export function shrink(L, width, height, size) {
  const [columns, rows] = [taps(width, size), taps(height, size)];
  const narrow = new Float32Array(height * size);
  for (let y = 0; y < height; y++) columns.forEach(([first, weights], x) => (narrow[y * size + x] = weights.reduce((sum, w, k) => sum + w * L[y * width + first + k], 0)));
  return Float32Array.from({ length: size * size }, (_, i) => {
    const [first, weights] = rows[Math.floor(i / size)];
    return weights.reduce((sum, w, k) => sum + w * narrow[(first + k) * size + (i % size)], 0);
  });
}

// For each pixel of the small side the first pixel of the long one that counts, and the weights from there: a triangle
// as wide as two small pixels.
function taps(long, small) {
  const scale = long / small;
  const reach = Math.max(1, scale);
  return Array.from({ length: small }, (_, i) => {
    const centre = scale * (i + 0.5);
    const first = Math.max(0, Math.floor(centre - reach + 0.5));
    const last = Math.min(long, Math.floor(centre + reach + 0.5));
    const weights = Array.from({ length: last - first }, (_, k) => Math.max(0, 1 - Math.abs(first + k - centre + 0.5) / reach));
    const sum = weights.reduce((a, b) => a + b);
    return [first, weights.map((w) => w / sum)];
  });
}

// Between which two of `small` numbers each of `long` lies, and how far, for a bilinear enlargement.
const between = (long, small) =>
  Array.from({ length: long }, (_, i) => {
    const at = Math.max(0, (i + 0.5) * (small / long) - 0.5);
    const first = Math.min(small - 1, Math.floor(at));
    return [first, Math.min(small - 1, first + 1), at - first];
  });

// The mean of a window of 2 r + 1 pixels around each, fewer at the border.
function windowed(values, size, r) {
  const along = (from, at) => {
    const to = new Float64Array(size * size);
    for (let line = 0; line < size; line++) {
      for (let i = 0; i < size; i++) {
        const [first, last] = [Math.max(0, i - r), Math.min(size - 1, i + r)];
        let sum = 0;
        for (let k = first; k <= last; k++) sum += from[at(line, k)];
        to[at(line, i)] = sum / (last - first + 1);
      }
    }
    return to;
  };
  return along(along(values, (y, x) => y * size + x), (x, y) => y * size + x);
}

// Chroma (2, size, size) as t + s L with t and s smooth, (4, size, size), as `colorize.guided`: so it keeps to edges.
export function guided(L, ab, size, r = 3, noise = 4) {
  const n = size * size;
  const mean = (values) => windowed(values, size, r);
  const ofL = mean(L);
  const spread = mean(Float64Array.from(L, (l) => l * l)).map((square, i) => square - ofL[i] * ofL[i] + noise * noise);
  const out = new Float64Array(4 * n);
  for (const channel of [0, 1]) {
    const c = Float64Array.from(ab.slice(channel * n, (channel + 1) * n));
    const ofC = mean(c);
    const s = mean(c.map((value, i) => value * L[i])).map((both, i) => (both - ofC[i] * ofL[i]) / spread[i]);
    out.set(mean(ofC.map((value, i) => value - s[i] * ofL[i])), channel * n);
    out.set(mean(s), (2 + channel) * n);
  }
  return out;
}

// RGBA bytes of L with what `guided` gives, (4, size, size), enlarged to it and made `more` times as strong, as
// `colorize.merge`: what no screen can show is clipped, channel by channel.
export function merge(L, width, height, fit, size, more = 1) {
  const rgba = new Uint8ClampedArray(4 * width * height);
  const columns = between(width, size);
  const line = Array.from({ length: 4 }, () => new Float64Array(size));
  between(height, size).forEach(([above, below, down], y) => {
    line.forEach((one, channel) => {
      const plane = channel * size * size;
      for (let x = 0; x < size; x++) one[x] = more * ((1 - down) * fit[plane + above * size + x] + down * fit[plane + below * size + x]);
    });
    const [ta, tb, sa, sb] = line;
    for (let x = 0, i = y * width; x < width; x++, i++) {
      const [left, right, share] = columns[x];
      const at = (values) => (1 - share) * values[left] + share * values[right];
      const fy = (L[i] + 16) / 116;
      const X = WHITE[0] * cube(fy + (at(ta) + at(sa) * L[i]) / 500);
      const Y = WHITE[1] * cube(fy);
      const Z = WHITE[2] * cube(fy - (at(tb) + at(sb) * L[i]) / 200);
      rgba[4 * i] = byte(3.2404813432005266 * X - 1.5371515162713185 * Y - 0.4985363261688878 * Z);
      rgba[4 * i + 1] = byte(-0.9692549499965682 * X + 1.8759900014898907 * Y + 0.04155592655829284 * Z);
      rgba[4 * i + 2] = byte(0.05564663913517715 * X - 0.20404133836651123 * Y + 1.0573110696453443 * Z);
      rgba[4 * i + 3] = 255;
    }
  });
  return rgba;
}

// What the network believes to see, in words: the likeliest first, none below a tenth.
export function belief(y, classes) {
  const order = Array.from(y, (p, i) => [p, classes[i]]).sort(([p], [q]) => q - p);
  const likely = order.filter(([p], i) => i === 0 || p >= 0.1);
  return likely.map(([p, name]) => `${name} ${Math.round(100 * p)} %`).join(", ");
}

// Numbers travel as base64 of float32.
export const packed = (numbers) => btoa(String.fromCharCode(...new Uint8Array(Float32Array.from(numbers).buffer)));
export const unpacked = (text) => new Float32Array(Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0)).buffer);

// ---------------------------------------------------------------- page

const MOST = 1024; // pixels of the longer side: so the page answers at once, and a screen shows no more
const CSS = `${controls("gwc")}
.gwc { --real:#0072b2; --fake:#e69f00; --bad:#b04a00; --line:#8888; --soft:#8882; --on:#fff; color-scheme: light; container-type: inline-size;
  font: 15px/1.4 system-ui, sans-serif; color: inherit; box-sizing: border-box; max-width: 808px; padding: 4px; margin: 0 auto; text-align: left; }
.gwc.dark { --real:#56b4e9; --bad:#ff9a57; --on:#0b2230; color-scheme: dark; }
.gwc * { box-sizing: border-box; } .gwc [hidden] { display: none !important; }
.gwc .bar, .gwc .group { display: flex; flex-wrap: wrap; gap: 6px; align-items: center; } .gwc .bar { gap: 8px 12px; margin: 10px 0; font-size: 14px; } .gwc .bar:first-of-type { margin-top: 0; }
.gwc .choice img { display: block; width: 56px; height: auto; aspect-ratio: 4/3; object-fit: cover; border-radius: 3px; background: none; padding: 0; margin: 0; max-width: none; filter: none; }
.gwc.over { outline: 3px dashed var(--real); border-radius: 6px; }
.gwc canvas { display: block; width: 100%; height: auto; margin: 0 auto; border-radius: 6px; }
.gwc .stage { cursor: ew-resize; touch-action: pan-y; user-select: none; -webkit-user-select: none; }
.gwc .three { display: flex; gap: 10px; justify-content: center; align-items: start; margin: 10px 0; } .gwc .three > div { flex: 1 1 0; min-width: 0; font-size: 14px; text-align: center; }
.gwc .sliders { display: grid; grid-template-columns: 1fr 1fr; gap: 6px 24px; margin-top: 8px; }
.gwc .slide { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 12px; margin: 0; font-size: 14px; }
.gwc .slide input { flex: 1 0 100%; min-width: 0; height: 22px; margin: 3px 0; outline-offset: 0; accent-color: var(--real); } .gwc .value { font-variant-numeric: tabular-nums; }
.gwc p { margin: 6px 0 0; font-size: 14px; } .gwc .said { min-height: 1.4em; font-variant-numeric: tabular-nums; } .gwc .bad { color: var(--bad); font-weight: 600; }
@container (max-width: 560px) { .gwc .sliders { grid-template-columns: 1fr; } }
`;

const blobOf = (url) => new Blob([Uint8Array.from(atob(url.split(",")[1]), (sign) => sign.charCodeAt(0))]);
const canvasOf = (width, height) => Object.assign(document.createElement("canvas"), { width, height });

// The bytes of a picture, upright, at most `MOST` pixels long; halved again and again, one large reduction would skip pixels.
async function pixelsOf(blob) {
  const source = await createImageBitmap(blob);
  const scale = Math.min(1, MOST / Math.max(source.width, source.height));
  const [width, height] = [source.width, source.height].map((side) => Math.max(1, Math.round(side * scale)));
  let times = 2 ** Math.floor(Math.log2(1 / scale));
  let canvas = canvasOf(width * times, height * times);
  const brush = canvas.getContext("2d");
  brush.fillStyle = "#fff"; // behind what is transparent
  brush.fillRect(0, 0, canvas.width, canvas.height);
  brush.drawImage(source, 0, 0, canvas.width, canvas.height);
  for (; times > 1; times /= 2) {
    const half = canvasOf(canvas.width / 2, canvas.height / 2);
    half.getContext("2d").drawImage(canvas, 0, 0, half.width, half.height);
    canvas = half;
  }
  return canvas.getContext("2d").getImageData(0, 0, width, height);
}

function render({ model, el }) {
  const [size, classes, names, pictures, network] = ["size", "classes", "names", "pictures", "live"].map((name) => model.get(name));
  const view = `gwc-${Math.random().toString(36).slice(2)}`;
  const kernel = !model.live && typeof model.send === "function";
  const able = kernel || (model.live && network && !liveProblem());
  const root = document.createElement("div");
  root.className = "gwc";
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Colours for a picture of your own");
  const choice = (part, value, shown, on) => `<label class="choice"><input ${QUIET} type="radio" name="${view}-${part}" data-part="${part}" value="${value}"${on ? " checked" : ""}><span>${shown}</span></label>`;
  const slider = (part, words, from, to, step, value) => `<label class="slide"><span>${words}</span><span class="value" aria-hidden="true"></span><input ${QUIET} type="range" data-part="${part}" min="${from}" max="${to}" step="${step}" value="${value}"></label>`;
  const third = (name) => `<div data-figure="${name}"><canvas role="img"></canvas><span aria-hidden="true">${name}</span></div>`;
  root.innerHTML = `<style>${CSS}</style>
    <div class="bar" data-row="pictures"><div class="group" role="radiogroup" aria-label="picture" data-list></div>
      <button ${QUIET} type="button" data-do="own">your own…</button><span>or drop one here, or paste it</span><input type="file" accept="image/*" hidden></div>
    <canvas class="stage" role="img"></canvas>
    <div class="sliders">${slider("line", "left of the line: grey", 0, 100, 1, 50)}${slider("more", "strength", 0, 4, 0.1, 1)}</div>
    <div class="bar"><button ${QUIET} type="button" data-do="save">Download the coloured picture</button>
      <div class="group" role="radiogroup" aria-label="compare the colours with" data-row="against">compare with ${choice("against", "grey", "grey", true)}${choice("against", "original", "original", false)}</div></div>
    <div class="three">${["grey", "coloured", "original"].map(third).join("")}</div>
    <p class="said" role="status" aria-live="polite"></p><p data-out="privacy"></p>`;
  el.appendChild(root);
  const stopTheme = followTheme(root, el);
  const $ = (selector) => root.querySelector(selector);
  const layer = Object.fromEntries(["grey", "coloured", "original"].map((name) => [name, $(`[data-figure=${name}] canvas`)]));
  const [stage, line, more, said] = [$(".stage"), $("[data-part=line]"), $("[data-part=more]"), $(".said")];
  let shown = null; // { name, width, height, L, ab, rgba }
  let turn = 0; // only the last picture asked for is shown
  let unheard = () => {}; // ends the waiting for a kernel's answer
  let against = "grey";
  let waiting = 0; // the frame of the screen in which the colours are drawn

  function say(text, bad = false) {
    said.textContent = text;
    said.classList.toggle("bad", bad);
  }

  // ------------------------------------------------------------ the network, here or in a kernel

  async function predicted(L) {
    if (!kernel) {
      const session = await openLive(model, network);
      const { ab, y } = await session.run({ L: { data: L, dims: [1, 1, size, size] } });
      return { ab: ab.data, y: y.data };
    }
    const id = `${view}-${turn}`;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => say("No answer yet. Is another cell running, or has the kernel stopped? Then run this cell again.", true), 4000);
      const heard = () => {
        const { id: of, ab, y, error } = model.get("answer");
        if (of !== id) return;
        unheard();
        if (error) reject(new Error(error));
        else resolve({ ab: unpacked(ab), y: unpacked(y) });
      };
      unheard = () => {
        clearTimeout(late);
        model.off("change:answer", heard);
      };
      model.on("change:answer", heard);
      model.set("asked", { id, L: packed(L) });
      model.save_changes();
    });
  }

  // What is given is coloured and shown; whatever fails, the picture that was there stays.
  async function take(blob, name, place = -1, known = null) {
    const mine = ++turn;
    unheard(); // a kernel that is slow may pass over a question when the next one comes
    say("One moment: the network looks at the picture.");
    try {
      const { width, height, data: rgba } = await pixelsOf(blob).catch(() => Promise.reject(new Error("This file is no picture that the browser can read.")));
      if (mine !== turn) return;
      const L = lightness(rgba);
      const small = shrink(L, width, height, size);
      const { ab, y } = known || (await predicted(small.map((value) => value / 100)));
      if (mine !== turn) return;
      shown = { name, place, width, height, L, rgba, fit: guided(small, Float32Array.from(ab, (value) => 255 * value - 128), size) };
      root.dataset.shown = name;
      draw();
      say(y.length ? `Coloured. In the words that it knows, the network sees: ${belief(y, classes)}.` : "Coloured.");
    } catch (error) {
      if (mine !== turn) return;
      say(error.message, true);
    }
    root.querySelectorAll("[data-part=picture]").forEach((radio, i) => (radio.checked = i === shown?.place));
  }

  // ------------------------------------------------------------ the pictures

  function fill(name, rgba) {
    const { width, height } = shown;
    Object.assign(layer[name], { width, height });
    layer[name].getContext("2d").putImageData(new ImageData(rgba, width, height), 0, 0);
    layer[name].setAttribute("aria-label", `${shown.name}, ${name}`);
  }

  function draw() {
    const { L, width, height, rgba } = shown;
    const colours = hasColour(rgba);
    if (!colours) against = "grey";
    $("[data-row=against]").hidden = $("[data-figure=original]").hidden = !colours;
    $("[value=grey][data-part=against]").checked = against === "grey";
    fill("grey", grey(L));
    fill("original", rgba);
    Object.assign(stage, { width, height });
    stage.style.maxWidth = `${Math.round((460 * width) / height)}px`; // no picture is higher than that
    for (const canvas of Object.values(layer)) canvas.parentElement.style.maxWidth = `${Math.round((240 * width) / height)}px`;
    drawColours();
  }

  function drawColours() {
    waiting = 0;
    if (!shown) return; // the first picture is still being read
    const { L, width, height, fit } = shown;
    fill("coloured", merge(L, width, height, fit, size, Number(more.value)));
    const words = `× ${Number(more.value).toFixed(1)}, ${Number(more.value) === 1 ? "as the network says" : Number(more.value) > 1 ? "exaggerated" : "weakened"}`;
    more.previousElementSibling.textContent = words;
    more.setAttribute("aria-valuetext", words);
    drawStage();
  }

  function drawStage() {
    if (!shown) return;
    const { width, height, name } = shown;
    const brush = stage.getContext("2d");
    const at = Math.round((Number(line.value) / 100) * width);
    brush.drawImage(layer.coloured, 0, 0);
    if (at) brush.drawImage(layer[against], 0, 0, at, height, 0, 0, at, height);
    // A dark line with a light one in it: one of them is seen on any picture.
    for (const [colour, thick] of [["#000", 3], ["#fff", 1]]) {
      const wide = thick * Math.max(1, width / 500);
      brush.fillStyle = colour;
      brush.fillRect(at - wide / 2, 0, wide, height);
    }
    line.parentElement.firstElementChild.textContent = `left of the line: ${against}`;
    line.previousElementSibling.textContent = `${line.value} %`;
    line.setAttribute("aria-valuetext", `${line.value} % ${against}, the rest coloured`);
    stage.setAttribute("aria-label", `${name}: ${against} left of a line at ${line.value} %, coloured right of it`);
  }

  // ------------------------------------------------------------ what the reader does

  const actions = {
    own: () => $("input[type=file]").click(),
    save: () =>
      shown &&
      layer.coloured.toBlob((blob) => {
        const href = URL.createObjectURL(blob);
        Object.assign(document.createElement("a"), { href, download: `${shown.name.replace(/\.\w+$/, "").replace(/[^\p{L}\p{N}]+/gu, "-")}-coloured.png` }).click();
        setTimeout(() => URL.revokeObjectURL(href), 1000);
      }),
  };
  const own = (file) => take(file, file.name || "your picture");
  const picked = (i, known) => take(blobOf(pictures[i]), names[i], i, known);
  root.addEventListener("click", ({ target }) => actions[target.closest("button")?.dataset.do]?.());
  root.addEventListener("input", ({ target }) => {
    const { part } = target.dataset;
    if (part === "picture") picked(Number(target.value));
    if (part === "against") against = target.value;
    if (part === "against" || part === "line") drawStage();
    if (part === "more") waiting ||= requestAnimationFrame(drawColours); // however far it moves between two frames
  });
  $("input[type=file]").addEventListener("change", ({ target }) => {
    const [file] = target.files;
    target.value = ""; // the same file may be chosen again
    if (file) own(file);
  });
  const files = (data) => (able && data ? [...data.items].filter((item) => item.kind === "file") : []);
  root.addEventListener("dragover", (event) => {
    if (!files(event.dataTransfer).length) return;
    event.preventDefault();
    root.classList.add("over");
  });
  root.addEventListener("dragleave", () => root.classList.remove("over"));
  root.addEventListener("drop", (event) => {
    root.classList.remove("over");
    const [file] = files(event.dataTransfer);
    if (!file) return;
    event.preventDefault();
    event.stopPropagation(); // a notebook would open it
    own(file.getAsFile());
  });
  // What is pasted is meant for the widget that has the focus, or that the pointer is on.
  const paste = (event) => {
    const file = files(event.clipboardData).find((item) => item.type.startsWith("image/"));
    if (!file || !(root.contains(event.target) || root.matches(":hover"))) return;
    event.preventDefault();
    event.stopPropagation();
    own(file.getAsFile());
  };
  document.addEventListener("paste", paste, true);
  const drag = (event) => {
    const box = stage.getBoundingClientRect();
    line.value = (100 * (event.clientX - box.left)) / box.width;
    drawStage();
  };
  stage.addEventListener("pointerdown", (event) => {
    stage.setPointerCapture(event.pointerId);
    drag(event);
  });
  stage.addEventListener("pointermove", (event) => event.buttons && drag(event));

  // ------------------------------------------------------------ start and end

  $("[data-row=pictures]").hidden = !able;
  $("[data-list]").innerHTML = pictures.map((url, i) => choice("picture", i, `<img src="${url}" alt="${escaped(names[i])}" title="${escaped(names[i])}">`, i === 0)).join("");
  $("[data-out=privacy]").textContent = !able
    ? `${liveProblem()} A picture of your own can be coloured in a notebook, and on the book's own pages in most browsers.`.trim()
    : `Your picture does not leave this page${kernel ? `; the notebook's kernel gets ${size} × ${size} pixels of its lightness` : ""}. Longer sides than ${MOST} pixels are reduced.`;
  const known = model.get("first");
  picked(0, { ab: unpacked(known.ab), y: unpacked(known.y) });
  return () => {
    cancelAnimationFrame(waiting);
    unheard();
    document.removeEventListener("paste", paste, true);
    stopTheme();
  };
}

export default { render };
