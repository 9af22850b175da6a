//! Numbers for a monitoring system, as OpenMetrics text: what is answered, what is built, who reads, and the process.
//!
//! Names follow the conventions of Prometheus: base units, `_total` for what only grows. What a newcomer gets wrong: most of it
//! is put together when it is asked for, from what others count anyway.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use super::status::{Findings, Status};
use super::traffic::{BOUNDS, Traffic};
use crate::readership::Day;
use crate::site::Coding;

/// The media type (OpenMetrics 1.0, section 4.1).
pub(super) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the daemon measures of its own work. Clones count together.
#[derive(Debug, Clone)]
pub struct Meters {
    /// How long a turn took that showed something new, in seconds.
    pub rebuilds: Histogram,
    /// How long it took from the last change of a file until readers saw it, in seconds.
    pub visible: Histogram,
    /// How often the ledger was written.
    pub ledger_writes: Counter,
    /// How often it could not be.
    pub ledger_failures: Counter,
}

impl Default for Meters {
    fn default() -> Meters {
        // From 2 ms to 65 s.
        let times = || Histogram::new(exponential_buckets(0.002, 2.0, 16));
        Meters {
            rebuilds: times(),
            visible: times(),
            ledger_writes: Counter::default(),
            ledger_failures: Counter::default(),
        }
    }
}

/// Everything that is known now, as text.
///
/// # Errors
/// When a value cannot be told, which is a mistake of ours.
pub(super) fn render(
    traffic: &Arc<Traffic>,
    meters: &Meters,
    status: &Arc<Status>,
    day: Day,
) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("feedmill");
    let seconds = || Unit::Seconds;
    let Meters { rebuilds, visible, ledger_writes, ledger_failures } = meters.clone();
    registry.register_with_unit("rebuild", "Time of a turn that showed something new", seconds(), rebuilds);
    let help = "Time from the last change of a file until readers saw it";
    registry.register_with_unit("drop_visible", help, seconds(), visible);
    registry.register("ledger_writes", "Transactions of the ledger", ledger_writes);
    registry.register("ledger_write_failures", "Transactions that failed", ledger_failures);
    registry.register_collector(Box::new(Now { traffic: traffic.clone(), status: status.clone(), day }));
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

/// What is asked of others at this moment.
#[derive(Debug)]
struct Now {
    traffic: Arc<Traffic>,
    status: Arc<Status>,
    day: Day,
}

impl Collector for Now {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.traffic(&mut encoder)?;
        self.readers(&mut encoder)?;
        self.site(&mut encoder)?;
        process(&mut encoder)
    }
}

/// The parts of a metric's description.
struct Metric(&'static str, &'static str, Option<Unit>, MetricType);

impl Metric {
    fn begin<'e>(&'e self, encoder: &'e mut DescriptorEncoder<'_>) -> Result<MetricEncoder<'e>, fmt::Error> {
        let Metric(name, help, unit, kind) = self;
        encoder.encode_descriptor(name, help, unit.as_ref(), *kind)
    }
}

fn counter(name: &'static str, help: &'static str) -> Metric {
    Metric(name, help, None, MetricType::Counter)
}

fn gauge(name: &'static str, help: &'static str) -> Metric {
    Metric(name, help, None, MetricType::Gauge)
}

fn tell(encoder: &mut DescriptorEncoder<'_>, metric: &Metric, value: f64) -> fmt::Result {
    let mut begun = metric.begin(encoder)?;
    match metric.3 {
        MetricType::Counter => begun.encode_counter::<NoLabelSet, f64, f64>(&value, None),
        _ => begun.encode_gauge(&value),
    }
}

