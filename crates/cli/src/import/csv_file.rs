//! Reading a CSV file by the names of its columns, a row at a time.

use std::io::{self, Read};
use std::str;

use csv::{ByteRecord, ReaderBuilder, Terminator};

use super::problem::{ImportProblem, Loss, shown};

/// A column that a format knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CsvColumn {
    name: &'static str,
    required: bool,
}

/// A CSV file with a header, of which `N` columns are wanted.
pub(crate) struct CsvFile<R, const N: usize> {
    file: &'static str,
    reader: csv::Reader<io::Chain<R, &'static [u8]>>,
    columns: [CsvColumn; N],
    places: [Option<usize>; N],
    width: usize,
    record: ByteRecord,
}

/// One row, with all the cells that its header names.
pub(crate) struct CsvRow<'a, const N: usize> {
    file: &'static str,
    record: &'a ByteRecord,
    columns: &'a [CsvColumn; N],
    places: &'a [Option<usize>; N],
    end: u64,
}

/// One cell: its content, and enough to say where it stands.
#[derive(Clone, Copy)]
pub(crate) struct CsvCell<'a> {
    file: &'static str,
    record: &'a ByteRecord,
    column: &'static str,
    content: &'a [u8],
    end: u64,
}

/// Why a file cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CsvError {
    /// It cannot be read.
    #[error("{file}: {source}")]
    Read {
        /// The file.
        file: &'static str,
        /// What went wrong.
        source: csv::Error,
    },
    /// Its header lacks a column.
    #[error("{file}:1: {column}: the header has no such column")]
    NoColumn {
        /// The file.
        file: &'static str,
        /// The column.
        column: &'static str,
    },
    /// Its header has a column more than once.
    #[error("{file}:1: {column}: the header has this column twice")]
    TwoColumns {
        /// The file.
        file: &'static str,
        /// The column.
        column: &'static str,
    },
}

impl CsvColumn {
    /// A column without which the file is of no use.
    pub(crate) const fn required(name: &'static str) -> Self {
        let required = true;
        Self { name, required }
    }

    /// A column whose cells may all be missing.
    pub(crate) const fn optional(name: &'static str) -> Self {
        let required = false;
        Self { name, required }
    }
}

impl<R: Read, const N: usize> CsvFile<R, N> {
    /// Reads the header of a file and finds the wanted columns in it.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or a required column is missing or there twice.
    pub(crate) fn open(
        file: &'static str,
        source: R,
        columns: [CsvColumn; N],
    ) -> Result<Self, CsvError> {
        // Rows end at LF alone, and a CR before it is taken off the last cell:
        // with the reader's own CRLF rule the LF is read with the next row,
        // and its line numbers are off by one. The LF put behind the file
        // makes its last line end like all others.
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .terminator(Terminator::Any(b'\n'))
            .buffer_capacity(1 << 16)
            .from_reader(source.chain(b"\n".as_slice()));
        let mut record = ByteRecord::new();
        reader.read_byte_record(&mut record).map_err(|source| CsvError::Read { file, source })?;
        let header: Vec<&[u8]> = cells(&record).collect();
        let places = places(file, &header, &columns)?;
        let width = header.len();
        Ok(Self { file, reader, columns, places, width, record })
    }

    /// The next row; `None` after the last. A row that has not as many cells as
    /// the header is a problem. Empty lines are skipped.
    ///
    /// # Errors
    ///
    /// If the file cannot be read on.
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
            places: &self.places,
            end: self.reader.position().line(),
        };
        let width = self.record.len();
        if width != self.width {
            let why = format!("has {width} cells where the header has {}", self.width);
            return Ok(Some(Err(row.problem(why))));
        }
        Ok(Some(Ok(row)))
    }

    /// How many bytes of the file have been dealt with.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.reader.position().byte()
    }
}

impl<'a, const N: usize> CsvRow<'a, N> {
    /// The wanted cells, in the order that the columns were asked for.
    pub(crate) fn cells(&self) -> [CsvCell<'a>; N] {
        std::array::from_fn(|index| CsvCell {
            file: self.file,
            record: self.record,
            column: self.columns[index].name,
            content: self.places[index].map_or(b"".as_slice(), |place| cell(self.record, place)),
            end: self.end,
        })
    }

    /// The line that the row begins on.
    pub(crate) fn line(&self) -> u64 {
        first_line(self.record, self.end)
    }

    fn problem(&self, why: String) -> ImportProblem {
        ImportProblem { file: self.file, line: self.line(), column: None, why, loss: Loss::Row }
    }
}

