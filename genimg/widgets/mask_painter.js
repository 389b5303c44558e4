// Paint a hole into a picture; a search elsewhere fills it.
// What can be tested without a page is exported and held to the package; the page is below it.
// The search is asked for by setting `request` and answers by `phase`, `done`, `total`, `note`, `frame` and `results`:
// a kernel does that in a notebook, and `fillHere` of `latent_search.js` in a page whose state names a network to do it with.

// ---------------------------------------------------------------- masks: 1 = known, 0 = missing, row by row

export function unpack(text, count) {
  const bytes = atob(text);
  return Uint8Array.from({ length: count }, (_, i) => (bytes.charCodeAt(i >> 3) >> (7 - (i & 7))) & 1);
}

export function pack(mask) {
  const bytes = new Uint8Array((mask.length + 7) >> 3);
  mask.forEach((known, i) => (bytes[i >> 3] |= known << (7 - (i & 7))));
  return btoa(String.fromCharCode(...bytes));
}

// Sets the pixels whose centres lie within half a diameter of the way, and always those under its two ends.
// Points are [x, y] in pixels: the first pixel reaches from 0 to 1.
export function stroke(mask, [height, width], from, to, diameter, value) {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const length = dx * dx + dy * dy;
  const reach = diameter / 2;
  const range = (a, b, size) => [Math.max(0, Math.floor(Math.min(a, b) - reach)), Math.min(size - 1, Math.floor(Math.max(a, b) + reach))];
  const [left, right] = range(from[0], to[0], width);
  const [top, bottom] = range(from[1], to[1], height);
  for (let row = top; row <= bottom; row++)
    for (let column = left; column <= right; column++) {
      const [x, y] = [column + 0.5 - from[0], row + 0.5 - from[1]];
      const share = length ? Math.min(1, Math.max(0, (x * dx + y * dy) / length)) : 0;
      if (Math.hypot(x - share * dx, y - share * dy) <= reach) mask[row * width + column] = value;
    }
  for (const [x, y] of [from, to])
    if (x >= 0 && y >= 0 && x < width && y < height) mask[Math.floor(y) * width + Math.floor(x)] = value;
}

// The largest part of the given shape in the middle of a picture.
export function crop(width, height, [rows, columns]) {
  const scale = Math.min(width / columns, height / rows);
  const [w, h] = [columns * scale, rows * scale];
  return { x: (width - w) / 2, y: (height - h) / 2, width: w, height: h };
}

export function missing(mask) {
  const count = mask.reduce((sum, known) => sum + 1 - known, 0);
  const share = (100 * count) / mask.length;
  const percent = count && share < 1 ? "under 1 %" : count < mask.length && share > 99 ? "over 99 %" : `${Math.round(share)} %`;
  return count ? `${count} of ${mask.length} pixels missing (${percent})` : "nothing missing yet";
}

// ---------------------------------------------------------------- page

