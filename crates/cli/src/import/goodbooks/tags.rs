//! `tags.csv`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use recto_domain::TagName;

use super::FileFormat;
use crate::import::csv_file::{CsvColumn, CsvRow};
use crate::import::problem::ImportProblem;
use crate::import::target::{ImportTag, ImportTarget, TagNumber};

/// Reads tags, and stores their numbers. Names that differ only in case are one tag, with the first
/// name and number.
#[derive(Debug, Default)]
pub(super) struct Tags {
    by_id: HashMap<u32, TagNumber>,
    by_key: HashMap<String, TagNumber>,
}

impl Tags {
    /// Returns the tag with this id in `book_tags.csv`.
    pub(super) fn by_id(&self, id: u32) -> Option<TagNumber> {
        self.by_id.get(&id).copied()
    }

    fn new_id(&self, text: &str) -> Result<u32, &'static str> {
        let id = super::number(text)?;
        if self.by_id.contains_key(&id) {
            return Err("is the number of an earlier row");
        }
        Ok(id)
    }
}

impl FileFormat<2> for Tags {
    const FILE: &'static str = "tags.csv";
    const COLUMNS: [CsvColumn; 2] =
        [CsvColumn::required("tag_id"), CsvColumn::required("tag_name")];
    type Item = ImportTag;

    fn parse(
        &mut self,
        row: &CsvRow<'_, 2>,
        _: &mut Vec<ImportProblem>,
    ) -> Result<Option<ImportTag>, ImportProblem> {
        let [id, name] = row.cells();
        let id = id.required(|text| self.new_id(text))?;
        let name = name.required(TagName::parse_existing)?;
        match self.by_key.entry(name.key()) {
            Entry::Occupied(existing) => {
                self.by_id.insert(id, *existing.get());
                Ok(None)
            }
            Entry::Vacant(entry) => {
                let number = TagNumber(id);
                entry.insert(number);
                self.by_id.insert(id, number);
                Ok(Some(ImportTag { number, name }))
            }
        }
    }

    fn write<T: ImportTarget>(
        &mut self,
        target: &mut T,
        batch: &[ImportTag],
        _: &mut Vec<ImportProblem>,
    ) -> Result<u64, T::Error> {
        target.tags(batch)
    }
}
