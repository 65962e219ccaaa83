//! HTTPS: served as it should be, to those who speak it.

use ishowtts::ask;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::{Builder, Server, pcm, soon, supervisor, tone};

/// A certificate for `localhost`, and its key.
pub(crate) fn made() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

fn served(cert: &str, key: &str) -> Builder {
    let server = "[server]\ntls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\n";
    supervisor().file("cert.pem", cert).file("key.pem", key).config(server)
}

fn url(server: &Server) -> String {
    server.url.replace("http://127.0.0.1", "https://localhost")
}

/// Whether a server shows a certificate that this file vouches for.
async fn shows(server: &Server, certificate: &str) -> bool {
    let path = server.dir.path().join("trusted.pem");
    std::fs::write(&path, certificate).unwrap();
    let asked = ask::Server { url: url(server).parse().unwrap(), key: None, cacert: Some(path) };
    soon("an answer", asked.ask("/healthz", None)).await.is_ok_and(|answer| answer.status == 200)
}

#[tokio::test]
async fn say_speaks_over_https_to_a_server_that_it_trusts() {
    let (cert, key) = made();
    let server = served(&cert, &key).start().await;
    server.logged("engine ready").await;
    let cacert = server.dir.path().join("cert.pem");
    let say = |more: &[&str]| {
        let mut args = vec!["say", "Hello", "--server"];
        let url = url(&server);
        args.push(&url);
        args.extend(more);
        crate::harness::ishowtts(server.dir.path()).args(&args).output()
    };
    let spoken = soon("speech", say(&["--cacert", cacert.to_str().unwrap()])).await.unwrap();
    assert!(spoken.status.success(), "{}", String::from_utf8_lossy(&spoken.stderr));
    assert_eq!(pcm(&spoken.stdout[44..]), tone::of("Hello"));
    let stranger = server.dir.path().join("other.pem");
    std::fs::write(&stranger, made().0).unwrap();
    let refused = soon("an end", say(&["--cacert", stranger.to_str().unwrap()])).await.unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("certificate"), "it says why");
}

#[tokio::test]
async fn whoever_does_not_speak_tls_is_let_go() {
    let (cert, key) = made();
    let server = served(&cert, &key).config("[limits]\nheader_timeout_s = 1\n").start().await;
    for said in [&b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"[..], b""] {
        let mut socket = TcpStream::connect(&server.address).await.unwrap();
        socket.write_all(said).await.unwrap();
        let mut told = Vec::new();
        drop(soon("the end of the connection", socket.read_to_end(&mut told)).await);
        assert!(!told.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&told));
    }
    assert!(shows(&server, &cert).await);
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_after_a_reload_and_a_broken_one_never() {
    let ((cert, key), (new_cert, new_key)) = (made(), made());
    let server = served(&cert, &key).start().await;
    let write = |name: &str, text: &str| std::fs::write(server.dir.path().join(name), text).unwrap();
    assert!(shows(&server, &cert).await);

    write("cert.pem", &new_cert);
    let half = server.command(&["reload"]).await;
    assert_eq!(half.status.code(), Some(1));
    let told = String::from_utf8_lossy(&half.stderr).into_owned();
    assert!(told.contains("server.tls_key") && told.contains("do not go together"), "{told}");
    assert!(shows(&server, &cert).await && !shows(&server, &new_cert).await);

    write("key.pem", &new_key);
    let whole = server.command(&["reload"]).await;
    assert_eq!(String::from_utf8_lossy(&whole.stdout), "applied: server.tls_cert\n");
    assert!(shows(&server, &new_cert).await && !shows(&server, &cert).await);
}
