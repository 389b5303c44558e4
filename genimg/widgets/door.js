// The strip that opens the book: paint on a face, walk between two digits, slide colour over a grey photograph.
// What is stored is shown at once and answers every touch; with the first touch a part loads its network, which takes
// over. The work is done by the modules of the widgets that it shortens, imported as they are: `get("modules")`.

const CSS = `${controls("gwd")}
.gwd { --real:#0072b2; --fake:#e69f00; --dual:#007a59; --bad:#b04a00; --line:#8888; --soft:#8882; --on:#fff; color-scheme: light; container-type: inline-size;
  font: 15px/1.4 system-ui, sans-serif; color: inherit; box-sizing: border-box; margin: 0 auto; text-align: left; }
.gwd.dark { --real:#56b4e9; --dual:#35c89b; --bad:#ff9a57; --on:#0b2230; color-scheme: dark; }
.gwd * { box-sizing: border-box; } .gwd [hidden] { display: none !important; }
.gwd .strip { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 18px; }
.gwd .part { display: flex; flex-direction: column; gap: 8px; border: 1px solid var(--line); border-radius: 12px; padding: 12px; min-width: 0; }
.gwd .part > p { margin: 0; font-size: 14px; } .gwd .part .name { font-size: 16px; font-weight: 650; }
.gwd .part .hint { min-height: 2.8em; }
.gwd .stage { position: relative; } .gwd .stage canvas { display: block; width: 100%; height: auto; aspect-ratio: 1; border-radius: 8px; background: #0001; touch-action: pan-y; user-select: none; -webkit-user-select: none; }
.gwd .paint canvas { cursor: crosshair; touch-action: none; } .gwd .wipe canvas { cursor: ew-resize; } .gwd .walk canvas { image-rendering: pixelated; background: #000; }
.gwd .tag { position: absolute; bottom: 7px; padding: 1px 7px; border-radius: 9px; background: #000b; color: #fff; font-size: 12px; pointer-events: none; } .gwd .tag.l { left: 7px; } .gwd .tag.r { right: 7px; }
.gwd .walk svg { position: absolute; left: 0; right: 0; bottom: 0; width: 100%; height: 34%; overflow: visible; pointer-events: none; }
.gwd input[type=range] { width: 100%; height: 26px; margin: 0; accent-color: var(--real); }
.gwd .bar { display: flex; flex-wrap: wrap; gap: 6px; align-items: center; } .gwd .bar button { font-size: 13px; padding: 4px 9px; min-height: 32px; }
.gwd .choice img { display: block; width: 34px; height: 34px; object-fit: cover; border-radius: 3px; margin: 0; padding: 0; max-width: none; filter: none; background: none; }
.gwd .part .said { font-size: 13px; min-height: 2.8em; font-variant-numeric: tabular-nums; } .gwd .bad { color: var(--bad); }
.gwd .part a { font-size: 14px; font-weight: 600; margin-top: auto; }
.gwd :focus-visible { outline: 3px solid var(--fake); outline-offset: 2px; }
@container (max-width: 640px) { .gwd .strip { grid-template-columns: minmax(0, 1fr); } .gwd .stage { max-width: 360px; width: 100%; margin: 0 auto; } .gwd .part .hint, .gwd .part .said { min-height: 0; } }
`;

async function library(source) {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  try {
    return await import(url);
  } finally {
    URL.revokeObjectURL(url);
  }
}

const canvasOf = (width, height) => Object.assign(document.createElement("canvas"), { width, height });
const breath = () => new Promise((go) => setTimeout(go));
const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

async function imageOf(url) {
  const image = Object.assign(new Image(), { src: url });
  await image.decode();
  return image;
}

