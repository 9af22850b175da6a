//! The commands, one file each.

mod build;
mod check;
mod init;
mod serve;
mod show;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

use crate::cli::{Cli, Command, Common, Making};
use crate::config::{self, Options, Overrides};
use crate::ledger;

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
    let options = config::load(making.common.config.as_deref(), config::environment(), &overrides)?;
    let is_public = !options.site.feeds.base_url.is_empty();
    if is_public && options.site.ids.authority == ledger::Options::default().authority {
        tracing::warn!(
            "ids.authority is not set; set it to a domain of yours before the first subscriber, for it is part of every id"
        );
    }
    Ok(options)
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

/// A path relative to a folder, as the user would name it.
fn named(folder: &Path, path: &str) -> String {
    folder.join(path).to_string_lossy().into_owned()
}

/// `feedmill show … | head` closes the pipe early; that is how it is meant.
fn ignore_closed_pipe(written: std::io::Result<()>) -> anyhow::Result<()> {
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}
