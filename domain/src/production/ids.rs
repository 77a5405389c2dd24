//! Ids of production's rows: numbers that the store gives out and never uses twice.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The user who works at a station, approves or reads.
pub use crate::identity::UserId as OperatorId;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

ids! {
    /// A product model.
    ProductModelId
    /// A production line.
    LineId
    /// A piece of equipment.
    EquipmentId
    /// A process: the row's id, not the process's number.
    ProcessId
    /// A lot.
    LotId
    /// A unit of a lot.
    SerialId
    /// One run of a process.
    RunId
    /// A defect found by a run.
    DefectId
    /// An approved rework.
    ReworkId
    /// A hold on a piece of equipment.
    HoldId
    /// A day's target.
    TargetId
}
