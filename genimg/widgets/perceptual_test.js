// The perceptual test of the talk: one picture at a time, natural or not, and at the end the shares of each method.
// What can be tested without a page is exported and held to genimg.colorize; the page is below it.

// ---------------------------------------------------------------- answers in numbers

const Z = 1.959963984540054; // 97.5 % of a standard normal law lie below

// The shares that `yes` of `n` independent answers do not contradict at 95 %.
export function wilson(yes, n) {
  const p = yes / n;
  const half = Z * Math.sqrt((p * (1 - p)) / n + Z ** 2 / (4 * n ** 2));
  const end = (sign) => (p + Z ** 2 / (2 * n) + sign * half) / (1 + Z ** 2 / n);
  return [yes === 0 ? 0 : end(-1), yes === n ? 1 : end(1)];
}

// The same for a difference of two shares, first minus second.
export function newcombe(yes1, n1, yes2, n2) {
  const [[low1, high1], [low2, high2], p, q] = [wilson(yes1, n1), wilson(yes2, n2), yes1 / n1, yes2 / n2];
  return [p - q - Math.hypot(p - low1, high2 - q), p - q + Math.hypot(high1 - p, q - low2)];
}

// { methods, shown: [[scene, method], ...] }, as Python wrote it.
export const decoded = (key) => JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(key), (sign) => sign.charCodeAt(0))));

// Per method the share of "natural" with its interval, and the same of its difference to the real images.
export function results({ methods, shown }, replies) {
  const counts = methods.map((method) => {
    const own = replies.filter((_, i) => shown[i][1] === method);
    return { method, yes: own.filter(([natural]) => natural).length, n: own.length };
  });
  const real = counts.find(({ method }) => method === "real");
  return counts.map(({ method, yes, n }) => {
    const row = { method, n, share: yes / n, interval: wilson(yes, n), difference: null };
    if (!real || method === "real") return row;
    return { ...row, difference: yes / n - real.yes / real.n, between: newcombe(yes, n, real.yes, real.n) };
  });
}

// The same bytes as genimg.colorize.answers.write_answers.
export function csv({ shown }, replies, observer) {
  const cell = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const rows = replies.map(([natural, seconds], i) => [...shown[i], natural ? "yes" : "no", seconds.toFixed(2), observer.trim()]);
  return [["image", "method", "natural", "seconds", "observer"], ...rows].map((row) => `${row.map(cell).join(",")}\n`).join("");
}

// ---------------------------------------------------------------- page

