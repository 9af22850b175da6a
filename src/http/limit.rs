//! How often a client may fetch a feed whole: 429 beyond (RFC 6585, section 4).
//!
//! Only feeds sent whole to clients that did not ask conditionally count, for each client and feed alone. Whoever asks with
//! what it knows is never refused.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};

use super::respond::{Answer, plain};
use crate::feed;

/// How often a client may fetch a feed whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// In an hour, in the long run; 0 is without limit.
    pub per_hour: u32,
    /// At once.
    pub at_once: u32,
}

impl Default for Options {
    /// An office of a hundred readers that never ask conditionally, as sfeed does, and each fetch every hour, stays below. One
    /// client costs 6 MB of an hour at most, by a feed of 50 KB compressed.
    fn default() -> Options {
        Options { per_hour: 120, at_once: 60 }
    }
}

/// So many pairs of client and feed are counted at once, about 10 MB; further clients are served uncounted.
const MOST_COUNTED: usize = 100_000;

/// How often those that may fetch as many as ever are forgotten.
pub(super) const TIDY_INTERVAL: Duration = Duration::from_secs(60);

/// A client, and a number for a route.
type Pair = (IpAddr, u64);

/// Counts.
pub(super) struct Limiter {
    pairs: Option<DefaultKeyedRateLimiter<Pair>>,
    clock: DefaultClock,
}

impl Limiter {
    pub(super) fn new(options: &Options) -> Limiter {
        let at_once = NonZeroU32::new(options.at_once).unwrap_or(NonZeroU32::MIN);
        let quota = Duration::from_secs(3600).checked_div(options.per_hour).and_then(Quota::with_period);
        let pairs = quota.map(|quota| DefaultKeyedRateLimiter::dashmap(quota.allow_burst(at_once)));
        Limiter { pairs, clock: DefaultClock::default() }
    }

    /// The answer, or 429 in its place.
    pub(super) fn judge(&self, client: IpAddr, request: &Parts, answer: Answer) -> Answer {
        let Some(pairs) = self.pairs.as_ref().filter(|_| counts(request, &answer)) else { return answer };
        let mut route = DefaultHasher::new();
        request.uri.path().hash(&mut route);
        let pair = (subscriber(client), route.finish());
        if pairs.len() >= MOST_COUNTED {
            return answer;
        }
        match pairs.check_key(&pair) {
            Ok(()) => answer,
            Err(not_until) => refusal(not_until.wait_time_from(self.clock.now())),
        }
    }

    /// Forgets those that may fetch as many as ever.
    pub(super) fn tidy(&self) {
        if let Some(pairs) = &self.pairs {
            pairs.retain_recent();
            pairs.shrink_to_fit();
        }
    }
}

/// Whether it is a feed sent whole to a client that did not say what it has.
fn counts(request: &Parts, answer: &Answer) -> bool {
    let types = [feed::rss::MEDIA_TYPE, feed::atom::MEDIA_TYPE, feed::json::MEDIA_TYPE];
    let is_feed =
        || answer.headers().get(header::CONTENT_TYPE).is_some_and(|own| types.iter().any(|known| own == known));
    let asks = |name| request.headers.contains_key(name);
    answer.status() == StatusCode::OK
        && request.method == Method::GET
        && !asks(header::IF_NONE_MATCH)
        && !asks(header::IF_MODIFIED_SINCE)
        && is_feed()
}

/// Who shares a limit: of IPv6 a network of 64 bits, which is what one customer has at least (RFC 6177, section 1).
pub(super) fn subscriber(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => IpAddr::from((address.to_bits() & !u128::from(u64::MAX)).to_be_bytes()),
        address => address,
    }
}

/// Retry-After in seconds (RFC 9110, section 10.2.3), rounded up.
fn refusal(wait: Duration) -> Answer {
    let text =
        "429: this feed was fetched too often; ask with If-None-Match or If-Modified-Since, which is never refused\n";
    let mut answer = plain(StatusCode::TOO_MANY_REQUESTS, text);
    let headers = answer.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    answer
}
