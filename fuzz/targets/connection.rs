//! Connections, from their first byte: request lines, `Host`, `Origin`, forwarded addresses, keys, and bodies in every
//! framing. Whatever is sent, in whatever pieces, the connection ends in time and no answer is our fault.

#![no_main]

use std::{cell::RefCell, io, net::SocketAddr, time::Duration};

use axum::serve::Listener;
use ishowtts::{auth::Digest, surface::Http};
use ishowtts_fuzz::Server;
use libfuzzer_sys::fuzz_target;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex, split},
    runtime::{Builder, Runtime},
    sync::mpsc,
    time::timeout,
};

/// Every wait for the client is this short; a clock that jumps whenever nobody has anything to do makes it nothing.
const LIMITS: &str =
    "[limits]\nheader_timeout_s = 1\nkeep_alive_s = 2\nbody_timeout_s = 1\nslow_reader_s = 1\n";
/// So long a connection may take that goes quiet after all its bytes were sent.
const LONGEST: Duration = Duration::from_secs(10);

/// The key that is let in where keys are asked for.
const KEY: &str = "open-sesame";

type Doors = mpsc::UnboundedSender<DuplexStream>;

thread_local! {
    static SERVERS: (Runtime, RefCell<[Doors; 2]>) = {
        let mut runtime = Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build().expect("a runtime can be made");
        let base = tempfile::tempdir().expect("a folder can be made");
        std::fs::write(base.path().join("keys"), format!("me sha256:{}\n", Digest::of(KEY.as_bytes())))
            .expect("a file can be written");
        let open = "[server]\ntrusted_proxies = [\"127.0.0.0/8\"]\nhosts = [\"tts.lan\"]\n\
                    [cors]\norigins = [\"https://app.example\"]\n";
        let locked = "[auth]\nkeys_file = \"keys\"\n";
        let doors = [open, locked].map(|tables| {
            runtime.block_on(async {
                let Server { router, live } = Server::new(&format!("{tables}{LIMITS}"), base.path()).await;
                let (doors, visitors) = mpsc::unbounded_channel();
                // Served for as long as the runtime lives.
                drop(Http::serve(Visitors(visitors), router, &live));
                doors
            })
        });
        (runtime, RefCell::new(doors))
    };
}

fuzz_target!(|input: &[u8]| {
    let [how, piece, sent @ ..] = input else { return };
    let piece = 1 + usize::from(*piece) * 8;
    SERVERS.with(|(runtime, doors)| {
        let answer = runtime.block_on(async {
            let (ours, theirs) = duplex(1 << 20);
            doors.borrow()[usize::from(how % 2)].send(theirs).expect("it is being served");
            let (mut answers, mut requests) = split(ours);
            let talk = async {
                for piece in sent.chunks(piece) {
                    if requests.write_all(piece).await.is_err() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
                let hangs_up = how & 2 != 0;
                if hangs_up {
                    drop(requests.shutdown().await);
                }
                let mut answer = Vec::new();
                drop(answers.read_to_end(&mut answer).await);
                answer
            };
            timeout(LONGEST, talk).await.expect("nobody holds a connection open by saying nothing")
        });
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "{}", answer.escape_ascii());
        let is_our_fault = b"\"code\":\"internal\"";
        let found = answer.windows(is_our_fault.len()).any(|window| window == is_our_fault);
        assert!(!found, "{}", answer.escape_ascii());
    });
});

/// Clients that come out of a channel, all from one address.
struct Visitors(mpsc::UnboundedReceiver<DuplexStream>);

impl Listener for Visitors {
    type Io = DuplexStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (DuplexStream, SocketAddr) {
        match self.0.recv().await {
            Some(stream) => (stream, ([127, 0, 0, 1], 4711).into()),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(([127, 0, 0, 1], 27121).into())
    }
}