/// What a value of a family is of.
type Labels = Vec<(&'static str, String)>;

fn tell_each(
    encoder: &mut DescriptorEncoder<'_>,
    metric: &Metric,
    values: impl IntoIterator<Item = (Labels, u64)>,
) -> fmt::Result {
    let mut begun = metric.begin(encoder)?;
    values.into_iter().try_for_each(|(labels, value)| {
        let family = begun.encode_family(&labels)?;
        match metric.3 {
            MetricType::Counter => ConstCounter::new(value).encode(family),
            _ => ConstGauge::new(value).encode(family),
        }
    })
}

impl Now {
    fn traffic(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Requests by feed, format, status and content coding";
        let answers = self.traffic.answers().into_iter().map(|answers| {
            let status = answers.status.map_or_else(|| "other".to_owned(), |status| status.to_string());
            let coding = answers.coding.map_or("none", Coding::name).to_owned();
            let format = format_of(&answers.document).to_owned();
            let labels = vec![("feed", answers.feed), ("format", format), ("status", status), ("encoding", coding)];
            (labels, answers.count)
        });
        tell_each(encoder, &counter("http_requests", help), answers)?;
        let bytes = Metric("http_response_body", "Bytes of bodies by feed", Some(Unit::Bytes), MetricType::Counter);
        tell_each(
            encoder,
            &bytes,
            self.traffic.bytes().into_iter().map(|(feed, count)| (vec![("feed", feed)], count)),
        )?;
        let times = self.traffic.times();
        let bounds = BOUNDS.into_iter().chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(times.counts.iter().copied()).collect();
        let help = "Time from a request's head to its answer; what the network takes is not in it";
        Metric("http_request_duration", help, Some(Unit::Seconds), MetricType::Histogram)
            .begin(encoder)?
            .encode_histogram::<NoLabelSet>(times.seconds, times.counts.iter().sum(), &buckets, None)?;
        let (open, accepted) = self.traffic.connections();
        tell(encoder, &gauge("http_connections", "Connections that are open"), open as f64)?;
        tell(encoder, &counter("http_connections_accepted", "Connections that were ever accepted"), accepted as f64)
    }

    fn readers(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Subscribers that asked today, as hosted readers say or counted one by one";
        let subscribers = self.day.feeds.iter().flat_map(|(name, feed)| {
            let kinds = [("hosted", feed.hosted), ("direct", feed.direct)];
            kinds.map(|(kind, count)| (vec![("feed", name.clone()), ("kind", kind.to_owned())], count))
        });
        tell_each(encoder, &gauge("subscribers", help), subscribers)?;
        let help = "Requests for a feed today that said what is known";
        let conditional = self.day.feeds.iter().map(|(name, feed)| (vec![("feed", name.clone())], feed.conditional));
        tell_each(encoder, &gauge("conditional_requests_today", help), conditional)
    }

    fn site(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Status { site, findings, held, look, change, started, watch, .. } = &*self.status;
        let mut info = Metric("build", "The program", None, MetricType::Info).begin(encoder)?;
        info.encode_info(&[("version", self.status.version)])?;
        tell(encoder, &gauge("digests", "Digests that are published"), site.digests as f64)?;
        tell(encoder, &gauge("items", "Items that are published"), site.items as f64)?;
        tell(encoder, &gauge("feeds", "Feeds that are served"), site.feeds as f64)?;
        let Findings { errors, warnings, notes, .. } = findings;
        let by_severity = [("error", *errors), ("warning", *warnings), ("note", *notes)];
        let by_severity = by_severity.map(|(severity, count)| (vec![("severity", severity.to_owned())], count as u64));
        tell_each(encoder, &gauge("findings", "What is wrong in the digests"), by_severity)?;
        tell(encoder, &gauge("held", "Whether a change waits to be confirmed"), f64::from(u8::from(held.is_some())))?;
        let help = "Whether the system tells of changes in the folder, which otherwise is looked at regularly";
        tell(encoder, &gauge("watching", help), f64::from(u8::from(watch.is_none())))?;
        let moments = [
            ("last_look_timestamp", "When the folder was looked at last", Some(look.at)),
            ("last_change_timestamp", "When readers last got something new", change.as_ref().map(|change| change.at)),
            ("newest_digest_timestamp", "When the newest digest was published", site.newest),
            ("start_timestamp", "When the process began", Some(*started)),
        ];
        for (name, help, moment) in moments {
            let Some(moment) = moment else { continue };
            let metric = Metric(name, help, Some(Unit::Seconds), MetricType::Gauge);
            tell(encoder, &metric, moment.timestamp_millis() as f64 / 1e3)?;
        }
        Ok(())
    }
}

fn format_of(document: &str) -> &str {
    match document.split_once('.') {
        Some(("feed", ending)) => ending,
        Some((name, _)) => name,
        None => "none",
    }
}

/// What the kernel knows of the process (proc(5)); what it does not tell is left out.
fn process(encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse::<f64>().ok());
    let files = std::fs::read_dir("/proc/self/fd").ok().map(|listed| listed.count() as f64);
    let bytes = Metric("process_resident_memory", "Resident memory", Some(Unit::Bytes), MetricType::Gauge);
    if let Some(kibibytes) = resident {
        tell(encoder, &bytes, kibibytes * 1024.0)?;
    }
    if let Some(files) = files {
        tell(encoder, &gauge("process_open_fds", "Open file descriptors"), files)?;
    }
    Ok(())
}
