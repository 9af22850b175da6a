//! The configuration file, and the options of every module made from it.
//!
//! The only module that knows YAML keys. Each section of the file fills the options of a module below; what the file does not
//! say has that module's default. An environment variable `FEEDMILL_SECTION_KEY` overrides a key.

mod unknown;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use chrono::NaiveTime;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_yaml::Value;
use url::Url;

use crate::digest::text::{language_tag, one_line, slug};
use crate::digest::{self, DateRules, DateSource, Dedupe, IssueDates, ItemForm, Prose, Rules, SectionRule};
use crate::http::admin::Address;
use crate::http::server::Readership;
use crate::http::{limit, respond, server};
use crate::ledger::guard;
use crate::library::watch;
use crate::site::{CONTRAST, Colour, Colours, Logo, Look};
use crate::{feed, ledger, library, site};

/// The whole file. Every key has a default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What the publication is.
    pub site: SiteKeys,
    /// Which files are read.
    pub content: ContentKeys,
    /// Where dates stand.
    pub dates: DateKeys,
    /// Which sections there are.
    pub sections: SectionKeys,
    /// How items are recognised.
    pub items: ItemKeys,
    /// How links are read.
    pub links: LinkKeys,
    /// When a digest is published.
    pub time: TimeKeys,
    /// What ids are made of.
    pub ids: IdKeys,
    /// When a change is held back until it is confirmed.
    pub guard: GuardKeys,
    /// What becomes of an item that its author takes back.
    pub retractions: RetractionKeys,
    /// How far back feeds reach.
    pub feeds: FeedKeys,
    /// How pages look.
    pub look: LookKeys,
    /// How the server answers.
    pub server: ServerKeys,
    /// What operators are told, and where.
    pub admin: AdminKeys,
    /// How readers are counted.
    pub readership: ReadershipKeys,
    /// How the folder is watched.
    pub watch: WatchKeys,
    /// What outlasts a restart.
    pub state: StateKeys,
}

/// `site`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SiteKeys {
    title: String,
    description: String,
    language: Option<String>,
    authors: Vec<String>,
    base_url: Option<String>,
}

impl Default for SiteKeys {
    fn default() -> SiteKeys {
        SiteKeys {
            title: "Digest".to_owned(),
            description: "Short items on what happened, every one linked to its story".to_owned(),
            language: None,
            authors: Vec::new(),
            base_url: None,
        }
    }
}

/// `content`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContentKeys {
    folder: Option<PathBuf>,
    extensions: Vec<String>,
    include: Vec<String>,
    ignore: Vec<String>,
    max_file_bytes: u64,
    max_total_bytes: u64,
    max_items: usize,
    max_sections: usize,
    max_nesting: usize,
}

impl Default for ContentKeys {
    fn default() -> ContentKeys {
        let (library, rules) = (library::Options::default(), Rules::default());
        ContentKeys {
            folder: None,
            extensions: library.extensions,
            include: Vec::new(),
            ignore: Vec::new(),
            max_file_bytes: library.max_file_bytes,
            max_total_bytes: library.max_total_bytes,
            max_items: rules.max_items,
            max_sections: library.max_sections,
            max_nesting: rules.max_nesting,
        }
    }
}

/// `dates`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DateKeys {
    sources: Vec<String>,
    pattern: Option<String>,
    issue: Option<IssueKey>,
}

/// `dates.issue`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssueKey {
    number: i64,
    date: String,
    days: i64,
}

impl Default for DateKeys {
    fn default() -> DateKeys {
        let sources =
            digest::DateRules::default().sources.into_iter().map(|source| name_of(&SOURCES, source).to_owned());
        DateKeys { sources: sources.collect(), pattern: None, issue: None }
    }
}

/// What `dates.sources` may name.
const SOURCES: [(&str, DateSource); 4] = [
    ("front-matter", DateSource::FrontMatter),
    ("path", DateSource::Path),
    ("heading", DateSource::Heading),
    ("title", DateSource::Title),
];

