//! The console in Chromium: every page with invented data under the content policy, and what an operator does.

mod acts;
mod ends;
mod gallery;
mod size;
mod states;
mod still;
mod support;
