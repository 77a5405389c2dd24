//! The clients' end of a WebSocket.

use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

/// Most that is read at once, bytes. Each of a thousand clients holds a buffer of that size, and it is cleared before each read.
const READ_BYTES_MAX: usize = 16 * 1_024;

/// An open socket.
pub(super) type Wire = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Opens a socket that sends small messages at once.
pub(super) async fn open(url: &str) -> Result<Wire, Box<Error>> {
    let config = WebSocketConfig::default().read_buffer_size(READ_BYTES_MAX);
    let (wire, _) = connect_async_with_config(url, Some(config), true).await.map_err(Box::new)?;
    Ok(wire)
}
