//! The configuration: the example parses to the defaults, mistakes are told with their place and the way out.

use feedmill::config::{self, Config, Overrides};

use crate::harness::Folder;

fn load(yaml: &str, environment: &[(&str, &str)]) -> anyhow::Result<config::Options> {
    let folder = Folder::with([("feedmill.yaml", yaml)]);
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    config::load(Some(&folder.file("feedmill.yaml")), environment, &Overrides::default())
}

fn error(yaml: &str) -> String {
    let error = load(yaml, &[]).expect_err(yaml);
    let text = format!("{error:#}");
    text.split_once("feedmill.yaml:").map_or(text.clone(), |(_, rest)| rest.trim().to_owned())
}

#[test]
fn the_example_is_the_defaults_and_names_every_key() {
    let text = include_str!("../../config/feedmill.yaml");
    let example = config::parse(text).unwrap();
    assert_eq!(example, Config::default());
    let known = serde_yaml::to_value(&example).unwrap();
    let written: serde_yaml::Value = serde_yaml::from_str(text).unwrap();
    for (section, keys) in known.as_mapping().unwrap() {
        for key in keys.as_mapping().unwrap().keys() {
            assert!(written[section].get(key).is_some(), "{section:?} {key:?} is missing in config/feedmill.yaml");
        }
    }
}

#[test]
fn an_empty_file_is_the_defaults() {
    for text in ["", "# nothing\n", "site: {}\n"] {
        assert_eq!(config::parse(text).unwrap(), Config::default());
    }
}

#[test]
fn mistakes_are_told_with_line_and_remedy() {
    for (yaml, expected) in [
        ("site:\n  titel: x\n", "2:3: unknown key \"titel\" in site; did you mean \"title\"?"),
        ("sitee: {}\n", "1:1: unknown key \"sitee\"; did you mean \"site\"?"),
        ("feeds: {qqq: 1}\n", "1:9: unknown key \"qqq\" in feeds; known are days, digests, max_bytes"),
        ("feeds: {days: many}\n", "1:15: feeds.days: invalid type: string \"many\", expected u32"),
        ("site: {\n", "2:1: did not find expected node content"),
        (
            "time: {timezone: Asia/Shanghia}\n",
            "time.timezone: there is no zone `Asia/Shanghia`; did you mean `Asia/Shanghai`?",
        ),
        ("time: {publish_at: noon}\n", "time.publish_at: write `noon` as 08:00"),
        ("site: {base_url: example.org}\n", "site.base_url: `example.org` is no address"),
        ("site: {title: ' '}\n", "site.title: a publication needs a title"),
        ("sections: {unknown: ignore}\n", "sections.unknown: `ignore` is neither `own` nor a slug and a title"),
        (
            "sections: {known: [{slug: 新闻}]}\n",
            "sections: the slug `新闻` of a section is not lower case ASCII; try `xin-wen`",
        ),
        ("sections: {known: [{slug: digests}]}\n", "sections: the slug `digests` of a section is the name of a route"),
        ("sections: {known: [{slug: a}, {slug: a}]}\n", "sections: two sections have the slug `a`"),
        (
            "sections: {unknown: {slug: ../x, title: X}}\n",
            "sections: the slug `../x` of a section is not lower case ASCII",
        ),
        ("ids: {authority: 'a b'}\n", "ids.authority: `a b` is neither a domain nor a mail address"),
        ("server: {header_seconds: 20}\n", "server.drain_seconds: more than header_seconds"),
        ("server: {listen: nowhere}\n", "server.listen: invalid socket address syntax"),
        ("sections: {moved: {a: b, b: c}}\n", "sections.moved: `a` leads to `b`, which is moved itself"),
        ("sections: {retired: [{slug: a, since: May}]}\n", "sections.retired: write `May` as 2025-05-22"),
        ("sections: {retired: [{slug: A b, since: 2025-05-22}]}\n", "sections.retired: `A b` is no slug of a section"),
        ("server: {max_head_bytes: 100}\n", "server.max_head_bytes: 8192 to 1048576"),
        ("server: {trusted_proxies: [proxy]}\n", "server.trusted_proxies: write `proxy` as 10.0.0.0/8 or 192.0.2.1"),
        ("content: {ignore: ['a[']}\n", "content.ignore: `a[`"),
        ("look: {accent: blue}\n", "look.accent: write `blue` as #0b5394"),
        (
            "look: {accent: '#88aaff'}\n",
            "look.accent: #88aaff on #fdfcfa has a contrast of 2.2, and text needs 4.5; #576da3 would do",
        ),
        ("look: {dark_ink: '#444'}\n", "look.dark_ink: #444444 on #191816 has a contrast of 1.8"),
        ("look: {logo: nowhere.svg}\n", "look.logo: cannot read "),
        ("look: {logo: feedmill.yaml}\n", "look.logo: `feedmill.yaml` is none of svg, png, webp, avif and jpg"),
    ] {
        let told = error(yaml);
        assert!(told.contains(expected), "{yaml}: {told}");
    }
}

