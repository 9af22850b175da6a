//! What an author probably meant: nearest names for unknown keys.

/// A message with its place in front (`line:column: `), for a configuration that cannot be read.
pub(super) fn explain(error: &serde_yaml::Error) -> String {
    let (line, column) = error.location().map_or((1, 1), |location| (location.line(), location.column()));
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or(&text);
    let message = unknown_key(text).unwrap_or_else(|| text.to_owned());
    format!("{line}:{column}: {message}")
}

/// serde names the unknown field and the known ones in its message: ``site: unknown field `titel`, expected one of `title`, …``
fn unknown_key(text: &str) -> Option<String> {
    let (place, rest) = text.split_once("unknown field `")?;
    let (unknown, expected) = rest.split_once('`')?;
    let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    let place = place.trim_end_matches([':', ' ', '.']);
    let place = if place.is_empty() { String::new() } else { format!(" in {place}") };
    let hint = match nearest(unknown, known.iter().copied()) {
        Some(name) => format!("did you mean \"{name}\"?"),
        None => format!("known are {}", known.join(", ")),
    };
    Some(format!("unknown key \"{unknown}\"{place}; {hint}"))
}

/// The name most like another, if any is like it at all.
pub(super) fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    /// Below this two names have little in common.
    const ALIKE: f64 = 0.7;
    let lower = name.to_lowercase();
    let likeness =
        names.map(|candidate| (strsim::normalized_damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate));
    likeness
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name)
}
