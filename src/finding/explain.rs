//! What each kind of finding means, for `feedmill check --explain`: what readers see, why, and how to mend it.
//!
//! The first line of each text is a sentence of its own: it also stands alone, as a short description.

use super::Code;

/// The explanation of a code: a few lines of plain text with an example.
pub fn explanation(code: Code) -> &'static str {
    let text = match code {
        Code::Unreadable => {
            r#"
A file or folder is there, but cannot be read.
Mostly a permission is missing; sometimes it is a symbolic link to something that is
gone.

Subscribers get nothing new from it. A running server keeps what it read last; what it
could never read is not published.

Let the user that feedmill runs as read the file and enter the folders above it:

    -rw-r--r--  content/2026-03-02.md
    drwxr-xr-x  content

Correct a link that leads nowhere, or remove it.
"#
        }
        Code::FileTooLarge => {
            r#"
The file has more bytes than content.max_file_bytes allows, so it is not read.
That is 1 MiB if nothing is set. Often a picture was pasted into the text as a long
data: address, which feed readers would not get anyway.

Subscribers get nothing of it. A running server keeps the last version that was smaller.

Link to the picture instead, split the file, or raise the limit:

    content:
      max_file_bytes: 4194304
"#
        }
        Code::FolderTooLarge => {
            r#"
The files of the folder have more bytes than content.max_total_bytes allows: 1 GiB if
nothing is set. A file counts as 4 KiB at least. Perhaps the folder is the wrong one,
or something else stands in it besides digests.

Subscribers get nothing of the files left out, of which this is the first. What a running
server has read stays; then come the files that have stood there longest.

Move what are no digests elsewhere, or name them so that they are passed over:

    content:
      ignore: [vendor/*]

Or raise the limit. Some 45 MB of memory are needed for each 100 MB of text:

    content:
      max_total_bytes: 4294967296
"#
        }
        Code::FileEmpty => {
            r#"
The file holds nothing but white space.
Perhaps it was saved before it was written, or only half copied.

Subscribers get nothing of it. A running server keeps the last version with a text.

Write the digest, or delete the file to withdraw it. A file that is not ready yet can
begin with

    ---
    draft: true
    ---
"#
        }
        Code::NotAFile => {
            r#"
The name is that of a digest, but behind it is a folder, a pipe or a device.
A folder whose name ends in .md is the usual case.

Subscribers get nothing from the thing itself. The files in such a folder are read as
those of any other folder.

Rename it, or put a file in its place. Instead of

    content/2026-03-02.md/evening.md

write

    content/2026-03-02-evening.md
"#
        }
        Code::LinkLoop => {
            r#"
A symbolic link leads back to a folder above it.
Following it would never end:

    content/archive/all -> content

The link is not followed. Subscribers lose nothing, unless it was meant to lead to
another folder.

Remove the link, or have it lead where it should.
"#
        }
        Code::SameFile => {
            r#"
One file has two names here, by a symbolic or a hard link.
It is read once: under the name that is no symbolic link, else under the first name in
alphabetical order.

Subscribers get its items once. If the other name has another date or language, there
is no digest of that date or language:

    content/2026-03-02.en.md
    content/2026-03-02.fr.md -> 2026-03-02.en.md

If that is as it should be, there is nothing to do. If not, remove the link, or put a
file of its own in its place.
"#
        }
        Code::NotUtf8 => {
            r#"
A byte of the file is not UTF-8.
Mostly some words came from a file in another encoding. The finding names the first
place; there may be more.

Subscribers see the sign � there.

    The caf� by the river opens again.

Type the character anew and save the file as UTF-8:

    The café by the river opens again.
"#
        }
        Code::Garbled => {
            r#"
So many bytes are not UTF-8 that the file is in another encoding, or no text at all.
An editor that writes GB18030, Shift JIS or Windows-1252 makes such files.

Subscribers get nothing of it, rather than a text full of the sign �. A running server
keeps the last version that could be read.

Save the file again, with UTF-8 as its encoding. Most editors offer it under "Save as"
or "Save with encoding". Something that is no text should have another ending than .md:

    content/2026-03-02.md       the digest, in UTF-8
    content/2026-03-02.jpg      its picture
"#
        }
        Code::ForbiddenCharacter => {
            r#"
The file has a character that no feed may contain, such as U+0008.
It is invisible in most editors and mostly comes from a PDF or a terminal. The finding
names the first one; there may be more.

Subscribers get the text without such characters, and lose nothing else. Here the sign
␈ stands for one:

    Night buses␈ run until five.

Delete it. If it cannot be seen, delete the word at the place that the finding names,
and type it anew:

    Night buses run until five.
"#
        }
        Code::FrontMatterInvalid => {
            r#"
The lines between --- and --- cannot be read as YAML.
Nor those between +++ and +++ as TOML. It is the same when the closing line is missing,
when there are more than 32 KiB, and when brackets are nested very deep.

Subscribers get nothing of the file, because these lines may say that it is a draft. A
running server keeps the last version that could be read.

Correct the line that the finding names. Instead of

    tags: [city, transport

write

    tags: [city, transport]
"#
        }
        Code::FrontMatterRepaired => {
            r#"
A value in the front matter needs quotes to be YAML.
Mostly a colon stands in it.

Subscribers see it as it is written, as if it had the quotes. Other programs that read
the file may refuse it.

Put the value in quotes. Instead of

    title: Night buses: the first week

write

    title: 'Night buses: the first week'
"#
        }
        Code::FrontMatterValue => {
            r#"
A key of the front matter has a value of a kind that does not fit it.
A list where a text should be is shown as it stands in the file. A language that is no
language tag, and an entry of a list that is no text, are passed over.

Subscribers get the digest without that value. With draft it is held back, if the value
is neither true nor false.

Write a value of the right kind. Instead of

    title: [Night buses, water tower]

write

    title: 'Night buses, water tower'
    language: pt-BR
    tags: [city, transport]
    draft: false
"#
        }
        Code::FrontMatterKey => {
            r#"
A key of the front matter is spelt nearly like one that is known, and that one is missing.
Keys that are not known belong to other tools, so this one is not read.

Subscribers get the digest as if the line were not there. A misspelt title is no title,
and with a misspelt draft it is published.

Instead of

    tilte: Night buses on trial

write

    title: Night buses on trial
"#
        }
        Code::DateMissing => {
            r#"
The file has no date, so it is not a digest.
Its name, folders, front matter and first heading name none. Or it has the name of a
page that stands beside digests: README, index, about, template and the like.

Subscribers get nothing of it. That is right for a page that is no digest; content.ignore
passes over it silently, and so does type: page in its front matter. A digest gets its
date from its name, such as 2026-03-02.md, or from its front matter:

    ---
    date: 2026-03-02
    ---

Rename a digest called README or index, or date its folders: 2026/03/02/index.md.
"#
        }
        Code::DateInvalid => {
            r#"
The date in the front matter is no day of the calendar, or does not tell it for sure.
Such as 2026-02-30, next Monday, or 05/06/2026.

It counts as if it were not there. Subscribers get the digest under the date in its
name, its folders or its first heading. Without one of these it is not published, or
under the day on which it was first seen.

Write year, month and day. Instead of

    date: 05/06/2026

write

    date: 2026-06-05
"#
        }
        Code::DateDisagrees => {
            r#"
Two places name dates that are more than a day apart.
In a file 2026-03-02.md:

    # Daily digest, 2026-02-03

The first place that has a date counts. They are asked in the order of dates.sources:
front matter, name or folders, first heading, title. Subscribers get the digest under
that date, though perhaps under a title that names another.

Correct the one that is wrong:

    # Daily digest, 2026-03-02
"#
        }
        Code::DateShared => {
            r#"
Another file has the same date and the same language.
Both are published, each with a page of its own, their items a quarter of an hour apart:

    2026-03-02-morning.md
    2026-03-02-evening.md

Subscribers of whole digests get two entries for the day. If there is a morning and an
evening digest, there is nothing to do.

Otherwise correct the date of one, or join the two. If they differ in their language,
have the names say so:

    2026-03-02.en.md
    2026-03-02.fr.md
"#
        }
        Code::DateInFuture => {
            r#"
The digest has a date that is still to come.
Subscribers get it on that day, at time.publish_at, and not before. If it was meant so,
there is nothing to do.

Otherwise correct the date. If the day has begun where you are, say which zone it is:

    time:
      timezone: Asia/Shanghai
      publish_at: 08:00
"#
        }
        Code::Draft => {
            r#"
The front matter says that the digest is a draft, so that only `feedmill serve --preview`
shows it.

Subscribers see nothing of it. If something of it was published before, it is gone for
them as long as it is a draft.

When it is finished, take the line out:

    draft: true
"#
        }
        Code::HeadingUnspaced => {
            r#"
A line begins with # but has no space after it, so it is no heading.
Markdown takes it for text:

    ##Transport

Subscribers see it as a text with the # in front. The section or item that it should
begin is lost: what stands below it goes to the one above.

Put a space after the last #:

    ## Transport

If the line is meant to begin with the sign, put a backslash before it: \#transport.
"#
        }
        Code::HeadingSkips => {
            r#"
A heading is deeper than those beside it, and a level between them is left out.
In a digest whose items are ### headings one of them has five signs:

    ## News
    ### First story
    ##### Second story

Subscribers see it as a part of the story before it, not as a story of its own.

Give it the level of the others.
"#
        }
        Code::NoItems => {
            r#"
The digest has a text, but nothing in it was taken for an item.
Mostly everything stands in one text without headings and lists:

    The old water tower will be a library in May, says the
    [town paper](https://news.example.org/tower). The ferry does not run this week.

Subscribers get no entries of it. A few words that there is nothing today are no reason
for this finding.

Write the items as a list, or below headings of their own:

    - [The old water tower will be a library](https://news.example.org/tower)
    - The ferry does not run this week.

If they have another form, say which with items.form; `feedmill show` tells what becomes
of it.
"#
        }
        Code::SectionEmpty => {
            r#"
Nothing stands below the heading of a section.
Subscribers of the section get nothing from this digest. On a day without items leave
the heading out.

But perhaps its items have headings of the same level, and are taken for sections
themselves. Instead of

    ## Papers
    ## Sorting almost sorted lists

write

    ## Papers
    ### Sorting almost sorted lists
"#
        }
        Code::SectionUnknown => {
            r#"
The configuration names no such heading, so its items go into the section of the rest.
Perhaps the heading is misspelt.

Subscribers get the items in the feed of the rest, and in that of no other section.

Correct the heading, or add it to its section:

    sections:
      known:
        - {slug: news, title: News, headings: [Headlines, In brief]}
"#
        }
        Code::ItemWithoutLink => {
            r#"
An item has no link to a story, while nearly all others of the digest have one.
Subscribers get it with its full text. Its title leads to its place on your page. If
there is no story elsewhere, there is nothing to do.

Otherwise end the item with a link, or make its title one. Instead of

    ### Night buses on trial
    Three lines run until five.

write

    ### Night buses on trial
    Three lines run until five. [Read more](https://news.example.org/night-buses)
"#
        }
        Code::ItemWithoutTitle => {
            r#"
An item has no text that can serve as its title, so it is left out.
It is only a picture, for example, or only the address of a home page:

    - ![](https://img.example.org/tower.jpg)

Subscribers do not get it at all.

Write a heading, or a few words to call it by:

    - [The tower from above](https://img.example.org/tower.jpg)
"#
        }
        Code::LinkBroken => {
            r#"
Brackets and an address stand beside each other, but are no link in Markdown.
Mostly there is a space between them, or a line end in the address:

    [The water tower] (https://example.org/tower)

Subscribers see the brackets, and the address beside them or a part of it.

Write them together and on one line:

    [The water tower](https://example.org/tower)
"#
        }
        Code::LinkRelative => {
            r#"
A link or picture has an address that holds only on your own site.
In a feed reader it would lead nowhere:

    [Read more](/stories/water-tower)

Subscribers see the words without the link, and of a picture only its description. An
item whose story it was leads to its own place on your page.

Write the whole address, or say what such addresses begin with:

    links:
      base: https://www.example.org/
"#
        }
        Code::LinkUnusable => {
            r#"
A link or picture has an address that feed readers do not follow.
It is something else than http, https or mailto, or no address at all. A mail address is
fine within a text, but an item cannot lead to one.

Subscribers see the words without the link. An item whose story it was leads to its own
place on your page. Mostly it is a slip. Instead of

    [Read more](htps://news.example.org/tower)

write

    [Read more](https://news.example.org/tower)
"#
        }
        Code::HtmlStripped => {
            r#"
The text has raw HTML that feed readers refuse.
It is a script, a style sheet, a frame, a part of a form or an embedded object.

Subscribers get the item without it. Scripts and style sheets go with all they hold;
of the others the text inside stays.

Use plain Markdown, or link to the thing. Instead of

    <iframe src="https://video.example.org/embed/7"></iframe>

write

    [Watch the tour of the tower](https://video.example.org/7)
"#
        }
        Code::NestingTooDeep => {
            r#"
Quotes and lists stand within each other deeper than content.max_nesting allows.
That is 32 if nothing is set. Mostly a text was quoted again and again, or pasted with
its indent.

Subscribers get all the words, but the innermost quotes and lists are not set apart any
more.

Take some levels out, or raise the limit:

    content:
      max_nesting: 64
"#
        }
        Code::Internal => {
            r#"
feedmill itself failed on this file; the fault is not yours.
Subscribers get nothing new from this file. All other files are published as ever, and
a running server keeps the last version of this one that it could read.

Please report it as a bug, with the file. To publish meanwhile, take one half of the
file out, check it again, and go on with the half that fails until the place is found.
"#
        }
        Code::TooManyItems => {
            r#"
The digest has more items than content.max_items allows.
That is 5000 if nothing is set. Subscribers get so many items, and nothing of those that
follow in the file.

If it has fewer items by your count, the entries of some long list may be taken for
items; `feedmill show` tells which. Otherwise split the digest, or raise the limit:

    content:
      max_items: 10000
"#
        }
        Code::TooManySections => {
            r#"
With this digest the publication would have more sections than content.max_sections
allows: 2000 if nothing is set. Each has a page and three feeds, which take memory.

Subscribers get nothing new from the file, and everything else. A running server keeps
the last version that had room.

Perhaps the titles of items were taken for sections; `feedmill show` tells. Then say at
which level sections stand, or name them and put all other headings into one:

    sections:
      level: 2

Or raise the limit. Some 25 MB of memory are needed for 1000 sections:

    content:
      max_sections: 5000
"#
        }
        Code::LinkUndefined => {
            r#"
A link takes its address from another place of the file, but that place is missing.
In this line it would be [tower]:

    The tower opens in May, [says the town][tower].

Subscribers see the words without the link. An item whose story it was leads to its own
place on your page. A definition in another file does not count.

Add the definition to this file, after a blank line, or write the address into the link:

    [tower]: https://news.example.org/water-tower
"#
        }
        Code::LinkTwice => {
            r#"
Two items of one section have the same link.
Their titles differ. If they were alike too, only the longer item would stay, unless
items.dedupe is off.

Subscribers get two entries that lead to one story. What tells their ids apart is the
title of the second: if that changes, or the two change places, an entry comes as new.

Join the two, or correct the link of one. If both are meant, have one link to its own
part of the story. Instead of

    - [Night buses on trial](https://news.example.org/night-buses)
    - [When the last bus leaves](https://news.example.org/night-buses)

write

    - [Night buses on trial](https://news.example.org/night-buses)
    - [When the last bus leaves](https://news.example.org/night-buses#timetable)
"#
        }
        Code::TitleTwice => {
            r#"
Two items of one section have the same title, or nearly the same, but different links.
Perhaps one story was taken in twice, from two places.

Subscribers get two entries that look alike, and may pass over the second.

Leave one out, or have each title say what is its own. Instead of

    - [Night buses on trial](https://news.example.org/night-buses)
    - [Night buses on trial!](https://city.example.org/buses)

write

    - [Night buses on trial](https://news.example.org/night-buses)
    - [Where the night buses stop: a map](https://city.example.org/buses)
"#
        }
        Code::EmphasisBroken => {
            r#"
Asterisks should make words bold, but are shown as they stand.
There is a space inside them, or one pair has no partner, or a sign and a letter stand
too close around the closing pair:

    ** Night buses** run until five.
    **Night buses run until five.
    **Night buses:**they run until five.

Subscribers see the asterisks in the text. Put them right at the words, with a space
after them; or put backslashes before them if they are meant: \*\*.

    **Night buses** run until five.
    **Night buses:** they run until five.
"#
        }
        Code::SectionMisspelt => {
            r#"
A heading differs in a letter or two from that of a section of many digests.
Transport would be meant here:

    ## Trasnport

It makes a section and a feed of its own. Subscribers of the usual section do not get
its items there. Correct the heading; the items keep their ids.

If it is meant so, as Parts may be beside Arts, name both in the configuration:

    sections:
      known:
        - {slug: arts, title: Arts}
        - {slug: parts, title: Parts}
"#
        }
        Code::IdChanges => {
            r#"
An item that is published already has another link and another title now.
By one of the two it would be recognised, and keep its id. What was published is known
only with --state.

Subscribers get the item again, as a new entry. If it is another story now, there is
nothing to do.

Otherwise change one of the two, let it be published, and then the other. Or put the old
id behind the heading. It is what followed the # in the address of the item's place on
your page, such as /digests/2026-03-02/#k4mz2qpa:

    ### Night buses on trial {#k4mz2qpa}
"#
        }
        Code::RetractionUnknown => {
            r#"
The digest takes something back that is none of its items.

Subscribers keep seeing the item as it is.

An item is taken back by a comment in it, with or without a reason:

    ### Night buses on trial
    <!-- retracted: the city has not decided yet -->

or by the front matter of its digest, which names items by their link, their title, or
the id in {#id}; `true`, or a reason of several words, takes everything back:

    retracted: [https://example.org/night-buses, Old tower]
    retracted: {https://example.org/night-buses: not decided yet}
    retracted: true

In a list the comment goes to the end of an entry or on a line of its own below it, as
far to the right as its text: a line that begins with a comment is HTML as a whole.

A notice stands in its place for retractions.days, under the same id; then it is gone.
"#
        }
        Code::HeldBack => {
            r#"
Compared with what was published, so many entries would vanish, come again as new or be
corrected that it is likely to be a mistake: a folder that is not complete, a template
that changed every title. The message tells of each entry and each feed. What was
published is known only with --state. New entries never count, unless readers have the
same already, nor corrections in the newest digest.

Subscribers see nothing of it, for a running server keeps the old site until somebody
confirms the change.

If it is meant, let it be published and run, on the server:

    feedmill confirm --state DIR

The limit is in the configuration:

    guard:
      share_percent: 20
      entries: 5
"#
        }
        Code::FeedTooLarge => {
            r#"
Not all items of a recent day fit into a feed.
A feed holds the newest items, up to feeds.max_bytes (250000 if nothing is set).

Subscribers who fetch it rarely do not get the last items of the day. They stay on your
pages. The feeds of sections hold fewer items each, so they reach further back.

Shorten the longest items, or raise the limit:

    feeds:
      max_bytes: 500000
"#
        }
        Code::DateGuessed => {
            r#"
The file has no date, so the day on which it was first seen counts.
It is taken for a digest because its name has a number, as issues have:

    issue-117.md

Subscribers get it under that day. Without --state the day is forgotten when feedmill
ends: the next start dates the file anew.

Write the date, such as date: 2026-03-02, into the front matter or the name before you
publish: a date that comes later makes every item new.

    2026-03-02-issue-117.md

Or say when one issue came out, and how many days lie between two:

    dates:
      issue: {number: 117, date: 2026-03-02, days: 7}
"#
        }
    };
    text.trim()
}

/// What subscribers see of a finding of this kind: one sentence of its explanation.
pub fn effect(code: Code) -> String {
    let text = explanation(code);
    let start = text.find("Subscribers").unwrap_or(text.len());
    // The dot in `time.publish_at` ends no sentence.
    let sentence = text[start..].split_whitespace().scan(false, |over, word| {
        let goes_on = !std::mem::replace(over, word.ends_with('.'));
        goes_on.then_some(word)
    });
    sentence.collect::<Vec<_>>().join(" ").trim_end_matches('.').to_owned()
}
