// What a page does for its reader: one switch for code, origins behind a sign, pictures enlarged by a click, previews of
// what a link leads to, and tables that sort. Without scripts every page still holds all of it.
// Nothing is asked of another host, and nothing by fetch: a page opened from disk may not.

const remembered = {
  get: (key) => { try { return localStorage.getItem(key); } catch { return null; } },
  set: (key, value) => { try { localStorage.setItem(key, value); } catch { /* a browser may forbid it */ } },
};

// ---------------------------------------------------------------- code

// What a folded cell makes, in two or three words; and whether that stands right below it.
function made(cell, source) {
  const number = cell.querySelector("figure .caption-number")?.textContent.trim();
  if (number) return [number.replace(/^Fig\./, "figure").replace(/^Table/, "table"), true];
  if (cell.querySelector(".genimg-widget")) return ["the control below", true];
  if (cell.querySelector(".cell_output table")) return ["the table below", true];
  if (cell.querySelector(".cell_output img")) return ["the picture below", true];
  if (cell.querySelector(".cell_output")) return ["the numbers below", false];
  if (cell.classList.contains("tag_parameters")) return ["parameters", true];
  const names = [...source.matchAll(/^(?:def|class) (\w+)/gm)].map(([, name]) => name);
  if (names.length) return [names.slice(0, 3).join(", ") + (names.length > 3 ? ", …" : ""), true];
  return [/^\s*(import|from) /m.test(source) ? "imports and settings" : "set-up", true]; // for those who ask for code
}

function foldCode(article) {
  const folds = [...article.querySelectorAll(".cell details.hide")];
  for (const fold of folds) {
    const [what, shows] = made(fold.closest(".cell"), fold.querySelector("pre")?.textContent || "");
    const summary = fold.querySelector("summary");
    summary.removeAttribute("aria-label");
    summary.textContent = `Code: ${what}`;
    fold.classList.add("genimg-fold");
    fold.classList.toggle("genimg-behind", shows); // no bar: its figure stands for it
  }
  const bar = document.querySelector(".article-header-buttons");
  if (!folds.length || !bar) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn btn-sm genimg-code";
  button.textContent = "Code";
  bar.prepend(button);
  const show = (on) => {
    article.classList.toggle("genimg-all-code", on);
    for (const fold of folds) fold.open = on;
    button.setAttribute("aria-pressed", String(on));
    button.title = on ? "Fold the code behind figures and set-up" : "Show the code behind figures and set-up";
  };
  button.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    remembered.set("genimg-code", on ? "shown" : "folded");
    show(on);
  });
  show(remembered.get("genimg-code") === "shown");
}

// ---------------------------------------------------------------- origins

function signOrigins(article) {
  for (const line of article.querySelectorAll("p.genimg-provenance")) {
    const details = document.createElement("details");
    details.className = "genimg-from";
    const summary = document.createElement("summary");
    summary.setAttribute("aria-label", "Where this comes from");
    summary.textContent = "i";
    const text = document.createElement("p");
    text.textContent = line.textContent;
    details.append(summary, text);
    const fold = line.previousElementSibling?.querySelector?.("details.genimg-behind");
    if (fold) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "Show its code";
      button.addEventListener("click", () => {
        fold.classList.remove("genimg-behind");
        fold.open = true;
        fold.scrollIntoView({ block: "nearest" });
        button.remove();
      });
      details.append(button);
    }
    line.replaceWith(details);
  }
}

// ---------------------------------------------------------------- pictures, enlarged