/// What `items.form` may be.
const FORMS: [(&str, ItemForm); 10] = [
    ("auto", ItemForm::Auto),
    ("h1", ItemForm::Heading(1)),
    ("h2", ItemForm::Heading(2)),
    ("h3", ItemForm::Heading(3)),
    ("h4", ItemForm::Heading(4)),
    ("list", ItemForm::List),
    ("numbered", ItemForm::Numbered),
    ("bold", ItemForm::Bold),
    ("paragraph", ItemForm::Paragraph),
    ("file", ItemForm::File),
];

/// What `items.prose` may be.
const PROSE: [(&str, Prose); 2] = [("item", Prose::Item), ("skip", Prose::Skip)];

/// What `items.dedupe` may be.
const DEDUPE: [(&str, Dedupe); 3] = [("digest", Dedupe::Digest), ("feed", Dedupe::Feed), ("off", Dedupe::Off)];

fn name_of<T: Copy + PartialEq>(names: &[(&'static str, T)], value: T) -> &'static str {
    names.iter().find(|(_, known)| *known == value).map_or("", |(name, _)| name)
}

fn by_name<T: Copy>(key: &str, names: &[(&'static str, T)], name: &str) -> anyhow::Result<T> {
    let found = names.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    found.with_context(|| {
        let known: Vec<&str> = names.iter().map(|(known, _)| *known).collect();
        format!("{key}: `{name}` is none of {}", known.join(", "))
    })
}

/// `sections`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SectionKeys {
    known: Vec<SectionKey>,
    unknown: UnknownKey,
    level: Option<usize>,
    skip: Vec<String>,
    retired: Vec<RetiredKey>,
    moved: BTreeMap<String, String>,
}

/// One of `sections.retired`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetiredKey {
    slug: String,
    since: String,
    #[serde(default)]
    successor: Option<String>,
}

/// One of `sections.known`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SectionKey {
    slug: String,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    headings: Vec<String>,
}

/// `sections.unknown`: the word `own`, or the section for the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum UnknownKey {
    /// The word `own`.
    Word(String),
    /// The section that takes them.
    Rest(RestKey),
}

/// The section for the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestKey {
    slug: String,
    title: String,
}

impl Default for UnknownKey {
    fn default() -> UnknownKey {
        UnknownKey::Word("own".to_owned())
    }
}

/// `items`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ItemKeys {
    form: String,
    prose: String,
    dedupe: String,
    skip: Vec<String>,
    labels: Vec<String>,
}

impl Default for ItemKeys {
    fn default() -> ItemKeys {
        let Rules { items, prose, dedupe, labels, .. } = Rules::default();
        ItemKeys {
            form: name_of(&FORMS, items).to_owned(),
            prose: name_of(&PROSE, prose).to_owned(),
            dedupe: name_of(&DEDUPE, dedupe).to_owned(),
            skip: Vec::new(),
            labels: labels.texts().to_vec(),
        }
    }
}

/// `links`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinkKeys {
    base: Option<String>,
    tracking: Vec<String>,
    tracking_fragments: Vec<String>,
}

impl Default for LinkKeys {
    fn default() -> LinkKeys {
        let ids = ledger::Options::default();
        LinkKeys { base: None, tracking: ids.tracking, tracking_fragments: ids.tracking_fragments }
    }
}

/// `time`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeKeys {
    timezone: String,
    publish_at: String,
}

impl Default for TimeKeys {
    fn default() -> TimeKeys {
        let ids = ledger::Options::default();
        TimeKeys { timezone: ids.timezone.name().to_owned(), publish_at: ids.publish_at.format("%H:%M").to_string() }
    }
}

/// `ids`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IdKeys {
    authority: Option<String>,
    date: String,
}

impl Default for IdKeys {
    fn default() -> IdKeys {
        IdKeys { authority: None, date: ledger::Options::default().authority_date }
    }
}

/// `guard`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GuardKeys {
    share_percent: u8,
    entries: usize,
}

impl Default for GuardKeys {
    fn default() -> GuardKeys {
        let guard::Options { share_percent, entries } = guard::Options::default();
        GuardKeys { share_percent, entries }
    }
}

/// `retractions`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetractionKeys {
    days: u32,
    label: String,
}

impl Default for RetractionKeys {
    fn default() -> RetractionKeys {
        RetractionKeys { days: ledger::Options::default().retraction_days, label: "Retracted".to_owned() }
    }
}

/// `feeds`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeedKeys {
    days: u32,
    digests: usize,
    max_bytes: usize,
}

