//! Character references in plain text: `&` as `&#x26;` and `<` as `&#x3C;`.
//!
//! The same XML as `&amp;` and `&lt;`, but some readers decode a title twice, and the W3C validator warns for that reason. The
//! writing crates only know the named form, so their finished document is rewritten.

/// Rewrites the text of some elements. CDATA sections stay as they are.
pub(super) fn hexadecimal(document: Vec<u8>, elements: &[&str]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(&document) else { return document };
    let mut result = String::with_capacity(text.len() + text.len() / 64);
    let mut rest = text;
    let mut inside = false;
    while let Some(at) = rest.find('<') {
        push(&mut result, &rest[..at], inside);
        rest = &rest[at..];
        let end = match rest.strip_prefix("<![CDATA[") {
            Some(_) => rest.find("]]>").map_or(rest.len(), |end| end + 3),
            None => rest.find('>').map_or(rest.len(), |end| end + 1),
        };
        let markup = &rest[..end];
        if !markup.starts_with("<!") {
            inside = elements.iter().any(|name| opens(markup, name));
        }
        result.push_str(markup);
        rest = &rest[end..];
    }
    push(&mut result, rest, false);
    result.into_bytes()
}

fn opens(tag: &str, name: &str) -> bool {
    let after = tag.strip_prefix('<').and_then(|tag| tag.strip_prefix(name));
    after.is_some_and(|after| after.starts_with([' ', '>']))
}

fn push(result: &mut String, text: &str, inside: bool) {
    if inside && text.contains('&') {
        result.push_str(&text.replace("&amp;", "&#x26;").replace("&lt;", "&#x3C;"));
    } else {
        result.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_elements_change() {
        let document = "<r a=\"&amp;\"><title type=\"text\">a &amp; &lt;</title><x>&amp;</x><title><![CDATA[<title>&amp;</title>]]></title></r>";
        assert_eq!(
            String::from_utf8(hexadecimal(document.as_bytes().to_vec(), &["title"])).unwrap(),
            "<r a=\"&amp;\"><title type=\"text\">a &#x26; &#x3C;</title><x>&amp;</x><title><![CDATA[<title>&amp;</title>]]></title></r>"
        );
    }
}
