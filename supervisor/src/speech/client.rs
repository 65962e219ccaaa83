//! Who asks, as far as fairness has to know: whoever shares one thing that only one household has is one client.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

/// One client; cheap to clone. Two requests are of one client if and only if their ids are equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(Arc<str>);

impl ClientId {
    /// Whoever asks from an address. A household has one IPv4 address, but a whole /64 of IPv6: its machines change
    /// their addresses in there as they like, so all of it is one client.
    pub fn address(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.to_string().into()),
            IpAddr::V6(address) => {
                let network = Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX));
                Self(format!("{network}/64").into())
            }
        }
    }

    /// Whoever has this API key, from wherever they ask.
    pub fn key(name: &str) -> Self {
        Self(format!("key:{name}").into())
    }

    /// Somebody who asks from within this process, such as a command. No address is ever equal to it.
    pub fn local(name: &str) -> Self {
        Self(format!("local:{name}").into())
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(address: &str) -> ClientId {
        ClientId::address(address.parse().unwrap())
    }

    #[test]
    fn a_household_is_one_client() {
        assert_eq!(client("2001:db8:1:2::3"), client("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(client("2001:db8:1:2::3"), client("2001:db8:1:3::3"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
        assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
    }

    #[test]
    fn it_reads_as_the_network_it_stands_for() {
        assert_eq!(client("2001:db8:1:2::3").to_string(), "2001:db8:1:2::/64");
        assert_eq!(client("::ffff:192.0.2.1").to_string(), "192.0.2.1");
    }

    #[test]
    fn a_command_is_never_taken_for_an_address() {
        assert_eq!(ClientId::local("say"), ClientId::local("say"));
        assert_ne!(ClientId::local("192.0.2.1"), client("192.0.2.1"));
        assert_ne!(ClientId::key("192.0.2.1"), client("192.0.2.1"));
        assert_ne!(ClientId::key("say"), ClientId::local("say"));
    }
}
