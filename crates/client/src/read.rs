//! Reading items, lists and relations.

use std::fmt::Display;
use std::marker::PhantomData;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use recto_domain::{AuditEntry, User};
use recto_relations::{Entity, Relation, RelationOf, ToMany};
use reqwest::header::IF_NONE_MATCH;
use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;

use crate::item::{FromResponse, GetResponse, Item, Page, RelatedType, Resource};
use crate::paths::{self, BASE_PATH};
use crate::request::Request;
use crate::{Client, Error};

/// A GET that is sent when it is awaited: of an [`Item`], of an item that may be missing, or of a
/// [`Page`] of `E`.
///
/// ```no_run
/// use recto_client::Client;
/// use recto_domain::{Book, BookReviews, BookTags, BookUser, ReviewUser};
///
/// # async fn example(client: Client) -> Result<(), recto_client::Error> {
/// let books = client
///     .list::<Book>()
///     .filter("author", "verne")
///     .sort("-published_date,title")
///     .limit(50)
///     .include(BookUser)
///     .include_with(BookReviews, |reviews| reviews.limit(5).sort("-rating").include(ReviewUser))
///     .count(BookTags)
///     .await?;
/// # Ok(())
/// # }
/// ```
///
/// A relation of another entity does not compile:
///
/// ```compile_fail,E0277
/// # async fn example(client: recto_client::Client) -> Result<(), recto_client::Error> {
/// client.list::<recto_domain::Book>().include(recto_domain::UserBooks).await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "it is sent when it is awaited"]
#[derive(Debug)]
pub struct Read<E, O> {
    client: Client,
    path: String,
    parameters: Vec<(&'static str, String)>,
    include: RelationQuery<E>,
    output: PhantomData<fn() -> O>,
}

/// The relations to load with items of `E`, and those to count.
#[must_use]
#[derive(Debug)]
pub struct RelationQuery<E> {
    /// `limit:5` and the like, of a relation.
    options: Vec<String>,
    /// Paths of relations, in the syntax of `include`.
    paths: Vec<String>,
    /// Paths of relations, in the syntax of `count`.
    counts: Vec<String>,
    entity: PhantomData<fn() -> E>,
}

impl<E> RelationQuery<E> {
    const fn nothing() -> Self {
        Self { options: Vec::new(), paths: Vec::new(), counts: Vec::new(), entity: PhantomData }
    }
}

impl<E: Entity> RelationQuery<E> {
    /// Loads at most this many items for each parent; 20 by default.
    pub fn limit(mut self, limit: u32) -> Self {
        self.options.push(format!("limit:{limit}"));
        self
    }

    /// Loads them in this order, such as `-rating,created_at`; newest first by default.
    pub fn sort(mut self, fields: &str) -> Self {
        self.options.push(format!("sort:{fields}"));
        self
    }

    /// Loads a relation.
    pub fn include<R: RelationOf<E>>(self, relation: R) -> Self {
        self.include_with(relation, |related| related)
    }

    /// Loads a relation, with a limit, in an order, or with further relations.
    pub fn include_with<R: RelationOf<E>>(
        mut self,
        _: R,
        with: impl FnOnce(RelationQuery<R::To>) -> RelationQuery<R::To>,
    ) -> Self {
        let RelationQuery { options, paths, counts, .. } = with(RelationQuery::nothing());
        let name = R::INFO.name;
        self.paths.push(match options.as_slice() {
            [] => name.to_owned(),
            options => format!("{name}({})", options.join(",")),
        });
        self.paths.extend(paths.iter().map(|path| format!("{name}.{path}")));
        self.counts.extend(counts.iter().map(|path| format!("{name}.{path}")));
        self
    }

    /// Counts a relation without loading it.
    pub fn count<R: RelationOf<E> + ToMany>(mut self, _: R) -> Self {
        self.counts.push(R::INFO.name.to_owned());
        self
    }
}

impl<E, O> Read<E, O> {
    pub(crate) fn new(client: Client, path: String) -> Self {
        let parameters = Vec::new();
        Self { client, path, parameters, include: RelationQuery::nothing(), output: PhantomData }
    }

    fn with(mut self, name: &'static str, value: String) -> Self {
        self.parameters.push((name, value));
        self
    }
}

impl<E: Entity, O> Read<E, O> {
    /// Loads a relation.
    pub fn include<R: RelationOf<E>>(self, relation: R) -> Self {
        Self { include: self.include.include(relation), ..self }
    }

    /// Loads a relation, with a limit, in an order, or with further relations.
    pub fn include_with<R: RelationOf<E>>(
        self,
        relation: R,
        with: impl FnOnce(RelationQuery<R::To>) -> RelationQuery<R::To>,
    ) -> Self {
        Self { include: self.include.include_with(relation, with), ..self }
    }

    /// Counts a relation without loading it.
    pub fn count<R: RelationOf<E> + ToMany>(self, relation: R) -> Self {
        Self { include: self.include.count(relation), ..self }
    }
}

/// A list.
impl<E, T> Read<E, Page<T>> {
    /// Has at most this many items on a page: 20 by default, 100 at most.
    pub fn limit(self, limit: u32) -> Self {
        self.with("limit", limit.to_string())
    }

    /// Sorts by fields, such as `-published_date,title`; newest first by default.
    pub fn sort(self, fields: &str) -> Self {
        self.with("sort", fields.to_owned())
    }

    /// Filters, as by `filter("author", "verne")` or `filter("some", "tags(name:latin)")`. All
    /// filters must match.
    pub fn filter(self, parameter: &'static str, value: &(impl Display + ?Sized)) -> Self {
        self.with(parameter, value.to_string())
    }

