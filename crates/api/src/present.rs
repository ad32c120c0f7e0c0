//! Loaded entities as JSON, with their relations, counts and the URLs of the remaining items.

use std::hash::Hasher as _;
use std::ops::Range;

use recto_domain::{Code, Invalid};
use recto_relations::{
    Adjacency, AnyEntities, ContentHasher, Edge, Entities, Entity, Include, KeysetPosition,
    PageRequest, PageStart, Sort,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::BASE_PATH;
use crate::cursor::{self, QueryFingerprint};
use crate::error::{Error, Failure};
use crate::fields::SelectedFields;
use crate::page_fields::{PageFields, Total};
use crate::parameters::ParameterError;
use crate::paths;

/// Further fields of the entities of a response, each a JSON object: the account of a user.
#[derive(Debug, Default)]
pub(crate) struct ExtraFields(Option<Vec<Vec<u8>>>);

impl ExtraFields {
    /// Returns these objects as the further fields, one for each entity.
    ///
    /// # Errors
    /// A serialization error.
    pub(crate) fn of<T: Serialize>(objects: impl Iterator<Item = T>) -> Result<Self, Error> {
        let written = objects.map(|object| json(&object)).collect::<Result<_, _>>()?;
        Ok(Self(Some(written)))
    }

    /// Feeds the object for the entity at `index` to a hasher.
    pub(crate) fn hash(&self, index: usize, state: &mut ContentHasher) {
        if let Some(object) = self.0.as_ref().and_then(|objects| objects.get(index)) {
            state.write(object);
        }
    }

    /// Returns the object for the entity at `index`, if all of its fields are shown.
    fn at(&self, index: usize, fields: &SelectedFields) -> Option<&[u8]> {
        let objects = self.0.as_ref().filter(|_| fields.is_all())?;
        objects.get(index).map(Vec::as_slice)
    }
}

/// The options of a page's response.
#[derive(Debug)]
pub(crate) struct PageOptions<K> {
    /// The page to load.
    pub(crate) request: PageRequest<K>,
    /// The relations to load.
    pub(crate) include: Include,
    /// Whether all entities are counted.
    pub(crate) total: bool,
    /// The item's fields to show.
    pub(crate) fields: SelectedFields,
    /// The links to other pages.
    pub(crate) links: PageLinks,
}

/// The links from a page to others, except for their cursors.
#[derive(Debug)]
pub(crate) struct PageLinks {
    /// The fingerprint of the query, for its cursors.
    pub(crate) fingerprint: QueryFingerprint,
    /// Path and query without the cursor: `/api/v1/books?limit=20`.
    pub(crate) url: String,
}

/// Writes an entity with what was loaded with it.
///
/// # Errors
/// 400 if it has more than 9 MB; a serialization error.
pub(crate) fn item<E: Entity>(
    entities: &Entities<E>,
    (include, fields): (&Include, &SelectedFields),
    extra: &ExtraFields,
) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(1024);
    fields.write(entities, 0, &mut out).map_err(WriteError::from)?;
    Writer { out: &mut out }.rest(entities, 0, include, extra.at(0, fields))?;
    Ok(out)
}

/// Writes a page, and returns it with the fields after its items.
///
/// # Errors
/// 400 if its first item has more than 9 MB; a serialization error.
pub(crate) fn page<E: Entity>(
    page: &recto_persistence::Page<E>,
    total: Option<Total>,
    options: &PageOptions<E::Key>,
    extra: &ExtraFields,
) -> Result<(Vec<u8>, PageFields), Error> {
    let PageOptions { request, links, .. } = options;
    let entities = &page.entities;
    let count = entities.as_slice().len();
    let mut out = Vec::with_capacity(64 + count * 512);
    out.extend_from_slice(b"{\"items\":[");
    let shown = shown(entities, options, extra, &mut out)?;
    out.push(b']');
    let at = |index: usize| position(entities, index, &request.sort);
    // Items that were left out for their size are on the page on that side.
    let (previous, next) = if shown.is_empty() {
        (PageStart::Last, PageStart::First)
    } else {
        (PageStart::Before(at(shown.start)), PageStart::After(at(shown.end - 1)))
    };
    let cursor = |start: PageStart<String>| cursor::encode(&links.fingerprint, &start);
    let previous = (page.has_previous || shown.start > 0).then(|| cursor(previous));
    let next = (page.has_next || shown.end < count).then(|| cursor(next));
    let fields = PageFields::new(previous, next, total);
    fields.write(&mut out)?;
    Ok((out, fields))
}

