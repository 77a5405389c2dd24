//! What lives in a plant: the supervision tree and its actors.
//!
//! [`Plant`] starts and stops the whole tree; [`Identity`], [`Sensing`] and [`Inference`] are the doors through which the facade talks
//! to the actors behind them. Nothing here knows of HTTP.

mod alerts;
mod briefing;
mod cache;
mod config;
mod diagnosis;
mod firmware;
mod fleet;
mod health;
mod hub;
mod identity;
mod inference;
mod labels;
mod measures;
mod once;
mod outlet;
mod plant;
mod production;
mod sensing;
mod setback;
#[cfg(test)]
mod simulation;
mod storage;
mod system;
#[cfg(test)]
mod testing;
mod writer;

pub use alerts::{AlertDraft, AlertList, AlertReader, Alerts, BULK_MAX as ALERTS_BULK_MAX};
pub use briefing::{Briefing, BriefingError, Listening, Reloaded, Told};
pub use cache::{Allowance, Cache, CacheConfig, Limit};
pub use config::{
    AlertsConfig, DiagnosisConfig, FirmwareConfig, FleetConfig, InferenceConfig, LabelsConfig, OdenConfig,
    PlantConfig, ProductionConfig, ProxyConfig, SensingConfig, SystemConfig,
};
pub use config::{BriefingConfig, LlmConfig, MailConfig, WebhookConfig};
pub use diagnosis::{
    Asker, Diagnosis, DiagnosisError, Erased, Export, Follow, Forsaken, Headset, HeadsetRefusal, RecordFile,
    RecordQuery, Said,
};
pub use firmware::{AgentWork, Firmware, FirmwareError, Incoming, StationView, Upload, Wanted};
pub use fleet::{
    Fleet, FleetError, FrontLink, LastPosition, PlanView, VehicleLink, VehicleView, WireVersion, fleet_maps,
};
pub use health::{Component, ComponentState, Health};
pub use hub::{Hub, JournalReader, JournalStep, Live, Occurrence};
pub use identity::{
    AUDIENCE, Argon2Config, AuditQuery, By, ISSUER, Identity, IdentityConfig, IdentityError, KeyError,
    KeyRing, Keys, Origin, Registration, SignedIn, UserQuery, given_key, key_file, random_secret,
};
pub use inference::{
    DeviceState, DeviceView, Inference, InferenceError, InferenceView, ModelView, ScoredWindow,
};
pub use labels::{
    LabelOf, Labels, LabelsError, PrintRequest, Printed, PrinterMood, PrinterSeen, PrinterView,
    ReprintRequest, SimulatedPrinter,
};
pub use measures::describe_metrics;
pub use once::{Answers, Once, Ticket};
pub use outlet::{Close, Closing, Drain, Frame, Gone, Outlet, OutletLimits, outlet};
pub use plant::{Plant, StartError};
pub use production::{
    Acknowledged, Catalogued, ComponentDefects, CycleTimes, DayFigures, DefectBars, Doing, EquipmentOee,
    History, LineNow, LotChange, LotProgress, MeasuredCapability, Order, ProcessYield, Production,
    ProductionError, QualityFigures, RealtimeFigures, Reported, SerialDraft, TREND_DAYS_MAX, Trend,
};
pub use sensing::{
    ComparedVerdict, ComparisonView, DirectVerdict, DisagreementView, Freshness, ModelEntry, ModelsView,
    ProxyAnswer, PushReport, ReadingScore, RefusedReading, ScheduleView, Sensing, SensingError, SensorView,
    Trace, WindowScores,
};
pub use setback::Setback;
pub use system::{House, HouseError, HouseView, RecoveriesView};
pub use writer::{WriteError, Writer};
