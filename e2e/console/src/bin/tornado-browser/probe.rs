//! The script that measures inside of a page.

/// Runs before the scripts of each page, and keeps what it sees in `tornadoProbe`.
pub const SCRIPT: &str = include_str!("probe.js");

/// How the page was loaded: times in milliseconds since the navigation, sizes in bytes over the network, with headers.
pub const OPENED: &str = "
    const [navigation] = performance.getEntriesByType('navigation');
    const [paint] = performance.getEntriesByName('first-contentful-paint');
    const files = performance.getEntriesByType('resource').filter(file => file.name.includes('/pkg/'));
    const sum = all => all.reduce((sum, file) => sum + file.transferSize, 0);
    return {
        first_byte_ms: navigation.responseStart,
        document_ms: navigation.responseEnd,
        first_paint_ms: paint ? paint.startTime : null,
        hydrated_ms: tornadoProbe.hydrated,
        document_bytes: navigation.transferSize,
        file_bytes: sum(files),
        wasm_bytes: sum(files.filter(file => file.name.endsWith('.wasm'))),
    };";

/// Starts the list of changes.
pub const WATCH: &str = "tornadoProbe.watch(); return document.querySelectorAll('tbody > tr:not(.spacer)').length";

/// The changes painted since a time.
pub const CHANGES: &str = "const [since] = arguments;
    return (tornadoProbe.changes ?? []).filter(change => change.painted >= since)";

/// Forgets long tasks and events so far.
pub const RESET: &str = "Object.assign(tornadoProbe, { tasks: [], events: 0, resyncs: 0 })";

/// Long tasks and events since then, and the memory of the page's program.
pub const STATE: &str = "return {
        tasks: tornadoProbe.tasks,
        events: tornadoProbe.events,
        resyncs: tornadoProbe.resyncs,
        wasm_bytes: tornadoProbe.memory?.buffer.byteLength ?? null,
        rows: document.querySelectorAll('tbody > tr:not(.spacer)').length,
        is_hidden: document.hidden,
    }";

/// Scrolls the table to a part of its height.
pub const SCROLL: &str = "const [part] = arguments;
    const box = document.querySelector('.table-window');
    if (box) box.scrollTop = (box.scrollHeight - box.clientHeight) * part;
    return Boolean(box)";
