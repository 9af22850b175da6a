//! `feedmill stats`: how many subscribers each feed has, day by day.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::ensure;

use super::state_of;
use crate::cli::{Format, Stats};
use crate::readership::{self, Day, Feed};

pub(super) fn run(arguments: &Stats) -> anyhow::Result<ExitCode> {
    let state = state_of(arguments.state.as_ref(), &arguments.common)?;
    let mut days = readership::days(&state)?;
    ensure!(
        !days.is_empty(),
        "nobody was counted in {} yet: the numbers are written when a server has served feeds for five minutes, and when it ends",
        state.display()
    );
    days.truncate(arguments.days.max(1));
    let mut out = io::BufWriter::new(io::stdout().lock());
    let written = match arguments.format {
        Format::Json => days.iter().try_for_each(|day| {
            serde_json::to_writer(&mut out, day)?;
            writeln!(out)
        }),
        Format::Text => days.iter().enumerate().try_for_each(|(at, day)| {
            if at > 0 {
                writeln!(out)?;
            }
            tell(&mut out, day)
        }),
    };
    super::ignore_closed_pipe(written.and_then(|()| out.flush()))?;
    Ok(ExitCode::SUCCESS)
}

fn tell(out: &mut impl Write, day: &Day) -> io::Result<()> {
    let widest = day.feeds.keys().map(|name| name.chars().count()).max().unwrap_or(0).max("feed".len());
    let heads = ("subscribers", "hosted", "direct", "requests", "conditional");
    writeln!(out, "{}", day.date)?;
    writeln!(out, "  {:widest$}  {}  {:>8}  {:>8}  {:>9}  {}", "feed", heads.0, heads.1, heads.2, heads.3, heads.4)?;
    for (name, feed) in &day.feeds {
        let Feed { hosted, direct, requests, .. } = feed;
        let (all, share) = (feed.subscribers(), percent(feed.conditional, *requests));
        writeln!(out, "  {name:widest$}  {all:>11}  {hosted:>8}  {direct:>8}  {requests:>9}  {share:>9} %")?;
    }
    let named: Vec<String> = day.readers().iter().map(|(name, count)| format!("{name} {count}")).collect();
    if !named.is_empty() {
        writeln!(out, "  readers: {}", named.join(", "))?;
    }
    let wasteful: Vec<String> = day
        .pollers
        .iter()
        .filter(|poller| poller.whole > poller.requests / 2)
        .map(|poller| {
            format!("{} of {} ({} of {} requests)", poller.reader, poller.feed, poller.whole, poller.requests)
        })
        .collect();
    if !wasteful.is_empty() {
        writeln!(out, "  get the whole feed again and again: {}", wasteful.join(", "))?;
    }
    Ok(())
}

fn percent(part: u64, whole: u64) -> u64 {
    (part * 100 + whole / 2).checked_div(whole).unwrap_or(0)
}
