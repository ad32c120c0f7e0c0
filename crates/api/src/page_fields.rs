//! The fields of a page after its items.

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::error::{Error, Failure};

/// The fields of a page after its items.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PageFields {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) prev_cursor: Option<PreviousCursor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) next_cursor: Option<NextCursor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    total: Option<Total>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    total_capped: Option<TotalCapped>,
}

impl PageFields {
    pub(crate) fn new(
        previous: Option<String>,
        next: Option<String>,
        total: Option<Total>,
    ) -> Self {
        Self {
            prev_cursor: previous.map(PreviousCursor),
            next_cursor: next.map(NextCursor),
            total,
            total_capped: total.filter(|total| total.0 > Total::MAX).map(|_| TotalCapped(true)),
        }
    }

    /// Continues the object of a page after its items, and ends it.
    ///
    /// # Errors
    /// A serialization error.
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        let start = out.len();
        serde_json::to_writer(&mut *out, self).map_err(Failure::from)?;
        if out[start..] == *b"{}" {
            out.remove(start);
        } else {
            out[start] = b',';
        }
        Ok(())
    }
}

/// The `cursor` of the previous page. Absent on the first page.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct PreviousCursor(pub(crate) String);

/// The `cursor` of the next page. Absent on the last page.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct NextCursor(pub(crate) String);

/// The number of all items, with `total=true`.
#[derive(Debug, Clone, Copy, Hash, ToSchema)]
#[schema(maximum = 10_000)]
pub(crate) struct Total(u32);

impl Total {
    /// The greatest number that is shown.
    pub(crate) const MAX: u32 = 10_000;

    /// The limit for counting, by which a greater number is noticed.
    pub(crate) const COUNTED: u32 = Self::MAX + 1;

    /// Returns a number that was counted up to [`COUNTED`](Self::COUNTED).
    pub(crate) fn of(counted: u32) -> Self {
        Self(counted)
    }
}

impl Serialize for Total {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.0.min(Self::MAX))
    }
}

/// `true` if there are more than `total`; absent otherwise.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct TotalCapped(bool);
