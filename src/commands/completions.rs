//! `feedmill completions`: what a shell needs to complete the command line.

use std::io::Write as _;
use std::process::ExitCode;

use clap::CommandFactory as _;

use crate::cli::{Cli, Completions};

pub(super) fn run(arguments: &Completions) -> anyhow::Result<ExitCode> {
    // The generator would panic on a closed pipe.
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "feedmill", &mut script);
    super::ignore_closed_pipe(std::io::stdout().write_all(&script))?;
    Ok(ExitCode::SUCCESS)
}
