// What the widgets share: Python puts this before each widget's own module, since a module in a Blob cannot import.

// Dark means: light text is inherited from the page, whichever site the widget stands on.
function followTheme(element, host) {
  const update = () => {
    if (!host.isConnected) return void requestAnimationFrame(update); // nothing is inherited yet
    const parts = getComputedStyle(host).color.match(/[\d.]+/g) || [0, 0, 0];
    element.classList.toggle("dark", 0.299 * parts[0] + 0.587 * parts[1] + 0.114 * parts[2] > 128);
  };
  update();
  const observer = new MutationObserver(update);
  for (const node of [document.documentElement, document.body])
    observer.observe(node, { attributes: true, attributeFilter: ["class", "data-theme", "data-jp-theme-light", "theme", "style"] });
  return () => observer.disconnect();
}

// JupyterLab takes keys for commands of the notebook unless the element that has the focus, and no other, says this.
const QUIET = 'data-lm-suppress-shortcuts="true"';
const escaped = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

// Buttons, and choices that look like buttons, in the widget whose class is `name`.
const controls = (name) => `
.${name} button, .${name} .choice span { display: inline-block; font: inherit; font-size: 14px; line-height: 20px; color: inherit; background: var(--soft); border: 1px solid var(--line);
  border-radius: 6px; padding: 6px 11px; min-height: 34px; cursor: pointer; margin: 0; }
.${name} button:hover, .${name} .choice:hover span { border-color: currentColor; }
.${name} .choice { position: relative; display: inline-block; margin: 0; }
.${name} .choice input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; cursor: pointer; }
.${name} .choice :checked + span { background: var(--real); border-color: var(--real); color: var(--on); }
.${name} .choice span:has(img) { padding: 3px; line-height: 0; }
.${name} :focus-visible, .${name} .choice :focus-visible + span { outline: 3px solid var(--fake); outline-offset: 2px; }
`;

// Why no network can run in this browser, as a sentence; "" if one can.
const liveProblem = () => (typeof WebAssembly === "object" ? "" : "WebAssembly is switched off in this browser, so no network can run here.");

// A trained network of the built pages: session.run({z: {data: Float32Array, dims: [1, 64]}}) gives {x: {data, dims}, …},
// and session.shape("z") the dims that z must have.
// Throws an Error with one sentence for the reader. The runtime and each network are there once for the whole page.
async function openLive(model, name) {
  if (!model.live) throw new Error("The networks run in the built pages only.");
  if (liveProblem()) throw new Error(liveProblem());
  const opened = (globalThis.genimgSessions ||= {});
  const once = (key, make) => (opened[key] ||= make().catch((error) => (delete opened[key], Promise.reject(error)))); // may be tried again
  return once(`graph ${name}`, async () => {
    const [ort, graph] = await Promise.all([once("runtime", () => liveRuntime(model.live)), liveFile(model.live, name)]);
    const session = await ort.InferenceSession.create(graph, { executionProviders: ["wasm"] });
    const tensor = ([key, { data, dims }]) => [key, new ort.Tensor("float32", data, dims)];
    return {
      shape: (input) => session.inputMetadata.find(({ name }) => name === input).shape,
      run: async (inputs) => {
        const outputs = await session.run(Object.fromEntries(Object.entries(inputs).map(tensor)));
        return Object.fromEntries(session.outputNames.map((key) => [key, { data: outputs[key].data, dims: outputs[key].dims }]));
      },
    };
  });
}

async function liveRuntime(folder) {
  const [code, wasm] = await Promise.all([liveFile(folder, "ort"), liveFile(folder, "wasm")]);
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  try {
    const ort = await import(url);
    ort.env.wasm.numThreads = 1; // more need headers that neither a disk nor a plain host sends
    ort.env.wasm.wasmBinary = wasm;
    return ort;
  } finally {
    URL.revokeObjectURL(url);
  }
}

// A page opened from disk may fetch nothing, but it may run a script, which leaves the file gzipped, as base64.
async function liveFile(folder, name) {
  const script = document.createElement("script");
  const loaded = new Promise((done, fail) => {
    script.onload = done;
    script.onerror = () => fail(new Error("This copy of the book has come without its networks."));
  });
  script.src = new URL(`${name}.js`, folder);
  document.head.append(script);
  await loaded.finally(() => script.remove());
  const bytes = atob(globalThis.genimgLive[name]);
  delete globalThis.genimgLive[name];
  const packed = new Uint8Array(bytes.length);
  for (let i = 0; i < packed.length; i++) packed[i] = bytes.charCodeAt(i); // Uint8Array.from takes 30 times as long
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

