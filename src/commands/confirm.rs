//! `feedmill confirm`: lets through what the publish guard holds back.

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};

use super::state_of;
use crate::cli::Confirm;
use crate::ledger::hold;

pub(super) fn run(arguments: &Confirm) -> anyhow::Result<ExitCode> {
    let folder = state_of(arguments.state.as_ref(), &arguments.common)?;
    ensure!(folder.is_dir(), "there is no folder {}", folder.display());
    let nothing = || format!("nothing is held back in {}", folder.display());
    let held = hold::read(&folder)?;
    if arguments.list && held.is_none() {
        super::ignore_closed_pipe(writeln!(io::stdout().lock(), "{}", nothing()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let (fingerprint, words) = held.with_context(nothing)?;
    super::ignore_closed_pipe(io::stdout().lock().write_all(words.as_bytes()))?;
    if !arguments.list {
        hold::confirm(&folder, &fingerprint)?;
        tracing::info!("confirmed; it is published with the next look at the folder");
    }
    Ok(ExitCode::SUCCESS)
}
