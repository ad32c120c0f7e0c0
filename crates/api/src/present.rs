//! Loaded entities as JSON, with their relations, counts and the URLs of the rest.

use recto_relations::{
    Adjacency, AnyEntities, Edge, Entities, Entity, Include, KeysetPosition, PageRequest, Sort,
};
use serde::Serialize;

use crate::BASE_PATH;
use crate::cursor::{self, QueryFingerprint};
use crate::error::{Error, Failure};
use crate::fields::Fields;
use crate::paths;
use crate::problem::{Problem, ProblemType};

/// Further fields of the entities of an answer, each a JSON object: the account of a user.
#[derive(Debug, Default)]
pub(crate) struct ExtraFields(Option<Vec<Vec<u8>>>);

impl ExtraFields {
    /// Returns these objects as the further fields, one for each entity.
    ///
    /// # Errors
    /// A failing serialization.
    pub(crate) fn of<T: Serialize>(objects: impl Iterator<Item = T>) -> Result<Self, Error> {
        let written = objects.map(|object| json(&object)).collect::<Result<_, _>>()?;
        Ok(Self(Some(written)))
    }

    /// Returns the object for the entity at `index`, if all of its fields are shown.
    fn at(&self, index: usize, fields: &Fields) -> Option<&[u8]> {
        let objects = self.0.as_ref().filter(|_| fields.is_all())?;
        objects.get(index).map(Vec::as_slice)
    }
}

/// The query of a page, as far as its response needs it.
#[derive(Debug)]
pub(crate) struct PageOptions<K> {
    /// The part, and the order.
    pub(crate) request: PageRequest<K>,
    /// The relations to load.
    pub(crate) include: Include,
    /// The own fields to show.
    pub(crate) fields: Fields,
    /// The link to the next page.
    pub(crate) next: NextLink,
}

/// The link from a page to the next, except for the cursor.
#[derive(Debug)]
pub(crate) struct NextLink {
    /// The fingerprint of the query, for its cursors.
    pub(crate) fingerprint: QueryFingerprint,
    /// Path and query without the cursor: `/api/v1/books?limit=20`.
    pub(crate) url: String,
}

/// Writes an entity with what was loaded with it.
///
/// # Errors
/// 400 if it has more than 9 MB; a failing serialization.
pub(crate) fn item<E: Entity>(
    entities: &Entities<E>,
    (include, fields): (&Include, &Fields),
    extra: &ExtraFields,
) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(1024);
    fields.write(entities, 0, &mut out).map_err(WriteError::from)?;
    Writer { out: &mut out }.rest(entities, 0, include, extra.at(0, fields))?;
    Ok(out)
}

/// Writes a page, and returns it with the cursor of the next page, if there is one.
///
/// # Errors
/// 400 if its first item has more than 9 MB; a failing serialization.
pub(crate) fn page<E: Entity>(
    page: &recto_persistence::Page<E>,
    options: &PageOptions<E::Key>,
    extra: &ExtraFields,
) -> Result<(Vec<u8>, Option<String>), Error> {
    let entities = &page.entities;
    let count = entities.as_slice().len();
    let mut out = Vec::with_capacity(64 + count * 512);
    out.extend_from_slice(b"{\"items\":[");
    let mut shown = 0;
    for index in 0..count {
        let end = out.len();
        if index > 0 {
            out.push(b',');
        }
        options.fields.write(entities, index, &mut out).map_err(WriteError::from)?;
        let mut writer = Writer { out: &mut out };
        match writer.rest(entities, index, &options.include, extra.at(index, &options.fields)) {
            Ok(()) => shown += 1,
            // An item that does not fit is on the next page, unless it is the only one.
            Err(WriteError::TooLarge) if shown > 0 => {
                out.truncate(end);
                break;
            }
            Err(error) => return Err(error.into()),
        }
    }
    out.push(b']');
    let more = shown > 0 && (page.more || shown < count);
    let cursor = more.then(|| {
        let last = position(entities, shown - 1, &options.request.sort);
        cursor::encode(&options.next.fingerprint, &last)
    });
    if let Some(cursor) = &cursor {
        out.extend_from_slice(b",\"next_cursor\":\"");
        out.extend_from_slice(cursor.as_bytes());
        out.push(b'"');
    }
    out.push(b'}');
    Ok((out, cursor))
}

/// Writes a value as JSON.
///
/// # Errors
/// A failing serialization.
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

fn position(entities: &dyn AnyEntities, index: usize, sort: &Sort) -> KeysetPosition<String> {
    KeysetPosition { values: entities.sort_values(index, sort), key: entities.key(index) }
}

/// The most bytes of a response. Bounds on the number of entities are not enough: entities may be
/// long, and one may be shown many times.
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
            WriteError::TooLarge => Problem::new(
                ProblemType::InvalidParameter,
                "include: a single item would have more than 9 MB with these relations; ask for fewer of them, or with a smaller limit",
            )
            .into(),
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
            self.out.extend_from_slice(counted.numbers[index].to_string().as_bytes());
        }
        for (edge, requested) in entities.edges().iter().zip(include.edges()) {
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
                    self.next_url(entities, index, edge, nested, &last);
                }
            }
        }
        Ok(())
    }

    /// Writes `"reviews_next":"/api/v1/books/…/reviews?limit=20&cursor=…"`
    fn next_url(
        &mut self,
        entities: &dyn AnyEntities,
        index: usize,
        edge: &Edge,
        nested: &Include,
        last: &KeysetPosition<String>,
    ) {
        let path = format!("{}/{}", item_path(entities, index), edge.relation.name);
        let fingerprint = relation_fingerprint(&path, &edge.sort);
        let mut query = form_urlencoded::Serializer::new(String::new());
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
        query.append_pair("cursor", &cursor::encode(&fingerprint, last));
        self.field(edge.relation.name, "_next");
        self.out.push(b'"');
        self.out.extend_from_slice(path.as_bytes());
        self.out.push(b'?');
        self.out.extend_from_slice(query.finish().as_bytes());
        self.out.push(b'"');
    }

    fn field(&mut self, name: &str, suffix: &str) {
        self.out.extend_from_slice(b",\"");
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(suffix.as_bytes());
        self.out.extend_from_slice(b"\":");
    }
}

/// Returns the counts of all levels in the syntax of `count`.
fn count_paths(include: &Include, prefix: &str) -> Vec<String> {
    let here = include.counts().iter().map(|relation| format!("{prefix}{}", relation.name));
    let below = include.edges().iter().flat_map(|edge| {
        let prefix = format!("{prefix}{}.", edge.relation.name);
        count_paths(&edge.nested, &prefix)
    });
    here.chain(below).collect()
}
