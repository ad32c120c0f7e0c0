//! `books.csv`.

use std::collections::{HashMap, HashSet};

use recto_domain::{CreditLine, Isbn, Language, NewBook, PublishedDate, Title};

use super::FileFormat;
use crate::import::csv_file::{CsvColumn, CsvRow};
use crate::import::problem::ImportProblem;
use crate::import::target::{BookNumber, ImportBook, ImportTarget};

/// The length of an ISBN-10.
const ISBN_10: usize = 10;

/// Reads books, and stores the numbers by which other files refer to them.
#[derive(Debug, Default)]
pub(super) struct Books {
    numbers: HashSet<BookNumber>,
    by_goodreads_id: HashMap<u32, BookNumber>,
}

impl Books {
    /// Returns the book with this number in `ratings.csv`.
    pub(super) fn by_number(&self, number: u32) -> Option<BookNumber> {
        self.numbers.get(&BookNumber(number)).copied()
    }

    /// Returns the book with this id in `book_tags.csv`.
    pub(super) fn by_goodreads_id(&self, id: u32) -> Option<BookNumber> {
        self.by_goodreads_id.get(&id).copied()
    }
}

impl FileFormat<7> for Books {
    const FILE: &'static str = "books.csv";
    const COLUMNS: [CsvColumn; 7] = [
        CsvColumn::required("book_id"),
        CsvColumn::required("goodreads_book_id"),
        CsvColumn::required("title"),
        CsvColumn::required("authors"),
        CsvColumn::optional("original_publication_year"),
        CsvColumn::optional("language_code"),
        CsvColumn::optional("isbn"),
    ];
    type Item = ImportBook;

    fn parse(
        &mut self,
        row: &CsvRow<'_, 7>,
        problems: &mut Vec<ImportProblem>,
    ) -> Result<Option<ImportBook>, ImportProblem> {
        let [number, goodreads_id, title, authors, year, language, isbn] = row.cells();
        let number = number.required(|text| self.new_number(text))?;
        let goodreads_id = goodreads_id.required(|text| self.new_goodreads_id(text))?;
        let book = NewBook {
            title: title.required(Title::parse_existing)?,
            author: authors.required(CreditLine::parse_existing)?,
            publisher: None,
            published_date: year.optional(problems, published),
            page_count: None,
            language: language.optional(problems, Language::parse),
            isbn: isbn.optional(problems, padded_isbn),
        };
        self.numbers.insert(number);
        self.by_goodreads_id.insert(goodreads_id, number);
        Ok(Some(ImportBook { number, book }))
    }

    fn write<T: ImportTarget>(
        &mut self,
        target: &mut T,
        batch: &[ImportBook],
        _: &mut Vec<ImportProblem>,
    ) -> Result<u64, T::Error> {
        target.books(batch)
    }
}

impl Books {
    fn new_number(&self, text: &str) -> Result<BookNumber, &'static str> {
        let number = BookNumber(super::number(text)?);
        if self.numbers.contains(&number) {
            return Err("is the number of an earlier row");
        }
        Ok(number)
    }

    fn new_goodreads_id(&self, text: &str) -> Result<u32, &'static str> {
        let id = super::number(text)?;
        if self.by_goodreads_id.contains_key(&id) {
            return Err("is the number of an earlier row");
        }
        Ok(id)
    }
}

/// Parses a year. The files contain floats, negative before the common era: `-750.0` is 750 BCE,
/// and there is no year 0. The domain follows ISO 8601, where year 0 is 1 BCE.
fn published(text: &str) -> Result<PublishedDate, String> {
    let year: f64 = text.parse().map_err(|_| "must be a year")?;
    if year.fract() != 0.0 || year.abs() > 9999.0 {
        return Err("must be a whole year of at most four digits".to_owned());
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a whole number of at most four digits is an i32"
    )]
    let year = year as i32;
    match year {
        0 => Err("must not be 0: the year before 1 is -1, for 1 BCE".to_owned()),
        1.. => PublishedDate::from_year(year).map_err(|error| error.to_string()),
        _ => PublishedDate::from_year(year + 1).map_err(|error| error.to_string()),
    }
}

/// Parses an ISBN without its leading zeros, which a spreadsheet removed. (The column `isbn13` lost
/// its last digits and cannot be used.)
fn padded_isbn(text: &str) -> Result<Isbn, String> {
    Isbn::parse(&format!("{text:0>ISBN_10$}")).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bce_years_are_shifted() {
        for (text, date) in [
            ("1999.0", "1999"),
            ("8.0", "0008"),
            ("-1.0", "0000"),
            ("-750.0", "-0749"),
            ("2017", "2017"),
        ] {
            assert_eq!(published(text).unwrap().to_string(), date);
        }
        for text in ["0.0", "1999.5", "10000.0", "NaN", "inf", "soon", "1e300"] {
            assert!(published(text).is_err(), "{text} was accepted");
        }
    }

    #[test]
    fn lost_zeros_are_restored() {
        for (text, isbn) in [
            ("439023483", "9780439023481"),
            ("043965548X", "9780439655484"),
            ("9780439023481", "9780439023481"),
        ] {
            assert_eq!(padded_isbn(text).unwrap().to_string(), isbn);
        }
        assert!(padded_isbn("812971060").is_err());
        assert!(padded_isbn("n/a").is_err());
    }
}
