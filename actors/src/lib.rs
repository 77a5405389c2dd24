//! What lives in a plant: the supervision tree and its actors.
//!
//! [`Plant`] starts and stops the whole tree; [`Sensing`] and [`Inference`] are the doors through which the facade talks
//! to the actors behind them. Nothing here knows of HTTP.

mod config;
mod health;
mod hub;
mod inference;
mod measures;
mod plant;
mod sensing;
mod system;
#[cfg(test)]
mod testing;
mod writer;

pub use config::{InferenceConfig, OdenConfig, PlantConfig, ProxyConfig, SensingConfig, SystemConfig};
pub use health::{Component, ComponentState, Health};
pub use hub::{Hub, JournalReader, JournalStep, Live};
pub use inference::{
    DeviceState, DeviceView, Inference, InferenceError, InferenceView, ModelView, ScoredWindow,
};
pub use measures::describe_metrics;
pub use plant::{Plant, StartError};
pub use sensing::{
    DirectVerdict, Freshness, ProxyAnswer, PushReport, RefusedReading, ScheduleView, Sensing, SensingError,
    SensorView,
};
pub use writer::{WriteError, Writer};