// Planes in [-1, 1], one or three of them, as a picture.
function pictured(x, side) {
  const canvas = canvasOf(side, side);
  const image = new ImageData(side, side);
  const area = side * side;
  for (let i = 0; i < area; i++)
    for (let c = 0; c < 4; c++) image.data[4 * i + c] = c === 3 ? 255 : Math.floor((x[x.length > area ? c * area + i : i] + 1) * 127.5 + 0.5);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

// Two pictures in one canvas, one left and one right of a line at `share` of the width.
function wiped(canvas, left, right, share) {
  const brush = canvas.getContext("2d");
  const { width, height } = canvas;
  const at = Math.round(share * width);
  brush.imageSmoothingQuality = "high";
  brush.drawImage(right, 0, 0, width, height);
  if (at) {
    brush.save();
    brush.beginPath();
    brush.rect(0, 0, at, height);
    brush.clip();
    brush.drawImage(left, 0, 0, width, height);
    brush.restore();
  }
  for (const [colour, thick] of [["#000", 5], ["#fff", 2]]) {
    brush.fillStyle = colour;
    if (at > 0 && at < width) brush.fillRect(at - thick / 2, 0, thick, height);
  }
}

async function render({ model, el }) {
  const [face, walk, photos, modules] = ["face", "walk", "photos", "modules"].map((name) => model.get(name));
  const [painter, path, colouring] = await Promise.all([modules.painter, modules.path, modules.colouring].map(library));
  const able = model.live && !liveProblem();
  const root = document.createElement("div");
  root.className = "gwd";
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Three things to try");
  const card = (kind, name, hint, slider, buttons, link, words) => `<section class="part ${kind}" aria-label="${name}">
    <p class="name">${name}</p><p class="hint">${hint}</p>
    <div class="stage"><canvas width="512" height="512" role="img"></canvas>${kind === "walk" ? '<svg viewBox="0 0 100 34" preserveAspectRatio="none" aria-hidden="true"></svg>' : '<span class="tag l" aria-hidden="true"></span><span class="tag r" aria-hidden="true"></span>'}</div>
    <input ${QUIET} type="range" min="0" max="100" step="1" value="${kind === "walk" ? 0 : 50}" aria-label="${slider}">
    <div class="bar">${buttons}</div><p class="said" role="status" aria-live="polite"></p><a href="${link}">${words}</a></section>`;
  const thumb = (photo, i) => `<label class="choice"><input ${QUIET} type="radio" name="gwd-photo" value="${i}"${i ? "" : " checked"}><span><img src="${photo.grey}" alt="${escaped(photo.name)}"></span></label>`;
  root.innerHTML = `<style>${CSS}</style><div class="strip">
    ${card("paint", "Fill a hole", "Draw on the face; what you cover is missing, and a search among generated faces puts it back.", "from damaged to filled",
      `${face.holes.map(({ name }, i) => `<button ${QUIET} type="button" data-hole="${i}">${escaped(name)}</button>`).join("")}<button ${QUIET} type="button" data-do="clear">whole face</button>`, face.link, "How: chapter 7 →")}
    ${card("walk", "Notice what is new", "Slide from a usual digit to an odd one. The green line is the score of a detector: the higher, the odder.", "t, from one digit to the other",
      `<button ${QUIET} type="button" data-do="ends">two other digits</button>`, walk.link, "How: chapter 5 →")}
    ${card("wipe", "Give back colours", "Slide the line: left of it the grey photograph, right of it the network’s colours.", "from grey to coloured",
      `${photos.list.map(thumb).join("")}<button ${QUIET} type="button" data-do="own">your own…</button><input type="file" accept="image/*" hidden>`, photos.link, "How: chapter 6 →")}
  </div>`;
  el.appendChild(root);
  const stopTheme = followTheme(root, el);
  const parts = Object.fromEntries(["paint", "walk", "wipe"].map((kind) => {
    const own = root.querySelector(`.part.${kind}`);
    const $ = (selector) => own.querySelector(selector);
    const say = (text, bad = false) => {
      $(".said").textContent = text;
      $(".said").classList.toggle("bad", bad);
    };
    return [kind, { own, $, say, canvas: $("canvas"), slider: $("input[type=range]") }];
  }));
  if (!able) root.querySelectorAll("[data-do=ends], [data-do=own]").forEach((button) => (button.hidden = true));
  // With the first touch of a part its networks begin to come; what fails is said when they are needed.
  const wanted = { paint: ["search", "encoder"], walk: ["digits"], wipe: [] };
  const load = (kind) => Promise.all(wanted[kind].map((name) => openLive(model, name)));
  for (const [kind, { own }] of Object.entries(parts))
    for (const touch of ["pointerdown", "keydown", "input"]) own.addEventListener(touch, () => able && load(kind).catch(() => {}), { once: true });

  // ------------------------------------------------------------ a hole in a face

  {
    const { $, say, canvas, slider, own } = parts.paint;
    const side = face.side;
    const whole = await imageOf(face.picture);
    const y = painter.planes(whole, [side, side], 3);
    const damaged = canvasOf(512, 512);
    const chequers = canvasOf(512, 512);
    {
      const brush = chequers.getContext("2d");
      for (let i = 0; i < 64; i++)
        for (let j = 0; j < 64; j++) {
          brush.fillStyle = (i + j) % 2 ? "#b8b8b8" : "#dedede";
          brush.fillRect(8 * i, 8 * j, 8, 8);
        }
    }
    let mask = new Uint8Array(side * side).fill(1);
    let filled = whole;
    let preset = -1;
    let turn = 0;
    let from = null; // where the pointer was, while it is down

    function drawDamaged() {
      const alpha = new ImageData(side, side);
      mask.forEach((known, i) => (alpha.data[4 * i + 3] = known ? 0 : 255));
      const small = canvasOf(side, side);
      small.getContext("2d").putImageData(alpha, 0, 0);
      const veil = canvasOf(512, 512);
      const layer = veil.getContext("2d");
      layer.imageSmoothingEnabled = false;
      layer.drawImage(small, 0, 0, 512, 512);
      layer.globalCompositeOperation = "source-in";
      layer.drawImage(chequers, 0, 0);
      const brush = damaged.getContext("2d");
      brush.imageSmoothingQuality = "high";
      brush.drawImage(whole, 0, 0, 512, 512);
      brush.drawImage(veil, 0, 0);
      draw();
    }
    function draw() {
      wiped(canvas, damaged, filled, slider.value / 100);
      const lost = painter.missing(mask);
      slider.setAttribute("aria-valuetext", `${slider.value} % damaged, the rest filled`);
      canvas.setAttribute("aria-label", `a face, ${lost}; damaged left of a line at ${slider.value} %, filled right of it`);
      const hole = mask.includes(0);
      $(".tag.l").textContent = hole ? "damaged" : "draw here";
      $(".tag.r").textContent = "filled";
      $(".tag.l").hidden = hole && slider.value < 25;
      $(".tag.r").hidden = !hole || slider.value > 75;
    }
    function reveal(to) {
      const [start, began] = [Number(slider.value), performance.now()];
      const mine = turn;
      const step = (now) => {
        if (mine !== turn || from) return;
        const share = calm() ? 1 : Math.min(1, (now - began) / 700);
        slider.value = start + (to - start) * share * (2 - share);
        draw();
        if (share < 1) requestAnimationFrame(step);
      };
      requestAnimationFrame(step);
    }
    async function fill() {
      const mine = ++turn;
      preset = -1;
      const hole = mask.slice();
      if (!hole.includes(0)) return;
      filled = pictured(painter.poisson(y, new Float32Array(y.length), hole, [side, side]), side);
      reveal(0);
      if (!able) return say("A smooth fill. The networks run on the book’s own pages, in browsers with WebAssembly.");
      say("At once: a smooth fill. The networks are coming…");
      try {
        const [search, encoder] = await load("paint");
        const began = performance.now();
        const given = { mask: { data: Float32Array.from(hole), dims: [1, 1, side, side] }, y: { data: y, dims: [1, 3, side, side] } };
        const start = (await encoder.run(given)).z.data;
        let [seen, last] = [0, null];
        for await (last of painter.descend(search, given, { start })) {
          if (mine !== turn) return;
          if (performance.now() - seen < 70) continue;
          filled = pictured(painter.poisson(y, last.best.x, hole, [side, side]), side);
          draw();
          say(`The search: step ${last.step}, loss ${last.loss.toFixed(0)}`);
          await breath();
          seen = performance.now();
        }
        if (mine !== turn) return;
        filled = pictured(painter.poisson(y, last.best.x, hole, [side, side]), side);
        draw();
        own.dataset.filled = mine;
        say(`Filled by a search of ${last.step} steps, ${((performance.now() - began) / 1000).toFixed(1)} s in this browser.`);
      } catch (error) {
        if (mine === turn) say(`${error.message} The smooth fill stays.`, true);
      }
    }
    async function show(which) {
      const mine = ++turn;
      preset = which;
      const hole = face.holes[which];
      const next = await imageOf(hole.filled);
      if (mine !== turn) return;
      mask = painter.unpack(hole.bits, side * side);
      filled = next;
      slider.value = 50;
      drawDamaged();
      say(`Filled before this page was made, by a search of ${hole.steps} steps.`);
    }
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      return [((event.clientX - box.left) / box.width) * side, ((event.clientY - box.top) / box.height) * side];
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      turn++;
      if (preset >= 0) mask.fill(1); // a drawing of one's own begins on the whole face
      preset = -1;
      from = at(event);
      slider.value = 100;
      painter.stroke(mask, [side, side], from, from, 4, 0);
      drawDamaged();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!from) return;
      const to = at(event);
      painter.stroke(mask, [side, side], from, to, 4, 0);
      from = to;
      drawDamaged();
    });
    const end = () => {
      if (!from) return;
      from = null;
      fill();
    };
    canvas.addEventListener("pointerup", end);
    canvas.addEventListener("pointercancel", end);
    slider.addEventListener("input", draw);
    own.addEventListener("click", ({ target }) => {
      const button = target.closest("button");
      if (button?.dataset.hole) show(Number(button.dataset.hole));
      if (button?.dataset.do === "clear") {
        turn++;
        preset = -1;
        mask.fill(1);
        filled = whole;
        slider.value = 100;
        drawDamaged();
        say("");
      }
    });
    await show(0);
  }

  // ------------------------------------------------------------ a walk between two digits

  {
    const { $, say, canvas, slider } = parts.walk;
    const frames = await Promise.all(walk.frames.map(imageOf));
    let [ends, scores, session] = [walk.ends, walk.scores, null];
    let [busy, again, turn] = [false, false, 0];
    const brush = canvas.getContext("2d");
    brush.imageSmoothingEnabled = false;

    function draw(picture, score) {
      const t = slider.value / 100;
      brush.drawImage(picture, 0, 0, 512, 512);
      const words = `anomaly score ${score.toFixed(2).replace("-", "−")}`;
      say(`t = ${t.toFixed(2)}: ${words}`);
      slider.setAttribute("aria-valuetext", `t = ${t.toFixed(2)}, ${words}`);
      canvas.setAttribute("aria-label", `a generated digit on the way from one to another, t = ${t.toFixed(2)}, ${words}`);
      const [low, high] = [Math.min(...scores, score), Math.max(...scores, score)];
      const x = (share) => 4 + 92 * share;
      const y = (value) => 30 - 26 * path.height(value, low, high);
      $("svg").innerHTML =
        `<path d="${scores.map((value, i) => `${i ? "L" : "M"}${x(i / (scores.length - 1)).toFixed(2)} ${y(value).toFixed(2)}`).join("")}" fill="none" stroke="#35c89b" stroke-width="2.5" vector-effect="non-scaling-stroke"/>` +
        `<path d="M${x(t)} 0V34" stroke="#fff" stroke-opacity=".6" stroke-dasharray="3 3" vector-effect="non-scaling-stroke"/>` +
        `<path d="M${x(t)} ${y(score)}h0" stroke="#35c89b" stroke-width="11" stroke-linecap="round" vector-effect="non-scaling-stroke"/>`;
    }
    const computed = async (z) => {
      const { x, score } = await session.run({ z: { data: Float32Array.from(z), dims: [1, z.length] } });
      return { picture: pictured(x.data, x.dims[3]), score: score.data[0] };
    };
    async function update() {
      if (!session) {
        const k = Math.round((slider.value / 100) * (frames.length - 1));
        return draw(frames[k], scores[k]);
      }
      again = true; // the latest t that was asked for; those in between are passed over
      if (busy) return;
      busy = true;
      try {
        while (again) {
          again = false;
          const { picture, score } = await computed(path.onTheSphere(...ends, slider.value / 100));
          draw(picture, score);
          await breath();
        }
      } finally {
        busy = false;
      }
    }
    const live = async () => {
      [session] = await load("walk");
      parts.walk.own.dataset.live = "";
    };
    const gaussian = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
    async function others() {
      const mine = ++turn;
      say("The networks are coming…");
      await live();
      const found = [];
      for (let k = 0; k < 16; k++) {
        const z = ends[0].map(gaussian);
        found.push({ z, score: (await computed(z)).score });
      }
      if (mine !== turn) return;
      found.sort((a, b) => a.score - b.score); // the most usual of sixteen, and the most unusual
      ends = [found[0].z, found.at(-1).z];
      scores = [found[0].score, found.at(-1).score];
      slider.value = 0;
      await update();
      const line = [];
      for (let k = 0; k < 25; k++) {
        line.push((await computed(path.onTheSphere(...ends, k / 24))).score);
        if (mine !== turn) return;
      }
      scores = line;
      await update();
    }
    slider.addEventListener("input", () => update().catch(() => {}));
    if (able) slider.addEventListener("input", () => live().then(update).catch(() => {}), { once: true });
    $("[data-do=ends]").addEventListener("click", () => others().catch((error) => say(`${error.message} The stored walk stays.`, true)));
    await update();
  }

  // ------------------------------------------------------------ colour over a photograph

  {
    const { $, say, canvas, slider, own } = parts.wipe;
    let shown = null; // { name, grey, coloured }
    let turn = 0;
    function draw() {
      if (!shown) return;
      wiped(canvas, shown.grey, shown.coloured, slider.value / 100);
      slider.setAttribute("aria-valuetext", `${slider.value} % grey, the rest coloured`);
      canvas.setAttribute("aria-label", `${shown.name}: grey left of a line at ${slider.value} %, coloured right of it`);
      $(".tag.l").textContent = "grey";
      $(".tag.r").textContent = "coloured";
      $(".tag.l").hidden = slider.value < 20;
      $(".tag.r").hidden = slider.value > 70;
    }
    async function choose(i) {
      const mine = ++turn;
      const { name, words, grey, coloured } = photos.list[i];
      const [left, right] = await Promise.all([grey, coloured].map(imageOf));
      if (mine !== turn) return;
      shown = { name, grey: left, coloured: right };
      draw();
      say(words);
    }
    async function take(file) {
      const mine = ++turn;
      say("The network is coming, 13 MB once; your picture stays in this browser.");
      try {
        const source = await createImageBitmap(file).catch(() => Promise.reject(new Error("This file is no picture that the browser can read.")));
        const least = Math.min(source.width, source.height);
        const square = canvasOf(512, 512);
        const brush = square.getContext("2d", { willReadFrequently: true });
        brush.fillStyle = "#fff";
        brush.fillRect(0, 0, 512, 512);
        brush.imageSmoothingQuality = "high";
        brush.drawImage(source, (source.width - least) / 2, (source.height - least) / 2, least, least, 0, 0, 512, 512);
        const L = colouring.lightness(brush.getImageData(0, 0, 512, 512).data);
        const session = await openLive(model, "colours");
        if (mine !== turn) return;
        const size = photos.size;
        const small = colouring.shrink(L, 512, 512, size);
        const { ab } = await session.run({ L: { data: small.map((value) => value / 100), dims: [1, 1, size, size] } });
        const fit = colouring.guided(small, Float32Array.from(ab.data, (value) => 255 * value - 128), size);
        const sheet = (rgba) => {
          const canvas = canvasOf(512, 512);
          canvas.getContext("2d").putImageData(new ImageData(rgba, 512, 512), 0, 0);
          return canvas;
        };
        if (mine !== turn) return;
        shown = { name: file.name || "your picture", grey: sheet(colouring.grey(L)), coloured: sheet(colouring.merge(L, 512, 512, fit, size, 1)) };
        own.querySelectorAll("[type=radio]").forEach((radio) => (radio.checked = false));
        own.dataset.own = mine;
        draw();
        say("Your picture, coloured in this browser. Chapter 6 keeps its whole size.");
      } catch (error) {
        if (mine === turn) say(error.message, true);
      }
    }
    own.addEventListener("change", ({ target }) => {
      if (target.type === "radio") choose(Number(target.value));
      if (target.type === "file" && target.files[0]) {
        take(target.files[0]);
        target.value = "";
      }
    });
    $("[data-do=own]").addEventListener("click", () => $("[type=file]").click());
    slider.addEventListener("input", draw);
    const drag = (event) => {
      const box = canvas.getBoundingClientRect();
      slider.value = (100 * (event.clientX - box.left)) / box.width;
      draw();
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      drag(event);
    });
    canvas.addEventListener("pointermove", (event) => event.buttons && drag(event));
    await choose(0);
  }
  return stopTheme;
}

export default { render };
