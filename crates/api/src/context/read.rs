//! Transactions that change nothing, as handlers see them.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use recto_domain::{Account, SessionId};
use recto_identity::Caller;
use recto_persistence::{Connection, MappedMany, MappedOne, Recto, Stored};
use recto_relations::{Entity, Include};

use crate::error::{Error, Failure};
use crate::extract::{All, Filtered, OfParent, PageQuery};
use crate::page_fields::Total;
use crate::present::PageOptions;
use crate::problem::Problem;
use crate::response::{Item, OptionalItem, Page};
use crate::state::State;

/// A transaction that changes nothing. It is a [`Connection`] with the caller, ids and the clock.
pub(crate) struct ReadTransaction<'t> {
    pub(super) conn: &'t mut Connection,
    pub(super) state: &'t State,
    caller: Option<Caller>,
}

impl<'t> ReadTransaction<'t> {
    pub(super) fn new(conn: &'t mut Connection, state: &'t State, caller: Option<Caller>) -> Self {
        Self { conn, state, caller }
    }

    /// Returns the caller's account.
    ///
    /// # Errors
    /// [`Failure::NoCaller`] if the route does not require that the caller signs in.
    pub(crate) fn caller(&self) -> Result<&Account, Error> {
        Ok(self.optional_caller().ok_or(Failure::NoCaller)?)
    }

    /// Returns the caller's account, where the caller need not sign in.
    pub(crate) fn optional_caller(&self) -> Option<&Account> {
        self.caller.as_ref().map(|caller| &caller.account)
    }

    /// Returns the caller's session.
    ///
    /// # Errors
    /// [`Failure::NoCaller`] if the route does not require a session.
    pub(crate) fn session(&self) -> Result<SessionId, Error> {
        Ok(self.caller.as_ref().and_then(Caller::session).ok_or(Failure::NoCaller)?)
    }

    /// Checks that the caller has signed in recently, where only some requests of a route need it.
    ///
    /// # Errors
    /// 401 otherwise (RFC 9470); [`Failure::NoCaller`] if the route does not require a caller.
    pub(crate) fn check_sign_in_age(&self) -> Result<(), Error> {
        let caller = self.caller.as_ref().ok_or(Failure::NoCaller)?;
        Ok(caller.check_sign_in_age(self.now())?)
    }

    /// Returns the time, to the millisecond.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.state.ids.now()
    }

    /// Loads the entity with this key, and the relations that `include` names.
    ///
    /// # Errors
    /// 404 if it does not exist.
    pub(crate) fn item<E: Stored<Recto>>(
        &mut self,
        key: E::Key,
        include: &Arc<Include>,
    ) -> Result<Item<E>, Error> {
        let entities = self.conn.find::<E>(key, include)?;
        let entities = entities.ok_or_else(|| Problem::no_such(E::INFO))?;
        Ok(Item::new(entities, Arc::clone(include)))
    }

    /// Loads the entity with this key, without relations.
    ///
    /// # Errors
    /// 404 if it does not exist.
    pub(crate) fn get<E: Stored<Recto>>(&mut self, key: E::Key) -> Result<E, Error> {
        let found = self.conn.find::<E>(key, &Include::nothing())?;
        let found = found.and_then(|entities| entities.into_vec().pop());
        Ok(found.ok_or_else(|| Problem::no_such(E::INFO))?)
    }

    /// Loads a page of all entities of a type.
    ///
    /// # Errors
    /// A database error.
    pub(crate) fn page<E: Filtered>(
        &mut self,
        query: &PageQuery<E, All>,
    ) -> Result<Page<E>, Error> {
        let PageQuery { filter, relation_filter, options } = query;
        self.with_total(
            options,
            |conn| {
                Ok(conn.page::<E>(filter, relation_filter, &options.request, &options.include)?)
            },
            |conn| Ok(conn.count::<E>(filter, relation_filter, Total::COUNTED)?),
        )
    }

    /// Loads a page of the entities that a relation leads to.
    ///
    /// # Errors
    /// 404 if the parent does not exist.
    pub(crate) fn related_page<R: MappedMany<Recto>>(
        &mut self,
        parent: <R::From as Entity>::Key,
        query: &PageQuery<R::To, OfParent<R>>,
    ) -> Result<Page<R::To>, Error> {
        let options = &query.options;
        self.with_total(
            options,
            |conn| {
                let page = conn.related::<R>(parent, &options.request, &options.include)?;
                Ok(page.ok_or_else(|| Problem::no_such(R::INFO.from))?)
            },
            |conn| Ok(conn.count_related::<R>(parent, Total::COUNTED)?),
        )
    }

    /// Loads a page and, if its query asks for it, the number of all entities.
    fn with_total<E: Entity>(
        &mut self,
        options: &Arc<PageOptions<E::Key>>,
        page: impl FnOnce(&mut Connection) -> Result<recto_persistence::Page<E>, Error>,
        count: impl FnOnce(&mut Connection) -> Result<u32, Error>,
    ) -> Result<Page<E>, Error> {
        if !options.total {
            return Ok(Page::new(page(self.conn)?, None, Arc::clone(options)));
        }
        self.conn.snapshot(|conn| {
            let page = page(conn)?;
            Ok(Page::new(page, Some(Total::of(count(conn)?)), Arc::clone(options)))
        })
    }

    /// Loads the entity that a relation leads to.
    ///
    /// # Errors
    /// 404 if the entity that it starts at does not exist.
    pub(crate) fn related_item<R: MappedOne<Recto>>(
        &mut self,
        child: <R::From as Entity>::Key,
        include: &Arc<Include>,
    ) -> Result<OptionalItem<R::To>, Error> {
        let related = self.conn.related_one::<R>(child, include)?;
        let related = related.ok_or_else(|| Problem::no_such(R::INFO.from))?;
        Ok(OptionalItem(related.map(|entities| Item::new(entities, Arc::clone(include)))))
    }
}

impl Deref for ReadTransaction<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.conn
    }
}

impl DerefMut for ReadTransaction<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        self.conn
    }
}