impl Default for FeedKeys {
    fn default() -> FeedKeys {
        FeedKeys { days: 14, digests: 10, max_bytes: 250_000 }
    }
}

/// `look`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LookKeys {
    accent: String,
    paper: String,
    ink: String,
    dark_accent: String,
    dark_paper: String,
    dark_ink: String,
    logo: Option<PathBuf>,
    footer: String,
    stylesheet: Option<PathBuf>,
}

impl Default for LookKeys {
    fn default() -> LookKeys {
        let Look { light, dark, .. } = Look::default();
        LookKeys {
            accent: light.accent.to_string(),
            paper: light.paper.to_string(),
            ink: light.ink.to_string(),
            dark_accent: dark.accent.to_string(),
            dark_paper: dark.paper.to_string(),
            dark_ink: dark.ink.to_string(),
            logo: None,
            footer: String::new(),
            stylesheet: None,
        }
    }
}

/// `server`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerKeys {
    listen: SocketAddr,
    max_age_seconds: u32,
    deltas: bool,
    header_seconds: u64,
    stall_seconds: u64,
    drain_seconds: u64,
    max_head_bytes: usize,
    max_headers: usize,
    max_connections: usize,
    connections_per_address: usize,
    full_answers_per_hour: u32,
    full_answers_at_once: u32,
    trusted_proxies: Vec<String>,
    access_log: Option<PathBuf>,
}

impl Default for ServerKeys {
    fn default() -> ServerKeys {
        let options = server::Options::default();
        ServerKeys {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            max_age_seconds: options.respond.max_age_seconds,
            deltas: options.respond.deltas,
            header_seconds: options.header_timeout.as_secs(),
            stall_seconds: options.stall_timeout.as_secs(),
            drain_seconds: options.drain_timeout.as_secs(),
            max_head_bytes: options.max_head_bytes,
            max_headers: options.max_headers,
            max_connections: options.max_connections,
            connections_per_address: options.connections_per_address,
            full_answers_per_hour: options.limit.per_hour,
            full_answers_at_once: options.limit.at_once,
            trusted_proxies: Vec::new(),
            access_log: None,
        }
    }
}

/// `admin`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdminKeys {
    listen: Option<String>,
}

/// `readership`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadershipKeys {
    keep_days: u32,
}

impl Default for ReadershipKeys {
    fn default() -> ReadershipKeys {
        ReadershipKeys { keep_days: server::Options::default().readers.keep_days }
    }
}

/// `watch`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WatchKeys {
    interval_seconds: u64,
    pause_milliseconds: u64,
    patience_milliseconds: u64,
}

impl Default for WatchKeys {
    fn default() -> WatchKeys {
        let options = watch::Options::default();
        WatchKeys {
            interval_seconds: options.interval.as_secs(),
            pause_milliseconds: milliseconds(options.pause),
            patience_milliseconds: milliseconds(options.patience),
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// `state`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StateKeys {
    folder: Option<PathBuf>,
}

/// What the command line sets, over the file and the environment.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// The content folder.
    pub content: Option<PathBuf>,
    /// The public address.
    pub base_url: Option<String>,
    /// Where to listen.
    pub listen: Option<SocketAddr>,
    /// The state folder.
    pub state: Option<PathBuf>,
}

/// Everything resolved: the options of all modules.
#[derive(Debug, Clone)]
pub struct Options {
    /// The content folder, absolute, if one was named.
    pub content: Option<PathBuf>,
    /// Which files are read.
    pub library: library::Options,
    /// How the folder is watched.
    pub watch: watch::Options,
    /// How the site is made. Without a public address its base URL is empty until the server knows its own.
    pub site: site::Options,
    /// When a change is held back.
    pub guard: guard::Options,
    /// How the server answers.
    pub server: server::Options,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where operators ask.
    pub admin: Option<Address>,
    /// The state folder.
    pub state: Option<PathBuf>,
}

impl Options {
    /// The keys that are others in newer options and take effect with the next start only.
    pub fn at_next_start(&self, newer: &Options) -> Vec<&'static str> {
        let (old, new) = (&self.server, &newer.server);
        let differing = [
            (self.listen != newer.listen, "server.listen"),
            (old.max_connections != new.max_connections, "server.max_connections"),
            (old.limit.per_hour != new.limit.per_hour, "server.full_answers_per_hour"),
            (old.limit.at_once != new.limit.at_once, "server.full_answers_at_once"),
            (self.admin != newer.admin, "admin.listen"),
            (self.state != newer.state, "state.folder"),
        ];
        differing.into_iter().filter_map(|(differs, key)| differs.then_some(key)).collect()
    }

