//! Reading the rows of a CSV file, with columns by name.

use std::io::{self, Read};
use std::str;

use csv::{ByteRecord, ReaderBuilder, Terminator};

use super::problem::{ImportProblem, Loss, shown};

#[derive(Clone, Copy, Debug)]
pub(crate) struct CsvColumn {
    name: &'static str,
    required: bool,
}

/// A CSV file with a header, of which `N` columns are read.
pub(crate) struct CsvFile<R, const N: usize> {
    file: &'static str,
    reader: csv::Reader<io::Chain<R, &'static [u8]>>,
    columns: [CsvColumn; N],
    /// The index of each column, if the file has it.
    indexes: [Option<usize>; N],
    width: usize,
    record: ByteRecord,
}

/// A row with as many cells as the header.
pub(crate) struct CsvRow<'a, const N: usize> {
    file: &'static str,
    record: &'a ByteRecord,
    columns: &'a [CsvColumn; N],
    indexes: &'a [Option<usize>; N],
    /// The line after the row.
    end: u64,
}

/// A cell with its location.
#[derive(Clone, Copy)]
pub(crate) struct CsvCell<'a> {
    file: &'static str,
    record: &'a ByteRecord,
    column: &'static str,
    content: &'a [u8],
    end: u64,
}

/// The reason why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CsvError {
    #[error("{file}: {source}")]
    Read { file: &'static str, source: csv::Error },
    #[error("{file}:1: {column}: the header has no such column")]
    NoColumn { file: &'static str, column: &'static str },
    #[error("{file}:1: {column}: the header has this column twice")]
    TwoColumns { file: &'static str, column: &'static str },
}

impl CsvColumn {
    /// Returns a required column.
    pub(crate) const fn required(name: &'static str) -> Self {
        let required = true;
        Self { name, required }
    }

    /// Returns a column that the file may lack.
    pub(crate) const fn optional(name: &'static str) -> Self {
        let required = false;
        Self { name, required }
    }
}

impl<R: Read, const N: usize> CsvFile<R, N> {
    /// Reads the header of a file and finds the columns.
    pub(crate) fn open(
        file: &'static str,
        source: R,
        columns: [CsvColumn; N],
    ) -> Result<Self, CsvError> {
        // Rows end with LF, and `cell` removes a preceding CR: with the reader's CRLF rule, the LF
        // belongs to the next row, and line numbers are wrong. The LF appended to the file ends its
        // last line.
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .terminator(Terminator::Any(b'\n'))
            .buffer_capacity(1 << 16)
            .from_reader(source.chain(b"\n".as_slice()));
        let mut record = ByteRecord::new();
        reader.read_byte_record(&mut record).map_err(|source| CsvError::Read { file, source })?;
        let header: Vec<&[u8]> = cells(&record).collect();
        let indexes = indexes(file, &header, &columns)?;
        let width = header.len();
        Ok(Self { file, reader, columns, indexes, width, record })
    }

    /// Returns the next row, or a problem if its number of cells is not that of the header. Skips
    /// empty lines.
    ///
    /// # Errors
    /// [`CsvError::Read`] if the file cannot be read.
    pub(crate) fn next(
        &mut self,
    ) -> Result<Option<Result<CsvRow<'_, N>, ImportProblem>>, CsvError> {
        loop {
            let more = self
                .reader
                .read_byte_record(&mut self.record)
                .map_err(|source| CsvError::Read { file: self.file, source })?;
            if !more {
                return Ok(None);
            }
            if self.record.as_slice() != b"\r" {
                break;
            }
        }
        let row = CsvRow {
            file: self.file,
            record: &self.record,
            columns: &self.columns,
            indexes: &self.indexes,
            end: self.reader.position().line(),
        };
        let width = self.record.len();
        if width != self.width {
            let reason = format!("has {width} cells, but the header has {}", self.width);
            return Ok(Some(Err(row.problem(reason))));
        }
        Ok(Some(Ok(row)))
    }

    /// Returns how many bytes of the file have been processed.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.reader.position().byte()
    }
}

impl<'a, const N: usize> CsvRow<'a, N> {
    /// Returns the cells of the columns, empty where the file lacks a column.
    pub(crate) fn cells(&self) -> [CsvCell<'a>; N] {
        std::array::from_fn(|index| CsvCell {
            file: self.file,
            record: self.record,
            column: self.columns[index].name,
            content: self.indexes[index].map_or(b"".as_slice(), |index| cell(self.record, index)),
            end: self.end,
        })
    }

    /// Returns the first line of the row.
    pub(crate) fn line(&self) -> u64 {
        first_line(self.record, self.end)
    }

    fn problem(&self, reason: String) -> ImportProblem {
        ImportProblem { file: self.file, line: self.line(), column: None, reason, loss: Loss::Row }
    }
}

