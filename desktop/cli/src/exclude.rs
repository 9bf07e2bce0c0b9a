//! `tornado exclude`: programs outside the tunnel.

use crate::args::{ExcludeArguments, ExcludeCommand};
use crate::error::Failure;
use crate::output;
use std::ffi::OsString;
use tornado_helper_api::{
    ExcludeProgram, ExcludedDns, ExcludedPrograms, Helper as _, HelperClient, NoInput, ReadmitProgram,
};
use tornado_shared::model::text::shown;

pub(crate) async fn run(helper: &HelperClient, arguments: ExcludeArguments, json: bool) -> Result<(), Failure> {
    let dns = |own| if own { ExcludedDns::Own } else { ExcludedDns::Tunnel };
    let programs = match (arguments.command, arguments.program.split_first()) {
        (None, Some((program, words))) => {
            // This process is excluded, and then becomes the program.
            let excluded = helper.exclude_program(ExcludeProgram { pid: None, dns: dns(arguments.own_dns) }).await?;
            warn(&excluded);
            return Err(start(program, words));
        }
        (None | Some(ExcludeCommand::List), _) => helper.excluded_programs(NoInput {}).await?,
        (Some(ExcludeCommand::Add { pid, own_dns }), _) => {
            helper.exclude_program(ExcludeProgram { pid: Some(pid), dns: dns(own_dns) }).await?
        }
        (Some(ExcludeCommand::Remove { pid }), _) => helper.readmit_program(ReadmitProgram { pid }).await?,
    };
    output::show(&programs, json, list)?;
    if !json {
        warn(&programs);
    }
    Ok(())
}

/// Replaces this process by the program. Returns only if that fails.
fn start(program: &OsString, words: &[OsString]) -> Failure {
    #[cfg(unix)]
    let error = std::os::unix::process::CommandExt::exec(std::process::Command::new(program).args(words));
    // The helper has refused: Windows excludes no programs.
    #[cfg(not(unix))]
    let error = {
        let _ = words;
        std::io::ErrorKind::Unsupported.into()
    };
    Failure::NotStarted { program: program.to_string_lossy().into_owned(), source: error }
}

fn warn(programs: &ExcludedPrograms) {
    if let Some(warning) = &programs.warning {
        eprintln!("tornado: {}", shown(warning));
    }
}

fn list(programs: &ExcludedPrograms) -> String {
    if programs.programs.is_empty() {
        return "All programs use the tunnel.\n".to_owned();
    }
    let line = |dns, text: &str| match dns {
        ExcludedDns::Tunnel => format!("{text}  (DNS queries through the tunnel)\n"),
        ExcludedDns::Own => format!("{text}  (DNS queries outside the tunnel, too)\n"),
    };
    let programs = programs.programs.iter().map(|found| line(found.dns, &format!("{:>8}  {}", found.pid, found.name)));
    format!("Traffic of these programs leaves outside the tunnel:\n{}", programs.collect::<String>())
}