    /// Newer options, with what takes effect with the next start only as it is now.
    #[must_use]
    pub fn reloaded(&self, mut newer: Options) -> Options {
        newer.listen = self.listen;
        newer.admin.clone_from(&self.admin);
        newer.state.clone_from(&self.state);
        newer.server.max_connections = self.server.max_connections;
        newer.server.limit.clone_from(&self.server.limit);
        newer.server.has_admin = self.server.has_admin;
        newer.server.readers.state.clone_from(&self.server.readers.state);
        newer
    }
}

/// Reads the file, the environment and the command line, each over the one before.
///
/// # Errors
/// When the file cannot be read or says something that makes no sense, with its line and the way out.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    overrides: &Overrides,
) -> anyhow::Result<Options> {
    let mut config = match file {
        Some(path) => read(path)?,
        None => Config::default(),
    };
    override_by_environment(&mut config, environment)?;
    let folder = file.and_then(Path::parent).unwrap_or(Path::new(""));
    let resolved = resolve(&config, folder, overrides);
    match file {
        Some(path) => resolved.with_context(|| format!("in {}", path.display())),
        None => resolved,
    }
}

/// The process's environment as text; what is not UTF-8 is none of ours.
pub fn environment() -> Vec<(String, String)> {
    let variables = std::env::vars_os();
    variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect()
}

fn read(path: &Path) -> anyhow::Result<Config> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read the configuration {}", path.display()))?;
    parse(&text).map_err(|message| anyhow!("{}:{message}", path.display()))
}

/// Reads a configuration from its text. The error begins with `line:column: `.
pub fn parse(text: &str) -> Result<Config, String> {
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Config::default());
    }
    serde_yaml::from_str(text).map_err(|error| unknown::explain(&error))
}

/// Sets every key for which there is a variable `FEEDMILL_SECTION_KEY`. The value is YAML, or text where text is wanted.
fn override_by_environment(
    config: &mut Config,
    environment: impl IntoIterator<Item = (String, String)>,
) -> anyhow::Result<()> {
    let environment: BTreeMap<String, String> = environment.into_iter().collect();
    let Value::Mapping(sections) = serde_yaml::to_value(&*config)? else { return Ok(()) };
    for (section, keys) in &sections {
        let (Some(section), Value::Mapping(keys)) = (section.as_str(), keys) else { continue };
        for key in keys.keys().filter_map(Value::as_str) {
            let name = format!("FEEDMILL_{section}_{key}").to_ascii_uppercase();
            if let Some(value) = environment.get(&name) {
                set(config, section, key, value).with_context(|| format!("the environment variable {name}"))?;
            }
        }
    }
    Ok(())
}

fn set(config: &mut Config, section: &str, key: &str, text: &str) -> anyhow::Result<()> {
    let with = |value: Value| -> anyhow::Result<Config> {
        let mut changed = serde_yaml::to_value(&*config)?;
        changed[section][key] = value;
        Ok(serde_yaml::from_value(changed)?)
    };
    let as_text = with(Value::String(text.to_owned()));
    let as_yaml = || serde_yaml::from_str(text).map_err(anyhow::Error::from).and_then(&with);
    let changed = as_text.or_else(|_| as_yaml())?;
    *config = changed;
    Ok(())
}

