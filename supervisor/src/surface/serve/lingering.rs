//! A stream that is closed so that the last answer is heard.
//!
//! Who is told in the middle of a body, or of a message on a WebSocket, that it is too long still sends. Closed at once, the system answers what comes
//! with a reset, and the client loses the answer that it has not read yet. So the end is told, and what comes after it is
//! read for a moment (RFC 9112, 9.6).

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::body::{Body, Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    runtime::Handle,
    time::{Sleep, sleep, timeout},
};

/// So long it is read.
const MOMENT: Duration = Duration::from_secs(1);
/// So much at most.
const MOST: usize = 16 << 20;

/// Whether what a client sends was given up before its end.
#[derive(Clone, Debug, Default)]
pub(in crate::surface) struct GivenUp(Arc<AtomicBool>);

impl GivenUp {
    /// It is, and the client is told something that it is to hear.
    pub(in crate::surface) fn give_up(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_given_up(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// A request's body, which is looked at when it is dropped.
    pub(super) fn watch<B: Body>(&self, body: B) -> Asked<B> {
        Asked { body, is_over: false, given_up: self.clone() }
    }
}

/// The body of a request.
#[derive(Debug)]
pub(super) struct Asked<B: Body> {
    body: B,
    /// Its end was read, which not every body knows of itself.
    is_over: bool,
    given_up: GivenUp,
}

impl<B: Body> Drop for Asked<B> {
    fn drop(&mut self) {
        if !self.is_over && !self.body.is_end_stream() {
            self.given_up.give_up();
        }
    }
}

impl<B: Body + Unpin> Body for Asked<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.is_over |= frame.is_none();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream that lingers when it is closed, or dropped as a WebSocket drops it, if what came on it was given up.
#[derive(Debug)]
pub(super) struct Lingering<I: AsyncRead + AsyncWrite + Unpin + Send + 'static> {
    /// There until it is dropped.
    io: Option<I>,
    given_up: GivenUp,
    is_closed: bool,
    /// From when the end was told.
    rest: Option<(Pin<Box<Sleep>>, usize)>,
}

impl<I: AsyncRead + AsyncWrite + Unpin + Send + 'static> Lingering<I> {
    pub(super) fn new(io: I, given_up: GivenUp) -> Self {
        Self { io: Some(io), given_up, is_closed: false, rest: None }
    }

    fn io(&mut self) -> io::Result<Pin<&mut I>> {
        self.io.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin + Send + 'static> Drop for Lingering<I> {
    fn drop(&mut self) {
        if self.is_closed || !self.given_up.is_given_up() {
            return;
        }
        if let (Some(mut io), Ok(runtime)) = (self.io.take(), Handle::try_current()) {
            runtime.spawn(timeout(MOMENT, async move {
                io.shutdown().await?;
                tokio::io::copy(&mut io.take(MOST as u64), &mut tokio::io::sink()).await
            }));
        }
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin + Send + 'static> AsyncRead for Lingering<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.io()?.poll_read(cx, buf)
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin + Send + 'static> AsyncWrite for Lingering<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.io()?.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.io()?.poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.as_ref().is_some_and(I::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { io: Some(io), given_up, is_closed, rest } = &mut *self else { return Poll::Ready(Ok(())) };
        if rest.is_none() {
            ready!(Pin::new(&mut *io).poll_shutdown(cx))?;
            *is_closed = true;
            *rest = given_up.is_given_up().then(|| (Box::pin(sleep(MOMENT)), 0));
        }
        let Some((timer, read)) = rest else { return Poll::Ready(Ok(())) };
        let mut room = [0; 16 << 10];
        while *read < MOST {
            let mut buffer = ReadBuf::new(&mut room);
            match Pin::new(&mut *io).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => *read += buffer.filled().len(),
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => return timer.as_mut().poll(cx).map(Ok),
            }
        }
        Poll::Ready(Ok(()))
    }
}
