//! Items and pages, with what was loaded with them.

use std::ops::Deref;

use recto_domain::{Account, Email, Role, User};
use recto_relations::{
    CardinalityType, Entity, EntityInfo, Many, NotCounted, NotLoaded, One, Optional, Relation,
    RelationOf,
};
use reqwest::header::{ETAG, HeaderValue};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::request::ReceivedResponse;
use crate::{Error, paths};

/// An entity that can be read from a response. Implemented for all of them.
pub trait Resource: Entity + DeserializeOwned {}

impl<E: Entity + DeserializeOwned> Resource for E {}

/// An entity, with its loaded relations and its entity tag.
///
/// Dereferences to the entity; [`get`](Self::get) follows a relation. The entity's own `version` is
/// not part of a response: the entity tag has it.
///
/// ```
/// use recto_client::{Error, Item};
/// use recto_domain::{Book, BookReviews, ReviewUser};
///
/// fn reviewers(book: &Item<Book>) -> Result<Vec<String>, Error> {
///     let mut names = Vec::new();
///     for review in book.get(BookReviews)?.items {
///         if let Some(user) = review.get(ReviewUser)? {
///             names.push(user.username.to_string());
///         }
///     }
///     Ok(names)
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Item<E> {
    entity: E,
    /// The fields that are not the entity's own.
    rest: Map<String, Value>,
    tag: Option<EntityTag>,
}

/// The entity tag of a response.
#[derive(Debug, Clone)]
pub(crate) struct EntityTag {
    pub(crate) value: HeaderValue,
    /// Path and query of the response.
    pub(crate) path: String,
}

/// A page of a list, or of the items that a relation leads to.
///
/// [`Client::next_page`](crate::Client::next_page) reads the next one, and
/// [`Client::rest`](crate::Client::rest) all that follow.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// The number of all items, if it was asked for.
    pub total: Option<Total>,
    pub(crate) next: Option<String>,
    pub(crate) previous: Option<String>,
}

/// The number of all items of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    /// This many.
    Exactly(u64),
    /// More than this many.
    MoreThan(u64),
}

impl<E: Resource> Item<E> {
    /// Follows a loaded relation. Returns a [`Page`] for a to-many relation, an item for a required
    /// one and an `Option` of an item for an optional one.
    ///
    /// # Errors
    /// [`Error::NotLoaded`] if the relation was not included.
    pub fn get<R>(&self, _: R) -> Result<<R::Cardinality as RelatedType>::Related<R::To>, Error>
    where
        R: RelationOf<E> + Relation<Cardinality: RelatedType, To: Resource>,
    {
        let name = R::INFO.name;
        let not_loaded = NotLoaded { entity: E::INFO.name, relation: name };
        let value = self.rest.get(name).ok_or(not_loaded)?;
        let next = self.rest.get(&format!("{name}_next")).and_then(Value::as_str);
        FromResponse::related(value, next)
    }

    /// Returns the number of items that a relation leads to, including those not loaded.
    ///
    /// # Errors
    /// [`Error::NotCounted`] if the relation was not counted.
    pub fn count<R: RelationOf<E>>(&self, _: R) -> Result<u64, Error> {
        let name = R::INFO.name;
        let number = self.rest.get(&format!("{name}_count")).and_then(Value::as_u64);
        Ok(number.ok_or(NotCounted { entity: E::INFO.name, relation: name })?)
    }

    /// Returns the data of the link over which the item was reached, such as the role of a
    /// contributor.
    ///
    /// # Errors
    /// [`Error::Json`] if the item was not reached over the relation.
    pub fn link<R: Relation<To = E, Data: DeserializeOwned>>(
        &self,
        _: R,
    ) -> Result<R::Data, Error> {
        Ok(R::Data::deserialize(&self.rest)?)
    }

    /// Returns the entity tag: the version that was read. Items of includes have none, those of
    /// lists have one if they were [asked for](crate::Read::with_etags).
    pub fn etag(&self) -> Option<&str> {
        self.tag.as_ref().and_then(|tag| tag.value.to_str().ok())
    }

    /// Returns the entity without its relations.
    pub fn into_entity(self) -> E {
        self.entity
    }

    pub(crate) fn tag(&self) -> Result<&EntityTag, Error> {
        self.tag.as_ref().ok_or(Error::NoETag)
    }

    /// Returns the item of a response. `path` is that of a GET with the same response.
    pub(crate) fn from_response(
        response: &ReceivedResponse,
        path: Option<String>,
    ) -> Result<Self, Error> {
        let item: Self = response.json()?;
        let path = path.unwrap_or_else(|| item_path(&item.entity));
        let tag = response.headers.get(ETAG).cloned().map(|value| EntityTag { value, path });
        Ok(Self { tag, ..item })
    }
}

