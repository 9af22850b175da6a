//! What a publisher may change about the pages: colours, a logo, a footer, and rules of style after ours. Nothing else.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use bytes::Bytes;

/// How pages look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// By day.
    pub light: Colours,
    /// By night, for those whose system says so.
    pub dark: Colours,
    /// Beside the title, and as the icon.
    pub logo: Option<Logo>,
    /// Clean HTML at the end of every page; may be empty.
    pub footer: String,
    /// What comes after our own style sheet; may be empty.
    pub stylesheet: String,
}

impl Default for Look {
    fn default() -> Look {
        let colour = |red, green, blue| Colour([red, green, blue]);
        Look {
            light: Colours {
                paper: colour(0xfd, 0xfc, 0xfa),
                ink: colour(0x1d, 0x1d, 0x1b),
                accent: colour(0x0b, 0x53, 0x94),
            },
            dark: Colours {
                paper: colour(0x19, 0x18, 0x16),
                ink: colour(0xe8, 0xe4, 0xdc),
                accent: colour(0x8a, 0xb8, 0xea),
            },
            logo: None,
            footer: String::new(),
            stylesheet: String::new(),
        }
    }
}

/// The colours that the others are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colours {
    /// What is written on.
    pub paper: Colour,
    /// What is written with.
    pub ink: Colour,
    /// Of links and buttons.
    pub accent: Colour,
}

/// A picture beside the title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logo {
    /// The name of its file on the site: `logo.svg`.
    pub file: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// Its bytes.
    pub bytes: Bytes,
}

/// What a logo may be: the ending of the file, the name it has on the site, and the media type.
const LOGOS: [(&str, &str, &str); 6] = [
    ("svg", "logo.svg", "image/svg+xml"),
    ("png", "logo.png", "image/png"),
    ("webp", "logo.webp", "image/webp"),
    ("avif", "logo.avif", "image/avif"),
    ("jpg", "logo.jpg", "image/jpeg"),
    ("jpeg", "logo.jpg", "image/jpeg"),
];

impl Logo {
    /// A picture whose file has this ending; `None` for what is no picture that every browser shows.
    pub fn new(ending: &str, bytes: Bytes) -> Option<Logo> {
        let (_, file, media_type) = LOGOS.into_iter().find(|(known, ..)| ending.eq_ignore_ascii_case(known))?;
        Some(Logo { file, media_type, bytes })
    }

    /// The media type of a file of a site, if it is a logo.
    pub fn media_type_of(file: &str) -> Option<&'static str> {
        LOGOS.into_iter().find(|(_, known, _)| *known == file).map(|(.., media_type)| media_type)
    }

    /// Whether other sites show it beside a link: most take no SVG.
    pub(super) fn is_for_cards(&self) -> bool {
        ["image/png", "image/jpeg", "image/webp"].contains(&self.media_type)
    }
}

/// A colour: red, green and blue, written as `#0b5394`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour([u8; 3]);

/// The contrast that text needs (WCAG 2.2, success criterion 1.4.3).
pub const CONTRAST: f64 = 4.5;

impl Colour {
    /// How much two colours differ, from 1 to 21 (WCAG 2.2, contrast ratio).
    pub fn contrast(self, other: Colour) -> f64 {
        let (one, other) = (self.luminance(), other.luminance());
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    /// WCAG 2.2, relative luminance.
    fn luminance(self) -> f64 {
        let linear = |part: u8| match f64::from(part) / 255.0 {
            dark if dark <= 0.04045 => dark / 12.92,
            bright => ((bright + 0.055) / 1.055).powf(2.4),
        };
        let [red, green, blue] = self.0.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// This colour with so many hundredths of another in it.
    fn with(self, other: Colour, hundredths: u16) -> Colour {
        let part = |at: usize| {
            let mixed = u16::from(self.0[at]) * (100 - hundredths) + u16::from(other.0[at]) * hundredths;
            u8::try_from((mixed + 50) / 100).unwrap_or(u8::MAX)
        };
        Colour([part(0), part(1), part(2)])
    }

    /// The nearest colour on the way to another that can be read on a ground.
    pub fn readable_on(self, ground: Colour, towards: Colour) -> Colour {
        let ways = (0..=100).map(|hundredths| self.with(towards, hundredths));
        ways.into_iter().find(|colour| colour.contrast(ground) >= CONTRAST).unwrap_or(towards)
    }
}

impl FromStr for Colour {
    type Err = ();

    /// `#0b5394` or `#05a`.
    fn from_str(text: &str) -> Result<Colour, ()> {
        let digits: Option<Vec<u8>> = text.strip_prefix('#').ok_or(())?.chars().map(hexadecimal).collect();
        match digits.ok_or(())?[..] {
            [r, g, b] => Ok(Colour([r * 17, g * 17, b * 17])),
            [a, b, c, d, e, f] => Ok(Colour([a * 16 + b, c * 16 + d, e * 16 + f])),
            _ => Err(()),
        }
    }
}

fn hexadecimal(digit: char) -> Option<u8> {
    digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl Colours {
    /// What cards and code stand on.
    pub fn card(&self) -> Colour {
        self.paper.with(self.ink, 4)
    }

    /// As variables of a style sheet. What is quieter than the ink can still be read, also on cards.
    fn variables(&self) -> String {
        let Colours { paper, ink, accent } = *self;
        let card = self.card();
        let quiet = ink.with(paper, 30).readable_on(card, ink);
        let line = paper.with(ink, 14);
        format!("--paper:{paper};--ink:{ink};--link:{accent};--card:{card};--quiet:{quiet};--line:{line}")
    }
}

impl Look {
    /// The style sheet of the site: the colours, our own rules, the publisher's.
    pub(super) fn style(&self) -> String {
        let mut style = format!(":root{{color-scheme:light dark;{}}}\n", self.light.variables());
        // Writing to a string cannot fail.
        let _ = writeln!(style, "@media (prefers-color-scheme:dark){{:root{{{}}}}}", self.dark.variables());
        style.push_str(include_str!("style.css"));
        style.push_str(&self.stylesheet);
        style
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colour(text: &str) -> Colour {
        text.parse().unwrap()
    }

    #[test]
    fn contrast_is_that_of_wcag() {
        assert!((colour("#000").contrast(colour("#ffffff")) - 21.0).abs() < 0.01);
        assert!((colour("#777").contrast(colour("#fff")) - 4.48).abs() < 0.01);
        assert!(["red", "#12", "#12345g", "#é12345", ""].iter().all(|text| text.parse::<Colour>().is_err()));
    }

    #[test]
    fn every_text_can_be_read_on_everything_it_stands_on() {
        let Look { light, dark, .. } = Look::default();
        for colours in [light, dark] {
            let quiet = colours.variables().split_once("--quiet:").unwrap().1[..7].to_owned();
            for text in [colours.ink, colours.accent, colour(&quiet)] {
                for ground in [colours.paper, colours.card()] {
                    assert!(text.contrast(ground) >= CONTRAST, "{text} on {ground}: {}", text.contrast(ground));
                }
            }
        }
    }

    #[test]
    fn a_colour_that_cannot_be_read_has_one_beside_it_that_can() {
        let (pale, paper) = (colour("#88aaff"), colour("#fff"));
        let readable = pale.readable_on(paper, colour("#000"));
        assert!(pale.contrast(paper) < CONTRAST && readable.contrast(paper) >= CONTRAST);
    }
}