impl<'a> CsvCell<'a> {
    /// Parses a cell that the row requires.
    pub(crate) fn required<T, E: std::fmt::Display>(
        self,
        parse: impl FnOnce(&'a str) -> Result<T, E>,
    ) -> Result<T, ImportProblem> {
        let text = self.text(Loss::Row)?;
        parse(text).map_err(|reason| self.problem(text, &reason, Loss::Row))
    }

    /// Parses an optional cell. Returns `None` for a blank cell and, after adding a problem, for an
    /// invalid one.
    pub(crate) fn optional<T, E: std::fmt::Display>(
        self,
        problems: &mut Vec<ImportProblem>,
        parse: impl FnOnce(&'a str) -> Result<T, E>,
    ) -> Option<T> {
        let parsed = self.text(Loss::Cell).and_then(|text| {
            let text = text.trim();
            if text.is_empty() {
                return Ok(None);
            }
            parse(text).map(Some).map_err(|reason| self.problem(text, &reason, Loss::Cell))
        });
        parsed.unwrap_or_else(|problem| {
            problems.push(problem);
            None
        })
    }

    fn text(self, loss: Loss) -> Result<&'a str, ImportProblem> {
        str::from_utf8(self.content).map_err(|_| {
            let content = String::from_utf8_lossy(self.content);
            self.problem(&content, &"must be UTF-8", loss)
        })
    }

    fn problem(self, content: &str, reason: &dyn std::fmt::Display, loss: Loss) -> ImportProblem {
        ImportProblem {
            file: self.file,
            line: first_line(self.record, self.end),
            column: Some(self.column),
            reason: format!("{} {reason}", shown(content)),
            loss,
        }
    }
}

fn indexes<const N: usize>(
    file: &'static str,
    header: &[&[u8]],
    columns: &[CsvColumn; N],
) -> Result<[Option<usize>; N], CsvError> {
    let mut indexes = [None; N];
    for (index, column) in indexes.iter_mut().zip(columns) {
        let name = column.name.as_bytes();
        let mut found = (0..header.len()).filter(|index| header[*index] == name);
        *index = found.next();
        if found.next().is_some() {
            let column = column.name;
            return Err(CsvError::TwoColumns { file, column });
        }
        if index.is_none() && column.required {
            let column = column.name;
            return Err(CsvError::NoColumn { file, column });
        }
    }
    Ok(indexes)
}

fn cells(record: &ByteRecord) -> impl Iterator<Item = &[u8]> {
    (0..record.len()).map(|index| cell(record, index))
}

/// Returns the content of a cell, without the CR of the line's end.
fn cell(record: &ByteRecord, index: usize) -> &[u8] {
    let content = &record[index];
    if index + 1 == record.len() { content.strip_suffix(b"\r").unwrap_or(content) } else { content }
}

/// Returns the first line of a row, from the line after it (`end`) and the line breaks in its
/// cells. The position of the reader's record would include preceding empty lines.
fn first_line(record: &ByteRecord, end: u64) -> u64 {
    let breaks = record.as_slice().iter().filter(|byte| **byte == b'\n');
    end - 1 - breaks.map(|_| 1).sum::<u64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [CsvColumn; 2] = [CsvColumn::required("b"), CsvColumn::optional("a")];

    fn rows(text: &str) -> Vec<Result<(u64, String), ImportProblem>> {
        let mut csv = CsvFile::open("t.csv", text.as_bytes(), COLUMNS).unwrap();
        let mut rows = Vec::new();
        while let Some(row) = csv.next().unwrap() {
            rows.push(row.and_then(|row| {
                let [b, a] = row.cells();
                let b = b.required(|text| Ok::<_, String>(text.to_owned()))?;
                let line = first_line(row.record, row.end);
                let a = a.required(|text| Ok::<_, String>(text.to_owned()))?;
                Ok((line, format!("{b}|{a}")))
            }));
        }
        rows
    }

    fn good(text: &str) -> Vec<(u64, String)> {
        rows(text).into_iter().map(Result::unwrap).collect()
    }

    #[test]
    fn columns_are_found_by_name() {
        assert_eq!(good("a,b\n1,2\n"), [(2, "2|1".to_owned())]);
        assert_eq!(good("x,b\n1,2\n"), [(2, "2|".to_owned())]);
        assert_eq!(good("\u{feff}b,a\n1,2\n"), [(2, "1|2".to_owned())]);
    }

    #[test]
    fn missing_required_column_is_refused() {
        for text in ["", "a\n", "a,B\n1,2\n"] {
            let error = CsvFile::open("t.csv", text.as_bytes(), COLUMNS).err().unwrap();
            assert_eq!(error.to_string(), "t.csv:1: b: the header has no such column");
        }
        let error = CsvFile::open("t.csv", "b,a,b\n".as_bytes(), COLUMNS).err().unwrap();
        assert!(error.to_string().contains("twice"));
    }

    #[test]
    fn line_numbers_match_the_file() {
        let expected = [(2, "2|1".to_owned()), (4, "3\n3|2".to_owned()), (7, "4|3".to_owned())];
        let text = "a,b\n1,2\n\n2,\"3\n3\"\n\n3,4\n";
        assert_eq!(good(text), expected);
        assert_eq!(good(text.trim_end()), expected);
        let windows: Vec<_> = good(&text.replace('\n', "\r\n"));
        assert_eq!(windows[0], expected[0]);
        assert_eq!(windows[1], (4, "3\r\n3|2".to_owned()));
        assert_eq!(windows[2], expected[2]);
    }

    #[test]
    fn wrong_row_width_is_a_problem() {
        let rows = rows("a,b\n1\n1,2,3\n1,2\n");
        let problem = rows[0].as_ref().unwrap_err();
        assert_eq!((problem.line, problem.column), (2, None));
        assert_eq!(problem.reason, "has 1 cells, but the header has 2");
        assert_eq!(rows[1].as_ref().unwrap_err().line, 3);
        assert!(rows[2].is_ok());
    }

    #[test]
    fn invalid_utf8_cell_is_a_problem() {
        let source: &[u8] = b"a,b\n1,\xff\n";
        let mut csv = CsvFile::open("t.csv", source, COLUMNS).unwrap();
        let row = csv.next().unwrap().unwrap().ok().unwrap();
        let [b, _] = row.cells();
        let mut problems = Vec::new();
        assert_eq!(b.optional(&mut problems, |text| Ok::<_, String>(text.to_owned())), None);
        let problem = b.required(|text| Ok::<_, String>(text.to_owned())).unwrap_err();
        assert_eq!(problem.to_string(), "t.csv:2: b: \"\u{fffd}\" must be UTF-8 (row skipped)");
        assert_eq!(problems[0].loss, Loss::Cell);
    }
}