impl Item<User> {
    /// Returns the user's account, which is shown to the user and to administrators only.
    pub fn account(&self) -> Result<Option<Account>, Error> {
        #[derive(Deserialize)]
        struct Fields {
            email: Email,
            role: Role,
            verified: bool,
            disabled: bool,
        }

        if !self.rest.contains_key("email") {
            return Ok(None);
        }
        let Fields { email, role, verified, disabled } = Deserialize::deserialize(&self.rest)?;
        Ok(Some(Account { user_uid: self.uid, email, role, verified, disabled }))
    }
}

impl<E> Deref for Item<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.entity
    }
}

impl<'de, E: Resource> Deserialize<'de> for Item<E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Value::deserialize(deserializer)?;
        let entity = E::deserialize(&object).map_err(D::Error::custom)?;
        let Value::Object(mut rest) = object else {
            return Err(D::Error::custom("an item is an object"));
        };
        rest.retain(|name, _| !is_own_field(E::INFO, name));
        // Only an item of a list that was requested with entity tags has one here.
        let tag = rest.remove("etag").and_then(|tag| HeaderValue::try_from(tag.as_str()?).ok());
        let tag = tag.map(|value| EntityTag { value, path: item_path(&entity) });
        Ok(Self { entity, rest, tag })
    }
}

fn is_own_field(entity: &EntityInfo, name: &str) -> bool {
    entity.fields.iter().any(|field| field.name == name)
}

fn item_path<E: Entity>(entity: &E) -> String {
    paths::item(E::INFO, entity.key())
}

/// A type that is read from the response to a GET, or from a loaded relation.
pub trait FromResponse: Sized + Send + 'static {
    /// Reads the response to a GET.
    #[doc(hidden)]
    fn of(response: &GetResponse) -> Result<Self, Error>;

    /// Reads a loaded relation, with the URL of the remaining items.
    #[doc(hidden)]
    fn related(value: &Value, next: Option<&str>) -> Result<Self, Error>;
}

/// The response to a GET.
#[doc(hidden)]
#[derive(Debug)]
pub struct GetResponse(pub(crate) ReceivedResponse);

impl<E: Resource> FromResponse for Item<E> {
    fn of(response: &GetResponse) -> Result<Self, Error> {
        Self::from_response(&response.0, Some(response.0.path.clone()))
    }

    fn related(value: &Value, _: Option<&str>) -> Result<Self, Error> {
        Ok(Self::deserialize(value)?)
    }
}

impl<E: Resource> FromResponse for Option<Item<E>> {
    fn of(response: &GetResponse) -> Result<Self, Error> {
        if response.0.body == b"null" {
            Ok(None)
        } else {
            <Item<E> as FromResponse>::of(response).map(Some)
        }
    }

    fn related(value: &Value, _: Option<&str>) -> Result<Self, Error> {
        Ok(Self::deserialize(value)?)
    }
}

impl<T: DeserializeOwned + Send + 'static> FromResponse for Page<T> {
    fn of(GetResponse(response): &GetResponse) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Body<T> {
            items: Vec<T>,
            next_cursor: Option<String>,
            prev_cursor: Option<String>,
            total: Option<u64>,
            #[serde(default)]
            total_capped: bool,
        }

        let body: Body<T> = response.json()?;
        let page = |cursor: Option<String>| {
            cursor.map(|cursor| paths::with_cursor(&response.path, &cursor))
        };
        let total = if body.total_capped { Total::MoreThan } else { Total::Exactly };
        Ok(Self {
            items: body.items,
            total: body.total.map(total),
            next: page(body.next_cursor),
            previous: page(body.prev_cursor),
        })
    }

    fn related(value: &Value, next: Option<&str>) -> Result<Self, Error> {
        let items = Vec::deserialize(value)?;
        // A path only, so that the token is sent to this server and no other.
        let next = next.filter(|path| path.starts_with('/')).map(ToOwned::to_owned);
        Ok(Self { items, total: None, next, previous: None })
    }
}

/// The type that [`Item::get`] and [`Client::related`](crate::Client::related) return for a
/// relation of this [`CardinalityType`].
pub trait RelatedType: CardinalityType {
    /// A [`Page`], an [`Item`], or an `Option` of an item.
    type Related<E: Resource>: FromResponse;
}

impl RelatedType for Many {
    type Related<E: Resource> = Page<Item<E>>;
}

impl RelatedType for Optional {
    type Related<E: Resource> = Option<Item<E>>;
}

impl RelatedType for One {
    type Related<E: Resource> = Item<E>;
}
