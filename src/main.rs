//! The program: reads the command line, sets up the log, runs a command, and turns its result into an exit code.

use std::fmt;
use std::io::IsTerminal as _;
use std::os::unix::fs::MetadataExt as _;
use std::process::ExitCode;

use clap::Parser as _;
use feedmill::cli::Cli;
use tikv_jemallocator::Jemalloc;
use tracing::{Event, Level};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
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

/// Log lines on standard error: in colour for people; for the journal with the priority in front, as `sd-daemon(3)` has it, and
/// without the time, which it has itself.
fn log() {
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    let levels = tracing_subscriber::registry().with(levels());
    match is_journal() {
        Some(true) => {
            let format = tracing_subscriber::fmt::format().with_target(false).with_level(false).with_ansi(false);
            levels.with(lines.event_format(Prioritized(format.without_time()))).init();
        }
        _ => levels.with(lines).init(),
    }
}

/// Whether standard error is what the journal reads (`$JOURNAL_STREAM` in `systemd.exec(5)`).
fn is_journal() -> Option<bool> {
    let named = std::env::var("JOURNAL_STREAM").ok()?;
    let own = std::fs::metadata("/proc/self/fd/2").ok()?;
    Some(named == format!("{}:{}", own.dev(), own.ino()))
}

/// Lines with the priority that `journalctl -p` asks for (`syslog(3)`).
struct Prioritized<F>(F);

impl<S, N, F> FormatEvent<S, N> for Prioritized<F>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let priority = match *event.metadata().level() {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            Level::DEBUG | Level::TRACE => 7,
        };
        write!(out, "<{priority}>")?;
        self.0.format_event(context, out, event)
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