function enlargePictures(article) {
  const dialog = document.createElement("dialog");
  dialog.className = "genimg-large";
  dialog.innerHTML = '<button type="button" aria-label="Close">×</button><img alt="">';
  document.body.append(dialog);
  const large = dialog.querySelector("img");
  dialog.addEventListener("click", () => dialog.close());
  article.addEventListener("click", (event) => {
    const link = event.target.closest("a.image-reference"); // also by the keyboard
    const picture = link ? link.querySelector("img") : event.target.closest("figure img, .cell_output img");
    if (!picture || picture.closest(".genimg-widget, .sd-card") || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    large.src = picture.src;
    large.alt = picture.alt;
    large.toggleAttribute("data-drawing", picture.hasAttribute("data-drawing"));
    dialog.showModal();
  });
}

// ---------------------------------------------------------------- panels, one under the other on a phone

function stackPanels(article) {
  const narrow = matchMedia("(max-width: 600px)");
  const update = () => {
    for (const image of article.querySelectorAll("img[data-parts]")) {
      const host = image.closest("a.image-reference") || image;
      const stacked = host.nextElementSibling?.matches(".genimg-panels") ? host.nextElementSibling : null;
      host.hidden = narrow.matches;
      if (!narrow.matches) stacked?.remove();
      if (!narrow.matches || stacked) continue;
      const cuts = image.dataset.parts.trim().split(" ").map(Number);
      const box = document.createElement("div");
      box.className = "genimg-panels";
      box.setAttribute("role", "img");
      box.setAttribute("aria-label", image.alt);
      cuts.slice(1).forEach((end, i) => {
        const share = end - cuts[i];
        const part = document.createElement("div");
        const copy = Object.assign(new Image(), { src: image.src, alt: "" });
        copy.toggleAttribute("data-drawing", image.hasAttribute("data-drawing"));
        copy.style.cssText = `width:${100 / share}%;margin-left:${(-100 * cuts[i]) / share}%`;
        part.append(copy);
        box.append(part);
      });
      host.after(box);
    }
  };
  narrow.addEventListener("change", update);
  update();
}

// ---------------------------------------------------------------- previews

const TARGET = ".proof, .exercise, .citation, .math, figure, dt, dl.glossary, .admonition";

// A copy of what an id stands for, without what belongs to its place.
function copied(node) {
  const whole = node.closest(".citation") || (node.matches(TARGET) ? node : node.querySelector("h1, h2, h3, h4")?.parentElement ? section(node) : null);
  if (!whole) return null;
  const copy = whole.cloneNode(true);
  for (const each of [copy, ...copy.querySelectorAll("[id]")]) each.removeAttribute("id");
  for (const each of copy.querySelectorAll(".headerlink, details, button, script, .label")) each.remove();
  return copy;
}
function section(node) {
  const box = document.createElement("div");
  const [title, first] = [node.querySelector("h1, h2, h3, h4"), node.querySelector(":scope > p")];
  box.append(...[title, first].filter(Boolean).map((each) => each.cloneNode(true)));
  return box;
}

let stored = null; // what other pages hold, once it was asked for
function elsewhere() {
  stored ||= new Promise((done) => {
    const script = document.createElement("script");
    script.src = `${document.documentElement.dataset.content_root || "./"}_static/previews.js`;
    script.onload = () => done(window.genimgPreviews || {});
    script.onerror = () => done({});
    document.head.append(script);
  });
  return stored;
}

function previewLinks(article) {
  const box = document.createElement("div");
  box.className = "genimg-preview bd-article";
  box.id = "genimg-preview";
  box.setAttribute("role", "tooltip");
  box.hidden = true;
  document.body.append(box);
  let [waiting, link] = [0, null];
  const hide = () => {
    clearTimeout(waiting);
    link?.removeAttribute("aria-describedby");
    link = null;
    box.hidden = true;
  };
  async function show(next) {
    const id = decodeURIComponent(next.hash.slice(1));
    let content = null;
    if (next.pathname === location.pathname) {
      const node = document.getElementById(id);
      content = node && copied(node);
    } else {
      const page = next.pathname.split("/").at(-1).replace(/\.html$/, "");
      const html = (await elsewhere())[`${page}#${id}`];
      if (html) (content = document.createElement("div")).innerHTML = html;
    }
    if (!content || link !== next) return;
    box.replaceChildren(content);
    if (!box.querySelector("mjx-container") && box.querySelector(".math")) await window.MathJax?.typesetPromise?.([box]);
    if (link !== next) return;
    box.hidden = false;
    next.setAttribute("aria-describedby", box.id);
    const [at, size] = [next.getBoundingClientRect(), box.getBoundingClientRect()];
    const below = at.bottom + 8 + size.height < innerHeight || at.top < size.height + 8;
    box.style.left = `${Math.max(8, Math.min(at.left, innerWidth - size.width - 8))}px`;
    box.style.top = `${below ? at.bottom + 8 : at.top - size.height - 8}px`;
  }
  const ask = (event) => {
    const next = event.target.closest?.('a.reference.internal[href*="#"]');
    if (!next || next === link) return;
    hide();
    link = next;
    waiting = setTimeout(() => show(next), event.type === "focusin" ? 500 : 250);
  };
  const leave = (event) => link && !link.contains(event.relatedTarget) && !box.contains(event.relatedTarget) && hide();
  if (matchMedia("(hover: hover)").matches) {
    article.addEventListener("mouseover", ask);
    article.addEventListener("mouseout", leave);
    box.addEventListener("mouseleave", hide);
  }
  article.addEventListener("focusin", (event) => event.target.matches(":focus-visible") && ask(event));
  article.addEventListener("focusout", hide);
  addEventListener("keydown", ({ key }) => key === "Escape" && hide());
  addEventListener("scroll", () => !box.matches(":hover") && hide(), { passive: true });
}

// ---------------------------------------------------------------- wide formulas

// A displayed formula that is wider than its box is set smaller, by a quarter at most; beyond that it scrolls.
function fitFormulas(article) {
  for (const box of article.querySelectorAll("div.math")) {
    box.style.fontSize = "";
    if (box.clientWidth && box.scrollWidth > box.clientWidth + 1)
      box.style.fontSize = `${Math.max(75, Math.floor((99 * box.clientWidth) / box.scrollWidth))}%`;
  }
}

// One within a line cannot be broken either: it is set smaller too, or no phone would show its end.
function fitInLines(article) {
  const formulas = [...article.querySelectorAll("span.math > mjx-container")];
  for (const formula of formulas) formula.style.fontSize = "";
  const rooms = new Map();
  const room = (formula) => {
    const block = formula.closest("p, li, dd, dt, td, th, label, legend, figcaption, h1, h2, h3, h4");
    if (block && !rooms.has(block)) {
      const style = getComputedStyle(block);
      rooms.set(block, block.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight));
    }
    return rooms.get(block);
  };
  const wide = formulas.map((formula) => [formula, room(formula), formula.firstElementChild?.getBoundingClientRect().width]);
  for (const [formula, space, width] of wide)
    if (space > 0 && width > space) formula.style.fontSize = `${Math.max(60, Math.floor((98 * space) / width))}%`;
}

