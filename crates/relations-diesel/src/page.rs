//! Loading entities by key and in pages, with included relations.

use recto_relations::{Entities, Entity, Filter, Include, LinkData, PageRequest};

use crate::association::{ToManyAssociation as _, ToOneAssociation as _, limit_plus_one};
use crate::bounds::Row as _;
use crate::connection::Connection;
use crate::load::{MappedMany, MappedOne, MappedRelations, load_included, resolve_filter};
use crate::mapping::{IdOf, Stored, columns, entity};
use crate::query::{AfterPosition, Conditions, OrderBy};
use crate::resolve::by_key;

/// A page of entities with their loaded relations.
#[derive(Debug)]
pub struct Page<E> {
    /// The entities, in order.
    pub entities: Entities<E>,
    /// Whether there is a next page.
    pub more: bool,
}

impl<M: MappedRelations> Connection<M> {
    /// Loads the entity with a key, and the included relations.
    ///
    /// # Errors
    /// A database error or a [corrupt](crate::Corrupt) value.
    ///
    /// # Panics
    /// If `include` was parsed for another entity.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/lending/model.rs"));
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut conn = connection();
    /// use recto_relations::{Entity as _, Include};
    ///
    /// let include = Include::parse(Author::INFO, "books")?;
    /// let authors = conn.find::<Author>(1, &include)?.ok_or("no such author")?;
    /// let austen = authors.view(0).ok_or("no such author")?;
    /// let titles: Vec<_> = austen.get(AuthorBooks)?.map(|book| book.title.clone()).collect();
    /// assert_eq!(titles, ["Persuasion", "Emma"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn find<E: Stored<M>>(
        &mut self,
        key: E::Key,
        include: &Include,
    ) -> Result<Option<Entities<E>>, M::Error> {
        self.consistent(include, |conn| {
            let Some(entity) = by_key::<M, E>(conn, key)? else { return Ok(None) };
            with_included(conn, vec![entity], include).map(Some)
        })
    }

    /// Loads a page of the entities that match `filter`, on columns of their table, and `related`,
    /// on declared fields and related entities.
    ///
    /// # Errors
    /// A database error or a [corrupt](crate::Corrupt) value.
    ///
    /// # Panics
    /// If `include` was parsed for another entity.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/lending/model.rs"));
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut conn = connection();
    /// use recto_relations::{Entity as _, Filter, Include, PageRequest, Quantifier};
    ///
    /// let with_emma = Filter::parse(Author::INFO, Quantifier::Some, "books(title:emma)")?;
    /// let request = PageRequest::newest(20);
    /// let page = conn.page::<Author>(&(), &with_emma, &request, &Include::nothing())?;
    /// assert_eq!(page.entities.as_slice().len(), 1);
    /// assert!(!page.more);
    /// # Ok(())
    /// # }
    /// ```
    pub fn page<E: Stored<M>>(
        &mut self,
        filter: &E::Filter,
        related: &Filter,
        request: &PageRequest<E::Key>,
        include: &Include,
    ) -> Result<Page<E>, M::Error> {
        self.consistent(include, |conn| {
            let columns = columns::<M, E>();
            let mut conditions = Conditions::new();
            E::apply_filter(filter, &mut conditions);
            if *related != Filter::everything() {
                conditions.push(resolve_filter::<M>(columns, related));
            }
            if let Some(position) = &request.after {
                let sort = &request.sort;
                conditions.push(AfterPosition::<IdOf<M, E>>::new(columns, sort, position));
            }
            let order = OrderBy { columns, sort: request.sort.clone() };
            let rows = conn.load(E::Row::page(conditions, order, limit_plus_one(request)))?;
            let entities = rows.into_iter().map(|row| Ok((entity::<M, E>(row)?, ())));
            let entities = entities.collect::<Result<Vec<_>, M::Error>>()?;
            page(conn, entities, request, include)
        })
    }

    /// Loads a page of the entities that a to-many relation leads to from one entity. Returns
    /// `None` if the entity does not exist.
    ///
    /// # Errors
    /// A database error or a [corrupt](crate::Corrupt) value.
    ///
    /// # Panics
    /// If `include` was parsed for another entity.
    pub fn related<R: MappedMany<M>>(
        &mut self,
        parent: <R::From as Entity>::Key,
        request: &PageRequest<<R::To as Entity>::Key>,
        include: &Include,
    ) -> Result<Option<Page<R::To>>, M::Error> {
        self.consistent(include, |conn| {
            let children = R::Association::page_for_parent(conn, parent.into(), request)?;
            // If there are children, the parent exists.
            if children.is_empty() && by_key::<M, R::From>(conn, parent)?.is_none() {
                return Ok(None);
            }
            page(conn, children, request, include).map(Some)
        })
    }

    /// Loads the entity that a to-one relation leads to from one entity. Returns `None` if the
    /// latter does not exist, and `Some(None)` if its foreign key is empty.
    ///
    /// # Errors
    /// A database error or a [corrupt](crate::Corrupt) value.
    ///
    /// # Panics
    /// If `include` was parsed for another entity.
    #[expect(clippy::type_complexity, reason = "no entity, an empty key, or the related entity")]
    pub fn related_one<R: MappedOne<M>>(
        &mut self,
        child: <R::From as Entity>::Key,
        include: &Include,
    ) -> Result<Option<Option<Entities<R::To>>>, M::Error> {
        self.snapshot(|conn| {
            let Some(child) = by_key::<M, R::From>(conn, child)? else { return Ok(None) };
            let (found, _) = R::Association::resolve_parents(conn, std::slice::from_ref(&child))?;
            if found.is_empty() {
                return Ok(Some(None));
            }
            with_included(conn, found, include).map(|found| Some(Some(found)))
        })
    }

    /// Runs `work` in a snapshot if it needs several statements.
    fn consistent<T>(
        &mut self,
        include: &Include,
        work: impl FnOnce(&mut Self) -> Result<T, M::Error>,
    ) -> Result<T, M::Error> {
        if include.is_empty() { work(self) } else { self.snapshot(work) }
    }
}

fn with_included<M: MappedRelations, E: Entity>(
    conn: &mut Connection<M>,
    entities: Vec<E>,
    include: &Include,
) -> Result<Entities<E>, M::Error> {
    let mut entities = Entities::new(entities);
    load_included(conn, &mut entities, include)?;
    Ok(entities)
}

/// Removes the extra row that shows a next page, and loads the included relations.
fn page<M: MappedRelations, E: Stored<M>, D: LinkData>(
    conn: &mut Connection<M>,
    mut found: Vec<(E, D)>,
    request: &PageRequest<E::Key>,
    include: &Include,
) -> Result<Page<E>, M::Error> {
    let more = found.len() > request.limit as usize;
    found.truncate(request.limit as usize);
    let (entities, link_data) = found.into_iter().unzip();
    let mut entities = with_included(conn, entities, include)?;
    entities.attach_link_data::<D>(link_data);
    Ok(Page { entities, more })
}
