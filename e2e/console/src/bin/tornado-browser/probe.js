// Runs in each page before its own scripts, through the DevTools protocol.
(() => {
  const probe = { hydrated: null, tasks: [], events: 0, resyncs: 0, latest: 0, changes: null, memory: null };
  window.tornadoProbe = probe;

  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) probe.tasks.push(entry.duration);
  }).observe({ type: "longtask", buffered: true });

  window.EventSource = class extends window.EventSource {
    constructor(...words) {
      super(...words);
      this.addEventListener("session", () => {
        probe.events += 1;
        probe.latest = Date.now();
      });
      this.addEventListener("resync", () => (probe.resyncs += 1));
    }
  };

  // The page does not export the memory of its program to scripts.
  for (const name of ["instantiate", "instantiateStreaming"]) {
    const original = WebAssembly[name];
    WebAssembly[name] = async (...words) => {
      const made = await original.apply(WebAssembly, words);
      probe.memory ??= (made.instance ?? made).exports?.memory ?? null;
      return made;
    };
  }

  const rows = () => document.querySelectorAll("tbody > tr:not(.spacer)").length;
  let known = null;
  probe.watch = () => {
    known = rows();
    probe.changes = [];
  };
  new MutationObserver(() => {
    if (probe.hydrated === null && document.documentElement?.dataset.hydrated === "true") {
      probe.hydrated = performance.now();
    }
    if (probe.changes === null || rows() === known) return;
    known = rows();
    const change = { rows: known, event: probe.latest };
    // A frame later, in a separate task: the change has been painted.
    requestAnimationFrame(() =>
      setTimeout(() => {
        change.painted = Date.now();
        probe.changes.push(change);
      }),
    );
  }).observe(document, { attributes: true, attributeFilter: ["data-hydrated"], childList: true, subtree: true });
})();
