//! Who asks: the address at the other end of the connection, or the one that trusted proxies vouch for.
//!
//! Every proxy appends the address that it was asked from, so a chain is read from its right end: as long as the hop that
//! wrote an entry is trusted, the entry is true. What stands left of the first stranger is only that stranger's word.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::http::{Extensions, HeaderMap, HeaderName, header};
use ipnet::IpNet;

/// Entries of a chain that are read, from its right end.
const HOPS_MAX: usize = 16;
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Headers with which a proxy says for whom it asks.
const PASSED_ON: [HeaderName; 3] = [header::FORWARDED, X_FORWARDED_FOR, HeaderName::from_static("x-real-ip")];
/// Bits of an IPv6 address that name a site; whoever has one has all addresses in it.
const IPV6_SITE_BITS: u32 = 64;

/// What is known of the connection that a request came by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Connection {
    /// The other end.
    pub(crate) peer: SocketAddr,
    /// Whether it speaks TLS.
    pub(crate) tls: bool,
}

/// The address of the client, in the extensions of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

impl ClientAddress {
    /// The address of a request that came by the connection in `extensions`.
    pub(crate) fn of(extensions: &Extensions, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        match extensions.get::<Connection>() {
            Some(connection) => Self(resolve(connection.peer.ip(), headers, trusted)),
            // A request without a connection is a test's; nothing is allowed to nobody's address.
            None => Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        }
    }

    /// The number under which what this client asks is counted: an IPv6 site counts as one.
    pub(crate) fn site(self) -> u128 {
        match self.0 {
            IpAddr::V4(address) => u128::from(address.to_bits()),
            IpAddr::V6(address) => address.to_bits() >> (128 - IPV6_SITE_BITS) << (128 - IPV6_SITE_BITS),
        }
    }

    /// Whether a program on this machine asks for itself. A proxy on it asks for others, and says so, trusted or not.
    pub(crate) fn asks_for_itself(self, headers: &HeaderMap) -> bool {
        self.0.is_loopback() && !PASSED_ON.iter().any(|name| headers.contains_key(name))
    }
}

fn resolve(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let peer = peer.to_canonical();
    if !is_trusted(peer, trusted) {
        return peer;
    }
    let plain = values(headers, &X_FORWARDED_FOR);
    let formal = values(headers, &header::FORWARDED);
    match (plain.is_empty(), formal.is_empty()) {
        (true, true) => peer,
        (false, true) => walk(peer, plain.into_iter().map(plain_entry), trusted),
        (true, false) => walk(peer, formal.into_iter().map(formal_entry), trusted),
        (false, false) => {
            // A proxy writes one of the two and passes on what a client wrote into the other: only their agreement is
            // worth anything.
            let one = walk(peer, plain.into_iter().map(plain_entry), trusted);
            let other = walk(peer, formal.into_iter().map(formal_entry), trusted);
            if one == other { one } else { peer }
        }
    }
}

fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

/// The entries of all headers of a name, the last one first.
fn values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a str> {
    let all = headers.get_all(name).iter().flat_map(|value| value.to_str().unwrap_or("?").split(','));
    let mut entries: Vec<&str> = all.map(str::trim).collect();
    entries.reverse();
    entries.truncate(HOPS_MAX);
    entries
}

/// The first address from the right that is no trusted proxy; where the chain cannot be read, the last hop that could.
fn walk(peer: IpAddr, entries: impl Iterator<Item = Option<IpAddr>>, trusted: &[IpNet]) -> IpAddr {
    let mut hop = peer;
    for entry in entries {
        let Some(address) = entry else { return hop };
        hop = address;
        if !is_trusted(hop, trusted) {
            return hop;
        }
    }
    hop
}

/// An entry of `X-Forwarded-For`: an address, with a port or without.
fn plain_entry(text: &str) -> Option<IpAddr> {
    let bare = text.parse::<IpAddr>().ok();
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    let with_port = || text.parse::<SocketAddr>().ok().map(|a| a.ip());
    bare.or_else(bracketed).or_else(with_port).map(|a| a.to_canonical())
}

/// The `for` of an element of `Forwarded` (RFC 7239).
fn formal_entry(text: &str) -> Option<IpAddr> {
    let mut pairs = text.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    plain_entry(value.trim().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn networks(list: &[&str]) -> Vec<IpNet> {
        list.iter().map(|n| n.parse().expect("network")).collect()
    }

    fn asked(peer: &str, headers: &[(&'static str, &'static str)], trusted: &[&str]) -> String {
        let map: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        resolve(peer.parse().expect("peer"), &map, &networks(trusted)).to_string()
    }

    #[test]
    fn nobodys_word_is_believed_by_default() {
        let forged = [("x-forwarded-for", "1.2.3.4"), ("forwarded", "for=1.2.3.4")];
        assert_eq!(asked("203.0.113.9", &forged, &[]), "203.0.113.9");
        assert_eq!(asked("127.0.0.1", &forged, &[]), "127.0.0.1");
        assert_eq!(asked("203.0.113.9", &forged, &["10.0.0.0/8"]), "203.0.113.9");
        assert_eq!(asked("::ffff:203.0.113.9", &[], &[]), "203.0.113.9");
    }

    #[test]
    fn a_chain_is_read_from_the_right_as_far_as_it_is_trusted() {
        let trusted = ["10.0.0.0/8"];
        let chain = |text| asked("10.0.0.1", &[("x-forwarded-for", text)], &trusted);
        assert_eq!(chain("203.0.113.9"), "203.0.113.9");
        assert_eq!(
            chain("1.2.3.4, 203.0.113.9"),
            "203.0.113.9",
            "what a client wrote itself is not believed"
        );
        assert_eq!(chain("1.2.3.4, 203.0.113.9, 10.9.9.9"), "203.0.113.9");
        assert_eq!(chain("10.1.1.1, 10.2.2.2"), "10.1.1.1", "a client in the trusted network");
        assert_eq!(chain("203.0.113.9:4711"), "203.0.113.9");
        assert_eq!(chain("[2001:db8::1]:4711"), "2001:db8::1");
        assert_eq!(chain("1.2.3.4, unknown, 10.2.2.2"), "10.2.2.2", "where it breaks off, the last true hop");
        assert_eq!(chain(""), "10.0.0.1");
    }

    #[test]
    fn the_formal_header_is_read_likewise() {
        let chain = |text| asked("10.0.0.1", &[("forwarded", text)], &["10.0.0.0/8"]);
        assert_eq!(chain("for=1.2.3.4, for=203.0.113.9;proto=https;by=10.0.0.1"), "203.0.113.9");
        assert_eq!(chain("For=\"[2001:db8::1]:4711\""), "2001:db8::1");
        assert_eq!(chain("for=_hidden"), "10.0.0.1");
    }

    #[test]
    fn two_headers_that_disagree_are_worth_nothing() {
        let both = |plain, formal| {
            asked("10.0.0.1", &[("x-forwarded-for", plain), ("forwarded", formal)], &["10.0.0.0/8"])
        };
        assert_eq!(both("203.0.113.9", "for=203.0.113.9"), "203.0.113.9");
        assert_eq!(both("203.0.113.9", "for=1.2.3.4"), "10.0.0.1");
    }

    #[test]
    fn a_site_counts_as_one() {
        let site = |text: &str| ClientAddress(text.parse().expect("address")).site();
        assert_eq!(site("2001:db8:1:2::1"), site("2001:db8:1:2:ffff::9"));
        assert_ne!(site("2001:db8:1:2::1"), site("2001:db8:1:3::1"));
        assert_ne!(site("203.0.113.9"), site("203.0.113.10"));
    }
}