impl<'a> CsvCell<'a> {
    /// Parses the cell of a column that the row cannot do without.
    ///
    /// # Errors
    ///
    /// A problem that costs the row.
    pub(crate) fn required<T, E: std::fmt::Display>(
        self,
        parse: impl FnOnce(&'a str) -> Result<T, E>,
    ) -> Result<T, ImportProblem> {
        let text = self.text(Loss::Row)?;
        parse(text).map_err(|why| self.problem(text, &why, Loss::Row))
    }

    /// Parses the cell of a column that the row can do without: blank is
    /// `None`, and so is what does not parse, after it has been noted.
    pub(crate) fn optional<T, E: std::fmt::Display>(
        self,
        notes: &mut Vec<ImportProblem>,
        parse: impl FnOnce(&'a str) -> Result<T, E>,
    ) -> Option<T> {
        let parsed = self.text(Loss::Cell).and_then(|text| {
            let text = text.trim();
            if text.is_empty() {
                return Ok(None);
            }
            parse(text).map(Some).map_err(|why| self.problem(text, &why, Loss::Cell))
        });
        parsed.unwrap_or_else(|problem| {
            notes.push(problem);
            None
        })
    }

    fn text(self, loss: Loss) -> Result<&'a str, ImportProblem> {
        str::from_utf8(self.content).map_err(|_| {
            let content = String::from_utf8_lossy(self.content);
            self.problem(&content, &"must be UTF-8", loss)
        })
    }

    fn problem(self, content: &str, why: &dyn std::fmt::Display, loss: Loss) -> ImportProblem {
        ImportProblem {
            file: self.file,
            line: first_line(self.record, self.end),
            column: Some(self.column),
            why: format!("{} {why}", shown(content)),
            loss,
        }
    }
}

fn places<const N: usize>(
    file: &'static str,
    header: &[&[u8]],
    columns: &[CsvColumn; N],
) -> Result<[Option<usize>; N], CsvError> {
    let mut places = [None; N];
    for (place, column) in places.iter_mut().zip(columns) {
        let name = column.name.as_bytes();
        let mut found = (0..header.len()).filter(|index| header[*index] == name);
        *place = found.next();
        if found.next().is_some() {
            let column = column.name;
            return Err(CsvError::TwoColumns { file, column });
        }
        if place.is_none() && column.required {
            let column = column.name;
            return Err(CsvError::NoColumn { file, column });
        }
    }
    Ok(places)
}

fn cells(record: &ByteRecord) -> impl Iterator<Item = &[u8]> {
    (0..record.len()).map(|place| cell(record, place))
}

/// A cell's content; a CR at the end of the row is the line's, not the cell's.
fn cell(record: &ByteRecord, place: usize) -> &[u8] {
    let content = &record[place];
    if place + 1 == record.len() { content.strip_suffix(b"\r").unwrap_or(content) } else { content }
}

/// The line that a row begins on. The reader only tells the line that it stands
/// on (`end`): the one after the row, which spans as many lines more as its
/// cells hold line breaks. (The position that it notes for a record is that of
/// the empty lines before it, if there are any.)
fn first_line(record: &ByteRecord, end: u64) -> u64 {
    let breaks = record.as_slice().iter().filter(|byte| **byte == b'\n');
    end - 1 - breaks.map(|_| 1).sum::<u64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [CsvColumn; 2] = [CsvColumn::required("b"), CsvColumn::optional("a")];

    fn rows(text: &str) -> Vec<Result<(u64, String), ImportProblem>> {
        let mut sheet = CsvFile::open("t.csv", text.as_bytes(), COLUMNS).unwrap();
        let mut rows = Vec::new();
        while let Some(row) = sheet.next().unwrap() {
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
    fn a_header_without_a_required_column_is_refused() {
        for text in ["", "a\n", "a,B\n1,2\n"] {
            let error = CsvFile::open("t.csv", text.as_bytes(), COLUMNS).err().unwrap();
            assert_eq!(error.to_string(), "t.csv:1: b: the header has no such column");
        }
        let error = CsvFile::open("t.csv", "b,a,b\n".as_bytes(), COLUMNS).err().unwrap();
        assert!(error.to_string().contains("twice"));
    }

    #[test]
    fn lines_are_those_of_the_file() {
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
    fn a_row_of_the_wrong_width_is_a_problem() {
        let rows = rows("a,b\n1\n1,2,3\n1,2\n");
        let problem = rows[0].as_ref().unwrap_err();
        assert_eq!((problem.line, problem.column), (2, None));
        assert_eq!(problem.why, "has 1 cells where the header has 2");
        assert_eq!(rows[1].as_ref().unwrap_err().line, 3);
        assert!(rows[2].is_ok());
    }

    #[test]
    fn a_cell_that_is_no_text_is_named() {
        let source: &[u8] = b"a,b\n1,\xff\n";
        let mut sheet = CsvFile::open("t.csv", source, COLUMNS).unwrap();
        let row = sheet.next().unwrap().unwrap().ok().unwrap();
        let [b, _] = row.cells();
        let mut notes = Vec::new();
        assert_eq!(b.optional(&mut notes, |text| Ok::<_, String>(text.to_owned())), None);
        let problem = b.required(|text| Ok::<_, String>(text.to_owned())).unwrap_err();
        assert_eq!(
            problem.to_string(),
            "t.csv:2: b: \"\u{fffd}\" must be UTF-8 (the row is left out)"
        );
        assert_eq!(notes[0].loss, Loss::Cell);
    }
}
