// "Right?" in the page, without a kernel: one number or one choice for an exercise (genimg/teach/forms). The page holds
// hashes of the rounded numbers, so that nobody reads the answer by accident; it compares, and asks nobody.

(() => {
  function hashed(salt, k) { // FNV-1a, 32 bits, as in genimg/teach/forms/form.py
    let state = 0x811c9dc5;
    for (const letter of `${salt}:${k}`) state = Math.imul(state ^ letter.charCodeAt(0), 0x01000193) >>> 0;
    return state.toString(16).padStart(8, "0");
  }

  // A number as people write it: 0.25, .25, 0,25, −3, 3/4, 25 %, 1e-3, 1,568. A comma may be decimal or part thousands.
  function readings(text) {
    const plain = text.trim().replace(/[−–]/g, "-").replace(/\s/g, "");
    const parted = /^[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?%?$/.test(plain) ? [plain.replaceAll(",", "")] : [];
    return [plain.replace(/(\d*),(\d+)/g, "$1.$2"), ...parted].map(parsed).filter(Number.isFinite);
  }

  function parsed(plain) {
    const number = "[-+]?(?:\\d+\\.?\\d*|\\.\\d+)(?:e[-+]?\\d+)?";
    const [, above, below, percent] = plain.match(new RegExp(`^(${number})(?:/(${number}))?(%)?$`, "i")) || [];
    if (above === undefined) return NaN;
    return (Number(above) / (below === undefined ? 1 : Number(below))) * (percent ? 0.01 : 1);
  }

  function said(data, text) {
    const values = readings(text);
    if (!values.length) return [false, "type a number, such as 0.25, -3 or 3/4"];
    const at = (value, entry) => entry.of.indexOf(hashed(data.salt, Math.floor(value / 10 ** entry.place + 0.5)));
    const near = values.flatMap((value) => data.known.map((entry) => ({ entry, at: at(value, entry) })).filter((each) => each.at >= 0));
    const off = (each) => Math.abs(each.at - (each.entry.of.length - 1) / 2);
    const best = near.find((each) => each.entry.right) || near.sort((a, b) => off(a) - off(b))[0];
    if (best) return [best.entry.right, best.entry.says];
    return [false, "none of the usual slips gives this number; the hint above may help"];
  }

  function chosen(data, k) {
    if (k === undefined) return [false, "choose one of them"];
    return [hashed(data.salt, k) === data.right, data.says[k]];
  }

  document.addEventListener("DOMContentLoaded", () => {
    for (const form of document.querySelectorAll("form.genimg-form")) {
      const data = JSON.parse(form.dataset.form);
      const answer = form.querySelector(".genimg-says");
      form.hidden = false;
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        const [right, says] = form.dataset.kind === "number"
          ? said(data, form.querySelector("input").value)
          : chosen(data, form.querySelector("input:checked")?.value);
        answer.textContent = right ? `✓ Right. ${says}`.trim() : `Not yet: ${says}.`.replace(/([.?!])\.$/, "$1");
        answer.className = `genimg-says ${right ? "genimg-right" : "genimg-wrong"}`;
      });
      form.addEventListener("input", () => (answer.textContent = ""));
    }
  });
})();