const CSS = `
.gwn { --real:#0072b2; --fake:#e69f00; --line:#8888; --soft:#8882; --on:#fff; color-scheme: light; container-type: inline-size;
  font: 15px/1.4 system-ui, sans-serif; color: inherit; box-sizing: border-box; max-width: 640px; padding: 4px; margin: 0 auto; text-align: left; }
.gwn.dark { --real:#56b4e9; --on:#0b2230; color-scheme: dark; }
.gwn * { box-sizing: border-box; }
.gwn [hidden] { display: none !important; }
.gwn h4 { font: inherit; font-size: 16px; font-weight: 600; margin: 0 0 10px; color: inherit; } .gwn h4:focus { outline: none; }
.gwn p { margin: 0 0 10px; font-size: 15px; }
.gwn .small { font-size: 13px; opacity: .85; margin: 10px 0 0; }
.gwn blockquote { margin: 0 0 12px; padding: 2px 0 2px 14px; border: 0; border-left: 4px solid var(--real); background: none; color: inherit; font-size: 16px; font-style: normal; }
.gwn button, .gwn input { font: inherit; font-size: 14px; line-height: 20px; color: inherit; background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: 6px 11px; min-height: 36px; margin: 0; }
.gwn button { cursor: pointer; } .gwn button:hover:enabled { border-color: currentColor; } .gwn button:disabled { opacity: .45; cursor: default; }
.gwn .main { background: var(--real); border-color: var(--real); color: var(--on); font-weight: 600; padding-left: 16px; padding-right: 16px; }
.gwn :focus-visible { outline: 3px solid var(--fake); outline-offset: 2px; }
.gwn .bar { display: flex; flex-wrap: wrap; gap: 8px 12px; align-items: center; margin: 0; }
.gwn label { display: flex; flex-wrap: wrap; gap: 4px 10px; align-items: center; margin: 0; font-size: 14px; }
.gwn label input { width: 200px; min-width: 0; max-width: 100%; cursor: text; }
.gwn .head { display: flex; gap: 12px; align-items: center; margin: 0 0 10px; font-size: 14px; font-variant-numeric: tabular-nums; }
.gwn .track { flex: 1; height: 8px; border-radius: 4px; background: var(--soft); overflow: hidden; }
.gwn .track i { display: block; height: 100%; width: 0; background: var(--real); }
.gwn .stage { display: grid; place-items: center; background: #808080; border-radius: 8px; padding: 20px; outline-offset: 1px; }
.gwn .stage img { display: block; width: min(100%, var(--wide)); height: auto; max-width: none; margin: 0; padding: 0; border-radius: 0 !important; background: none; filter: none; }
.gwn .sharp { image-rendering: pixelated; }
.gwn .time { height: 4px; margin: 10px 0; border-radius: 2px; background: var(--soft); overflow: hidden; } .gwn .time i { display: block; height: 100%; background: currentColor; opacity: .4; transform: scaleX(0); transform-origin: left; }
.gwn .say { display: grid; grid-template-columns: 1fr 1fr auto; gap: 10px; }
.gwn .say button { min-height: 48px; font-size: 16px; font-weight: 600; } .gwn .say [data-do=undo] { font-size: 14px; font-weight: 400; }
.gwn kbd { font: 13px ui-monospace, monospace; color: inherit; background: var(--soft); border: 1px solid var(--line); border-radius: 4px; padding: 0 5px; margin-left: 6px; box-shadow: none; }
.gwn table { width: 100%; margin: 0 0 12px; border: 0; border-collapse: collapse; font-size: 14px; line-height: 1.4; font-variant-numeric: tabular-nums; color: inherit; table-layout: auto; }
.gwn tr { background: none; } .gwn th, .gwn td { padding: 6px 10px 6px 0; border: 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: middle; background: none; color: inherit; font-weight: 400; max-width: none; }
.gwn thead th { font-size: 13px; opacity: .85; } .gwn tbody th { font-weight: 600; overflow-wrap: anywhere; } .gwn td small { font-size: 13px; opacity: .85; white-space: nowrap; }
.gwn th:last-child, .gwn td:last-child { padding-right: 0; } .gwn .plot { width: 24%; padding-right: 20px; } .gwn td { white-space: nowrap; }
.gwn .line { position: relative; height: 16px; background: linear-gradient(var(--line), var(--line)) center / 100% 1px no-repeat; min-width: 60px; }
.gwn .line i { position: absolute; top: 5px; height: 6px; border-radius: 3px; background: var(--c); opacity: .45; } .gwn .line b { position: absolute; top: 2px; width: 12px; height: 12px; margin-left: -6px; border-radius: 6px; background: var(--c); }
.gwn details { margin-top: 10px; font-size: 14px; } .gwn summary { cursor: pointer; width: max-content; max-width: 100%; }
.gwn .all { display: grid; grid-template-columns: repeat(auto-fill, minmax(96px, 1fr)); gap: 12px 10px; margin: 10px 0 0; padding: 0; list-style: none; }
.gwn .all li { margin: 0; font-size: 13px; line-height: 1.3; overflow-wrap: anywhere; } .gwn .all img { display: block; width: 100%; max-width: none; height: auto; margin: 0 0 4px; padding: 0; border-radius: 4px; filter: none; }
.gwn .spoken { position: absolute; width: 1px; height: 1px; margin: 0; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@container (max-width: 480px) { .gwn .plot { display: none; } .gwn td small { display: block; } .gwn .stage { padding: 12px; } }
`;

const SUGGESTED = 5000; // milliseconds per picture
const percent = (share) => Math.round(100 * share);
const signed = (share) => `${share < 0 && percent(share) ? "−" : percent(share) ? "+" : ""}${Math.abs(percent(share))}`;

