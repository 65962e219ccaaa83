//! `[jobs] webhook_hosts` and `webhook_secret_file`: who may be told of the end of a job, and what messages are signed with.

use std::{
    env, fmt, fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ipnet::IpNet;
use reqwest::Url;

use super::{
    raw::{Notes, Table},
    server::absolute,
};

/// What the file is called among a service's credentials.
const CREDENTIAL: &str = "webhook-secret";
/// What a secret begins with where it is written.
const PREFIX: &str = "whsec_";
/// How many bytes a secret may have (Standard Webhooks, "Symmetric").
const SECRET: std::ops::RangeInclusive<usize> = 24..=64;

/// Who may be called: a host by its name or address, and a port of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookHost {
    /// As it is written.
    told: String,
    /// The only scheme, if one is told.
    scheme: Option<String>,
    host: String,
    port: Option<u16>,
}

impl WebhookHost {
    /// Reads `[http://|https://]HOST[:PORT]`.
    pub fn parse(told: &str) -> Result<Self, String> {
        const EXPECTED: &str = "must be HOST, HOST:PORT, or one of them behind http:// or https://";
        let (scheme, rest) = match told.split_once("://") {
            Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest),
            None => (None, told),
        };
        if scheme.as_deref().is_some_and(|scheme| !matches!(scheme, "http" | "https")) {
            return Err(EXPECTED.into());
        }
        let url = Url::parse(&format!("{}://{rest}", scheme.as_deref().unwrap_or("https")));
        let is_bare = |url: &Url| {
            url.path() == "/"
                && !rest.ends_with('/')
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
                && url.password().is_none()
        };
        let url = url.ok().filter(is_bare).ok_or(EXPECTED)?;
        let host = url.host_str().ok_or(EXPECTED)?.to_owned();
        Ok(Self { told: told.to_owned(), scheme, host, port: url.port() })
    }

    /// Whether an address is one of this host's. Without a scheme it has to be `https`, but for this machine itself.
    pub fn is_host_of(&self, url: &Url) -> bool {
        let scheme = match &self.scheme {
            Some(scheme) => url.scheme() == scheme,
            None => url.scheme() == "https" || (url.scheme() == "http" && self.is_this_machine()),
        };
        let usual = if url.scheme() == "http" { 80 } else { 443 };
        scheme
            && url.host_str() == Some(self.host.as_str())
            && url.port_or_known_default() == Some(self.port.unwrap_or(usual))
    }

    /// Whether the host may be called at this address, which its name was found to have: one that is public, or one that the entry
    /// names itself. So nobody reaches a private network by a name that he bends to it.
    pub fn may_be_at(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        match self.literal() {
            Some(literal) => literal.to_canonical() == address,
            None => (self.is_localhost() && address.is_loopback()) || is_public(address),
        }
    }

    fn literal(&self) -> Option<IpAddr> {
        self.host.trim_start_matches('[').trim_end_matches(']').parse().ok()
    }

    fn is_localhost(&self) -> bool {
        self.host == "localhost"
    }

    fn is_this_machine(&self) -> bool {
        self.is_localhost() || self.literal().is_some_and(|address| address.to_canonical().is_loopback())
    }
}

impl fmt::Display for WebhookHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told)
    }
}

/// Whether an address is everybody's, by the registries of special addresses (RFC 6890 and what came after it).
fn is_public(address: IpAddr) -> bool {
    const SPECIAL_V4: [&str; 16] = [
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    ];
    // Of what is global, what stands for other addresses or for none.
    const SPECIAL_V6: [&str; 4] = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"];
    const GLOBAL: &str = "2000::/3";
    const TRANSLATED: &str = "64:ff9b::/96";
    let is_in = |net: &str| net.parse::<IpNet>().is_ok_and(|net| net.contains(&address));
    match address {
        IpAddr::V4(_) => !SPECIAL_V4.into_iter().any(is_in),
        // An address of version 4 behind a translator (RFC 6052) is what it stands for.
        IpAddr::V6(v6) if is_in(TRANSLATED) => is_public(IpAddr::V4(embedded(v6))),
        IpAddr::V6(_) => is_in(GLOBAL) && !SPECIAL_V6.into_iter().any(is_in),
    }
}

fn embedded(address: Ipv6Addr) -> Ipv4Addr {
    let [.., a, b, c, d] = address.octets();
    Ipv4Addr::new(a, b, c, d)
}

/// What messages are signed with: the newest secret first, and older ones that receivers may still know.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct WebhookSecrets(Vec<Vec<u8>>);

impl WebhookSecrets {
    /// Reads a secret on each line; empty lines and those that begin with `#` are none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lines = (1..).zip(text.lines()).map(|(number, line)| (number, line.trim()));
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let secret = |(number, line): (usize, &str)| {
            let bytes = STANDARD.decode(line.strip_prefix(PREFIX).unwrap_or(line)).ok();
            bytes
                .filter(|bytes| SECRET.contains(&bytes.len()))
                .ok_or_else(|| format!("line {number} is no secret: {PREFIX} and 24 to 64 bytes in base64"))
        };
        let secrets = lines.map(secret).collect::<Result<Vec<_>, _>>()?;
        if secrets.is_empty() { Err("there is no secret in it".into()) } else { Ok(Self(secrets)) }
    }

    /// Each of them.
    pub fn all(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(Vec::as_slice)
    }
}

impl fmt::Debug for WebhookSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}

