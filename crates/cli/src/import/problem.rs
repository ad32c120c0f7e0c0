//! What is wrong with an imported file, and where.

use std::fmt;

/// How much of a bad cell is shown, in characters.
const SHOWN: usize = 60;

/// A row or a cell that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImportProblem {
    /// The file's name.
    pub(crate) file: &'static str,
    /// The line that the row begins on, counted from 1 as an editor does.
    pub(crate) line: u64,
    /// The header of the cell, unless the row as a whole is wrong.
    pub(crate) column: Option<&'static str>,
    /// What is wrong.
    pub(crate) why: String,
    /// What was given up because of it.
    pub(crate) loss: Loss,
}

/// What a problem costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The row is left out.
    Row,
    /// The row is kept, with this cell empty.
    Cell,
    /// The row is kept, but not as the file would have it.
    Nothing,
}

/// Whoever tells the user how an import goes.
pub(crate) trait Reporter {
    /// A file is about to be read; its size in bytes.
    fn begin(&mut self, file: &'static str, size: u64);
    /// So many bytes of the file have been dealt with.
    fn advance(&mut self, bytes: u64);
    /// Something in the file is wrong.
    fn problem(&mut self, problem: &ImportProblem);
    /// The file is done; what became of it, in a line.
    fn end(&mut self, outcome: &dyn fmt::Display);
}

impl fmt::Display for ImportProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file, self.line)?;
        if let Some(column) = self.column {
            write!(f, "{column}: ")?;
        }
        f.write_str(&self.why)?;
        f.write_str(match self.loss {
            Loss::Row => " (the row is left out)",
            Loss::Cell => " (the cell is left empty)",
            Loss::Nothing => "",
        })
    }
}

/// A bad cell's content, quoted and cut to a length that fits a line.
pub(super) fn shown(content: &str) -> String {
    match content.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}…", &content[..end]),
        None => format!("{content:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_file_line_column_and_reason() {
        let problem = ImportProblem {
            file: "books.csv",
            line: 7,
            column: Some("isbn"),
            why: "wrong check digit".to_owned(),
            loss: Loss::Cell,
        };
        assert_eq!(
            problem.to_string(),
            "books.csv:7: isbn: wrong check digit (the cell is left empty)"
        );
    }

    #[test]
    fn a_long_cell_is_cut_between_characters() {
        assert_eq!(shown("né\0"), "\"né\\0\"");
        assert_eq!(shown(&"é".repeat(100)), format!("\"{}\"…", "é".repeat(60)));
    }
}
