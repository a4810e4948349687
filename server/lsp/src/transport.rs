//! Input and output of the server, and its end: when the input ends, or the editor's process is
//! gone.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    sync::mpsc,
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use foretell_session::session::Session;

/// The client's messages.
pub type Input = Box<dyn AsyncRead + Send + Unpin>;
/// Our messages.
pub type Output = Box<dyn AsyncWrite + Send + Unpin>;

/// How often to check that the editor's process exists.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);

/// Cancels `gone` when a process has ended. On other platforms, and for a process that this one
/// cannot see (the editor of a container's server), the end of our input has to suffice.
pub(super) fn watch(process_id: i32, gone: CancellationToken) {
    #[cfg(unix)]
    if let Some(process) = rustix::process::Pid::from_raw(process_id.max(0)) {
        // A process of another user exists too, but may not be signalled.
        let exists =
            move || rustix::process::test_kill_process(process) != Err(rustix::io::Errno::SRCH);
        if !exists() {
            tracing::info!("the editor's process {process_id} is not visible here");
            return;
        }
        tokio::spawn(async move {
            while exists() {
                tokio::time::sleep(WATCH_INTERVAL).await;
            }
            tracing::info!("the editor's process {process_id} is gone");
            gone.cancel();
        });
    }
    #[cfg(not(unix))]
    let _ = (process_id, gone);
}

/// The limit of output that waits for a client that does not read, in bytes. Beyond it, the client
/// counts as gone.
const MAX_UNREAD_BYTES: usize = 64 << 20;

/// Our output. Writing never waits, so a slow client never blocks edits or responses.
#[derive(Clone)]
pub(super) struct NonBlockingWriter {
    to_pump: mpsc::UnboundedSender<Vec<u8>>,
    n_unread_bytes: Arc<AtomicUsize>,
    gone: CancellationToken,
}

impl NonBlockingWriter {
    /// The writer, and a future that copies its messages to `output` until the writer and its
    /// clones are dropped. A message must be written in one piece. Cancels `gone` when too much
    /// waits.
    pub(super) fn new(
        mut output: Output,
        gone: CancellationToken,
    ) -> (Self, impl Future<Output = io::Result<()>>) {
        let (to_pump, mut from_server) = mpsc::unbounded_channel::<Vec<u8>>();
        let n_unread_bytes = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&n_unread_bytes);
        let pump = async move {
            while let Some(bytes) = from_server.recv().await {
                output.write_all(&bytes).await?;
                output.flush().await?;
                counter.fetch_sub(bytes.len(), Ordering::Relaxed);
            }
            Ok(())
        };
        (Self { to_pump, n_unread_bytes, gone }, pump)
    }
}

impl AsyncWrite for NonBlockingWriter {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let n_unread_bytes = self.n_unread_bytes.fetch_add(bytes.len(), Ordering::Relaxed);
        if n_unread_bytes > MAX_UNREAD_BYTES || self.to_pump.send(bytes.to_vec()).is_err() {
            self.gone.cancel();
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The client's messages. If they end without `exit`, the session ends too, or the server would
/// wait for its request.
pub(super) struct InputUntilClosed {
    input: Input,
    session: Arc<Session>,
    gone: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl InputUntilClosed {
    pub(super) fn new(input: Input, session: Arc<Session>, gone: CancellationToken) -> Self {
        Self { input, session, gone: Box::pin(gone.cancelled_owned()) }
    }
}

impl AsyncRead for InputUntilClosed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let n_before = buf.filled().len();
        let is_gone = self.gone.as_mut().poll(cx).is_ready();
        // Zero bytes are the end of the input.
        let read = if is_gone {
            Poll::Ready(Ok(()))
        } else {
            Pin::new(&mut self.input).poll_read(cx, buf)
        };
        let ended = match &read {
            Poll::Ready(Ok(())) => buf.filled().len() == n_before,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        if ended {
            self.session.end();
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn client_with_64_mb_unread_is_gone() {
        let gone = CancellationToken::new();
        let (mut writer, _pump) = NonBlockingWriter::new(Box::new(tokio::io::sink()), gone.clone());
        let message = vec![b' '; 1 << 20];
        for n_written in 0..=64 {
            writer.write_all(&message).await.unwrap_or_else(|error| panic!("{n_written}: {error}"));
        }
        assert!(!gone.is_cancelled());
        let error = writer.write_all(&message).await.unwrap_err();
        assert_eq!((error.kind(), gone.is_cancelled()), (io::ErrorKind::BrokenPipe, true));
    }

    #[tokio::test]
    async fn read_bytes_leave_the_buffer() {
        let gone = CancellationToken::new();
        let (mut writer, pump) = NonBlockingWriter::new(Box::new(tokio::io::sink()), gone.clone());
        let pump = tokio::spawn(pump);
        let message = vec![b' '; 1 << 20];
        for _ in 0..200 {
            writer.write_all(&message).await.unwrap();
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
        }
        drop(writer);
        pump.await.unwrap().unwrap();
        assert!(!gone.is_cancelled());
    }
}