    /// Also returns the number of all items.
    pub fn total(self) -> Self {
        self.with("total", true.to_string())
    }
}

impl<E: Entity> Read<E, Page<Item<E>>> {
    /// Also returns the entity tag of each item, so that it can be changed without being read
    /// alone. Users then come without their accounts.
    pub fn with_etags(self) -> Self {
        let names = E::INFO.fields.iter().map(|field| field.name).chain(["etag"]);
        let names: Vec<_> = names.collect();
        self.with("fields", names.join(","))
    }
}

impl<E, T: DeserializeOwned + Send + 'static> Read<E, Page<T>> {
    /// Returns the items of all pages. Each page is read when the items before it have been
    /// consumed.
    pub fn stream(self) -> BoxStream<'static, Result<T, Error>> {
        let client = self.client.clone();
        let pages = stream::once(self.into_future());
        pages.map_ok(move |page| client.rest(page)).try_flatten().boxed()
    }
}

impl<E, O: FromResponse> IntoFuture for Read<E, O> {
    type Output = Result<O, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { client, path, mut parameters, include, .. } = self;
        for (name, paths) in [("include", include.paths), ("count", include.counts)] {
            if !paths.is_empty() {
                parameters.push((name, paths.join(",")));
            }
        }
        let path = paths::with_query(&path, &parameters);
        Box::pin(async move { client.read(path).await })
    }
}

impl Client {
    /// Gets an item by its key. A missing one is an [error](Error::is_not_found).
    pub fn get<E: Resource>(&self, key: E::Key) -> Read<E, Item<E>> {
        Read::new(self.clone(), paths::item(E::INFO, key))
    }

    /// Gets an item again, with the same relations, if its response has changed since; otherwise
    /// returns `None`.
    ///
    /// # Errors
    /// [`Error::NoETag`] if the item was read without its entity tag.
    pub async fn get_if_changed<E: Resource>(
        &self,
        item: &Item<E>,
    ) -> Result<Option<Item<E>>, Error> {
        let tag = item.tag()?;
        let request = Request::new(Method::GET, tag.path.clone());
        let response = self.send(request.header(IF_NONE_MATCH, tag.value.clone())).await?;
        if response.status == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        FromResponse::of(&GetResponse(response))
    }

    /// Lists the items of a collection. Comments have none but those of their posts, to which
    /// [`related`](Self::related) leads.
    pub fn list<E: Resource>(&self) -> Read<E, Page<Item<E>>> {
        Read::new(self.clone(), paths::collection(E::INFO))
    }

    /// Gets what a relation leads to from an item: a [`Page`] for a to-many relation, an item for a
    /// required one and an `Option` of an item for an optional one.
    ///
    /// ```no_run
    /// use recto_domain::{BookReviews, BookUser};
    ///
    /// # async fn example(client: recto_client::Client, key: recto_domain::BookId) -> Result<(), recto_client::Error> {
    /// let best = client.related(BookReviews, key).sort("-rating").limit(1).await?;
    /// let owner = client.related(BookUser, key).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn related<R>(
        &self,
        _: R,
        key: <R::From as Entity>::Key,
    ) -> Read<R::To, <R::Cardinality as RelatedType>::Related<R::To>>
    where
        R: Relation<Cardinality: RelatedType, To: Resource>,
    {
        Read::new(self.clone(), paths::related(R::INFO, key))
    }

    /// Gets the user who is signed in, with the account.
    pub fn me(&self) -> Read<User, Item<User>> {
        Read::new(self.clone(), format!("{BASE_PATH}/auth/me"))
    }

    /// Lists the entries of the audit log, newest first, for administrators.
    pub fn audit_log(&self) -> Read<AuditEntry, Page<AuditEntry>> {
        Read::new(self.clone(), format!("{BASE_PATH}/audit"))
    }

    /// Reads the next page; `None` if there is none. Also reads on from a relation that was loaded
    /// in part.
    pub async fn next_page<T>(&self, page: &Page<T>) -> Result<Option<Page<T>>, Error>
    where
        T: DeserializeOwned + Send + 'static,
    {
        self.page(page.next.clone()).await
    }

    /// Reads the page before; `None` if there is none.
    pub async fn previous_page<T>(&self, page: &Page<T>) -> Result<Option<Page<T>>, Error>
    where
        T: DeserializeOwned + Send + 'static,
    {
        self.page(page.previous.clone()).await
    }

    /// Returns the items of a page and of all that follow.
    pub fn rest<T>(&self, page: Page<T>) -> BoxStream<'static, Result<T, Error>>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let start = (self.clone(), page.items.into_iter(), page.next);
        stream::try_unfold(start, |(client, mut items, mut next)| async move {
            loop {
                if let Some(item) = items.next() {
                    return Ok(Some((item, (client, items, next))));
                }
                let Some(page) = client.page::<T>(next).await? else { return Ok(None) };
                (items, next) = (page.items.into_iter(), page.next);
            }
        })
        .boxed()
    }

    async fn page<T>(&self, path: Option<String>) -> Result<Option<Page<T>>, Error>
    where
        T: DeserializeOwned + Send + 'static,
    {
        match path {
            Some(path) => self.read(path).await.map(Some),
            None => Ok(None),
        }
    }

    async fn read<O: FromResponse>(&self, path: String) -> Result<O, Error> {
        O::of(&GetResponse(self.send(Request::new(Method::GET, path)).await?))
    }
}