fn resolve(config: &Config, folder: &Path, overrides: &Overrides) -> anyhow::Result<Options> {
    let rules = rules(config)?;
    let named = config.content.folder.as_ref().filter(|path| !path.as_os_str().is_empty());
    let content = overrides.content.clone().or_else(|| named.map(|path| folder.join(path)));
    let content = content.map(std::path::absolute).transpose().context("content.folder")?;
    let base_url = match overrides.base_url.as_ref().or(config.site.base_url.as_ref()) {
        Some(text) => base_url(text)?,
        None => String::new(),
    };
    let state = overrides.state.clone().or_else(|| config.state.folder.as_ref().map(|path| folder.join(path)));
    let state = state.map(std::path::absolute).transpose().context("state.folder")?;
    let listen = overrides.listen.unwrap_or(config.server.listen);
    let admin = config.admin.listen.as_deref().map(str::parse).transpose();
    let admin = admin.map_err(|message| anyhow!("admin.listen: {message}"))?;
    let mut server = server_options(&config.server, folder)?;
    server.readers = readers(config, state.clone())?;
    server.has_admin = admin.is_some();
    Ok(Options {
        content,
        library: library_options(&config.content)?,
        watch: watch_options(&config.watch)?,
        guard: guard(&config.guard)?,
        site: site::Options {
            ids: ids(config, &base_url, &rules)?,
            feeds: feeds(config, base_url)?,
            rules,
            retired: retired(&config.sections)?,
            moved: moved(&config.sections)?,
            look: Arc::new(look(&config.look, folder)?),
            preview: None,
        },
        server,
        listen,
        admin,
        state,
    })
}

fn language(config: &Config) -> anyhow::Result<Option<String>> {
    let Some(text) = &config.site.language else { return Ok(None) };
    let tag = language_tag(text);
    Ok(Some(
        tag.with_context(|| format!("site.language: `{text}` is no language tag; write it as en, zh-CN or pt-BR"))?,
    ))
}

fn base_url(text: &str) -> anyhow::Result<String> {
    let url = Url::parse(text).with_context(|| format!("site.base_url: `{text}` is no address"))?;
    ensure!(
        matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none() && url.fragment().is_none(),
        "site.base_url: `{text}` is no address of a site; write it as https://news.example.org/"
    );
    Ok(format!("{}/", url.as_str().trim_end_matches('/')))
}

fn rules(config: &Config) -> anyhow::Result<Rules> {
    let known = config.sections.known.iter().map(|section| SectionRule {
        slug: section.slug.clone(),
        title: section.title.as_deref().map(one_line),
        description: section.description.as_deref().map(one_line),
        headings: section.headings.clone(),
    });
    let unknown = match &config.sections.unknown {
        UnknownKey::Word(word) if word == "own" => digest::Unknown::Own,
        UnknownKey::Word(word) => bail!("sections.unknown: `{word}` is neither `own` nor a slug and a title"),
        UnknownKey::Rest(rest) => digest::Unknown::Rest { slug: rest.slug.clone(), title: one_line(&rest.title) },
    };
    let base = match &config.links.base {
        Some(text) => Some(Url::parse(text).with_context(|| format!("links.base: `{text}` is no address"))?),
        None => None,
    };
    ensure!(
        config.sections.level.is_none_or(|level| (1..=6).contains(&level)),
        "sections.level: 1 to 6, as many as the # of the headings"
    );
    ensure!(config.content.max_nesting >= 4, "content.max_nesting: at least 4, a list in a list");
    let rules = Rules {
        labels: config.items.labels.clone().into(),
        base,
        sections: known.collect(),
        unknown,
        language: language(config)?,
        shows_drafts: false,
        max_items: config.content.max_items,
        max_nesting: config.content.max_nesting,
        section_level: config.sections.level,
        skip: config.sections.skip.clone(),
        items: by_name("items.form", &FORMS, &config.items.form)?,
        prose: by_name("items.prose", &PROSE, &config.items.prose)?,
        skip_items: patterns("items.skip", &config.items.skip)?,
        dedupe: by_name("items.dedupe", &DEDUPE, &config.items.dedupe)?,
        dates: dates(&config.dates)?,
    };
    digest::check_rules(&rules).map_err(|message| anyhow!("sections: {message}"))?;
    Ok(rules)
}

fn retired(keys: &SectionKeys) -> anyhow::Result<Vec<site::Retired>> {
    let retired = keys.retired.iter().map(|RetiredKey { slug: name, since, successor }| {
        for name in std::iter::once(name).chain(successor) {
            ensure!(*name == slug(name) && !name.is_empty(), "sections.retired: `{name}` is no slug of a section");
        }
        ensure!(successor.as_ref() != Some(name), "sections.retired: `{name}` cannot be its own successor");
        let since = since.parse().with_context(|| format!("sections.retired: write `{since}` as 2025-05-22"))?;
        Ok(site::Retired { slug: name.clone(), since, successor: successor.clone() })
    });
    retired.collect()
}

