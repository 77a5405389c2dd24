//! Why a file cannot be a result, in words that a clinician reads.

/// What is wrong with a result file. Rows are counted from 1, the heading not among them. No cell is repeated: the reason
/// is shown in more places than the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResultFault {
    /// Larger than a result may be.
    #[error("파일이 너무 큽니다 / the file is too large: {bytes} bytes, at most {max}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// Nothing in it.
    #[error("파일이 비어 있습니다 / the file is empty")]
    Empty,
    /// A heading and nothing else.
    #[error("데이터 행이 없습니다 / the file has a heading and no rows")]
    NoRows,
    /// A column that every result of this type has.
    #[error("{0} 열이 없습니다 / column {0} is missing")]
    MissingColumn(&'static str),
    /// Two columns of one name.
    #[error("같은 이름의 열이 있습니다 / two columns have the same name (column {0})")]
    SameColumn(usize),
    /// More columns than anybody sends.
    #[error("열이 너무 많습니다 / too many columns: {found}, at most {max}")]
    TooManyColumns {
        /// Columns.
        found: usize,
        /// The limit.
        max: usize,
    },
    /// A row that is longer or shorter than the heading.
    #[error("{row}행: 열 수가 다릅니다 / row {row}: {found} cells instead of {expected}")]
    CellCount {
        /// The row.
        row: u64,
        /// Columns of the heading.
        expected: usize,
        /// Cells of the row.
        found: usize,
    },
    /// A quote that does not close, or text after one that does.
    #[error("{row}행: 따옴표가 맞지 않습니다 / row {row}: a quote is not closed as it should be")]
    Quote {
        /// The row.
        row: u64,
    },
    /// A cell that must be a number.
    #[error("{row}행 {column}: 숫자가 아닙니다 / row {row}, {column}: not a number")]
    NotANumber {
        /// The row.
        row: u64,
        /// The column.
        column: &'static str,
    },
    /// A cell that must be a time.
    #[error(
        "{row}행 current_time: 시각 형식이 아닙니다 / row {row}, current_time: not YYYY-MM-DD HH:MM:SS.mmm"
    )]
    BadTime {
        /// The row.
        row: u64,
    },
    /// A time before the one above it.
    #[error(
        "{row}행 current_time: 시각이 거꾸로 갑니다 / row {row}, current_time: earlier than the row before"
    )]
    TimeGoesBack {
        /// The row.
        row: u64,
    },
    /// A cell that must be a position.
    #[error("{row}행 Position: (x, y, z) 형식이 아닙니다 / row {row}, Position: not (x, y, z)")]
    BadPosition {
        /// The row.
        row: u64,
    },
}
