//! A connection whose other end must take what it is sent.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// Fails when nothing could be written for so long, or when what was written has not all been taken for longer: so that nobody holds an answer
/// in memory for ever by taking a byte now and then. Reading is bounded elsewhere: by the time a head and a body may take.
pub struct Timed<S> {
    stream: S,
    longest_wait: Duration,
    longest_lag: Duration,
    timer: Pin<Box<Sleep>>,
    /// The timer runs: the last write found no room.
    is_waiting: bool,
    /// Since when there is something that the other end has not taken.
    lags_since: Option<Instant>,
}

impl<S> Timed<S> {
    /// `stream`, a write to which may wait for `longest_wait`, and which may be behind what is written for `longest_lag`.
    pub fn new(stream: S, longest_wait: Duration, longest_lag: Duration) -> Timed<S> {
        let timer = Box::pin(sleep_until(Instant::now()));
        Timed { stream, longest_wait, longest_lag, timer, is_waiting: false, lags_since: None }
    }

    /// Passes on what a write came to, unless the other end is too slow.
    fn watch<R>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        if written.is_ready() {
            self.is_waiting = false;
            return written;
        }
        if !self.is_waiting {
            self.is_waiting = true;
            let now = Instant::now();
            let lags_since = *self.lags_since.get_or_insert(now);
            self.timer.as_mut().reset((now + self.longest_wait).min(lags_since + self.longest_lag));
        }
        ready!(self.timer.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not take what it is sent")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Timed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Timed<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.watch(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if flushed.is_ready() {
            // Whoever writes flushes when nothing is left to write.
            self.lags_since = None;
        }
        self.watch(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.watch(context, shut)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn who_takes_nothing_is_cut_off_and_who_reads_slowly_is_not() {
        let (near, mut far) = tokio::io::duplex(16);
        let mut timed = Timed::new(near, Duration::from_millis(40), Duration::from_secs(60));
        let reader = tokio::spawn(async move {
            let mut byte = [0; 8];
            for _ in 0..8 {
                tokio::time::sleep(Duration::from_millis(10)).await;
                tokio::io::AsyncReadExt::read_exact(&mut far, &mut byte).await.unwrap();
            }
            far
        });
        timed.write_all(&[0; 80]).await.unwrap();
        let _far = reader.await.unwrap();
        assert_eq!(timed.write_all(&[0; 80]).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_behind_for_too_long_is_cut_off_and_who_catches_up_is_not() {
        let (near, mut far) = tokio::io::duplex(16);
        let mut timed = Timed::new(near, Duration::from_secs(30), Duration::from_secs(100));
        let reader = tokio::spawn(async move {
            let mut bytes = [0; 8];
            // A piece of an answer every second, and then a byte every twenty.
            for _ in 0..200 {
                tokio::time::sleep(Duration::from_secs(1)).await;
                tokio::io::AsyncReadExt::read_exact(&mut far, &mut bytes).await.unwrap();
            }
            loop {
                tokio::time::sleep(Duration::from_secs(20)).await;
                if tokio::io::AsyncReadExt::read_exact(&mut far, &mut bytes[..1]).await.is_err() {
                    return;
                }
            }
        });
        for _ in 0..20 {
            timed.write_all(&[0; 80]).await.unwrap();
            timed.flush().await.unwrap();
        }
        let began = Instant::now();
        assert_eq!(timed.write_all(&[0; 80]).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), 100);
        drop(timed);
        reader.await.unwrap();
    }
}
