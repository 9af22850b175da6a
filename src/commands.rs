//! The commands, one file each.

mod build;
mod check;
mod completions;
mod confirm;
mod explain;
mod init;
mod man;
mod new;
mod serve;
mod show;
mod stats;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

use crate::cli::{Cli, Command, Common, Making};
use crate::config::{self, Options, Overrides};
use crate::daemon::mill;

/// Runs a command. What it prints for people and programs goes to standard output.
///
/// # Errors
/// When the command could not run at all.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Build(arguments) => build::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Show(arguments) => show::run(&arguments),
        Command::Init(arguments) => init::run(&arguments),
        Command::New(arguments) => new::run(&arguments),
        Command::Confirm(arguments) => confirm::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Stats(arguments) => stats::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
    }
}

/// The options of a command that makes a site.
fn options_for(making: &Making, listen: Option<std::net::SocketAddr>) -> anyhow::Result<Options> {
    let overrides = Overrides {
        content: making.content.clone(),
        base_url: making.base_url.clone(),
        listen,
        state: making.state.clone(),
    };
    config::load(making.common.config.as_deref(), config::environment(), &overrides)
}

/// What a turn works with; the public address is known.
fn mill_options(options: Options, content: PathBuf) -> mill::Options {
    let Options { library, site, guard, state, .. } = options;
    mill::Options { content, library, site, guard, state }
}

/// The state folder that the command line or the configuration names.
fn state_of(state: Option<&PathBuf>, common: &Common) -> anyhow::Result<PathBuf> {
    let state =
        state.cloned().map_or_else(|| options_to_read(common).map(|options| options.state), |it| Ok(Some(it)))?;
    state.context("no state folder; name it with --state, or set state.folder")
}

/// The options of a command that only reads.
fn options_to_read(common: &Common) -> anyhow::Result<Options> {
    config::load(common.config.as_deref(), config::environment(), &Overrides::default())
}

fn content_of(options: &Options) -> anyhow::Result<PathBuf> {
    options
        .content
        .clone()
        .context("no content folder; name one, as in `feedmill serve content`, or set content.folder")
}

/// A path relative to a folder, as the user would name it; the empty one is the folder.
fn named(folder: &Path, path: &str) -> String {
    let path = if path.is_empty() { folder.to_owned() } else { folder.join(path) };
    path.to_string_lossy().into_owned()
}

/// `feedmill show … | head` closes the pipe early; that is how it is meant.
fn ignore_closed_pipe(written: std::io::Result<()>) -> anyhow::Result<()> {
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}
