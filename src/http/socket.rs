//! The socket of a connection: what it is asked to do, in the calls of the system that cost least.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use nix::sys::socket::{Backlog, listen, setsockopt, sockopt};
use nix::{setsockopt_impl, sockopt_impl};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

sockopt_impl!(
    /// A connection is accepted when its first bytes are there, or after so many seconds.
    DeferAccept,
    SetOnly,
    libc::IPPROTO_TCP,
    libc::TCP_DEFER_ACCEPT,
    u32
);

/// A client speaks first, so a connection that says nothing yet need not wake anybody: that spares two waits and a read for
/// each. Who says nothing for so many seconds is accepted all the same, and counts.
const SILENCE_SECONDS: u32 = 1;

/// Sets what every connection of a listener has from then on; that costs no call for each.
///
/// hyper has no write timeout: the kernel closes a connection whose bytes nobody takes for so long. Many readers ask at the full
/// hour, so as many as the kernel lets may wait to be accepted (`net.core.somaxconn`); those beyond come again after 0.2 s at best.
pub(super) fn arrange(listener: &TcpListener, stall_timeout: Duration) {
    let stall = u32::try_from(stall_timeout.as_millis()).unwrap_or(u32::MAX);
    let arranged = setsockopt(listener, sockopt::TcpUserTimeout, &stall)
        .and_then(|()| setsockopt(listener, sockopt::TcpNoDelay, &true))
        .and_then(|()| listen(listener, Backlog::MAXALLOWABLE))
        .and_then(|()| setsockopt(listener, DeferAccept, &SILENCE_SECONDS));
    if let Err(error) = arranged {
        tracing::warn!(%error, "the system does not take all limits of connections");
    }
}

/// A connection.
pub(super) struct Socket(pub(super) TcpStream);

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, to)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, from)
    }

    /// One piece, as an answer without a body is, goes by `send`, which is cheaper than `writev`.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match from {
            [only] => Pin::new(&mut self.0).poll_write(context, only),
            _ => Pin::new(&mut self.0).poll_write_vectored(context, from),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