#[test]
fn environment_goes_before_the_file_and_the_command_line_before_both() {
    let environment = [
        ("FEEDMILL_SITE_TITLE", "2025"),
        ("FEEDMILL_FEEDS_DAYS", "3"),
        ("FEEDMILL_SITE_AUTHORS", "[One, Two]"),
        ("FEEDMILL_SITE_BASE_URL", "https://env.example.org"),
        ("FEEDMILL_TIME_PUBLISH_AT", "09:30"),
        ("FEEDMILL_SERVICE_HOST", "10.0.0.1"),
    ];
    let options = load("site: {title: File, description: Kept}\n", &environment).unwrap();
    let feeds = options.site.feeds;
    assert_eq!((feeds.title.as_str(), feeds.description.as_str(), feeds.days), ("2025", "Kept", 3));
    assert_eq!(feeds.authors, ["One", "Two"]);
    assert_eq!(feeds.base_url, "https://env.example.org/");
    let overrides = Overrides { base_url: Some("https://cli.example.org".into()), ..Overrides::default() };
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let options = config::load(None, environment, &overrides).unwrap();
    assert_eq!(options.site.feeds.base_url, "https://cli.example.org/");
}

#[test]
fn a_wrong_environment_variable_is_named() {
    let error = load("", &[("FEEDMILL_FEEDS_DAYS", "many")]).unwrap_err();
    assert!(format!("{error:#}").starts_with("the environment variable FEEDMILL_FEEDS_DAYS: "), "{error:#}");
}

#[test]
fn folders_are_relative_to_the_file() {
    let folder = Folder::with([("etc/feedmill.yaml", "content: {folder: ../digests}\nstate: {folder: state}\n")]);
    let options = config::load(Some(&folder.file("etc/feedmill.yaml")), [], &Overrides::default()).unwrap();
    assert_eq!(options.content.unwrap(), folder.file("etc/../digests"));
    assert_eq!(options.state.unwrap(), folder.file("etc/state"));
}

/// Every key with another value than its default.
const OTHERS: &str = r##"
site: {title: x, description: x, language: fr, authors: [x], base_url: "https://example.org/"}
content: {folder: x, extensions: [txt], include: [x], ignore: [x], max_file_bytes: 1, max_total_bytes: 1, max_items: 1, max_sections: 1, max_nesting: 9}
dates: {sources: [path], pattern: "%Y", issue: {number: 1, date: 2025-01-01, days: 7}}
sections:
  known: [{slug: x}]
  unknown: {slug: rest, title: Rest}
  level: 2
  skip: [x]
  retired: [{slug: y, since: 2025-01-01}]
  moved: {a: b}
items: {form: list, prose: skip, dedupe: "off", skip: [x], labels: [x]}
links: {base: "https://example.org/", tracking: [x], tracking_fragments: [x]}
time: {timezone: Asia/Shanghai, publish_at: "09:00"}
ids: {authority: example.org, date: "2024"}
guard: {share_percent: 1, entries: 1}
retractions: {days: 1, label: x}
feeds: {days: 1, digests: 1, max_bytes: 1}
look:
  accent: "#000001"
  paper: "#fffffe"
  ink: "#000002"
  dark_accent: "#fffffd"
  dark_paper: "#000003"
  dark_ink: "#fffffc"
  logo: x.png
  footer: x
  stylesheet: x.css
server:
  listen: 127.0.0.1:1
  max_age_seconds: 1
  deltas: false
  header_seconds: 1
  stall_seconds: 1
  drain_seconds: 20
  max_head_bytes: 9000
  max_headers: 1
  max_connections: 1
  connections_per_address: 1
  full_answers_per_hour: 1
  full_answers_at_once: 1
  trusted_proxies: [127.0.0.1]
  access_log: x
admin: {listen: "127.0.0.1:2"}
readership: {keep_days: 1}
watch: {interval_seconds: 1, pause_milliseconds: 1, patience_milliseconds: 1}
state: {folder: x}
"##;

#[test]
fn every_key_is_another_after_a_reload_or_is_told_to_wait_for_the_next_start() {
    let waiting = [
        "server.listen",
        "server.max_connections",
        "server.full_answers_per_hour",
        "server.full_answers_at_once",
        "admin.listen",
        "state.folder",
    ];
    let folder = Folder::with([("x.png", "x"), ("x.css", "a{}")]);
    let load = |yaml: &str| {
        folder.write("feedmill.yaml", yaml);
        config::load(Some(&folder.file("feedmill.yaml")), [], &Overrides::default()).expect(yaml)
    };
    let before = load("");
    let others: serde_yaml::Value = serde_yaml::from_str(OTHERS).unwrap();
    let known = serde_yaml::to_value(Config::default()).unwrap();
    let mut seen = 0;
    for (section, keys) in known.as_mapping().unwrap() {
        for key in keys.as_mapping().unwrap().keys() {
            let name = format!("{}.{}", section.as_str().unwrap(), key.as_str().unwrap());
            let other = others[section].get(key).unwrap_or_else(|| panic!("{name} has no other value here"));
            let value = serde_json::to_string(&serde_json::to_value(other).unwrap()).unwrap();
            let newer = load(&format!("{}: {{{}: {value}}}\n", section.as_str().unwrap(), key.as_str().unwrap()));
            let told = before.at_next_start(&newer);
            let reloaded = format!("{:?}", before.reloaded(newer));
            if waiting.contains(&name.as_str()) {
                assert_eq!(told, [name.as_str()]);
                assert_eq!(reloaded, format!("{before:?}"), "{name} waits and yet is another");
                seen += 1;
            } else {
                assert_eq!(told, <[&str; 0]>::default(), "{name}");
                assert_ne!(reloaded, format!("{before:?}"), "{name} changes nothing");
            }
        }
    }
    assert_eq!(seen, waiting.len());
}