fn moved(keys: &SectionKeys) -> anyhow::Result<BTreeMap<String, String>> {
    for (old, new) in &keys.moved {
        ensure!(*new == slug(new) && !new.is_empty(), "sections.moved: `{new}` is no slug of a section");
        ensure!(!keys.moved.contains_key(new), "sections.moved: `{old}` leads to `{new}`, which is moved itself");
        let is_known = keys.known.iter().any(|section| section.slug == *old);
        ensure!(!is_known, "sections.moved: `{old}` is one of sections.known, so it is still there");
    }
    Ok(keys.moved.clone())
}

fn dates(keys: &DateKeys) -> anyhow::Result<DateRules> {
    let sources = keys.sources.iter().map(|name| by_name("dates.sources", &SOURCES, name));
    if let Some(pattern) = &keys.pattern {
        let known = chrono::format::StrftimeItems::new(pattern).all(|item| item != chrono::format::Item::Error);
        ensure!(known, "dates.pattern: write `{pattern}` as strftime has it, such as %d.%m.%y");
    }
    let issues = keys.issue.as_ref().map(|issue| {
        let date = issue.date.parse().with_context(|| format!("dates.issue: write `{}` as 2025-05-22", issue.date))?;
        ensure!(issue.days > 0, "dates.issue: days is the time from one issue to the next, 7 for a week");
        Ok(IssueDates { number: issue.number, date, days: issue.days })
    });
    Ok(DateRules {
        sources: sources.collect::<anyhow::Result<_>>()?,
        pattern: keys.pattern.clone(),
        issues: issues.transpose()?,
    })
}

fn patterns(key: &str, texts: &[String]) -> anyhow::Result<Vec<glob::Pattern>> {
    texts.iter().map(|text| glob::Pattern::new(text).with_context(|| format!("{key}: `{text}`"))).collect()
}

fn library_options(keys: &ContentKeys) -> anyhow::Result<library::Options> {
    ensure!(keys.max_file_bytes <= 1 << 30, "content.max_file_bytes: at most 1073741824, one GiB");
    Ok(library::Options {
        extensions: keys.extensions.iter().map(|text| text.trim_start_matches('.').to_lowercase()).collect(),
        include: patterns("content.include", &keys.include)?,
        ignore: patterns("content.ignore", &keys.ignore)?,
        max_file_bytes: keys.max_file_bytes,
        max_total_bytes: keys.max_total_bytes,
        max_sections: keys.max_sections,
    })
}

fn watch_options(keys: &WatchKeys) -> anyhow::Result<watch::Options> {
    ensure!((1..=86_400).contains(&keys.interval_seconds), "watch.interval_seconds: 1 to 86400, a day");
    let longest = keys.pause_milliseconds.max(keys.patience_milliseconds);
    ensure!(
        longest <= 3_600_000,
        "watch: a pause or patience of more than 3600000 milliseconds, an hour, would show nothing"
    );
    Ok(watch::Options {
        interval: Duration::from_secs(keys.interval_seconds),
        pause: Duration::from_millis(keys.pause_milliseconds),
        patience: Duration::from_millis(keys.patience_milliseconds),
    })
}

fn feeds(config: &Config, base_url: String) -> anyhow::Result<feed::Options> {
    let (title, description) = (one_line(&config.site.title), one_line(&config.site.description));
    ensure!(!one_line(&config.retractions.label).is_empty(), "retractions.label: a word, such as Retracted");
    ensure!(config.feeds.days <= 36_500, "feeds.days: at most 36500, a hundred years");
    ensure!(!title.is_empty(), "site.title: a publication needs a title");
    ensure!(!description.is_empty(), "site.description: feed readers show it; one sentence is enough");
    Ok(feed::Options {
        title,
        description,
        language: language(config)?,
        authors: config.site.authors.iter().map(|name| one_line(name)).collect(),
        base_url,
        days: config.feeds.days,
        digests: config.feeds.digests,
        max_bytes: config.feeds.max_bytes,
        retracted: one_line(&config.retractions.label),
    })
}