// A table or a print-out that is wider than the column is set smaller, by a third at most; beyond that it scrolls.
function fitOutputs(article) {
  for (const box of article.querySelectorAll(".cell_output pre, .cell_output .output.text_html")) {
    const set = box.matches("pre") ? box : box.querySelector("table");
    if (!set) continue;
    set.style.fontSize = "";
    const least = Math.max(8, 0.67 * parseFloat(getComputedStyle(set).fontSize));
    for (let step = 0; step < 3 && box.clientWidth && box.scrollWidth > box.clientWidth + 1; step++) {
      const size = parseFloat(getComputedStyle(set).fontSize);
      const wanted = Math.max(least, (0.985 * size * box.clientWidth) / box.scrollWidth);
      if (wanted >= size) break;
      set.style.fontSize = `${wanted.toFixed(2)}px`;
    }
  }
}

// A table of sentences is read row by row where it does not fit; one of numbers scrolls, as its columns are compared.
function stackTables(article) {
  const narrow = matchMedia("(max-width: 600px)");
  const update = () => {
    for (const table of article.querySelectorAll(".pst-scrollable-table-container > table")) {
      table.classList.remove("genimg-rows");
      const heads = [...(table.tHead?.rows[0]?.cells || [])].map((head) => head.textContent.trim());
      const cells = [...table.tBodies].flatMap((body) => [...body.rows]).flatMap((row) => [...row.cells]);
      const said = cells.reduce((sum, cell) => sum + cell.textContent.trim().length, 0) / Math.max(1, cells.length);
      const fits = table.parentElement.scrollWidth <= table.parentElement.clientWidth + 1;
      if (!narrow.matches || !(heads.length > 3 && said >= 10) && (fits || said < 14)) continue; // four columns are crowded anyway
      for (const cell of cells) if (heads[cell.cellIndex]) cell.dataset.head = heads[cell.cellIndex];
      // Shown as blocks, they would no longer be a table to those who hear the page.
      for (const [role, chosen] of [["table", [table]], ["row", table.rows], ["cell", cells]])
        for (const each of chosen) each.setAttribute("role", role);
      for (const head of table.tHead?.rows[0]?.cells || []) head.setAttribute("role", "columnheader");
      table.classList.add("genimg-rows");
    }
  };
  narrow.addEventListener("change", update);
  return update;
}