const CSS = `${controls("gwm")}
.gwm { --real:#0072b2; --fake:#e69f00; --bad:#b04a00; --line:#8888; --soft:#8882; --on:#fff; color-scheme: light;
  container-type: inline-size; font: 15px/1.4 system-ui, sans-serif; color: inherit; box-sizing: border-box; max-width: 808px; padding: 4px; margin: 0 auto; text-align: left; }
.gwm.dark { --real:#56b4e9; --bad:#ff9a57; --on:#0b2230; color-scheme: dark; }
.gwm * { box-sizing: border-box; }
.gwm [hidden] { display: none !important; }
.gwm fieldset { border: 0; margin: 0; padding: 0; min-width: 0; }
.gwm .bar { display: flex; flex-wrap: wrap; gap: 8px 12px; align-items: center; margin: 0 0 10px; font-size: 14px; }
.gwm .group { display: flex; flex-wrap: wrap; gap: 6px; align-items: center; }
.gwm .choice img { display: block; width: 42px; height: 42px; object-fit: cover; border-radius: 3px; background: none; padding: 0; margin: 0; max-width: none; }
.gwm .sharp { image-rendering: pixelated; }
.gwm .setting:disabled > div { opacity: .5; } .gwm button:disabled, .gwm .setting:disabled * { cursor: default; border-color: var(--line); }
.gwm .setting:enabled button:disabled, .gwm .go button:disabled { opacity: .5; }
.gwm .size { display: flex; gap: 8px; align-items: center; margin: 0; }
.gwm .size input { width: 120px; height: 24px; margin: 0; accent-color: var(--real); } .gwm output { min-width: 1.6em; font-variant-numeric: tabular-nums; }
.gwm .board { display: grid; grid-template: "paint result" auto "go go" auto / 1fr 1fr; gap: 12px 20px; }
.gwm .board.alone { grid-template: "paint" auto / minmax(0, 390px); justify-content: center; }
.gwm .photo { margin: 0 0 12px; } .gwm .photo canvas { width: auto; max-width: 100%; max-height: 420px; margin: 0 auto; cursor: move; } .gwm .photo .bar { margin: 8px 0 0; }
.gwm .paint { grid-area: paint; min-width: 0; } .gwm .result { grid-area: result; min-width: 0; } .gwm .go { grid-area: go; }
.gwm h4 { font: inherit; font-weight: 600; margin: 0 0 6px; color: inherit; } .gwm h4::before { content: ""; display: inline-block; width: 10px; height: 10px; margin-right: 7px; border-radius: 5px; background: var(--dot); }
.gwm canvas, .gwm .sheet { display: block; width: 100%; height: auto; border-radius: 6px; outline-offset: 2px; }
.gwm canvas { touch-action: none; cursor: crosshair; user-select: none; -webkit-user-select: none; } .gwm .busy canvas { cursor: default; }
.gwm .sheet { display: grid; place-items: center; overflow: hidden; background: var(--soft); }
.gwm .sheet > * { grid-area: 1 / 1; } .gwm .sheet img { display: block; width: 100%; height: 100%; max-width: none; padding: 0; margin: 0; border-radius: 0; filter: none; }
.gwm .sheet span { padding: 16px; text-align: center; opacity: .85; }
.gwm p { margin: 6px 0 0; font-size: 14px; font-variant-numeric: tabular-nums; min-height: 1.4em; }
.gwm .compare { margin-top: 8px; min-height: 34px; }
.gwm .go { display: flex; flex-wrap: wrap; gap: 8px 12px; align-items: center; }
.gwm .go .fill { background: var(--real); border-color: var(--real); color: var(--on); font-weight: 600; padding-left: 16px; padding-right: 16px; }
.gwm .track { flex: 1 1 160px; height: 12px; border-radius: 6px; background: var(--soft); border: 1px solid var(--line); overflow: hidden; }
.gwm .track i { display: block; height: 100%; width: 0; background: var(--real); transition: width .1s linear; }
.gwm .go p { flex: 1 1 100%; margin: 0; } .gwm .bad { color: var(--bad); font-weight: 600; }
.gwm details { margin-top: 4px; font-size: 14px; } .gwm summary { cursor: pointer; width: max-content; }
.gwm kbd { font: 13px ui-monospace, monospace; color: inherit; background: var(--soft); border: 1px solid var(--line); border-radius: 4px; padding: 0 5px; box-shadow: none; }
.gwm .spoken { position: absolute; width: 1px; height: 1px; margin: 0; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@container (max-width: 560px) { .gwm .board { grid-template: "paint" auto "go" auto "result" auto / minmax(0, 1fr); } }
@media (prefers-reduced-motion: reduce) { .gwm .track i { transition: none; } }
`;

const canvasOf = (width, height) => Object.assign(document.createElement("canvas"), { width, height });

// Part of a picture as the model takes it. Halved again and again: one large reduction would skip pixels.
function shrunk(source, part, size, colour) {
  const [height, width] = size;
  let times = 2 ** Math.max(0, Math.floor(Math.log2(part.width / width)));
  let canvas = canvasOf(width * times, height * times);
  let brush = canvas.getContext("2d");
  brush.fillStyle = "#fff"; // behind what is transparent
  brush.fillRect(0, 0, canvas.width, canvas.height);
  brush.drawImage(source, part.x, part.y, part.width, part.height, 0, 0, canvas.width, canvas.height);
  for (; times > 1; times /= 2) {
    const half = canvasOf(canvas.width / 2, canvas.height / 2);
    half.getContext("2d").drawImage(canvas, 0, 0, half.width, half.height);
    canvas = half;
  }
  if (!colour) {
    brush = canvas.getContext("2d");
    const image = brush.getImageData(0, 0, width, height);
    for (let i = 0; i < image.data.length; i += 4)
      image.data.fill(0.299 * image.data[i] + 0.587 * image.data[i + 1] + 0.114 * image.data[i + 2], i, i + 3);
    brush.putImageData(image, 0, 0);
  }
  return canvas.toDataURL("image/png");
}

