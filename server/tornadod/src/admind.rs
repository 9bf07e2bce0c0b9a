//! `tornado-admind`: the program of service `admin`. `tornadod` starts it.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    tornadod::run_admin(|context, config, server| {
        Box::pin(async move { Ok(tornado_admin::run(context, config, server).await?) })
    })
}