/// Reads both keys. Nobody is told anything without a signature.
pub(super) fn webhooks(table: &Table<'_>, notes: &Notes, base: &Path) -> (Vec<WebhookHost>, WebhookSecrets) {
    let named = table.string("webhook_secret_file");
    let found = table.list("webhook_hosts");
    let problem = |message: String| match (&named, found.first()) {
        (Some(named), _) => named.problem(notes, message),
        (None, Some(first)) => first.problem(notes, message),
        (None, None) => notes.problem(None, "jobs.webhook_secret_file", message),
    };
    let hosts = found.iter().filter_map(|host| {
        WebhookHost::parse(&host.value).map_err(|message| host.problem(notes, message)).ok()
    });
    let hosts: Vec<_> = hosts.collect();
    let file = named.as_ref().map(|named| absolute(base.join(&named.value))).or_else(credential);
    let secrets = file.map(|file| {
        let read =
            fs::read_to_string(&file).map_err(|error| format!("could not read {}: {error}", file.display()));
        read.and_then(|text| {
            WebhookSecrets::parse(&text).map_err(|message| format!("{}: {message}", file.display()))
        })
    });
    let secrets = match secrets {
        Some(Ok(secrets)) => secrets,
        Some(Err(message)) => {
            problem(message);
            WebhookSecrets::default()
        }
        None if hosts.is_empty() => WebhookSecrets::default(),
        None => {
            problem("needs a secret to sign with: name a file that has one as webhook_secret_file".into());
            WebhookSecrets::default()
        }
    };
    (hosts, secrets)
}

/// The credential that the service manager handed over, if there is one.
fn credential() -> Option<PathBuf> {
    let path = PathBuf::from(env::var_os("CREDENTIALS_DIRECTORY")?).join(CREDENTIAL);
    path.is_file().then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(entry: &str, url: &str) -> bool {
        WebhookHost::parse(entry).unwrap().is_host_of(&Url::parse(url).unwrap())
    }

    #[test]
    fn a_host_is_called_at_its_port_and_by_its_scheme() {
        for (entry, url) in [
            ("hooks.example", "https://hooks.example/a?b"),
            ("hooks.example", "https://HOOKS.example:443/"),
            ("hooks.example:8443", "https://hooks.example:8443/"),
            ("http://hooks.example", "http://hooks.example/"),
            ("https://hooks.example", "https://hooks.example/"),
            ("localhost:9000", "http://localhost:9000/"),
            ("localhost:9000", "https://localhost:9000/"),
            ("127.0.0.1", "http://127.0.0.1/"),
            ("[::1]:9000", "http://[::1]:9000/"),
            // However an address is written.
            ("127.0.0.1", "http://2130706433/"),
            ("http://192.168.1.5:80", "http://192.168.1.5/"),
        ] {
            assert!(allows(entry, url), "{entry} {url}");
        }
        for (entry, url) in [
            ("hooks.example", "http://hooks.example/"),
            ("hooks.example", "https://hooks.example:8443/"),
            ("hooks.example", "https://hooks.example.evil.example/"),
            ("hooks.example", "https://evil.example/hooks.example"),
            ("hooks.example", "https://a.hooks.example/"),
            ("http://hooks.example", "https://hooks.example/"),
            ("http://hooks.example:8080", "http://hooks.example/"),
            ("localhost:9000", "http://127.0.0.1:9000/"),
            ("192.168.1.5", "http://192.168.1.5/"),
        ] {
            assert!(!allows(entry, url), "{entry} {url}");
        }
        for wrong in ["", "https://", "a/b", "a/", "me@a", "ftp://a", "a?b", "a b", "a:99999"] {
            assert!(WebhookHost::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_name_leads_to_public_addresses_alone_and_an_address_to_itself() {
        let at = |entry: &str, address: &str| {
            WebhookHost::parse(entry).unwrap().may_be_at(address.parse().unwrap())
        };
        for address in ["93.184.215.14", "2606:2800:21f::1", "64:ff9b::5db8:d70e", "::ffff:93.184.215.14"] {
            assert!(at("hooks.example", address), "{address}");
        }
        for address in [
            "127.0.0.1",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.5",
            "100.64.0.1",
            "169.254.169.254",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "2001::1",
            "2001:db8::1",
        ] {
            assert!(!at("hooks.example", address), "{address}");
        }
        assert!(at("localhost", "127.0.0.1") && at("localhost", "::1"));
        assert!(!at("localhost", "10.0.0.1"));
        assert!(at("192.168.1.5", "192.168.1.5") && at("[fd12::1]", "fd12::1"));
        assert!(!at("192.168.1.5", "192.168.1.6"));
    }

    #[test]
    fn secrets_are_read_and_never_shown() {
        let (one, two) = (STANDARD.encode([1; 24]), STANDARD.encode([2; 64]));
        let secrets = WebhookSecrets::parse(&format!("# new\n{PREFIX}{one}\n\n{two}\n")).unwrap();
        assert_eq!(secrets.all().collect::<Vec<_>>(), [&[1; 24][..], &[2; 64]]);
        assert_eq!(format!("{secrets:?}"), "2 secrets");
        for wrong in ["", "# only\n", "whsec_", "whsec_AAAA", "whsec_!!!!", &STANDARD.encode([1; 65])] {
            let told = WebhookSecrets::parse(wrong).unwrap_err();
            assert!(!told.contains("AAAA"), "{told}");
        }
    }
}
