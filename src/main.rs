//! The program: reads the command line, sets up the log, runs a command, and turns its result into an exit code.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Parser as _;
use feedmill::cli::Cli;
use tikv_jemallocator::Jemalloc;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

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
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    let levels = tracing_subscriber::registry().with(levels());
    match std::env::var_os("JOURNAL_STREAM") {
        Some(_) => levels.with(lines.without_time()).init(),
        None => levels.with(lines).init(),
    }
}

/// What is logged: what `FEEDMILL_LOG` says, or what a person would tell a colleague.
#[expect(clippy::print_stderr, reason = "there is no log yet")]
fn levels() -> Targets {
    let usual = Targets::new().with_default(LevelFilter::INFO);
    let wanted = std::env::var("FEEDMILL_LOG").unwrap_or_default();
    if wanted.is_empty() {
        return usual;
    }
    wanted.parse().unwrap_or_else(|error| {
        eprintln!("warning: FEEDMILL_LOG={wanted} says no level, so it is info: {error}");
        usual
    })
}
