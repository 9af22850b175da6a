//! Who asks: the address behind the proxies that the configuration trusts.

use std::net::{IpAddr, SocketAddr};

use hyper::header::{self, HeaderMap, HeaderName};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use ipnet::IpNet;

/// What most proxies add to; of no standard.
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Whether an address is one client, whose connections and fetches are counted. One of this machine is only if proxies are
/// configured: without that it is likely to be a proxy of which nobody told, and counting would make all its clients one.
pub(super) fn is_one(address: IpAddr, trusted: &[IpNet]) -> bool {
    let may_be_a_proxy = trusted.is_empty() && address.is_loopback();
    !is_trusted(address, trusted) && !may_be_a_proxy
}

fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

/// The client: who connects, or else the last one that no trusted proxy says it is itself. What stands further left in the
/// headers may be anybody's invention.
///
/// `X-Forwarded-For` goes before `Forwarded` (RFC 7239, section 5.2), because most proxies add to that alone and hand the other on.
pub(super) fn address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    if !is_trusted(peer, trusted) {
        return peer;
    }
    let (name, read): (HeaderName, fn(&str) -> Option<IpAddr>) = match headers.contains_key(&X_FORWARDED_FOR) {
        true => (X_FORWARDED_FOR, node),
        false => (header::FORWARDED, forwarded_for),
    };
    let lines = headers.get_all(name).into_iter().rev().map(|value| value.to_str().unwrap_or_default());
    let mut client = peer;
    for hop in lines.flat_map(|line| line.rsplit(',')) {
        let Some(address) = read(hop.trim()) else { break };
        client = address;
        if !is_trusted(address, trusted) {
            break;
        }
    }
    client
}

/// The `for` of one element of `Forwarded`.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.into_iter().find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    node(value.trim().trim_matches('"'))
}

/// An address with or without a port (RFC 7239, section 6); `unknown` and hidden names are none.
fn node(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    bare.parse::<IpAddr>().ok().or_else(with_port).map(|address| address.to_canonical())
}

/// Whether a request means this machine by its own names, so that no page of another site can have made a browser ask.
pub(super) fn means_this_machine(request: &Parts) -> bool {
    let host = request.headers.get(header::HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    host.is_some_and(|authority| {
        let host = authority.host().trim_matches(['[', ']']);
        host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, headers: &[(&'static str, &str)]) -> String {
        let trusted = ["10.0.0.0/8", "::1/128"].map(|network| network.parse().unwrap());
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        address(peer.parse().unwrap(), &map, &trusted).to_string()
    }

    #[test]
    fn the_rightmost_address_that_is_not_trusted_is_the_client() {
        for (peer, headers, client) in [
            ("192.0.2.1", &[("x-forwarded-for", "203.0.113.7")][..], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &[("x-forwarded-for", "203.0.113.7")], "203.0.113.7"),
            ("10.0.0.1", &[("x-forwarded-for", "198.51.100.9, 203.0.113.7, 10.0.0.2")], "203.0.113.7"),
            (
                "10.0.0.1",
                &[("x-forwarded-for", "198.51.100.9"), ("x-forwarded-for", "203.0.113.7:4711")],
                "203.0.113.7",
            ),
            ("10.0.0.1", &[("x-forwarded-for", "nonsense, 10.0.0.2")], "10.0.0.2"),
            ("10.0.0.1", &[("x-forwarded-for", "203.0.113.7"), ("forwarded", "for=198.51.100.9")], "203.0.113.7"),
            ("::1", &[("forwarded", "for=198.51.100.9, For=\"[2001:db8::7]:4711\";proto=https")], "2001:db8::7"),
            ("::1", &[("forwarded", "for=unknown")], "::1"),
            ("::1", &[("x-forwarded-for", "::ffff:203.0.113.7")], "203.0.113.7"),
        ] {
            assert_eq!(seen(peer, headers), client, "{peer} {headers:?}");
        }
    }

    #[test]
    fn this_machine_is_one_client_only_where_proxies_are_configured() {
        let (own, other) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([192, 0, 2, 1]));
        let networks = ["10.0.0.0/8".parse().unwrap()];
        assert!(!is_one(own, &[]) && is_one(other, &[]) && is_one(own, &networks));
        assert!(!is_one(IpAddr::from([10, 1, 2, 3]), &networks));
    }
}
