//! Delimiter runs: what may begin or end emphasis, and which belong together.
//!
//! CommonMark 0.31.2, section 6.2, with strikethrough as GitHub has it and the amendments of CJK-friendly emphasis: what counts
//! as punctuation beside an asterisk is only what is not CJK. No events here; `emphasis` brings the runs and takes the marks.

use std::ops::Range;

use pulldown_cmark::{Event, Parser, Tag};

use super::text::is_wide;

/// What a pair of delimiters makes of the text between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Markup {
    Emphasis,
    Strong,
    Strikethrough,
}

impl Markup {
    /// The bytes of each delimiter of an element that is written like this.
    pub(super) fn length(self, source: &str) -> usize {
        match self {
            Markup::Emphasis => 1,
            Markup::Strong => 2,
            Markup::Strikethrough => 1 + usize::from(source.starts_with("~~")),
        }
    }

    pub(super) fn tag<'a>(self) -> Tag<'a> {
        match self {
            Markup::Emphasis => Tag::Emphasis,
            Markup::Strong => Tag::Strong,
            Markup::Strikethrough => Tag::Strikethrough,
        }
    }
}

/// A delimiter that begins or ends something.
#[derive(Debug)]
pub(super) struct Mark {
    pub(super) place: Range<usize>,
    pub(super) markup: Markup,
    pub(super) opens: bool,
    /// From the first byte of the one delimiter to the last of the other.
    pub(super) whole: Range<usize>,
}

/// A run of one delimiter, and what of it has no partner yet.
#[derive(Debug)]
pub(super) struct Run {
    sign: u8,
    /// As it is written: the rule of three goes by that.
    length: usize,
    rest: Range<usize>,
    opens: bool,
    closes: bool,
}

impl Run {
    /// A run between two texts, which end with a line or where the emphasis of the text ends. Three tildes are none.
    pub(super) fn new(sign: u8, place: Range<usize>, before: &str, after: &str) -> Option<Run> {
        let (before, after) = (Neighbour::at_end_of(before), Neighbour::of(after.chars().next()));
        let length = place.len();
        let flanks_left = after != Neighbour::Space && (after != Neighbour::Punctuation || before != Neighbour::Letter);
        let flanks_right =
            before != Neighbour::Space && (before != Neighbour::Punctuation || after != Neighbour::Letter);
        let (opens, closes) = match (sign, length) {
            (b'*', _) => (flanks_left, flanks_right),
            (b'~', 2) => (after != Neighbour::Space, flanks_right),
            (b'~', 3..) => return None,
            // Inside a word they are none, whatever its script: the amendments leave this as it is.
            _ => (after != Neighbour::Space && before.parts_words(), before != Neighbour::Space && after.parts_words()),
        };
        (opens || closes).then_some(Run { sign, length, rest: place, opens, closes })
    }

    /// Whether this run and one that closes belong together, by the rule of three.
    fn pairs_with(&self, closer: &Run) -> bool {
        if self.sign != closer.sign || self.sign == b'~' {
            return self.sign == closer.sign && self.length == closer.length;
        }
        let is_both = (self.opens && self.closes) || (closer.opens && closer.closes);
        !is_both || !(self.length + closer.length).is_multiple_of(3) || closer.length.is_multiple_of(3)
    }

    /// Runs of one kind find the same openers.
    fn kind(&self) -> usize {
        let sign = match self.sign {
            b'*' => 0,
            b'_' => 1,
            _ => 2,
        };
        sign * 6 + usize::from(self.opens) * 3 + self.length % 3
    }
}

/// How many values [`Run::kind`] has.
const KINDS: usize = 18;

/// Adds the marks of the runs of one text.
pub(super) fn pair(runs: Vec<Run>, marks: &mut Vec<Mark>) {
    let (count, before) = (runs.len(), marks.len());
    let mut openers = Openers::default();
    runs.into_iter().for_each(|run| openers.meet(run, marks));
    // Each opener was passed over once by each kind and once for good, and each pair was found once.
    debug_assert!(openers.looks <= (KINDS + 1) * count + (marks.len() - before) / 2, "quadratic");
}

/// The runs that could still open something, in their order.
#[derive(Default)]
struct Openers {
    runs: Vec<Run>,
    /// For each kind of closing run from where on to look: one like it looked at all before in vain.
    bottoms: [usize; KINDS],
    /// How often one of the runs was looked at.
    looks: usize,
}

impl Openers {
    /// Closes with the next run what it can close; what is left of it may open something.
    fn meet(&mut self, mut run: Run, marks: &mut Vec<Mark>) {
        while run.closes && !run.rest.is_empty() {
            let Some(opener) = self.opener_of(&run) else { break };
            join(opener, &mut run, marks);
            if opener.rest.is_empty() {
                self.runs.pop();
            }
        }
        if run.opens && !run.rest.is_empty() {
            self.runs.push(run);
        }
    }

