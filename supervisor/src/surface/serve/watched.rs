//! A stream under watch: whoever sends the head of a request too slowly, or takes nothing of an answer for too long,
//! finds it closed. Both are told from when bytes move alone, so it works below TLS too.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use hyper::body::{Body, Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

use super::crowd::Place;

/// How far the requests of a connection have come: how many heads were read, and how many answers have left.
#[derive(Clone, Debug, Default)]
pub(super) struct Requests(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    begun: AtomicU64,
    answered: AtomicU64,
}

impl Requests {
    /// The head of one is complete.
    pub(super) fn begin(&self) {
        self.0.begun.fetch_add(1, Ordering::Relaxed);
    }

    /// Its answer, which counts as given when it is dropped.
    pub(super) fn answer<B>(&self, body: B) -> Answer<B> {
        Answer { body, requests: self.clone() }
    }

    fn begun(&self) -> u64 {
        self.0.begun.load(Ordering::Relaxed)
    }

    fn is_underway(&self) -> bool {
        self.begun() != self.0.answered.load(Ordering::Relaxed)
    }
}

/// The body of an answer.
#[derive(Debug)]
pub(super) struct Answer<B> {
    body: B,
    requests: Requests,
}

impl<B> Drop for Answer<B> {
    fn drop(&mut self) {
        self.requests.0.answered.fetch_add(1, Ordering::Relaxed);
    }
}

impl<B: Body + Unpin> Body for Answer<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// How patient we are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// With the head of a request, from its first byte; of the first one, from the beginning of the connection.
    pub(super) head: Duration,
    /// With somebody who takes nothing.
    pub(super) stall: Duration,
}

/// A stream that is watched.
#[derive(Debug)]
pub(super) struct Watched<I> {
    io: I,
    requests: Requests,
    patience: Patience,
    /// When the head after so many began.
    head: (u64, Option<Instant>),
    head_timer: Option<Pin<Box<Sleep>>>,
    stall_timer: Option<Pin<Box<Sleep>>>,
    /// As long as the stream is open, whatever is spoken on it by then.
    _place: Place,
}

impl<I> Watched<I> {
    pub(super) fn new(io: I, requests: Requests, patience: Patience, place: Place) -> Self {
        let head = (0, Some(Instant::now()));
        Self { io, requests, patience, head, head_timer: None, stall_timer: None, _place: place }
    }

    /// Nothing has come: whether it should have.
    fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        let began =
            self.head.1.filter(|_| self.head.0 == self.requests.begun() && !self.requests.is_underway());
        let Some(began) = began else {
            self.head_timer = None;
            return false;
        };
        let until = began + self.patience.head;
        let timer = self.head_timer.get_or_insert_with(|| Box::pin(sleep_until(until)));
        timer.as_mut().poll(cx).is_ready()
    }

    /// What came of writing; nothing for too long is an error.
    fn written(&mut self, written: Poll<io::Result<usize>>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stall_timer = None;
            return written;
        }
        let until = Instant::now() + self.patience.stall;
        let timer = self.stall_timer.get_or_insert_with(|| Box::pin(sleep_until(until)));
        timer.as_mut().poll(cx).map(|()| Err(late("the client takes nothing of its answer")))
    }
}

fn late(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl<I: AsyncRead + Unpin> AsyncRead for Watched<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        if read.is_pending() {
            return if self.is_late(cx) {
                Poll::Ready(Err(late("the headers did not arrive in time")))
            } else {
                read
            };
        }
        // Between two requests the first byte begins the head of the next. Reading a clock for each is cheap; a timer
        // is made only where the head does not come at once.
        let begun = self.requests.begun();
        if !self.requests.is_underway() && (self.head.0 != begun || self.head.1.is_none()) {
            self.head = (begun, Some(Instant::now()));
            self.head_timer = None;
        }
        read
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.written(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, pieces);
        self.written(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