/// Writes as many items of a page as fit, and returns which: the first, or the last if the page
/// continues backward. At least one is written.
fn shown<E: Entity>(
    entities: &Entities<E>,
    options: &PageOptions<E::Key>,
    extra: &ExtraFields,
    out: &mut Vec<u8>,
) -> Result<Range<usize>, Error> {
    let PageOptions { request, include, fields, .. } = options;
    let count = entities.as_slice().len();
    let write = |index: usize, out: &mut Vec<u8>| {
        fields.write(entities, index, out)?;
        Writer { out }.rest(entities, index, include, extra.at(index, fields))
    };
    if matches!(request.start, PageStart::First | PageStart::After(_)) {
        for index in 0..count {
            let end = out.len();
            if index > 0 {
                out.push(b',');
            }
            match write(index, out) {
                Ok(()) => {}
                Err(WriteError::TooLarge) if index > 0 => {
                    out.truncate(end);
                    return Ok(0..index);
                }
                Err(error) => return Err(error.into()),
            }
        }
        return Ok(0..count);
    }
    let (mut items, mut start) = (Vec::new(), count);
    let mut bytes = out.len();
    for index in (0..count).rev() {
        let mut item = Vec::new();
        let fits = match write(index, &mut item) {
            Ok(()) => bytes + item.len() < MAX_BYTES,
            Err(WriteError::TooLarge) => false,
            Err(error) => return Err(error.into()),
        };
        if !fits && items.is_empty() {
            return Err(WriteError::TooLarge.into());
        }
        if !fits {
            break;
        }
        bytes += item.len() + 1;
        items.push(item);
        start = index;
    }
    items.reverse();
    out.extend(items.join(&b','));
    Ok(start..count)
}

/// Writes a value as JSON.
///
/// # Errors
/// A serialization error.
pub(crate) fn json(value: &impl Serialize) -> Result<Vec<u8>, Error> {
    Ok(serde_json::to_vec(value).map_err(Failure::from)?)
}

/// Returns the path of a loaded entity.
pub(crate) fn item_path(entities: &dyn AnyEntities, index: usize) -> String {
    format!("{BASE_PATH}{}/{}", paths::collection(entities.info()), entities.key(index))
}

/// Returns what the cursors of a relation's own path are bound to.
fn relation_fingerprint(path: &str, sort: &Sort) -> QueryFingerprint {
    QueryFingerprint::new(path, &[], sort)
}

/// Returns the position of a loaded entity.
fn position(entities: &dyn AnyEntities, index: usize, sort: &Sort) -> KeysetPosition<String> {
    KeysetPosition { values: entities.sort_values(index, sort), key: entities.key(index) }
}

/// The number of items. Present if `count` names the relation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Count(u64);

/// The URL of the remaining items. Absent if there are none.
#[derive(Debug, Serialize, ToSchema)]
#[schema(format = "uri-reference")]
pub(crate) struct NextUrl(String);

/// The maximum number of bytes of a response. Bounds on the number of entities are not enough:
/// entities may be long, and one may be shown many times.
const MAX_BYTES: usize = 9_000_000;

/// The reason why an entity could not be written.
enum WriteError {
    /// The response would have more than [`MAX_BYTES`].
    TooLarge,
    Serialize(serde_json::Error),
}

impl From<serde_json::Error> for WriteError {
    fn from(error: serde_json::Error) -> Self {
        Self::Serialize(error)
    }
}

impl From<WriteError> for Error {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::TooLarge => {
                let detail = "a single item would have more than 9 MB with these relations; include fewer relations, or use a smaller limit";
                vec![ParameterError::new("include", Invalid::new(Code::Length, detail))].into()
            }
            WriteError::Serialize(error) => Failure::from(error).into(),
        }
    }
}

struct Writer<'o> {
    out: &'o mut Vec<u8>,
}