    /// The nearest run that a run closes. Those between have lost their chance.
    fn opener_of(&mut self, closer: &Run) -> Option<&mut Run> {
        let bottom = &mut self.bottoms[closer.kind()];
        let reachable = self.runs.iter().rev().take_while(|opener| opener.rest.start >= *bottom);
        let between = reachable.inspect(|_| self.looks += 1).position(|opener| opener.pairs_with(closer));
        let Some(between) = between else {
            *bottom = closer.rest.start;
            return None;
        };
        self.runs.truncate(self.runs.len() - between);
        self.runs.last_mut()
    }
}

/// Takes the innermost delimiters of two runs.
fn join(opener: &mut Run, closer: &mut Run, marks: &mut Vec<Mark>) {
    let length = opener.rest.len().min(closer.rest.len()).min(2);
    let markup = match (opener.sign, length) {
        (b'~', _) => Markup::Strikethrough,
        (_, 2) => Markup::Strong,
        _ => Markup::Emphasis,
    };
    let (start, end) = (opener.rest.end - length, closer.rest.start + length);
    marks.push(Mark { place: start..opener.rest.end, markup, opens: true, whole: start..end });
    marks.push(Mark { place: closer.rest.start..end, markup, opens: false, whole: start..end });
    opener.rest.end = start;
    closer.rest.start = end;
}

/// What stands beside a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Neighbour {
    /// White space, or nothing.
    Space,
    /// A letter, digit or mark that is not CJK.
    Letter,
    /// Punctuation or a sign that is not CJK.
    Punctuation,
    Cjk,
    CjkPunctuation,
}

impl Neighbour {
    fn of(character: Option<char>) -> Neighbour {
        let Some(character) = character.filter(|c| !c.is_whitespace()) else { return Neighbour::Space };
        match (is_wide(character), is_punctuation(character)) {
            (false, false) => Neighbour::Letter,
            (false, true) => Neighbour::Punctuation,
            (true, false) => Neighbour::Cjk,
            (true, true) => Neighbour::CjkPunctuation,
        }
    }

    /// The last one of a text; a variation selector belongs to the character before it.
    fn at_end_of(text: &str) -> Neighbour {
        let mut characters = text.chars().rev();
        let last = characters.next();
        match last {
            Some('\u{E0100}'..='\u{E01EF}') => Neighbour::Cjk,
            Some('\u{FE00}'..='\u{FE0E}') => match (characters.next(), last) {
                // Quotes in their full width form.
                (Some('‘' | '’' | '“' | '”'), Some('\u{FE01}')) => Neighbour::CjkPunctuation,
                (varied, _) => Neighbour::of(varied),
            },
            _ => Neighbour::of(last),
        }
    }

    fn parts_words(self) -> bool {
        matches!(self, Neighbour::Space | Neighbour::Punctuation | Neighbour::CjkPunctuation)
    }
}

/// Whether a character chooses the form of the one before it, other than that of an emoji.
pub(super) fn is_variation(character: char) -> bool {
    matches!(character, '\u{FE00}'..='\u{FE0E}' | '\u{E0100}'..='\u{E01EF}')
}

/// Whether a character is punctuation or a sign (Unicode categories P and S), as CommonMark counts them.
fn is_punctuation(character: char) -> bool {
    match character {
        '\0'..='\x7F' => character.is_ascii_punctuation(),
        // Signs that Unicode also counts as letters.
        '\u{24B6}'..='\u{24E9}' | '\u{1F130}'..='\u{1F189}' => true,
        '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205E}' | '\u{2190}'..='\u{22FF}' | '\u{2500}'..='\u{2767}' => true,
        '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3020}' | '\u{FF01}'..='\u{FF0F}' | '\u{1F300}'..='\u{1F64F}' => true,
        _ => !character.is_alphanumeric() && is_punctuation_to_the_parser(character),
    }
}

/// The same, from the parser's own table: before punctuation an asterisk after a letter opens nothing.
fn is_punctuation_to_the_parser(character: char) -> bool {
    let probe = format!("x*{character}x*");
    !Parser::new(&probe).any(|event| matches!(event, Event::Start(Tag::Emphasis)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn punctuation_is_what_the_parser_takes_for_it() {
        let sample = (0x80..0x3400).chain(0xA000..0xAC00).chain(0xF900..0x1_0000).chain(0x1_F000..0x1_FB00);
        for character in sample.filter_map(char::from_u32).filter(|c| !c.is_whitespace()) {
            assert_eq!(is_punctuation(character), is_punctuation_to_the_parser(character), "{:x}", character as u32);
        }
    }
}
