//! `feedmill explain`: the history of an entry in words.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::ensure;

use super::{options_to_read, state_of};
use crate::cli::Explain;
use crate::ledger::{Event, Ledger, Story, What};

pub(super) fn run(arguments: &Explain) -> anyhow::Result<ExitCode> {
    let folder = state_of(arguments.state.as_ref(), &arguments.common)?;
    let options = options_to_read(&arguments.common)?;
    let ledger = Ledger::open_to_read(&folder, &options.site.ids)?;
    let stories = ledger.find(&arguments.entry, &options.site.ids)?;
    ensure!(
        !stories.is_empty(),
        "nothing was published as `{}`; give an id (tag:…) or its last part, a title, an address on the pages of digests, or \
         the address of a story",
        arguments.entry
    );
    let mut out = io::BufWriter::new(io::stdout().lock());
    let written = stories.iter().enumerate().try_for_each(|(at, story)| {
        if at > 0 {
            writeln!(out)?;
        }
        tell(&mut out, story)
    });
    super::ignore_closed_pipe(written.and_then(|()| out.flush()))?;
    Ok(ExitCode::SUCCESS)
}

fn tell(out: &mut impl Write, story: &Story) -> io::Result<()> {
    let Story { id, title, link, digest, is_digest, published, updated, gone, retracted, events, feeds } = story;
    writeln!(out, "{title}")?;
    writeln!(out, "  id         {id}")?;
    if let Some(link) = link {
        writeln!(out, "  story      {link}")?;
    }
    if !is_digest {
        writeln!(out, "  digest     {digest}")?;
    }
    if gone.is_some_and(|gone| gone == *published) && retracted == gone {
        return writeln!(out, "  published  never: its author took it back before");
    }
    writeln!(out, "  published  {published}")?;
    if updated != published {
        writeln!(out, "  updated    {updated}")?;
    }
    let now = match (gone, retracted, feeds.as_slice()) {
        (Some(gone), _, _) => format!("in no feed since {gone}"),
        (None, Some(since), []) => format!("taken back since {since}; the notice is in the archives"),
        (None, Some(since), feeds) => format!("taken back since {since}; the notice is in {}", feeds.join(", ")),
        (None, None, []) => "older than what the feeds show; it is in their archives".to_owned(),
        (None, None, feeds) => format!("in the feeds {}", feeds.join(", ")),
    };
    writeln!(out, "  now        {now}")?;
    let mut before: Option<&Event> = None;
    for event in events {
        writeln!(out, "  {}  {}", event.at, words(event, before))?;
        before = Some(event);
    }
    Ok(())
}

/// What happened, and what is another than before.
fn words(event: &Event, before: Option<&Event>) -> String {
    let what = match event.what {
        What::Published => return format!("first seen as `{}`", event.title),
        What::Corrected => "corrected",
        What::Gone => return "gone from the digests".to_owned(),
        What::Back => "back again, under the same id",
        What::Retracted => "taken back by its author",
        What::Restored => "no longer taken back",
    };
    let mut changes = Vec::new();
    if let Some(before) = before {
        if before.title != event.title {
            changes.push(format!("the title was `{}` and is `{}`", before.title, event.title));
        }
        if before.link != event.link {
            let link = |event: &Event| event.link.clone().unwrap_or_else(|| "none".to_owned());
            changes.push(format!("the story was {} and is {}", link(before), link(event)));
        }
    }
    match (changes.is_empty(), event.what) {
        (true, What::Corrected) => "corrected: its text is another".to_owned(),
        (true, _) => what.to_owned(),
        (false, _) => format!("{what}: {}", changes.join("; ")),
    }
}