function render({ model, el }) {
  const [get, size] = [(name) => model.get(name), model.get("size")];
  const [height, width] = size;
  const live = get("live"); // in a page the network that searches, in a notebook nothing
  if (live && (!model.live || liveProblem())) throw new Error("no network can run in this page");
  // Radio buttons of two widgets must not share a name, and each widget has a module of its own, so none can count.
  const view = `gwm-${Math.random().toString(36).slice(2)}`;
  const largest = Math.max(4, Math.round(Math.min(height, width) / 2));
  const sharp = Math.max(height, width) <= 48 ? "sharp" : "";
  const choices = (part, options, on) =>
    options
      .map(([value, shown]) => `<label class="choice"><input ${QUIET} type="radio" name="${view}-${part}" data-part="${part}" value="${escaped(String(value))}"${value === on ? " checked" : ""}><span>${shown}</span></label>`)
      .join("");
  const root = document.createElement("div");
  root.className = "gwm";
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", `Paint a hole: ${get("label")}`);
  root.innerHTML = `<style>${CSS}</style>
    <fieldset class="setting"><div>
      <div class="bar" data-row="pictures">Picture<div class="group"><div class="group" role="radiogroup" aria-label="picture" data-list="pictures"></div>
        <button ${QUIET} type="button" data-do="own">your own…</button></div><input ${QUIET} type="file" accept="image/*" hidden></div>
      <div class="bar">Tool<div class="group" role="radiogroup" aria-label="tool">${choices("tool", [["brush", "brush"], ["eraser", "eraser"]], "brush")}</div>
        <label class="size">size<input ${QUIET} type="range" data-part="diameter" min="1" max="${largest}" step="1"><output></output></label>
        <div class="group"><button ${QUIET} type="button" data-do="undo">undo</button><button ${QUIET} type="button" data-do="clear">clear</button></div></div>
      <div class="bar" data-row="presets">Hole<div class="group" role="group" aria-label="ready-made holes">${get("presets").map(([name], i) => `<button ${QUIET} type="button" data-preset="${i}">${escaped(name)}</button>`).join("")}</div></div>
    </div></fieldset>
    <div class="photo" role="group" aria-label="your photograph" hidden><h4 style="--dot:var(--real)">Your photograph: drag the square, or scale it by a corner</h4>
      <div class="bar"><label class="size">square<input ${QUIET} type="range" data-part="side" min="5" max="100" step="1" aria-label="size of the square"><output></output></label>
        <button ${QUIET} type="button" data-do="keep" disabled>Download the filled photograph</button></div></div>
    <div class="board">
      <div class="paint"><h4 style="--dot:var(--real)">What is known</h4><canvas ${QUIET} tabindex="0" role="application" aria-describedby="${view}-keys"></canvas><p data-out="count"></p></div>
      <div class="go"><button ${QUIET} type="button" class="fill" data-do="fill">Fill the hole</button><button ${QUIET} type="button" data-do="stop" disabled>Stop</button>
        <div class="track" role="progressbar" aria-label="search" aria-valuemin="0"><i></i></div><p data-out="note"></p></div>
      <div class="result"><h4 style="--dot:var(--fake)">What the search makes of it</h4><div class="sheet" style="aspect-ratio:${width}/${height}"><img class="${sharp}" alt=""><span></span></div>
        <div class="group compare" role="radiogroup" aria-label="compare"></div></div>
    </div>
    <details><summary ${QUIET}>With the keyboard</summary><p id="${view}-keys">On the picture: arrows move the cursor (with <kbd>shift</kbd> by 8 pixels), <kbd>space</kbd> paints, held down it draws a line;
      <kbd>+</kbd> and <kbd>−</kbd> change the size, <kbd>b</kbd> brush, <kbd>e</kbd> eraser, <kbd>u</kbd> undo, <kbd>c</kbd> clear, <kbd>enter</kbd> fills the hole, <kbd>esc</kbd> stops.</p></details>
    <p class="spoken" role="status" aria-live="polite"></p>`;
  el.appendChild(root);
  const stopTheme = followTheme(root, el);
  const $ = (selector) => root.querySelector(selector);
  let stopping = false; // asked of the search in this page
  const [canvas, image, words] = [$("canvas"), $(".sheet img"), $(".sheet span")];

  // ------------------------------------------------------------ the painted picture

  const scale = Math.max(1, Math.ceil(780 / width)); // twice the size on the screen
  canvas.width = width * scale;
  canvas.height = height * scale;
  const brush = canvas.getContext("2d");
  const hole = canvasOf(width, height);
  const veil = canvasOf(canvas.width, canvas.height);
  const before = []; // masks, for undo
  let mask = unpack(get("bits"), width * height);
  let diameter = Math.max(2, Math.round(Math.min(height, width) / 8));
  let tool = "brush";
  let cursor = null; // [x, y] where the tool is, null where it is not on the picture
  let cell = [width >> 1, height >> 1]; // the keyboard's pixel
  let picture = null;
  let own = ""; // what was said about the reader's picture
  let shown = ""; // which result
  let unanswered = 0;
  let spoken = 0;
  const running = () => get("phase") === "running";
  const url = () => (get("chosen") < 0 ? get("own") : get("pictures")[get("chosen")]);

  // However much happens between two frames of the screen, it is drawn once.
  const waiting = new Map();
  function soon(draw) {
    if (!waiting.has(draw)) waiting.set(draw, requestAnimationFrame(() => waiting.delete(draw) && draw()));
  }
  const paint = () => soon(paintNow);

  function paintNow() {
    brush.imageSmoothingEnabled = !sharp;
    brush.clearRect(0, 0, canvas.width, canvas.height);
    if (picture) brush.drawImage(picture, 0, 0, canvas.width, canvas.height);
    const alpha = new ImageData(width, height);
    mask.forEach((known, i) => (alpha.data[4 * i + 3] = known ? 0 : 255));
    hole.getContext("2d").putImageData(alpha, 0, 0);
    // The hole's shape, enlarged without blur, through which the chequers of nothing are seen.
    const layer = veil.getContext("2d");
    layer.globalCompositeOperation = "copy";
    layer.imageSmoothingEnabled = false;
    layer.drawImage(hole, 0, 0, veil.width, veil.height);
    layer.globalCompositeOperation = "source-in";
    layer.fillStyle = chequers;
    layer.fillRect(0, 0, veil.width, veil.height);
    brush.drawImage(veil, 0, 0);
    if (cursor && !running()) {
      // A dark and a light ring: one of them is seen on any picture.
      for (const [colour, thick] of [["#000", 6], ["#fff", 3]]) {
        brush.beginPath();
        brush.arc(cursor[0] * scale, cursor[1] * scale, Math.max(1, diameter / 2) * scale, 0, 2 * Math.PI);
        brush.strokeStyle = colour;
        brush.lineWidth = thick;
        brush.setLineDash(tool === "eraser" ? [12, 8] : []);
        brush.stroke();
      }
    }
  }

  function chequered() {
    const side = 14;
    const tile = canvasOf(2 * side, 2 * side);
    const draw = tile.getContext("2d");
    draw.fillStyle = "#b8b8b8";
    draw.fillRect(0, 0, 2 * side, 2 * side);
    draw.fillStyle = "#dedede";
    draw.fillRect(0, 0, side, side);
    draw.fillRect(side, side, side, side);
    return brush.createPattern(tile, "repeat");
  }
  const chequers = chequered();

  async function load() {
    const next = new Image();
    const source = url();
    next.src = source;
    canvas.setAttribute("aria-label", `${get("label")}, ${get("chosen") < 0 ? "your own picture" : get("names")[get("chosen")]}; paint with the pointer or the keyboard`);
    try {
      await next.decode();
    } catch {
      return; // an empty or broken picture: the search says so when it is asked
    }
    if (source === url()) picture = next; // unless another one was chosen meanwhile
    paint();
  }

  function say(text) {
    clearTimeout(spoken);
    spoken = setTimeout(() => ($(".spoken").textContent = text), 300);
  }

  function commit() {
    const bits = pack(mask);
    if (bits === get("bits")) return;
    before.push(get("bits"));
    if (before.length > 100) before.shift();
    model.set("bits", bits);
    model.save_changes();
    say(missing(mask));
  }

  function put(bits, remember = true) {
    mask = unpack(bits, width * height);
    if (remember) return commit();
    model.set("bits", bits);
    model.save_changes();
    say(missing(mask));
  }

  // ------------------------------------------------------------ the reader's photograph, its frame, and what comes back

  let photo = null; // { source, width, height, canvas, frame, name }: the canvas is as large as the photograph
  let touches = new Map(); // pointers that are down, where they were last
  let scaling = false; // a corner is held
  let settled = 0; // the wait for the frame to rest

  // The filled part of the photograph, if a result is shown: [canvas, x, y].
  let filled = null;
  async function drawBack() {
    filled = null;
    const found = photo && get("chosen") < 0 && get("results").find(([name]) => name === shown);
    if (found) {
      const [mine, frame] = [photo, photo.frame];
      const small = Object.assign(new Image(), { src: found[1] });
      await small.decode().catch(() => {});
      if (mine !== photo || frame !== photo.frame || get("results").find(([name]) => name === shown)?.[1] !== found[1]) return;
      const [left, top] = [Math.round(frame.x), Math.round(frame.y)];
      const part = canvasOf(Math.min(Math.round(frame.width), photo.width - left), Math.min(Math.round(frame.height), photo.height - top));
      const own = part.getContext("2d", { willReadFrequently: true });
      own.drawImage(photo.source, left, top, part.width, part.height, 0, 0, part.width, part.height);
      const pixels = own.getImageData(0, 0, part.width, part.height);
      const reduced = canvasOf(width, height).getContext("2d");
      reduced.drawImage(small, 0, 0);
      const back = putBack(pixels.data, [part.height, part.width], reduced.getImageData(0, 0, width, height).data, mask, size, shown);
      own.putImageData(new ImageData(back, part.width, part.height), 0, 0);
      filled = [part, left, top];
    }
    $("[data-do=keep]").disabled = !filled;
    soon(drawPhoto);
  }

  function drawPhoto() {
    $(".photo").hidden = !photo || get("chosen") >= 0;
    if (!photo) return;
    const { canvas: page, frame, source } = photo;
    const draw = page.getContext("2d");
    draw.clearRect(0, 0, page.width, page.height);
    draw.drawImage(source, 0, 0);
    if (filled) draw.drawImage(...filled);
    const thin = Math.max(1, page.width / 400);
    for (const [colour, thick] of [["#000", 3 * thin], ["#fff", thin]]) {
      draw.strokeStyle = draw.fillStyle = colour;
      draw.lineWidth = thick;
      draw.strokeRect(frame.x, frame.y, frame.width, frame.height);
      for (const [x, y] of corners()) draw.fillRect(x - 2 * thin - thick, y - 2 * thin - thick, 4 * thin + 2 * thick, 4 * thin + 2 * thick);
    }
    const share = Math.round((100 * frame.width) / crop(photo.width, photo.height, size).width);
    $("[data-part=side]").value = share;
    $("[data-part=side] + output").textContent = `${share} %`;
    page.setAttribute("aria-label", `${photo.name}, ${photo.width} by ${photo.height} pixels: ${filled ? `filled (${shown})` : "not filled yet"}; a square of ${Math.round(frame.width)} pixels, ${Math.round(frame.x)} from the left, ${Math.round(frame.y)} from the top. Arrows move it, plus and minus scale it.`);
  }
  const corners = () => [0, 1, 2, 3].map((k) => [photo.frame.x + (k & 1) * photo.frame.width, photo.frame.y + (k >> 1) * photo.frame.height]);

  function send() {
    model.set("own", shrunk(photo.source, photo.frame, size, get("colour")));
    model.set("chosen", -1);
    model.save_changes();
  }

  // Only a frame that rests is reduced and sent.
  function move(by, scale = 1) {
    if (running()) return;
    photo.frame = framed(photo.frame, by, scale, [photo.width, photo.height], Math.min(height, width) / 4);
    filled = null;
    soon(drawPhoto);
    clearTimeout(settled);
    settled = setTimeout(() => {
      send();
      drawPhoto();
      say(`square of ${Math.round(photo.frame.width)} pixels, ${Math.round(photo.frame.x)} from the left, ${Math.round(photo.frame.y)} from the top`);
    }, 150);
  }

  function holdFrame(page) {
    const point = ({ clientX, clientY }) => {
      const box = page.getBoundingClientRect();
      return [((clientX - box.left) / box.width) * photo.width, ((clientY - box.top) / box.height) * photo.height];
    };
    const middle = () => [photo.frame.x + photo.frame.width / 2, photo.frame.y + photo.frame.height / 2];
    const away = ([x, y], [u, v]) => Math.hypot(x - u, y - v);
    page.addEventListener("pointerdown", (event) => {
      if (running()) return;
      page.setPointerCapture(event.pointerId);
      const at = point(event);
      touches.set(event.pointerId, at);
      const reach = (24 * photo.width) / page.getBoundingClientRect().width;
      scaling = corners().some((corner) => away(corner, at) < reach);
    });
    page.addEventListener("pointermove", (event) => {
      const last = touches.get(event.pointerId);
      if (!last) return;
      const at = point(event);
      const other = [...touches].find(([id]) => id !== event.pointerId)?.[1];
      if (other) move([(at[0] - last[0]) / 2, (at[1] - last[1]) / 2], away(at, other) / Math.max(1, away(last, other)));
      else if (scaling) move([0, 0], away(at, middle()) / Math.max(1, away(last, middle())));
      else move([at[0] - last[0], at[1] - last[1]]);
      touches.set(event.pointerId, at);
    });
    for (const end of ["pointerup", "pointercancel"]) page.addEventListener(end, ({ pointerId }) => touches.delete(pointerId));
    page.addEventListener("keydown", (event) => {
      const scale = { "+": 1.05, "=": 1.05, "-": 1 / 1.05, "−": 1 / 1.05 }[event.key];
      const step = moves[event.key];
      if ((!step && !scale) || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      const far = Math.max(1, Math.round(photo.frame.width / (event.shiftKey ? 8 : 64)));
      move(step ? step.map((one) => one * far) : [0, 0], scale);
    });
  }

  function take(source, name) {
    clearTimeout(settled);
    touches = new Map();
    photo?.canvas.remove();
    const page = canvasOf(source.width, source.height);
    for (const [attribute, value] of [["tabindex", "0"], ["role", "application"], ["data-lm-suppress-shortcuts", "true"]]) page.setAttribute(attribute, value);
    photo = { source, name, width: source.width, height: source.height, canvas: page, frame: crop(source.width, source.height, size) };
    $(".photo .bar").before(page);
    holdFrame(page);
    send();
    drawBack();
  }

  function download() {
    const whole = canvasOf(photo.width, photo.height);
    const draw = whole.getContext("2d");
    draw.drawImage(photo.source, 0, 0);
    draw.drawImage(...filled);
    whole.toBlob((blob) => {
      const href = URL.createObjectURL(blob);
      Object.assign(document.createElement("a"), { href, download: `${photo.name.replace(/\.\w+$/, "").replace(/[^\p{L}\p{N}]+/gu, "-")}-filled.png` }).click();
      setTimeout(() => URL.revokeObjectURL(href), 1000);
    });
  }

  // ------------------------------------------------------------ what the traits say

  function drawMask() {
    mask = unpack(get("bits"), width * height);
    $("[data-out=count]").textContent = missing(mask);
    $("[data-do=undo]").disabled = !before.length;
    $("[data-do=clear]").disabled = mask.every((known) => known);
    paint();
  }

  function drawPictures() {
    const options = get("pictures").map((source, i) => [i, `<img src="${source}" class="${sharp}" alt="${escaped(get("names")[i])}" title="${escaped(get("names")[i])}">`]);
    if (get("own")) options.push([-1, `<img src="${escaped(get("own"))}" class="${sharp}" alt="your own picture" title="your own picture">`]);
    const focused = document.activeElement?.dataset.part === "picture" && root.contains(document.activeElement);
    $("[data-list=pictures]").innerHTML = choices("picture", options, get("chosen"));
    if (focused) $("[data-part=picture]:checked")?.focus();
    load();
  }

  function drawTool() {
    $("[data-part=diameter]").value = diameter;
    $(".size output").textContent = diameter;
    $(`[data-part=tool][value=${tool}]`).checked = true;
    paint();
  }

  function drawAnswer() {
    const [phase, done, total, note] = ["phase", "done", "total", "note"].map(get);
    const results = get("results");
    const names = results.map(([name]) => name);
    if (!names.length && shown === "original") shown = ""; // a new result is looked at first
    if (!names.includes(shown) && shown !== "original") shown = names[names.length - 1] || "";
    const group = $(".compare");
    const key = names.join("\n");
    if (group.dataset.names !== key) {
      group.dataset.names = key;
      group.innerHTML = names.length ? choices("shown", [...names, "original"].map((name) => [name, escaped(name)]), shown) : "";
    }
    const source = shown === "original" && names.length ? url() : results.find(([name]) => name === shown)?.[1] || get("frame");
    image.hidden = !source;
    if (source && image.src !== source) image.src = source;
    image.alt = source ? `${get("label")}: ${names.length ? shown : running() ? "the search so far" : "filled"}` : "";
    words.hidden = Boolean(source);
    words.textContent = phase === "running" ? "searching…" : "Paint a hole, then press “Fill the hole”.";
    // A button that is disabled loses the focus: hand it on.
    const [fill, stop] = [$("[data-do=fill]"), $("[data-do=stop]")];
    const [fromFill, fromStop] = [document.activeElement === fill, document.activeElement === stop];
    fill.disabled = running();
    stop.disabled = !running();
    if (fromFill && running()) stop.focus();
    if (fromStop && !running()) fill.focus();
    $(".setting").disabled = running();
    $(".board").classList.toggle("busy", running());
    const track = $(".track");
    track.firstElementChild.style.width = `${total ? (100 * done) / total : 0}%`;
    track.setAttribute("aria-valuemax", total || 1);
    track.setAttribute("aria-valuenow", done);
    const where = total ? `step ${done} of ${total}` : "";
    track.setAttribute("aria-valuetext", where);
    const start = { done: `Done: ${done} steps${note && ", "}`, stopped: `Stopped at ${where}${note && ": "}`, failed: "The search failed. " }[phase] || "";
    const line = phase === "idle" ? (get("chosen") < 0 ? own : "") : `${start}${phase === "running" && where ? `${where}${note ? ": " : ""}` : ""}${note}`;
    $("[data-out=note]").textContent = line;
    $("[data-out=note]").classList.toggle("bad", phase === "failed" || phase === "refused");
    if (phase !== "idle") clearTimeout(unanswered);
    if (phase === root.dataset.phase) return;
    say(phase === "running" ? "The search runs." : line); // not every step
    root.dataset.phase = phase;
    paint();
  }

  // ------------------------------------------------------------ what the reader does

  function ask(request) {
    if (request === "fill" ? running() || !get("fills") : !running()) return;
    if (live) {
      stopping = request === "stop";
      if (!stopping) return void fillHere(model, url(), mask.slice(), () => stopping);
    } else {
      model.set("request", request);
      model.save_changes();
    }
    if (request === "stop") return void ($("[data-out=note]").textContent = "stopping…");
    clearTimeout(unanswered);
    unanswered = setTimeout(() => {
      $("[data-out=note]").textContent = "No answer yet. Is another cell running, or has the kernel stopped? Then run this cell again.";
      $("[data-out=note]").classList.add("bad");
    }, 4000);
  }

  const actions = {
    own: () => $("input[type=file]").click(),
    keep: () => filled && download(),
    undo: () => before.length && put(before.pop(), false),
    clear: () => put(pack(mask.map(() => 1))),
    fill: () => ask("fill"),
    stop: () => ask("stop"),
  };
  root.addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    if (button?.dataset.do) actions[button.dataset.do]();
    if (button?.dataset.preset) put(get("presets")[button.dataset.preset][1]);
  });
  root.addEventListener("input", ({ target }) => {
    const part = target.dataset.part;
    if (part === "diameter") diameter = Number(target.value);
    if (part === "tool") tool = target.value;
    if (part === "diameter" || part === "tool") drawTool();
    if (part === "shown") {
      shown = target.value;
      drawAnswer();
      drawBack();
    }
    if (part === "side") move([0, 0], ((target.value / 100) * crop(photo.width, photo.height, size).width) / photo.frame.width);
    if (part === "picture") {
      model.set("chosen", Number(target.value));
      model.save_changes();
    }
  });
  $("input[type=file]").addEventListener("change", async ({ target }) => {
    const file = target.files[0];
    target.value = ""; // the same file may be chosen again
    if (!file) return;
    try {
      const source = await createImageBitmap(file);
      own = `Place the square as the pictures above are cropped. The model sees its ${width} × ${height} pixels${get("colour") ? "" : ", in grey"}; what it fills comes back into your photograph.${live ? " It stays in this browser." : ""}`;
      take(source, file.name || "your photograph");
      drawAnswer();
      say(own);
    } catch {
      $("[data-out=note]").textContent = "This file is no picture that the browser can read.";
      $("[data-out=note]").classList.add("bad");
    }
  });

  let from = null; // where the pointer was while it is down
  let value = 0;
  const place = ({ clientX, clientY }) => {
    const box = canvas.getBoundingClientRect();
    return [((clientX - box.left) / box.width) * width, ((clientY - box.top) / box.height) * height];
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 && event.button !== 5) return; // 5 is the other end of a pen
    if (running() || from) return;
    canvas.setPointerCapture(event.pointerId);
    value = tool === "eraser" || event.button === 5 ? 1 : 0;
    from = cursor = place(event);
    stroke(mask, size, from, from, diameter, value);
    paint();
  });
  canvas.addEventListener("pointermove", (event) => {
    cursor = place(event);
    // Between two frames a fast pointer leaves several points.
    if (from)
      for (const each of event.getCoalescedEvents?.().concat(event) ?? [event]) {
        const to = place(each);
        stroke(mask, size, from, to, diameter, value);
        from = to;
      }
    paint();
  });
  for (const end of ["pointerup", "pointercancel"])
    canvas.addEventListener(end, () => {
      if (!from) return;
      from = null;
      commit();
    });
  canvas.addEventListener("pointerleave", () => {
    if (!from) cursor = null;
    paint();
  });

  let pressed = false; // the space bar
  const middle = () => [cell[0] + 0.5, cell[1] + 0.5];
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const letters = { "+": 1, "=": 1, "-": -1, "−": -1, b: "brush", e: "eraser", u: "undo", z: "undo", c: "clear", Enter: "fill", Escape: "stop" };
  canvas.addEventListener("keydown", (event) => {
    const { key } = event;
    if (event.altKey || ((event.ctrlKey || event.metaKey) && key !== "z")) return;
    const step = moves[key];
    const letter = letters[key];
    if (!step && letter === undefined && key !== " ") return;
    event.preventDefault();
    if (running() && letter !== "stop") return;
    const paints = () => (tool === "eraser" ? 1 : 0);
    if (step) {
      const old = middle();
      const by = event.shiftKey ? 8 : 1;
      cell = [Math.min(width - 1, Math.max(0, cell[0] + by * step[0])), Math.min(height - 1, Math.max(0, cell[1] + by * step[1]))];
      cursor = middle();
      if (pressed) stroke(mask, size, old, cursor, diameter, paints());
      paint();
      say(`row ${cell[1] + 1}, column ${cell[0] + 1}, ${mask[cell[1] * width + cell[0]] ? "known" : "missing"}`);
    } else if (key === " ") {
      if (event.repeat) return;
      pressed = true;
      cursor = middle();
      stroke(mask, size, cursor, cursor, diameter, paints());
      paint();
    } else if (typeof letter === "number") {
      diameter = Math.min(largest, Math.max(1, diameter + letter));
      cursor = middle();
      drawTool();
      say(`size ${diameter}`);
    } else if (letter === "brush" || letter === "eraser") {
      tool = letter;
      drawTool();
      say(tool);
    } else actions[letter]();
  });
  const lift = () => {
    if (!pressed) return;
    pressed = false;
    commit();
  };
  canvas.addEventListener("keyup", ({ key }) => key === " " && lift());
  canvas.addEventListener("focus", () => {
    if (!canvas.matches(":focus-visible")) return;
    cursor = middle();
    paint();
  });
  canvas.addEventListener("blur", () => {
    lift();
    cursor = null;
    paint();
  });

  // ------------------------------------------------------------ start and end

  $("[data-row=presets]").hidden = !get("presets").length;
  $("[data-do=own]").hidden = !get("uploads");
  $("[data-row=pictures]").hidden = !get("uploads") && get("pictures").length < 2;
  if (!get("fills")) {
    $(".go").hidden = $(".result").hidden = true;
    $(".board").classList.add("alone");
  }
  const drawBackSoon = () => soon(() => void drawBack());
  const listeners = [
    ["bits", drawMask],
    ["chosen", drawPictures],
    ["chosen", drawAnswer],
    ["own", drawPictures],
    ["results", drawBackSoon],
    ["chosen", drawBackSoon],
    ...["phase", "done", "total", "note", "frame", "results"].map((name) => [name, () => soon(drawAnswer)]),
  ];
  // What was found belongs to another hole or picture; where a kernel runs, it says so.
  const another = () => !running() && ["results", "frame", "note", "phase"].forEach((name, i) => model.set(name, [[], "", "", "idle"][i]));
  for (const name of live ? ["bits", "chosen", "own"] : []) listeners.push([name, another]);
  for (const [name, call] of listeners) model.on(`change:${name}`, call);
  drawPictures();
  drawMask();
  drawTool();
  drawAnswer();
  return () => {
    clearTimeout(unanswered);
    clearTimeout(spoken);
    clearTimeout(settled);
    waiting.forEach((frame) => cancelAnimationFrame(frame));
    stopTheme();
    for (const [name, call] of listeners) model.off(`change:${name}`, call);
  };
}

export default { render };
