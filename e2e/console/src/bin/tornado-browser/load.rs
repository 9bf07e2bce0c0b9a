//! A page under load: long tasks and memory.

use crate::page::Tab;
use crate::probe;
use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Pause between two samples, and two movements of the table.
const STEP: Duration = Duration::from_secs(5);
/// Parts of the table's height to which it is scrolled in turn.
const PLACES: [f64; 4] = [0.0, 0.3, 0.31, 0.9];

/// Memory of the page after a collection of garbage.
async fn memory(tab: &Tab) -> anyhow::Result<Value> {
    let (metrics, state) = (tab.settled_metrics().await?, tab.script(probe::STATE, Vec::new()).await?);
    Ok(json!({
        "heap_bytes": metrics["JSHeapUsedSize"],
        "wasm_bytes": state["wasm_bytes"],
        "nodes": metrics["Nodes"],
        "listeners": metrics["JSEventListeners"],
    }))
}

/// Measures the open page. Returns its memory at both ends, the long tasks, the events and the processor time of
/// its main thread.
pub async fn hold(tab: &Tab, settle_s: u64, seconds: u64, scrolls: bool) -> anyhow::Result<Value> {
    tokio::time::sleep(Duration::from_secs(settle_s)).await;
    let start = memory(tab).await?;
    tab.script(probe::RESET, Vec::new()).await?;
    let (before, began) = (tab.metrics().await?, Instant::now());
    let until = began + Duration::from_secs(seconds);
    let mut places = PLACES.iter().cycle();
    let (mut samples, mut without_table) = (Vec::new(), 0);
    while Instant::now() < until {
        tokio::time::sleep(STEP.min(until.saturating_duration_since(Instant::now()))).await;
        if let Some(place) = places.next().filter(|_| scrolls) {
            // A page whose service did not respond in time has none until its next reading.
            let is_long = tab.script(probe::SCROLL, vec![(*place).into()]).await?;
            without_table += u32::from(is_long != Value::Bool(true));
        }
        samples.push(tab.metrics().await?["JSHeapUsedSize"].clone());
    }
    let (after, took) = (tab.metrics().await?, began.elapsed().as_secs_f64());
    let state = tab.script(probe::STATE, Vec::new()).await?;
    ensure!(state["is_hidden"] == Value::Bool(false), "the page is hidden, so it does not follow the events");
    let tasks: Vec<f64> = state["tasks"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    let spent = |name: &str| Some(after[name].as_f64()? - before[name].as_f64()?);
    let events = state["events"].as_f64().context("the page counts no events")?;
    Ok(json!({
        "seconds": took,
        "start": start,
        "end": memory(tab).await?,
        "heap_samples": samples,
        "events_s": events / took,
        "resyncs": state["resyncs"],
        "rows": state["rows"],
        "samples_without_table": without_table,
        "long_tasks": tasks.len(),
        "longest_task_ms": tasks.iter().copied().reduce(f64::max),
        "main_thread_cpu_percent": spent("TaskDuration").map(|time| time / took * 100.0),
        "script_cpu_percent": spent("ScriptDuration").map(|time| time / took * 100.0),
    }))
}