/// The most bytes of a logo: more than that is a picture, for which everybody waits.
const MAX_LOGO_BYTES: usize = 262_144;

/// The most bytes of a further style sheet, which comes with every first visit.
const MAX_STYLESHEET_BYTES: usize = 65_536;

fn look(keys: &LookKeys, folder: &Path) -> anyhow::Result<Look> {
    let read = |key: &str, path: &Path, most: usize| {
        let path = folder.join(path);
        let bytes = std::fs::read(&path).with_context(|| format!("look.{key}: cannot read {}", path.display()))?;
        ensure!(bytes.len() <= most, "look.{key}: {} has more than {most} bytes", path.display());
        Ok(bytes)
    };
    let logo = keys.logo.as_ref().map(|path| {
        let ending = path.extension().and_then(OsStr::to_str).unwrap_or_default();
        let logo = Logo::new(ending, read("logo", path, MAX_LOGO_BYTES)?.into());
        logo.with_context(|| format!("look.logo: `{}` is none of svg, png, webp, avif and jpg", path.display()))
    });
    let stylesheet = keys.stylesheet.as_ref().map(|path| {
        let text = String::from_utf8(read("stylesheet", path, MAX_STYLESHEET_BYTES)?);
        text.with_context(|| format!("look.stylesheet: {} is not UTF-8", path.display()))
    });
    Ok(Look {
        light: colours([("paper", &keys.paper), ("ink", &keys.ink), ("accent", &keys.accent)])?,
        dark: colours([
            ("dark_paper", &keys.dark_paper),
            ("dark_ink", &keys.dark_ink),
            ("dark_accent", &keys.dark_accent),
        ])?,
        logo: logo.transpose()?,
        footer: digest::html::note(&keys.footer),
        stylesheet: stylesheet.transpose()?.unwrap_or_default(),
    })
}

/// Colours with which everything can be read.
fn colours([paper, ink, accent]: [(&str, &String); 3]) -> anyhow::Result<Colours> {
    let read = |(key, text): (&str, &String)| {
        text.parse::<Colour>().map_err(|()| anyhow!("look.{key}: write `{text}` as #0b5394"))
    };
    let colours = Colours { paper: read(paper)?, ink: read(ink)?, accent: read(accent)? };
    for (key, text) in [(ink.0, colours.ink), (accent.0, colours.accent)] {
        for ground in [colours.paper, colours.card()] {
            let contrast = text.contrast(ground);
            // The end that is farther from the ground.
            let [black, white] = ["#000000", "#ffffff"].map(|text| text.parse().unwrap_or(colours.ink));
            let far = if black.contrast(ground) > white.contrast(ground) { black } else { white };
            ensure!(
                contrast >= CONTRAST,
                "look.{key}: {text} on {ground} has a contrast of {contrast:.1}, and text needs {CONTRAST}; {} would do",
                text.readable_on(colours.card(), far)
            );
        }
    }
    Ok(colours)
}

fn guard(keys: &GuardKeys) -> anyhow::Result<guard::Options> {
    ensure!(keys.share_percent <= 100, "guard.share_percent: 0 to 100; 100 holds nothing back");
    Ok(guard::Options { share_percent: keys.share_percent, entries: keys.entries })
}

/// The domain of the public address, which is the publisher's; of an address of this machine, one that is nobody's.
fn own_authority(base_url: &str) -> String {
    let url = Url::parse(base_url).ok();
    let domain = url.as_ref().and_then(Url::domain).filter(|domain| *domain != "localhost" && domain.is_ascii());
    domain.map_or_else(|| ledger::Options::default().authority, str::to_owned)
}

/// Another for other rules, and for another version of the program, which may understand digests in another way.
fn reading(rules: &Rules) -> u64 {
    let mut hasher = DefaultHasher::new();
    format!("{rules:?} {}", env!("CARGO_PKG_VERSION")).hash(&mut hasher);
    hasher.finish()
}

