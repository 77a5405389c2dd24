//! A simulated headset: begins when it is told to, and uploads, fails or vanishes.

use std::pin::pin;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use nightshift_domain::diagnosis::{DiagnosisId, FromHeadset, Sample, ToHeadset};
use nightshift_kernel::Clock;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message;

use crate::cli::wire::{self, Wire};

/// How long an order may take to come.
const ORDER_DEADLINE: Duration = Duration::from_secs(120);
/// First byte of a text frame that is whole, and the mark of a masked one whose length takes eight bytes.
const FRAME_HEAD: [u8; 2] = [0x81, 0x80 | 127];

/// How a headset behaves in a diagnosis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Uploads.
    Uploads,
    /// Reports that it failed.
    Fails,
    /// Vanishes in the middle of its upload, comes back and uploads.
    Vanishes,
}

impl Manner {
    /// By a number below a hundred.
    pub(super) fn of(drawn: u64, failing: u32, vanishing: u32) -> Self {
        let (failing, vanishing) = (u64::from(failing), u64::from(vanishing));
        if drawn < failing {
            Self::Fails
        } else if drawn < failing + vanishing {
            Self::Vanishes
        } else {
            Self::Uploads
        }
    }
}

/// The frame that uploads a result.
pub(super) fn upload(id: i64, sample: &Sample) -> String {
    FromHeadset::Upload(DiagnosisId(id), sample.text().into()).frame()
}

/// A connected headset.
pub(super) struct Headset {
    url: String,
    wire: Wire,
}

impl Headset {
    /// Connects under a patient's code.
    pub(super) async fn connect(base: &str, code: &str) -> Result<Self, String> {
        let rest = base
            .trim_end_matches('/')
            .strip_prefix("http://")
            .ok_or("the simulation speaks plain HTTP: give an http:// URL")?;
        let url = format!("ws://{rest}/ws/diagnosis/{code}");
        let wire = wire::open(&url).await.map_err(|e| format!("{url}: {e}"))?;
        Ok(Self { url, wire })
    }

    /// Waits until it is told to begin a diagnosis, and says that it has.
    pub(super) async fn begin(&mut self, id: i64) -> Result<(), String> {
        let told = tokio::time::timeout(ORDER_DEADLINE, async {
            loop {
                let order = match self.wire.next().await {
                    Some(Ok(Message::Text(text))) => serde_json::from_str::<ToHeadset>(&text),
                    Some(Ok(Message::Close(frame))) => return Err(format!("closed: {frame:?}")),
                    Some(Ok(_)) => continue,
                    Some(Err(error)) => return Err(error.to_string()),
                    None => return Err("the connection ended".to_owned()),
                };
                if matches!(order, Ok(ToHeadset::Start { diagnosis_id, .. }) if diagnosis_id.0 == id) {
                    return Ok(());
                }
            }
        });
        told.await.map_err(|_| format!("no order to begin diagnosis {id}"))??;
        self.say(&FromHeadset::Started(DiagnosisId(id))).await
    }

    /// Waits until something else is done, and answers pings meanwhile.
    pub(super) async fn during<T>(&mut self, waiting: impl Future<Output = T>) -> Result<T, String> {
        let mut waiting = pin!(waiting);
        loop {
            tokio::select! {
                done = &mut waiting => return Ok(done),
                heard = self.wire.next() => match heard {
                    Some(Ok(Message::Close(frame))) => return Err(format!("closed: {frame:?}")),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(error.to_string()),
                    None => return Err("the connection ended".to_owned()),
                },
            }
        }
    }

    /// Ends a diagnosis in the manner that is asked for, with the frame of its [`upload`]; when the last byte had left.
    pub(super) async fn play(
        &mut self,
        id: i64,
        manner: Manner,
        upload: String,
        clock: &Clock,
    ) -> Result<Duration, String> {
        if manner == Manner::Fails {
            self.say(&FromHeadset::Failed(DiagnosisId(id))).await?;
            return Ok(clock.monotonic());
        }
        if manner == Manner::Vanishes {
            self.vanish(&upload).await?;
        }
        self.send(upload).await?;
        Ok(clock.monotonic())
    }

    /// Sends half of a frame, drops the connection, and connects anew.
    async fn vanish(&mut self, upload: &str) -> Result<(), String> {
        let bytes = upload.as_bytes();
        let mut frame = FRAME_HEAD.to_vec();
        frame.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        // A mask of zeros leaves every byte as it is.
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(&bytes[..bytes.len() / 2]);
        self.wire.get_mut().write_all(&frame).await.map_err(|e| e.to_string())?;
        let wire = wire::open(&self.url).await.map_err(|e| format!("{}: {e}", self.url))?;
        self.wire = wire;
        Ok(())
    }

    async fn say(&mut self, said: &FromHeadset<'_>) -> Result<(), String> {
        self.send(said.frame()).await
    }

    async fn send(&mut self, text: String) -> Result<(), String> {
        self.wire.send(Message::text(text)).await.map_err(|e| e.to_string())
    }

    /// Closes in good order.
    pub(super) async fn leave(mut self) {
        // A server that is gone already needs no goodbye.
        let _ = self.wire.close(None).await;
    }
}
