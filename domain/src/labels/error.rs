//! Why a label cannot be made of what was given.

/// Why a label cannot be made. The facade answers INVALID_LABEL_DATA.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// The template asks for a field that was not given.
    #[error("the label needs `{field}`")]
    Missing {
        /// The field.
        field: String,
    },
    /// What a code would say does not fit on the label.
    #[error("`{value}` does not fit on the label as {code}")]
    DoesNotFit {
        /// `Code 128` or `QR`.
        code: &'static str,
        /// What it would say.
        value: String,
    },
    /// A code cannot say this.
    #[error("`{value}` cannot be written as {code}: {reason}")]
    NotEncodable {
        /// `Code 128` or `QR`.
        code: &'static str,
        /// What it would say.
        value: String,
        /// Why not.
        reason: &'static str,
    },
    /// A name or a value cannot be taken.
    #[error("`{field}` {reason}")]
    Field {
        /// The field.
        field: String,
        /// Why not.
        reason: String,
    },
    /// There is no such kind of label.
    #[error("there is no label of type {name}: there are {known}")]
    UnknownType {
        /// As it was asked for.
        name: String,
        /// Those there are.
        known: String,
    },
}
