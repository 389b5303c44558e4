// One of several pre-computed pictures at a time: a slider, a play button, the arrow keys.

const CSS = `
.gwf { --line:#8888; --soft:#8882; --dual:#009e73; font: 15px/1.4 system-ui, sans-serif; color: inherit; max-width: 800px; margin: 0 auto; }
.gwf img { display: block; max-width: 100%; height: auto; margin: 0 auto; border-radius: 4px; background: #fff; }
.gwf img.sharp { image-rendering: pixelated; }
.gwf .player { display: flex; gap: 12px; align-items: center; margin-top: 10px; }
.gwf input { flex: 1; min-width: 0; height: 28px; margin: 0; accent-color: var(--dual); }
.gwf button { font: inherit; color: inherit; background: var(--soft); border: 1px solid var(--line); border-radius: 6px; min-width: 5.2em; min-height: 34px; cursor: pointer; }
.gwf button:hover { border-color: currentColor; }
.gwf :focus-visible { outline: 2px solid var(--dual); outline-offset: 2px; }
.gwf p { margin: 4px 0 0; text-align: center; font-variant-numeric: tabular-nums; }
`;

// The next frame to show; the last is followed by the first.
export const next = (value, count) => (value + 1) % count;

function render({ model, el }) {
  const frames = model.get("frames");
  const captions = model.get("captions");
  const label = model.get("label");
  const root = document.createElement("div");
  root.className = "gwf";
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", label);
  root.innerHTML = `<style>${CSS}</style><img alt=""><div class="player">
    <button ${QUIET} type="button">play</button><input ${QUIET} type="range" min="0" max="${frames.length - 1}" step="1"></div><p aria-live="polite"></p>`;
  el.appendChild(root);
  const [image, button, slider, caption] = ["img", "button", "input", "p"].map((tag) => root.querySelector(tag));
  slider.setAttribute("aria-label", label);
  image.width = model.get("width");
  image.classList.toggle("sharp", model.get("sharp"));
  let timer = null;

  function draw() {
    const value = model.get("value");
    image.src = frames[value];
    image.alt = `${label}: ${captions[value]}`;
    slider.value = value;
    slider.setAttribute("aria-valuetext", captions[value]);
    caption.textContent = captions[value];
  }
  function show(value) {
    model.set("value", value);
    model.save_changes();
  }
  function stop() {
    clearInterval(timer);
    timer = null;
    button.textContent = "play";
    caption.setAttribute("aria-live", "polite");
  }
  button.addEventListener("click", () => {
    if (timer !== null) return stop();
    // Motion only when asked for, slowly where the reader's system asks for less of it, and silent for screen readers.
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    caption.setAttribute("aria-live", "off");
    button.textContent = "stop";
    timer = setInterval(() => show(next(model.get("value"), frames.length)), calm ? 1500 : 300);
  });
  slider.addEventListener("input", () => {
    stop();
    show(Number(slider.value));
  });
  model.on("change:value", draw);
  draw();
  return () => {
    stop();
    model.off("change:value", draw);
  };
}

export default { render };