fn ids(config: &Config, base_url: &str, rules: &Rules) -> anyhow::Result<ledger::Options> {
    let IdKeys { authority, date } = &config.ids;
    let authority = &authority.clone().unwrap_or_else(|| own_authority(base_url));
    let plain = |text: &str, more: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c));
    ensure!(
        !authority.is_empty() && plain(authority, "-._@"),
        "ids.authority: `{authority}` is neither a domain nor a mail address (RFC 4151)"
    );
    ensure!(matches!(date.len(), 4 | 7 | 10) && plain(date, "-"), "ids.date: write `{date}` as 2025 or 2025-05-22");
    ensure!(config.retractions.days <= 3_650, "retractions.days: at most 3650, ten years");
    let publish_at = NaiveTime::parse_from_str(&config.time.publish_at, "%H:%M");
    Ok(ledger::Options {
        authority: authority.clone(),
        authority_date: date.clone(),
        timezone: timezone(&config.time.timezone)?,
        publish_at: publish_at
            .with_context(|| format!("time.publish_at: write `{}` as 08:00", config.time.publish_at))?,
        tracking: config.links.tracking.clone(),
        tracking_fragments: config.links.tracking_fragments.clone(),
        retraction_days: config.retractions.days,
        reading: reading(rules),
    })
}

fn timezone(name: &str) -> anyhow::Result<chrono_tz::Tz> {
    name.parse().map_err(|_| {
        let names = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
        let hint = unknown::nearest(name, names).map_or(String::new(), |zone| format!("; did you mean `{zone}`?"));
        anyhow!("time.timezone: there is no zone `{name}`{hint}")
    })
}

/// A network, or one address.
fn network(text: &str) -> anyhow::Result<IpNet> {
    let one = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse::<IpNet>()
        .or_else(|_| one())
        .with_context(|| format!("server.trusted_proxies: write `{text}` as 10.0.0.0/8 or 192.0.2.1"))
}

fn readers(config: &Config, state: Option<PathBuf>) -> anyhow::Result<Readership> {
    let keep_days = config.readership.keep_days;
    ensure!((1..=36_500).contains(&keep_days), "readership.keep_days: 1 to 36500, a hundred years");
    Ok(Readership { state, timezone: timezone(&config.time.timezone)?, keep_days })
}

fn server_options(keys: &ServerKeys, folder: &Path) -> anyhow::Result<server::Options> {
    ensure!((1..=1_000_000).contains(&keys.max_connections), "server.max_connections: 1 to 1000000");
    let longest = keys.header_seconds.max(keys.stall_seconds).max(keys.drain_seconds);
    ensure!(longest <= 3600, "server: a timeout of more than 3600 seconds, an hour, is none");
    ensure!(keys.header_seconds > 0 && keys.stall_seconds > 0, "server: a timeout of 0 would refuse everybody");
    ensure!(
        keys.header_seconds < keys.drain_seconds,
        "server.drain_seconds: more than header_seconds, or a stop would cut off honest requests"
    );
    ensure!(
        (8192..=1 << 20).contains(&keys.max_head_bytes),
        "server.max_head_bytes: 8192 to 1048576; browsers send up to 8192"
    );
    ensure!((1..=10_000).contains(&keys.max_headers), "server.max_headers: 1 to 10000");
    ensure!(keys.connections_per_address > 0, "server.connections_per_address: 0 would refuse everybody");
    ensure!(
        keys.full_answers_at_once > 0 && keys.full_answers_per_hour <= 1_000_000,
        "server: full_answers_at_once is at least 1, full_answers_per_hour at most 1000000, and 0 for no limit"
    );
    let mut respond = respond::Options::new(keys.max_age_seconds);
    respond.deltas = keys.deltas;
    Ok(server::Options {
        is_preview: false,
        header_timeout: Duration::from_secs(keys.header_seconds),
        stall_timeout: Duration::from_secs(keys.stall_seconds),
        drain_timeout: Duration::from_secs(keys.drain_seconds),
        max_head_bytes: keys.max_head_bytes,
        max_headers: keys.max_headers,
        max_connections: keys.max_connections,
        connections_per_address: keys.connections_per_address,
        trusted_proxies: keys.trusted_proxies.iter().map(|text| network(text)).collect::<anyhow::Result<_>>()?,
        limit: limit::Options { per_hour: keys.full_answers_per_hour, at_once: keys.full_answers_at_once },
        respond,
        access_log: keys.access_log.as_ref().map(|path| folder.join(path)),
        ..server::Options::default()
    })
}
