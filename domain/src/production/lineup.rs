//! The line-up: every process in order, with its schema compiled once.

use std::sync::Arc;

use super::{DataSchema, Process, ProcessId, ProcessNumber, ProcessRef, SchemaError};

/// A process and its compiled schema.
#[derive(Debug)]
pub struct Step {
    /// The row.
    pub process: Process,
    /// Its schema.
    pub schema: DataSchema,
}

impl Step {
    /// Its place in the line.
    #[must_use]
    pub fn number(&self) -> ProcessNumber {
        self.process.number()
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> ProcessId {
        self.process.id
    }
}

/// All processes in the order of their numbers. Cheap to share; made again when a process changes.
#[derive(Debug, Clone, Default)]
pub struct LineUp {
    steps: Arc<[Step]>,
}

impl LineUp {
    /// Of all processes, in any order.
    ///
    /// # Errors
    /// The process whose schema can't be used: its row was changed past this program.
    pub fn new(processes: Vec<Process>) -> Result<Self, (ProcessNumber, SchemaError)> {
        let compile = |process: Process| match DataSchema::compile(&process.spec.data_schema) {
            Ok(schema) => Ok(Step { process, schema }),
            Err(e) => Err((process.number(), e)),
        };
        let mut steps = processes.into_iter().map(compile).collect::<Result<Vec<_>, _>>()?;
        steps.sort_by_key(Step::number);
        Ok(Self { steps: steps.into() })
    }

    /// All of them.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Those that are part of the line now.
    pub fn active(&self) -> impl DoubleEndedIterator<Item = &Step> {
        self.steps.iter().filter(|s| s.process.spec.is_active)
    }

    /// The process that a body names.
    #[must_use]
    pub fn find(&self, process: ProcessRef) -> Option<&Step> {
        self.steps.iter().find(|s| match process {
            ProcessRef::Id(id) => s.id() == id,
            ProcessRef::Number(n) => s.number() == n,
        })
    }

    /// The process of that id.
    #[must_use]
    pub fn get(&self, id: ProcessId) -> Option<&Step> {
        self.find(ProcessRef::Id(id))
    }
}
