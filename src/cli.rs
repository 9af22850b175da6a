//! The command line as data.

use std::net::SocketAddr;
use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, Utc};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// What `--help` says at the end of the first page.
const AFTER_HELP: &str = "\
Begin:
  feedmill serve examples/content          serve the sample digests on http://127.0.0.1:8080/
  feedmill show examples/content           how each file is understood
  feedmill init content                    a configuration with what was recognised in a folder
  feedmill check content                   what is wrong in the digests, with file, line and remedy
  feedmill serve --preview content         the same for those who write: drafts, findings, pages that follow each save
  feedmill new --content content           the next digest's file, to be written
  feedmill build content --output public   the same site as files
  feedmill explain https://example.org/a   what became of an entry, as its ledger knows it
  feedmill stats --state state             how many subscribers each feed has

Every key of the configuration can be set by an environment variable as well: FEEDMILL_SITE_TITLE sets site.title.
The log goes to standard error; FEEDMILL_LOG sets its level (error, warn, info, debug).

Exit codes: 0 done; 1 check found what --fail-on names; 2 could not run.";

/// Turns a folder of dated Markdown digests into feeds: one for all items, one per section, one with an entry per digest.
#[derive(Debug, Parser)]
#[command(name = "feedmill", version, after_help = AFTER_HELP, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch a folder and serve its feeds over HTTP
    ///
    /// A digest that is created, edited, renamed or deleted is seen within a moment. A file that breaks keeps its last good
    /// version in the feeds. SIGHUP reads the configuration again; SIGTERM finishes the responses under way and ends.
    Serve(Serve),
    /// Write the site as files into a folder
    ///
    /// The folder is replaced in one step. Equal content, options and --now give equal bytes.
    Build(Build),
    /// Report what is wrong in digests, with file, line and remedy
    ///
    /// A clean file prints nothing. Exit codes: 0 nothing that --fail-on names; 1 at least one such finding; 2 could not run.
    Check(Check),
    /// Show how digests are understood: sections, items, links, and the rule behind each
    Show(Show),
    /// Look at a folder and write a configuration with what was recognised
    Init(Init),
    /// Begin the next digest: a file with the sections used so far, named as the others are
    ///
    /// Prints the name of the file. It is a draft, so that nobody sees it half-written: take `draft: true` out when it is
    /// finished. Nothing is ever overwritten.
    New(New),
    /// Let through, once, what the publish guard holds back
    ///
    /// Prints what would become of which entries, and confirms just that: another change is held back again. A running server
    /// takes it within a second; `feedmill build` takes it the next time.
    Confirm(Confirm),
    /// Tell the history of an entry: when it was published, corrected, gone and back
    Explain(Explain),
    /// Tell how many subscribers each feed has, day by day, as its server counted them
    ///
    /// Hosted readers say for how many they ask; others are counted by themselves, without anything being kept that could tell
    /// who they are. The numbers are written every five minutes, and when the server ends.
    Stats(Stats),
    /// Print what a shell needs to complete the command line
    ///
    /// For bash: feedmill completions bash > ~/.local/share/bash-completion/completions/feedmill
    Completions(Completions),
    /// Write the manual pages into a folder
    Man(Man),
}

/// What every command takes.
#[derive(Debug, Clone, Default, Args)]
pub struct Common {
    /// The configuration, a YAML file; config/feedmill.yaml explains every key
    #[arg(long, value_name = "FILE", env = "FEEDMILL_CONFIG")]
    pub config: Option<PathBuf>,
}

/// What the commands that make a site take.
#[derive(Debug, Clone, Default, Args)]
pub struct Making {
    /// The folder of digests [default: content.folder of the configuration]
    pub content: Option<PathBuf>,
    /// See [`Common`].
    #[command(flatten)]
    pub common: Common,
    /// The public address of the site
    #[arg(long, value_name = "URL")]
    pub base_url: Option<String>,
    /// A folder for the ledger, which keeps ids and times, and what readers have [default: state.folder of the configuration]
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
}

/// `feedmill serve`.
#[derive(Debug, Clone, Args)]
pub struct Serve {
    /// See [`Making`].
    #[command(flatten)]
    pub making: Making,
    /// Where to listen; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// For those who write, on this machine alone: drafts and digests of days to come are there, findings stand beside the
    /// items, an open page looks again when the file is saved, and nothing is kept in the state folder
    #[arg(long)]
    pub preview: bool,
}

