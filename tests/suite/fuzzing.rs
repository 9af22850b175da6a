//! The short form of fuzzing: the judges over the fuzzer's corpus, and over what becomes of it by small changes.

use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;

#[path = "../../fuzz/src/judges.rs"]
pub mod judges;

/// What a judge judges by.
type Judge = fn(&[u8]);

/// Every judge with its corpus, and how many changes are tried of it: judging a whole site takes longer.
const JUDGES: [(&str, Judge, u32); 7] = [
    ("front_matter", judges::front_matter, 300),
    ("digest", judges::digest, 300),
    ("feeds", judges::feeds, 60),
    ("accept_encoding", judges::accept_encoding, 300),
    ("if_none_match", judges::if_none_match, 300),
    ("a_im", judges::a_im, 300),
    ("path", judges::path, 300),
];

/// The inputs of a corpus, in the order of their names.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 5, "the corpus of {target} has {} inputs", files.len());
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// One change of some bytes, as fuzzers make them.
#[derive(Debug, Clone)]
enum Change {
    Insert(Vec<u8>),
    Overwrite(u8),
    Remove(usize),
    Repeat(usize, usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>, place: Index) {
        let at = place.index(bytes.len() + 1);
        let until = |length: usize| bytes.len().min(at + length);
        match self {
            Change::Insert(new) => drop(bytes.splice(at..at, new.iter().copied())),
            Change::Overwrite(byte) => drop(bytes.splice(at..until(1), [*byte])),
            Change::Remove(length) => drop(bytes.drain(at..until(*length))),
            Change::Repeat(length, times) => {
                let part = bytes[at..until(*length)].repeat(*times);
                bytes.splice(at..at, part);
            }
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    let marks: Vec<&[u8]> = vec![
        b"]]>",
        b"&",
        b"<",
        b"\0",
        b"\xff",
        b"\"",
        b",",
        b";q=0",
        b"*",
        b"/",
        b"//",
        b"\\",
        b"%2f",
        b"..",
        b"\n",
        b"\r\n",
        b"---\n",
        b": ",
        b"[",
        b"](",
        b"`",
        b"#",
        b"<!--",
        b"-->",
        b"<b>",
        b"&#8;",
        "\u{202E}".as_bytes(),
        "\u{FFFE}".as_bytes(),
    ];
    let mark = prop::sample::select(marks).prop_map(|mark| Change::Insert(mark.to_vec()));
    prop_oneof![
        4 => mark,
        1 => prop::collection::vec(any::<u8>(), 1..4).prop_map(Change::Insert),
        2 => any::<u8>().prop_map(Change::Overwrite),
        2 => (1..20_usize).prop_map(Change::Remove),
        1 => (1..20_usize, 1..50_usize).prop_map(|(length, times)| Change::Repeat(length, times)),
    ]
}

#[test]
fn nothing_in_the_corpus_and_nothing_near_it_does_what_may_not_happen() {
    for (target, judge, cases) in JUDGES {
        let inputs = corpus(target);
        inputs.iter().for_each(|input| judge(input));
        let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) };
        let changed = (prop::sample::select(inputs), prop::collection::vec((change(), any::<Index>()), 1..6));
        let judged = proptest::test_runner::TestRunner::new(config).run(&changed, |(mut input, changes)| {
            changes.iter().for_each(|(change, place)| change.apply(&mut input, *place));
            judge(&input);
            Ok(())
        });
        judged.unwrap_or_else(|failure| panic!("{target}: {failure}"));
    }
}

/// A judge that lets everything pass judges nothing.
#[test]
fn judges_see_what_may_not_happen() {
    for html in [
        "<script>x</script>",
        "<img src=\"javascript:x\">",
        "<a href=\"data:x\">x</a>",
        "<b onclick=\"x\">x</b>",
        "<b>x",
        "<b>x</i>",
        "<p style=\"color:red\">x</p>",
        "<img src=x>",
        "a < b",
        "<!-- x -->",
        "<svg></svg>",
        "\u{8}",
    ] {
        let judged = std::panic::catch_unwind(|| judges::expect_harmless(html));
        assert!(judged.is_err(), "{html} passes");
    }
    judges::expect_harmless("<p>a <a href=\"https://example.org/?a&amp;b\">b</a><br />1 &lt; 2</p>");
}
