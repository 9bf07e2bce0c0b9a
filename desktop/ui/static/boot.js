import start from "./window.js";

start({ module_or_path: new URL("window_bg.wasm", import.meta.url) });
