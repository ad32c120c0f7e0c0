//! Problems in imported files, and the reporter of an import.

use std::fmt;

/// The maximum number of characters of an invalid cell in a message.
const MAX_SHOWN: usize = 60;

/// A problem in a row or a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImportProblem {
    pub(crate) file: &'static str,
    /// The first line of the row, counted from 1.
    pub(crate) line: u64,
    /// The column, unless the problem concerns the whole row.
    pub(crate) column: Option<&'static str>,
    pub(crate) reason: String,
    /// The data that is not imported.
    pub(crate) loss: Loss,
}

/// The data that is not imported because of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    Row,
    /// The cell. The row is imported without it.
    Cell,
    /// None: the row is imported with a changed value.
    Nothing,
}

/// Reports the progress and the problems of an import.
pub(crate) trait Reporter {
    /// Reports that a file of this size in bytes is being read.
    fn begin(&mut self, file: &'static str, size: u64);
    /// Reports how many bytes of the file have been processed.
    fn advance(&mut self, bytes: u64);
    /// Reports a problem in the file.
    fn problem(&mut self, problem: &ImportProblem);
    /// Reports the end of the file, with its counts.
    fn end(&mut self, counts: &dyn fmt::Display);
}

impl fmt::Display for ImportProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file, self.line)?;
        if let Some(column) = self.column {
            write!(f, "{column}: ")?;
        }
        f.write_str(&self.reason)?;
        f.write_str(match self.loss {
            Loss::Row => " (row skipped)",
            Loss::Cell => " (cell left empty)",
            Loss::Nothing => "",
        })
    }
}

/// Returns the content of a cell, quoted and cut.
pub(super) fn shown(content: &str) -> String {
    match content.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{:?}…", &content[..end]),
        None => format!("{content:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problem_names_file_line_and_column() {
        let problem = ImportProblem {
            file: "books.csv",
            line: 7,
            column: Some("isbn"),
            reason: "wrong check digit".to_owned(),
            loss: Loss::Cell,
        };
        assert_eq!(problem.to_string(), "books.csv:7: isbn: wrong check digit (cell left empty)");
    }

    #[test]
    fn long_cell_is_cut_between_characters() {
        assert_eq!(shown("né\0"), "\"né\\0\"");
        assert_eq!(shown(&"é".repeat(100)), format!("\"{}\"…", "é".repeat(60)));
    }
}