impl Writer<'_> {
    /// Writes an entity that was reached by a relation.
    fn entity(
        &mut self,
        entities: &dyn AnyEntities,
        index: usize,
        include: &Include,
    ) -> Result<(), WriteError> {
        entities.write_json(index, self.out)?;
        self.rest(entities, index, include, None)
    }

    /// Continues an object with an entity's own fields by its extra fields, counts and relations.
    ///
    /// serde has written the object, and its closing brace is removed again: `#[serde(flatten)]`
    /// would build a map of values for every entity.
    fn rest(
        &mut self,
        entities: &dyn AnyEntities,
        index: usize,
        include: &Include,
        extra: Option<&[u8]>,
    ) -> Result<(), WriteError> {
        self.out.pop();
        if let Some([b'{', fields @ .., b'}']) = extra {
            self.out.push(b',');
            self.out.extend_from_slice(fields);
        }
        let end = self.out.len();
        if entities.write_link_json(index, self.out)? {
            // Its fields continue those of the entity.
            self.out[end] = b',';
            self.out.pop();
        }
        for counted in entities.counts() {
            self.field(counted.relation.name, "_count");
            serde_json::to_writer(&mut *self.out, &Count(counted.numbers[index]))?;
        }
        for (edge, requested) in entities.edges().iter().zip(include.relations()) {
            self.edge(entities, index, edge, &requested.nested)?;
        }
        self.out.push(b'}');
        if self.out.len() > MAX_BYTES { Err(WriteError::TooLarge) } else { Ok(()) }
    }

    fn edge(
        &mut self,
        entities: &dyn AnyEntities,
        index: usize,
        edge: &Edge,
        nested: &Include,
    ) -> Result<(), WriteError> {
        let target = edge.target();
        self.field(edge.relation.name, "");
        match edge.adjacency() {
            Adjacency::One(links) => match links[index] {
                Some(one) => self.entity(target, one as usize, nested)?,
                None => self.out.extend_from_slice(b"null"),
            },
            Adjacency::Many(spans) => {
                let span = spans[index];
                self.out.push(b'[');
                for child in span.start..span.end {
                    if child > span.start {
                        self.out.push(b',');
                    }
                    self.entity(target, child as usize, nested)?;
                }
                self.out.push(b']');
                if span.more && span.end > span.start {
                    let last = position(target, span.end as usize - 1, &edge.sort);
                    let url = next_url(&item_path(entities, index), edge, nested, last);
                    self.field(edge.relation.name, "_next");
                    serde_json::to_writer(&mut *self.out, &url)?;
                }
            }
        }
        Ok(())
    }

    fn field(&mut self, name: &str, suffix: &str) {
        self.out.extend_from_slice(b",\"");
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(suffix.as_bytes());
        self.out.extend_from_slice(b"\":");
    }
}

/// Returns `/api/v1/books/…/reviews?limit=20&cursor=…`, for the items of a relation after `last`.
fn next_url(parent: &str, edge: &Edge, nested: &Include, last: KeysetPosition<String>) -> NextUrl {
    let path = format!("{parent}/{}", edge.relation.name);
    let fingerprint = relation_fingerprint(&path, &edge.sort);
    let start = path.len() + 1;
    let mut query = form_urlencoded::Serializer::for_suffix(path + "?", start);
    query.append_pair("limit", &edge.limit.to_string());
    if edge.sort != Sort::along(edge.relation) {
        query.append_pair("sort", &edge.sort.to_string());
    }
    let include = nested.to_string();
    if !include.is_empty() {
        query.append_pair("include", &include);
    }
    let counts = count_paths(nested, "");
    if !counts.is_empty() {
        query.append_pair("count", &counts.join(","));
    }
    query.append_pair("cursor", &cursor::encode(&fingerprint, &PageStart::After(last)));
    NextUrl(query.finish())
}

/// Returns the counts of all levels in the syntax of `count`.
fn count_paths(include: &Include, prefix: &str) -> Vec<String> {
    let here = include.counts().iter().map(|relation| format!("{prefix}{}", relation.name));
    let below = include.relations().iter().flat_map(|included| {
        let prefix = format!("{prefix}{}.", included.relation.name);
        count_paths(&included.nested, &prefix)
    });
    here.chain(below).collect()
}