// What goes on beyond the right edge says so.
function showMore(article) {
  const WIDE = "div.math, div.highlight pre, .output pre, .output.text_html, .pst-scrollable-table-container";
  const look = (box) => box.classList.toggle("genimg-more", box.scrollWidth > box.clientWidth + box.scrollLeft + 3 && !box.querySelector(".genimg-widget"));
  article.addEventListener("scroll", ({ target }) => target.matches?.(WIDE) && look(target), { capture: true, passive: true });
  return () => article.querySelectorAll(WIDE).forEach(look);
}

// ---------------------------------------------------------------- no line begins with a comma

function keepPunctuation(article) {
  for (const formula of article.querySelectorAll("span.math")) {
    const next = formula.nextSibling;
    const sign = next?.nodeType === Node.TEXT_NODE && next.data.match(/^[,.;:!?)’”]+/)?.[0];
    if (!sign) continue;
    const both = document.createElement("span");
    both.className = "genimg-together";
    formula.before(both);
    both.append(formula, sign);
    next.data = next.data.slice(sign.length);
  }
}

// ---------------------------------------------------------------- tables that sort

function sortTables(article) {
  for (const table of article.querySelectorAll("table.genimg-table, table.scorecard")) {
    const body = table.tBodies[0];
    if (!body || body.rows.length < 3 || [...body.rows].some((row) => !row.cells[0]?.textContent.trim())) continue; // what is said once would move away
    const heads = [...(table.tHead?.rows[table.tHead.rows.length - 1]?.cells || [])];
    heads.forEach((head, column) => {
      if (!head.textContent.trim()) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") === "descending" || (!head.hasAttribute("aria-sort") && column === 0);
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const value = (row) => row.cells[column]?.dataset.value ?? row.cells[column]?.textContent.trim() ?? "";
        const order = (a, b) => {
          const [x, y] = [value(a), value(b)];
          if (x === "" || y === "") return (x === "") - (y === ""); // what was not measured comes last
          const numbers = parseFloat(x.replace("−", "-")) - parseFloat(y.replace("−", "-"));
          const differ = Number.isNaN(numbers) ? x.localeCompare(y, undefined, { numeric: true }) : numbers;
          return up ? differ : -differ;
        };
        body.append(...[...body.rows].sort(order));
      });
    });
  }
}

// ---------------------------------------------------------------- paper is white

// What is printed has the colours of the light theme, whichever is on the screen.
function printLight() {
  const [paper, root] = [matchMedia("print"), document.documentElement];
  let theme = "";
  paper.addEventListener("change", () => {
    if (paper.matches && root.dataset.theme === "dark") [theme, root.dataset.theme] = [root.dataset.theme, "light"];
    else if (!paper.matches && theme) [root.dataset.theme, theme] = [theme, ""];
  });
}

document.addEventListener("DOMContentLoaded", () => {
  printLight();
  const article = document.querySelector("article.bd-article");
  if (!article) return;
  foldCode(article);
  signOrigins(article);
  enlargePictures(article);
  stackPanels(article);
  previewLinks(article);
  sortTables(article);
  keepPunctuation(article);
  const [stack, more] = [stackTables(article), showMore(article)];
  const fit = () => (stack(), fitFormulas(article), fitInLines(article), fitOutputs(article), more());
  window.MathJax?.startup?.promise?.then(fit);
  addEventListener("load", () => window.MathJax?.startup?.promise?.then(fit));
  let later = 0;
  addEventListener("resize", () => (clearTimeout(later), (later = setTimeout(fit, 150))));
});
