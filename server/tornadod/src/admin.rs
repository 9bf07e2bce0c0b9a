//! Service `admin` runs a separate program. Its pages and API are a third of the server's code, and each process keeps
//! pages of memory for all code that its program contains.

use crate::config::{Config, effective};
use crate::failure::Failure;
use crate::{cli, output, process};
use futures::future::BoxFuture;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use tornado_contracts::ServiceName;
use tornado_runtime::Context;

/// Name of the program.
const NAME: &str = "tornado-admind";

/// Runs the service until it is asked to stop: `tornado_admin::run`, which only the separate program refers to.
pub type Admin = fn(Context, tornado_admin::Config, tornado_admin::Server) -> BoxFuture<'static, anyhow::Result<()>>;

/// The separate program: runs service `admin` with the arguments of `tornadod service admin`.
#[must_use]
pub fn run_admin(admin: Admin) -> ExitCode {
    let (path, name) = cli::parse_process();
    output::finish(start(admin, &path, name))
}

fn start(admin: Admin, path: &Path, name: Option<ServiceName>) -> Result<(), Failure> {
    if name != Some(ServiceName::Admin) {
        return Err(Failure::usage("this program runs service 'admin' only; use 'tornadod' for all else"));
    }
    process::run(ServiceName::Admin, Config::load(path)?, |context, config| {
        let server = effective::server(&config, path);
        admin(context, config.admin, server)
    })
}

/// Replaces this process by the separate program. Returns only if that fails.
pub fn become_admin() -> Failure {
    let places = places(&std::env::current_exe().unwrap_or_default());
    let Some(program) = places.iter().find(|place| place.is_file()) else {
        let [beside, packaged] = places.map(|place| place.display().to_string());
        return Failure::failed(format!(
            "cannot start service 'admin': its program is neither '{beside}' nor '{packaged}'; install the server again"
        ));
    };
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let (own, others) = arguments.split_first().map_or((None, &[][..]), |(own, others)| (Some(own), others));
    let mut command = Command::new(program);
    // The supervisor recognises its services by the line with which it started them.
    command.arg0(own.map_or_else(|| NAME.into(), OsString::clone)).args(others);
    let error = command.exec();
    Failure::failed(format!("cannot start service 'admin': cannot run '{}': {error}", program.display()))
}

/// Where the program may be: beside this one, and where packages install it.
fn places(own: &Path) -> [PathBuf; 2] {
    let directory = own.parent().unwrap_or(Path::new("/"));
    [directory.join(NAME), directory.join("../lib/tornado").join(NAME)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_beside_this_one_or_where_packages_have_it() {
        let [beside, packaged] = places(Path::new("/usr/bin/tornadod"));
        assert_eq!(beside, Path::new("/usr/bin/tornado-admind"));
        assert_eq!(packaged, Path::new("/usr/bin/../lib/tornado/tornado-admind"));
        // While the program is being replaced, the link of the system has this form.
        assert_eq!(places(Path::new("/opt/tornadod (deleted)"))[0], Path::new("/opt/tornado-admind"));
    }
}
