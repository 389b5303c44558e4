// Reading a chapter in pieces: one at a time, with a list of all, and answers that wait for a guess. What belongs to
// which piece the page says itself (genimg/press/pieces.py). Without this script, and on paper, the chapter is whole.
// What is away can still be found: by links, by the book's search and by the browser's own, each of which opens it.

(() => {
  const remembered = {
    get: (key) => { try { return localStorage.getItem(key); } catch { return null; } },
    set: (key, value) => { try { localStorage.setItem(key, value); } catch { /* a browser may forbid it */ } },
  };
  const FINDABLE = "onbeforematch" in document.documentElement ? "until-found" : "";
  const away = (node, on) => {
    if (on) node.setAttribute("hidden", FINDABLE);
    else node.removeAttribute("hidden");
    node.classList.toggle("genimg-away", on);
  };
  const made = (name, attributes = {}, ...content) => {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...content);
    return node;
  };
  const titled = (section) => {
    const copy = section.querySelector("h1, h2, h3").cloneNode(true);
    for (const each of copy.querySelectorAll(".headerlink, .section-number")) each.remove();
    return [...copy.childNodes].map((each) => each.textContent).join("").trim();
  };
  // What the reader asked the book's search for; Sphinx forgets it once it has marked the words.
  const searched = remembered.get("sphinx_highlight_terms") || new URLSearchParams(location.search).get("highlight");
  const placed = () => { // what a link leads to
    try { return document.getElementById(decodeURIComponent(location.hash.slice(1))); } catch { return null; }
  };

  // ---------------------------------------------------------------- pieces

  function readInPieces(chapter) {
    const minutes = chapter.dataset.pieces.split(" ").map(Number);
    const count = minutes.length;
    const parts = [...chapter.querySelectorAll(":scope > [data-piece]")];
    const of = (piece) => parts.filter((part) => Number(part.dataset.piece) === piece);
    const sections = (piece) => of(piece).filter((part) => part.tagName === "SECTION");
    const start = (piece) => `#${piece ? sections(piece)[0].id : chapter.id}`;
    const done = `genimg-read:${location.pathname.split("/").at(-1)}`;
    const read = new Set((remembered.get(done) || "").split(",").filter(Boolean).map(Number));
    let [now, whole] = [0, remembered.get("genimg-pieces") === "whole"];

    const list = made("ol");
    const items = Array.from({ length: count }, (_, piece) => {
      const link = made("a", { href: start(piece) }, sections(piece).map(titled).join(" · "));
      const item = made("li", {}, link, made("small", {}, ` ${minutes[piece]} min`), made("span", { class: "genimg-read" }));
      list.append(item);
      return item;
    });
    const title = made("strong");
    const button = made("button", { type: "button" });
    const bar = made("progress", { max: count, "aria-label": "How much of the chapter you have read" });
    const fold = made("details", {}, made("summary", {}, title), list); // on a phone the list waits for a touch
    fold.open = matchMedia("(min-width: 700px)").matches;
    const contents = made("nav", { class: "genimg-pieces", "aria-label": "Pieces of this chapter" }, fold, bar, button);
    chapter.querySelector(":scope > h1").after(contents);
    const steps = made("nav", { class: "genimg-steps", "aria-label": "Piece before and after" });
    chapter.append(steps);

    function show(piece) {
      now = piece;
      for (const part of parts) away(part, !whole && Number(part.dataset.piece) !== now);
      items.forEach((item, k) => {
        const link = item.querySelector("a");
        if (!whole && k === now) link.setAttribute("aria-current", "step");
        else link.removeAttribute("aria-current");
        item.querySelector(".genimg-read").textContent = read.has(k) ? " ✓ read" : "";
      });
      title.textContent = whole ? `${count} pieces` : `Piece ${now + 1} of ${count}`;
      bar.value = read.size;
      button.textContent = whole ? "Read in pieces" : "Show the whole chapter";
      steps.hidden = whole;
      steps.replaceChildren();
      if (now > 0) steps.append(made("a", { href: start(now - 1), rel: "prev" }, `← Piece ${now}`));
      if (now + 1 < count) {
        const next = made("a", { href: start(now + 1), rel: "next" }, made("b", {}, `Next: piece ${now + 2} of ${count}`),
          made("span", {}, sections(now + 1).map(titled).join(" · ")));
        next.addEventListener("click", mark);
        steps.append(next);
      } else steps.append(made("span", {}, "This was the last piece."));
      dispatchEvent(new Event("resize")); // formulas and controls measure themselves anew
      end.unobserve(steps); // a short last piece has its end in view at once
      end.observe(steps);
    }
    function mark() {
      read.add(now);
      remembered.set(done, [...read].join(","));
    }
    // The last piece has no link to a next one: it is read when its end has been seen.
    const end = new IntersectionObserver(([seen]) => {
      if (!seen.isIntersecting || whole || now + 1 < count || read.has(now)) return;
      mark();
      show(now);
    });

    button.addEventListener("click", () => {
      whole = !whole;
      remembered.set("genimg-pieces", whole ? "whole" : "pieces");
      show(now);
    });
    // The browser's own search opens what it finds, before it scrolls there.
    for (const part of parts)
      part.addEventListener("beforematch", () => show(Number(part.dataset.piece)));
    return (node) => {
      const part = node?.closest("[data-piece]");
      const piece = part && chapter.contains(part) ? Number(part.dataset.piece) : 0;
      show(piece);
    };
  }

  // ---------------------------------------------------------------- answers that wait

  function waitForGuesses(article) {
    const groups = [];
    for (const question of article.querySelectorAll("[data-asks]")) {
      const answer = [...article.querySelectorAll(`[data-answers="${question.dataset.asks}"]`)];
      // What became of the lines on origins (reading.js) belongs to the answer, too.
      for (const each of [...answer])
        if (each.nextElementSibling?.matches("details.genimg-from")) answer.push(each.nextElementSibling);
      const button = made("button", { type: "button" }, "Show the answer");
      const always = made("button", { type: "button", class: "genimg-always" }, "Always show answers");
      const box = made("div", { class: "genimg-guess" }, made("span", {}, "What do you expect? Guess first. "), button, always);
      question.after(box);
      const show = (on) => {
        for (const each of answer) away(each, !on);
        box.hidden = on;
        if (on) dispatchEvent(new Event("resize"));
      };
      button.addEventListener("click", () => {
        show(true);
        const first = answer.find((each) => each.querySelector("figure, table, img")) || answer[0];
        first.setAttribute("tabindex", "-1");
        first.focus({ preventScroll: true });
      });
      always.addEventListener("click", () => {
        remembered.set("genimg-guess", "shown");
        for (const group of groups) group.show(true);
        again.hidden = false;
        answer[0].setAttribute("tabindex", "-1");
        answer[0].focus({ preventScroll: true });
      });
      for (const each of answer) each.addEventListener("beforematch", () => show(true));
      groups.push({ answer, show });
    }
    const again = made("button", { type: "button", class: "btn btn-sm genimg-code" }, "Guess first");
    again.title = "Fold the answers to questions, to guess them first";
    again.addEventListener("click", () => {
      remembered.set("genimg-guess", "asked");
      for (const group of groups) group.show(false);
      again.hidden = true;
      article.querySelector(".genimg-guess button")?.focus({ preventScroll: true });
    });
    const shown = remembered.get("genimg-guess") === "shown";
    again.hidden = !shown;
    if (groups.length) document.querySelector(".article-header-buttons")?.prepend(again);
    for (const group of groups) group.show(shown);
    return (node) => {
      for (const group of groups) if (node && group.answer.some((each) => each.contains(node))) group.show(true);
    };
  }

  document.addEventListener("DOMContentLoaded", () => {
    const article = document.querySelector("article.bd-article");
    if (!article) return;
    const chapter = article.querySelector(":scope > section[data-pieces]");
    const openAnswer = waitForGuesses(article);
    const openPiece = chapter ? readInPieces(chapter) : () => {};
    const open = (node) => {
      openPiece(node);
      openAnswer(node);
      if (!node) return;
      node.scrollIntoView();
      if (node.tabIndex < 0) node.setAttribute("tabindex", "-1"); // the keyboard goes on from there
      node.focus({ preventScroll: true });
    };
    openPiece(null);
    if (placed()) open(placed());
    addEventListener("hashchange", () => (placed() ? open(placed()) : location.hash || openPiece(null)));
    // A link to where one already is changes no hash.
    article.ownerDocument.addEventListener("click", (event) => {
      const link = event.target.closest?.('a[href^="#"]');
      if (link && link.hash === location.hash && placed()) open(placed());
    });
    // Words of the book's search are marked by a script that runs at the same moment: let it.
    if (searched && !location.hash)
      setTimeout(() => {
        const found = [...article.querySelectorAll("span.highlighted")].filter((each) => !each.closest("details:not([open])"));
        if (found.length && !found.some((each) => !each.closest(".genimg-away"))) open(found[0]);
      }, 0);
  });
})();
