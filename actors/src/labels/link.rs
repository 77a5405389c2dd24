//! A connection to a printer: ZPL goes out, `~HS` is asked and answered.

use std::time::Duration;

use nightshift_domain::labels::{
    HOST_STATUS_BYTES_MAX, HOST_STATUS_QUERY, HostStatus, PrinterFault, PrinterSpec, StatusError,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// An open connection.
pub(super) struct Link {
    stream: TcpStream,
    /// What came and was not read as a status yet.
    came: Vec<u8>,
}

/// Why there is no status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mute {
    /// The connection is gone.
    Gone,
    /// Nothing came in time.
    Silent,
    /// Something else came.
    Garbage,
}

impl From<Mute> for PrinterFault {
    fn from(mute: Mute) -> Self {
        match mute {
            Mute::Gone => Self::NotConnected,
            Mute::Silent => Self::Silent,
            Mute::Garbage => Self::Garbage,
        }
    }
}

/// A label that did not go out whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CutShort {
    /// Bytes that the network took. 0 is certain: the printer has none of it.
    pub(super) sent: usize,
}

impl Link {
    /// Connects.
    pub(super) async fn open(printer: &PrinterSpec, deadline: Duration) -> Result<Self, PrinterFault> {
        let connecting = TcpStream::connect((printer.host.as_str(), printer.port));
        match timeout(deadline, connecting).await {
            Ok(Ok(stream)) => {
                // A label and a question are small and must not wait for each other.
                let _ = stream.set_nodelay(true);
                Ok(Self { stream, came: Vec::new() })
            }
            Ok(Err(error)) => {
                tracing::debug!(printer = %printer.printer_id, error = %error, "a printer cannot be reached");
                Err(PrinterFault::NotConnected)
            }
            Err(_) => Err(PrinterFault::NotConnected),
        }
    }

    /// Asks how the printer is.
    pub(super) async fn status(&mut self, deadline: Duration) -> Result<HostStatus, Mute> {
        // What is left of an answer to an earlier question says nothing of now.
        self.came.clear();
        match timeout(deadline, self.ask()).await {
            Ok(answer) => answer,
            Err(_) => Err(Mute::Silent),
        }
    }

    async fn ask(&mut self) -> Result<HostStatus, Mute> {
        self.drain()?;
        self.stream.write_all(HOST_STATUS_QUERY).await.map_err(|_| Mute::Gone)?;
        loop {
            match HostStatus::parse(&self.came) {
                Ok((status, _)) => return Ok(status),
                Err(StatusError::Garbage(why)) => {
                    tracing::debug!(why, "a printer answers something else than its status");
                    return Err(Mute::Garbage);
                }
                Err(StatusError::Incomplete) if self.came.len() >= HOST_STATUS_BYTES_MAX => {
                    return Err(Mute::Garbage);
                }
                Err(StatusError::Incomplete) => {}
            }
            let mut more = [0; HOST_STATUS_BYTES_MAX];
            match self.stream.read(&mut more).await {
                Ok(0) | Err(_) => return Err(Mute::Gone),
                Ok(n) => self.came.extend_from_slice(&more[..n]),
            }
        }
    }

    /// Throws away what came unasked, such as a late answer to a question that was given up.
    fn drain(&mut self) -> Result<(), Mute> {
        let mut old = [0; HOST_STATUS_BYTES_MAX];
        for _ in 0..16 {
            match self.stream.try_read(&mut old) {
                Ok(0) => return Err(Mute::Gone),
                Ok(_) => {}
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => return Ok(()),
                Err(_) => return Err(Mute::Gone),
            }
        }
        Err(Mute::Garbage)
    }

    /// Sends a label.
    pub(super) async fn send(&mut self, zpl: &[u8], deadline: Duration) -> Result<(), CutShort> {
        let mut sent = 0;
        let sending = async {
            while sent < zpl.len() {
                match self.stream.write(&zpl[sent..]).await {
                    Ok(0) | Err(_) => return false,
                    Ok(n) => sent += n,
                }
            }
            true
        };
        match timeout(deadline, sending).await {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(CutShort { sent }),
        }
    }
}
