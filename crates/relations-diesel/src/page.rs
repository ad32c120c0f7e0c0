//! Loading entities by key and in pages, with included relations.

use diesel::associations::HasTable;
use diesel::sql_types::BigInt;
use recto_relations::{
    Entities, Entity, Filter, Include, KeysetPosition, LinkData, PageRequest, Paged, Seek, Sort,
    SortField,
};

use crate::association::{ToManyAssociation as _, ToOneAssociation as _, conditions_and_order};
use crate::bounds::Row as _;
use crate::connection::Connection;
use crate::load::{MappedMany, MappedOne, MappedRelations, load_included, resolve_filter};
use crate::mapping::{IdOf, Stored, columns, entity};
use crate::query::{ChildrenOf, Conditions, Count, CountedRows, Matching, Select, Typed};
use crate::resolve::by_key;
use crate::sql::{Sql, sql};

/// A page of entities with their loaded relations.
#[derive(Debug)]
pub struct Page<E> {
    /// The entities, in order.
    pub entities: Entities<E>,
    /// Whether there are entities before them.
    pub has_previous: bool,
    /// Whether there are entities after them.
    pub has_next: bool,
}

impl<M: MappedRelations> Connection<M> {
    /// Loads the entity with this key, and the included relations.
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
    /// assert!(!page.has_next);
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
            let load = |seek: &Seek<'_, E::Key>| {
                let (mut conditions, order) =
                    conditions_and_order::<M, E, _>(columns, &request.sort, seek);
                add_filters::<M, E>(filter, related, &mut conditions);
                let rows = conn.load(E::Row::page(conditions, order, i64::from(seek.limit)))?;
                rows.into_iter()
                    .map(|row| Ok((entity::<M, E>(row)?, ())))
                    .collect::<Result<_, M::Error>>()
            };
            let paged = Paged::load(request, |found| position(found, &request.sort), load)?;
            page(conn, paged, include)
        })
    }

    /// Counts the entities that match `filter` and `related`, up to `limit`.
    ///
    /// # Errors
    /// A database error.
    pub fn count<E: Stored<M>>(
        &mut self,
        filter: &E::Filter,
        related: &Filter,
        limit: u32,
    ) -> Result<u32, M::Error> {
        let mut conditions = Conditions::new();
        add_filters::<M, E>(filter, related, &mut conditions);
        self.count_matching::<<E::Row as HasTable>::Table>(conditions, limit)
    }

    /// Counts the rows of a table that match conditions, up to `limit`.
    ///
    /// # Errors
    /// A database error.
    pub fn count_matching<T: Sql + Default + 'static>(
        &mut self,
        conditions: Conditions<T>,
        limit: u32,
    ) -> Result<u32, M::Error> {
        self.counted(Matching { table: sql::<T>(), conditions }, limit)
    }

    /// Counts the entities that a to-many relation leads to from one entity, up to `limit`.
    ///
    /// # Errors
    /// A database error.
    pub fn count_related<R: MappedMany<M>>(
        &mut self,
        parent: <R::From as Entity>::Key,
        limit: u32,
    ) -> Result<u32, M::Error> {
        let children = R::Association::children();
        let parent = IdOf::<M, R::From>::from(parent);
        self.counted(ChildrenOf { children, parent }, limit)
    }

    fn counted(&mut self, source: impl Sql + 'static, limit: u32) -> Result<u32, M::Error> {
        let limit = i64::from(limit);
        let counted = Select {
            selection: Typed::<BigInt>::new(&Count),
            rest: Box::new(CountedRows { source, limit }),
        };
        let number: Option<i64> = self.load(counted)?.pop();
        // At most the limit.
        Ok(number.and_then(|number| u32::try_from(number).ok()).unwrap_or_default())
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
            let sort = &request.sort;
            let load = |seek: &Seek<'_, _>| {
                R::Association::page_for_parent(conn, parent.into(), sort, seek)
            };
            let paged = Paged::load(request, |found| position(found, sort), load)?;
            // If there are children, the parent exists.
            if paged.items.is_empty() && by_key::<M, R::From>(conn, parent)?.is_none() {
                return Ok(None);
            }
            page(conn, paged, include).map(Some)
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

fn add_filters<M: MappedRelations, E: Stored<M>>(
    filter: &E::Filter,
    related: &Filter,
    conditions: &mut Conditions<<E::Row as HasTable>::Table>,
) {
    E::apply_filter(filter, conditions);
    if *related != Filter::everything() {
        conditions.push(resolve_filter::<M>(columns::<M, E>(), related));
    }
}

/// Returns the position of an entity in an order.
fn position<E: Entity, D: LinkData>(
    (entity, data): &(E, D),
    sort: &Sort,
) -> KeysetPosition<E::Key> {
    let value = |field: &SortField| {
        if field.of_link { data.sort_value(field) } else { entity.sort_value(field) }
    };
    let values = sort.terms().iter().map(|term| value(term.field)).collect();
    KeysetPosition { values, key: entity.key() }
}

/// Loads the included relations of a page.
fn page<M: MappedRelations, E: Stored<M>, D: LinkData>(
    conn: &mut Connection<M>,
    paged: Paged<(E, D)>,
    include: &Include,
) -> Result<Page<E>, M::Error> {
    let Paged { items, has_previous, has_next } = paged;
    let (entities, link_data) = items.into_iter().unzip();
    let mut entities = with_included(conn, entities, include)?;
    entities.attach_link_data::<D>(link_data);
    Ok(Page { entities, has_previous, has_next })
}