/// `feedmill build`.
#[derive(Debug, Args)]
pub struct Build {
    /// See [`Making`].
    #[command(flatten)]
    pub making: Making,
    /// The folder to write
    #[arg(long, short, value_name = "DIR")]
    pub output: PathBuf,
    /// The moment to build for, instead of the present one: 2025-05-22T08:00:00Z
    #[arg(long, value_name = "RFC3339", value_parser = moment)]
    pub now: Option<DateTime<Utc>>,
}

/// `feedmill check`.
#[derive(Debug, Args)]
pub struct Check {
    /// Files or folders [default: content.folder of the configuration]
    pub paths: Vec<PathBuf>,
    /// See [`Common`].
    #[command(flatten)]
    pub common: Common,
    /// How to print
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub format: CheckFormat,
    /// The least severity that makes the exit code 1
    #[arg(long, value_enum, default_value_t = FailOn::Error, value_name = "SEVERITY")]
    pub fail_on: FailOn,
    /// The folder of the ledger, to tell what readers would lose or see again as new; nothing is written to it
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Say what a code means, what readers see of it, and how to mend it
    #[arg(long, value_name = "CODE")]
    pub explain: Option<String>,
}

/// How `check` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// For people, with the line and carets below it
    Text,
    /// One line per finding and one with its remedy, for editors
    Short,
    /// One JSON object per line, for programs
    Json,
    /// One SARIF 2.1.0 log, for code hosts
    Sarif,
}

/// What makes `check` fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Any finding
    Note,
    /// Warnings and errors
    Warning,
    /// Errors
    Error,
}

/// `feedmill show`.
#[derive(Debug, Args)]
pub struct Show {
    /// Files or folders
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// See [`Common`].
    #[command(flatten)]
    pub common: Common,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// `feedmill init`.
#[derive(Debug, Args)]
pub struct Init {
    /// The folder of digests
    #[arg(default_value = "content")]
    pub folder: PathBuf,
    /// The file to write, which must not be there yet; - prints it
    #[arg(long, short, value_name = "FILE", default_value = "feedmill.yaml")]
    pub output: PathBuf,
}

/// `feedmill new`.
#[derive(Debug, Args)]
pub struct New {
    /// The date of the digest, as 2026-03-09 [default: when the next is expected, from the rhythm so far]
    pub date: Option<NaiveDate>,
    /// The folder of digests [default: content.folder of the configuration]
    #[arg(long, value_name = "DIR")]
    pub content: Option<PathBuf>,
    /// See [`Common`].
    #[command(flatten)]
    pub common: Common,
}

/// `feedmill confirm`.
#[derive(Debug, Args)]
pub struct Confirm {
    /// See [`Common`].
    #[command(flatten)]
    pub common: Common,
    /// The folder of the ledger [default: state.folder of the configuration]
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Only print what is held back
    #[arg(long)]
    pub list: bool,
}

/// `feedmill explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// The entry's id (tag:…) or the last part of it, its title, its address on our pages, or the address of its story
    #[arg(value_name = "ID-OR-URL")]
    pub entry: String,
    /// See [`Common`].
    #[command(flatten)]
    pub common: Common,
    /// The folder of the ledger [default: state.folder of the configuration]
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
}

/// `feedmill stats`.
#[derive(Debug, Args)]
pub struct Stats {
    /// See [`Common`].
    #[command(flatten)]
    pub common: Common,
    /// The folder of the ledger [default: state.folder of the configuration]
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// So many of the newest days
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub days: usize,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// `feedmill completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    pub shell: Shell,
}

/// `feedmill man`.
#[derive(Debug, Args)]
pub struct Man {
    /// The folder to write to: a page for the program and one for each command
    #[arg(long, short, value_name = "DIR")]
    pub output: PathBuf,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// One JSON object per line, for programs
    Json,
}

fn moment(text: &str) -> Result<DateTime<Utc>, String> {
    let parsed = DateTime::parse_from_rfc3339(text).map(|moment| moment.to_utc());
    parsed.map_err(|error| format!("{error}; write it as 2025-05-22T08:00:00Z"))
}