function render({ model, el }) {
  const get = (name) => model.get(name);
  const [question, pictures, [height, width]] = ["question", "pictures", "size"].map(get);
  const total = pictures.length;
  const short = question.slice(0, question.indexOf("?") + 1) || question;
  const sharp = Math.max(height, width) <= 48 ? "sharp" : "";
  const root = document.createElement("div");
  root.className = "gwn";
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Perceptual test");
  root.innerHTML = `<style>${CSS}</style>
    <div data-part="start"><h4>A perceptual test</h4><blockquote>“${escaped(question)}”</blockquote>
      <p data-out="plan"></p>
      <div class="bar"><label>Your name or number<input ${QUIET} type="text" maxlength="60" autocomplete="off" spellcheck="false"></label>
        <button ${QUIET} type="button" class="main" data-do="start">Start</button></div>
      <p class="small">The name goes into the file of your answers, and nowhere else. It may stay empty.</p></div>
    <div data-part="test"><div class="head"><span data-out="progress"></span>
        <div class="track" role="progressbar" aria-label="pictures judged" aria-valuemin="0" aria-valuemax="${total}"><i></i></div></div>
      <h4>${escaped(short)}</h4>
      <div class="stage" ${QUIET} tabindex="0" role="group"><img class="${sharp}" width="${width}" height="${height}" alt=""></div>
      <div class="time" aria-hidden="true"><i></i></div>
      <div class="say"><button ${QUIET} type="button" data-do="yes" aria-keyshortcuts="y">Yes<kbd aria-hidden="true">y</kbd></button><button ${QUIET} type="button" data-do="no" aria-keyshortcuts="n">No<kbd aria-hidden="true">n</kbd></button>
        <button ${QUIET} type="button" data-do="undo" aria-keyshortcuts="u Backspace">undo<kbd aria-hidden="true">u</kbd></button></div></div>
    <div data-part="end"><h4>All ${total} pictures are judged.</h4><p>Once you have seen which method made which picture, no answer can be taken back.</p>
      <div class="bar"><button ${QUIET} type="button" class="main" data-do="open">Show the results</button><button ${QUIET} type="button" data-do="undo" aria-keyshortcuts="u Backspace">undo the last answer<kbd aria-hidden="true">u</kbd></button></div></div>
    <div data-part="results"></div>
    <p class="spoken" role="status" aria-live="polite"></p>`;
  el.appendChild(root);
  const stopTheme = followTheme(root, el);
  const $ = (selector) => root.querySelector(selector);
  const [stage, image, field] = [$(".stage"), $(".stage img"), $("input")];
  // Small pictures are enlarged by a whole number, large ones never.
  stage.style.setProperty("--wide", `${width * Math.max(1, Math.floor(384 / Math.max(width, height)))}px`);
  const quiet = matchMedia("(prefers-reduced-motion: reduce)");
  let begun = false; // here, by this reader
  let since = 0; // when the present picture appeared
  let shown = ""; // what the page shows
  let clock = null;

  const phase = () => {
    const count = get("replies").length;
    if (count === total) return get("opened") ? "results" : "end";
    return begun ? "test" : "start";
  };

  function draw() {
    const [now, replies] = [phase(), get("replies")];
    const count = replies.length;
    if (document.activeElement !== field) field.value = get("observer");
    const state = now === "test" ? `${now} ${count}` : now;
    if (state === shown) return;
    const held = root.contains(document.activeElement);
    shown = state;
    for (const part of root.querySelectorAll("[data-part]")) part.hidden = part.dataset.part !== now;
    root.dataset.phase = now;
    clock?.cancel();
    if (now === "start") {
      $("[data-out=plan]").textContent = count
        ? `${count} of ${total} pictures are judged already.`
        : `${total} pictures, one at a time, in random order; what made them stays hidden until the end.`;
      $("[data-do=start]").textContent = count ? "Continue" : "Start";
    }
    if (now === "test") {
      image.src = pictures[count];
      image.alt = `picture ${count + 1} of ${total}`;
      stage.setAttribute("aria-label", `Picture ${count + 1} of ${total}. Press y for yes, n for no, u to undo.`);
      $("[data-out=progress]").textContent = `${count + 1} of ${total}`;
      const track = $(".track");
      track.firstElementChild.style.width = `${(100 * count) / total}%`;
      track.setAttribute("aria-valuenow", count);
      const undo = $(".say [data-do=undo]");
      // A button that is disabled loses the focus: hand it on.
      if (!count && document.activeElement === undo) stage.focus();
      undo.disabled = !count;
      if (!quiet.matches) clock = $(".time i").animate([{ transform: "scaleX(0)" }, { transform: "scaleX(1)" }], { duration: SUGGESTED, fill: "forwards" });
      since = performance.now();
    }
    if (now === "results") drawResults(replies);
    if (!held) return;
    // What had the focus may have gone; in the test it stays on the button that was pressed.
    if (now === "end") $("[data-do=open]").focus();
    else if (now === "results") $("[data-part=results] h4").focus();
    else if (now === "test" && !$("[data-part=test]").contains(document.activeElement)) stage.focus();
    say({ test: `Picture ${count + 1} of ${total}`, end: `All ${total} pictures are judged.`, results: "The results." }[now] || "");
  }

  function drawResults(replies) {
    const key = decoded(get("key"));
    const rows = results(key, replies);
    const compared = rows.some(({ difference }) => difference !== null);
    const at = (share) => `${(100 * share).toFixed(1)}%`;
    const range = ([low, high], show) => `${show(low)} to ${show(high)}`;
    const line = ({ method, share, interval: [low, high] }) =>
      `<div class="line" aria-hidden="true" style="--c:var(--${method === "real" ? "real" : "fake"})"><i style="left:${at(low)};width:${at(high - low)}"></i><b style="left:${at(share)}"></b></div>`;
    const body = rows.map((row) => {
      const difference = row.difference === null ? "" : `${signed(row.difference)} <small>(${range(row.between, signed)})</small>`;
      return `<tr><th scope="row">${escaped(row.method)}</th><td class="plot">${line(row)}</td><td>${percent(row.share)} % <small>(${range(row.interval, percent)})</small></td>
        ${compared ? `<td>${difference}</td>` : ""}<td>${row.n}</td></tr>`;
    });
    const each = replies.map(
      ([natural, seconds], i) =>
        `<li><img class="${sharp}" src="${pictures[i]}" alt="${escaped(key.shown[i][0])}"><b>${natural ? "yes" : "no"}</b> · ${escaped(key.shown[i][1])} · ${seconds.toFixed(1)}\u00a0s</li>`,
    );
    $("[data-part=results]").innerHTML = `<h4 ${QUIET} tabindex="-1">How natural each method looked to you</h4>
      <table><thead><tr><th scope="col">method</th><th scope="col" class="plot" aria-hidden="true"></th><th scope="col">natural</th>${compared ? '<th scope="col">to real, points</th>' : ""}<th scope="col">pictures</th></tr></thead><tbody>${body.join("")}</tbody></table>
      <div class="bar"><button ${QUIET} type="button" class="main" data-do="save">Download CSV</button></div>
      <p class="small">In brackets: 95 % intervals, Wilson's for a share and Newcombe's for a difference, as if every answer were independent. They speak of you and of more such pictures; for a class, merge its files.</p>
      <details><summary ${QUIET}>Every picture, with its method and your answer</summary><ul class="all">${each.join("")}</ul></details>`;
  }

  function say(text) {
    $(".spoken").textContent = text;
  }

  // ------------------------------------------------------------ what the reader does

  function reply(natural) {
    if (phase() !== "test") return;
    const seconds = Math.round((performance.now() - since) / 10) / 100;
    model.set("replies", [...get("replies"), [natural, seconds]]);
    model.save_changes();
  }

  const actions = {
    start: () => {
      begun = true;
      draw();
      stage.focus();
    },
    yes: () => reply(true),
    no: () => reply(false),
    undo: () => {
      if (!["test", "end"].includes(phase()) || !get("replies").length) return;
      begun = true;
      model.set("replies", get("replies").slice(0, -1));
      model.save_changes();
    },
    open: () => {
      model.set("opened", true);
      model.save_changes();
    },
    save: () => {
      const observer = get("observer");
      const name = observer.trim().replace(/[^\p{L}\p{N}._-]+/gu, "-") || "answers";
      const url = URL.createObjectURL(new Blob([csv(decoded(get("key")), get("replies"), observer)], { type: "text/csv" }));
      const link = Object.assign(document.createElement("a"), { href: url, download: `naturalness-${name}.csv` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 10_000);
      say("The file has been handed to the browser.");
    },
  };
  root.addEventListener("click", (event) => {
    const action = event.target.closest("button")?.dataset.do;
    // The second half of a double click would judge a picture that nobody has seen.
    if (action && !(event.detail > 1 && (action === "yes" || action === "no"))) actions[action]();
  });
  field.addEventListener("input", () => {
    model.set("observer", field.value);
    model.save_changes();
  });
  const keys = { y: "yes", n: "no", u: "undo", backspace: "undo" };
  root.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.target === field) return void (event.key === "Enter" && !event.isComposing && actions.start());
    const action = keys[event.key.toLowerCase()];
    if (!action || !["test", "end"].includes(phase())) return;
    event.preventDefault();
    if (!event.repeat) actions[action](); // a key held down is one answer
  });

  const names = ["replies", "opened", "observer"].map((name) => `change:${name}`);
  names.forEach((name) => model.on(name, draw));
  draw();
  return () => {
    clock?.cancel();
    stopTheme();
    names.forEach((name) => model.off(name, draw));
  };
}

export default { render };
