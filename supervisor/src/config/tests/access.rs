//! Who may come in: addresses, keys, certificates, hosts and proxies.

use std::path::Path;

use super::{problems, read};

#[test]
fn a_public_address_needs_keys_or_must_be_asked_for_in_words() {
    let engine = "[engines.tone]\nenabled = true\n";
    for public in ["0.0.0.0:27121", "[::]:27121", "192.0.2.1:27121", "[::ffff:192.0.2.1]:27121"] {
        let listen = format!("[server]\nlisten = \"{public}\"\n");
        let told = problems(&format!("{listen}{engine}"));
        assert!(told[0].starts_with("line 2: server.listen: "), "{told:?}");
        assert!(told[0].contains("allow_without_keys = true"), "{told:?}");
        let config = read(&format!("{listen}allow_without_keys = true\n{engine}"));
        assert_eq!(config.unwrap().server.listen.port(), 27121);
    }
    for private in ["127.0.0.1:27121", "127.8.8.8:27121", "[::1]:27121", "[::ffff:127.0.0.1]:27121"] {
        assert!(read(&format!("[server]\nlisten = \"{private}\"\n{engine}")).is_ok(), "{private}");
    }
    let dir = tempfile::tempdir().unwrap();
    let keys = dir.path().join("keys");
    let with_keys = format!("[server]\nlisten = \"0.0.0.0:27121\"\n[auth]\nkeys_file = {keys:?}\n{engine}");
    std::fs::write(&keys, format!("me sha256:{}\n", crate::auth::Key::draw().digest())).unwrap();
    assert_eq!(read(&with_keys).unwrap().auth.keys.unwrap().entries().len(), 1);
}

#[test]
fn keys_that_cannot_be_read_are_told_and_let_nobody_in_by_mistake() {
    let dir = tempfile::tempdir().unwrap();
    let keys = dir.path().join("keys");
    let source = format!("[auth]\nkeys_file = {keys:?}\n[engines.tone]\nenabled = true\n");
    let told = problems(&source);
    assert!(told[0].starts_with("line 2: auth.keys_file: could not read "), "{told:?}");
    assert!(told[0].contains("`ishowtts keys new NAME`"), "{told:?}");
    let public = problems(&format!("[server]\nlisten = \"0.0.0.0:1\"\n{source}"));
    assert_eq!(public.len(), 1, "keys were named, so that they are missing is all that is wrong: {public:?}");
    std::fs::write(&keys, "one\ntwo\n").unwrap();
    let told = problems(&source);
    assert!(told[0].contains("line 1: ") && told[0].contains("line 2: "), "{told:?}");
    std::fs::write(&keys, "# nobody\n").unwrap();
    assert!(read(&source).unwrap().auth.keys.unwrap().is_empty(), "there are keys to be asked for, and none");
}

#[test]
fn whatever_is_wrong_with_a_certificate_names_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let made = || rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (one, other) = (made(), made());
    let cert = file("cert.pem", &one.cert.pem());
    let key = file("key.pem", &one.signing_key.serialize_pem());
    let foreign = file("foreign.pem", &other.signing_key.serialize_pem());
    let empty = file("empty.pem", "");
    let broken = file("broken.pem", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n");
    let source = |cert: &Path, key: &Path| {
        format!("[server]\ntls_cert = {cert:?}\ntls_key = {key:?}\n[engines.tone]\nenabled = true\n")
    };
    assert!(read(&source(&cert, &key)).unwrap().tls.is_some());
    for (cert, key, line, what) in [
        (&*cert, &*foreign, 3, "do not go together"),
        (&*empty, &*key, 2, "there is no certificate in PEM in "),
        (&*broken, &*key, 2, "is not PEM"),
        (&*cert, &*empty, 3, "there is no private key in PEM in "),
        (&*cert, Path::new("/nowhere/key.pem"), 3, "could not read /nowhere/key.pem"),
        (&*key, &*cert, 2, "there is no certificate in PEM in "),
    ] {
        let told = problems(&source(cert, key));
        assert!(told[0].starts_with(&format!("line {line}: ")) && told[0].contains(what), "{told:?}");
    }
    let told = problems(&format!("[server]\ntls_cert = {cert:?}\n[engines.tone]\nenabled = true\n"));
    assert!(told[0].contains("needs `tls_key` beside it"), "{told:?}");
}

