//! The program: reads the command line, sets up the log, runs a command, and turns its result into an exit code.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Parser as _;
use feedmill::cli::Cli;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    log();
    match feedmill::commands::run(cli) {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            ExitCode::from(2)
        }
    }
}

/// The reason why nothing could be done, as one chain.
#[expect(clippy::print_stderr, reason = "the log may be filtered; this must be seen")]
fn complain(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}

/// Log lines on standard error: in colour for people, without the time for the journal, which has its own.
fn log() {
    let filter = EnvFilter::try_from_env("FEEDMILL_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    if std::env::var_os("JOURNAL_STREAM").is_some() { lines.without_time().init() } else { lines.init() }
}