#[test]
fn hosts_are_names_and_origins_have_a_scheme() {
    let engine = "[engines.tone]\nenabled = true\n";
    let good = "[server]\nhosts = [\"TTS.lan\", \"box\"]\n[cors]\norigins = [\"https://A.example:8443\", \"http://[::1]:3000\"]\n";
    let config = read(&format!("{good}{engine}")).unwrap();
    assert_eq!(config.server.hosts, ["tts.lan", "box"]);
    assert!(config.cors.allows("https://a.example:8443") && !config.cors.allows("https://a.example"));
    assert!(read(&format!("[cors]\norigins = [\"*\"]\n{engine}")).unwrap().cors.allows("null"));
    for (written, line) in [
        ("[server]\nhosts = [\"http://box\"]\n", 2),
        ("[server]\nhosts = [\n\"box\",\n\"box:80\"]\n", 4),
        ("[cors]\norigins = [\"box\"]\n", 2),
        ("[cors]\norigins = [\"https://box/page\"]\n", 2),
        ("[cors]\norigins = [\"null\"]\n", 2),
        ("[log]\nlevel = \"ishowtts=loud\"\n", 2),
    ] {
        let told = problems(&format!("{written}{engine}"));
        assert!(told[0].starts_with(&format!("line {line}: ")), "{written}: {told:?}");
    }
}

#[test]
fn proxies_are_addresses_and_networks_and_by_default_nobody() {
    let engine = "[engines.tone]\nenabled = true\n";
    assert_eq!(read(engine).unwrap().server.trusted_proxies, []);
    let config = read(&format!(
        "[server]\ntrusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\", \"::1\", \"::ffff:192.0.2.1\"]\n{engine}"
    ));
    let trusted: Vec<_> = config.unwrap().server.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(trusted, ["127.0.0.1/32", "10.0.0.0/8", "::1/128", "192.0.2.1/32"]);

    let told = problems(&format!(
        "[server]\ntrusted_proxies = [\n  \"127.0.0.1\",\n  \"localhost\",\n  \"10.0.0.0/33\",\n]\n{engine}"
    ));
    assert!(
        told[0].starts_with("line 4: server.trusted_proxies: must be addresses and networks"),
        "{told:?}"
    );
    assert!(told[1].starts_with("line 5: ") && told[1].ends_with("not \"10.0.0.0/33\""), "{told:?}");
    let told = problems(&format!("[server]\ntrusted_proxies = [5]\n{engine}"));
    assert_eq!(told, ["line 2: server.trusted_proxies: must be a list of strings, not [5]"]);
}

#[test]
fn wyoming_is_on_for_this_machine_and_for_others_only_in_so_many_words() {
    const TONE: &str = "[engines.tone]\nenabled = true\n";
    let listen = |wyoming: &str| read(&format!("{TONE}{wyoming}")).unwrap().wyoming.listen;
    assert_eq!(listen(""), Some(([127, 0, 0, 1], 10_200).into()));
    assert_eq!(listen("[wyoming]\nlisten = \"\"\n"), None);
    let public = "[wyoming]\nlisten = \"0.0.0.0:10200\"\n";
    assert_eq!(listen(&format!("{public}allow_without_keys = true\n")), Some(([0, 0, 0, 0], 10_200).into()));
    // The word for HTTP is none for Wyoming.
    let told = problems(&format!("{TONE}{public}[server]\nallow_without_keys = true\n"));
    assert!(
        told.len() == 1 && told[0].starts_with("line 4: wyoming.listen: 0.0.0.0:10200 can be"),
        "{told:?}"
    );
    let told = problems(&format!("{TONE}[wyoming]\nlisten = \"10200\"\nport = 1\nmax_connections = 0\n"));
    let keys: Vec<_> = told.iter().map(|line| line.split(": ").nth(1).unwrap()).collect();
    assert_eq!(keys, ["wyoming.listen", "wyoming.port", "wyoming.max_connections"]);
}
