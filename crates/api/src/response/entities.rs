//! Responses with entities, and pages.

use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header;
use recto_relations::{ContentHasher, Entities, Entity, Include, KeysetPosition, PageStart, Paged};
use serde::Serialize;

use super::{Render, Rendered, tag_of_body};
use crate::error::Error;
use crate::fields::SelectedFields;
use crate::page_fields::{PageFields, Total};
use crate::present::{self, ExtraFields, PageLinks, PageOptions};
use crate::{conditional, cursor};

/// An entity with what was loaded with it.
#[derive(Debug)]
pub(crate) struct Item<E> {
    entities: Entities<E>,
    include: Arc<Include>,
    fields: Arc<SelectedFields>,
    extra: ExtraFields,
}

impl<E: Entity> Item<E> {
    /// Returns the only one of `entities`, loaded with `include`.
    pub(crate) fn new(entities: Entities<E>, include: Arc<Include>) -> Self {
        Self { entities, include, fields: Arc::default(), extra: ExtraFields::default() }
    }

    /// Shows some of its own fields.
    pub(crate) fn with_fields(self, fields: &Arc<SelectedFields>) -> Self {
        Self { fields: Arc::clone(fields), ..self }
    }

    /// Returns an entity without relations.
    pub(crate) fn alone(entity: E) -> Self {
        Self::new(Entities::new(vec![entity]), Arc::new(Include::nothing()))
    }

    /// Adds further fields.
    pub(crate) fn with_extra(self, extra: ExtraFields) -> Self {
        Self { extra, ..self }
    }

    /// Returns the loaded entity.
    pub(crate) fn entities(&self) -> &Entities<E> {
        &self.entities
    }
}

impl<E: Entity> Render for Item<E> {
    fn tag(&self) -> Option<String> {
        if !self.fields.is_all() {
            return None;
        }
        let mut state = ContentHasher::new();
        conditional::hash_item(&self.entities, 0, &mut state);
        self.extra.hash(0, &mut state);
        conditional::tag_of_item(&self.entities, 0, state.finish())
    }

    fn render(self) -> Result<Rendered, Error> {
        let body = present::item(&self.entities, (&self.include, &self.fields), &self.extra)?;
        let of_body =
            || conditional::tag_of_item(&self.entities, 0, conditional::hash_of_body(&body));
        let tag = self.tag().or_else(of_body);
        Ok(Rendered::json(StatusCode::OK, body).tagged(tag))
    }
}

/// A new entity: 201 with its path in `Location`.
#[derive(Debug)]
pub(crate) struct Created<E>(pub(crate) Item<E>);

impl<E: Entity> Render for Created<E> {
    fn render(self) -> Result<Rendered, Error> {
        let location = present::item_path(&self.0.entities, 0);
        let rendered = self.0.render()?;
        Ok(Rendered { status: StatusCode::CREATED, ..rendered }.header(header::LOCATION, location))
    }
}

/// An entity that may be missing: `null` then.
#[derive(Debug)]
pub(crate) struct OptionalItem<E>(pub(crate) Option<Item<E>>);

impl<E: Entity> OptionalItem<E> {
    /// Shows some of its own fields.
    pub(crate) fn with_fields(self, fields: &Arc<SelectedFields>) -> Self {
        Self(self.0.map(|item| item.with_fields(fields)))
    }
}

impl<E: Entity> Render for OptionalItem<E> {
    fn tag(&self) -> Option<String> {
        self.0.as_ref()?.tag()
    }

    fn render(self) -> Result<Rendered, Error> {
        match self.0 {
            Some(item) => item.render(),
            None => Ok(Rendered::json(StatusCode::OK, b"null".to_vec())),
        }
    }
}

/// A page of entities.
#[derive(Debug)]
pub(crate) struct Page<E: Entity> {
    loaded: recto_persistence::Page<E>,
    total: Option<Total>,
    options: Arc<PageOptions<E::Key>>,
    extra: ExtraFields,
}

impl<E: Entity> Page<E> {
    /// Returns a page with the options that it was asked by.
    pub(crate) fn new(
        loaded: recto_persistence::Page<E>,
        total: Option<Total>,
        options: Arc<PageOptions<E::Key>>,
    ) -> Self {
        Self { loaded, total, options, extra: ExtraFields::default() }
    }

    /// Adds further fields.
    pub(crate) fn with_extra(self, extra: ExtraFields) -> Self {
        Self { extra, ..self }
    }

    /// Returns the loaded entities.
    pub(crate) fn entities(&self) -> &Entities<E> {
        &self.loaded.entities
    }
}

impl<E: Entity> Render for Page<E> {
    fn tag(&self) -> Option<String> {
        let Self { loaded, total, options, extra } = self;
        if !options.fields.is_all() {
            return None;
        }
        let mut state = ContentHasher::new();
        for index in 0..loaded.entities.as_slice().len() {
            conditional::hash_item(&loaded.entities, index, &mut state);
            extra.hash(index, &mut state);
        }
        (loaded.has_previous, loaded.has_next, total).hash(&mut state);
        Some(conditional::tag_of_page(state.finish()))
    }

    fn render(self) -> Result<Rendered, Error> {
        let Self { loaded, total, options, extra } = &self;
        let (body, fields) = present::page(loaded, *total, options, extra)?;
        let tag = self.tag().unwrap_or_else(|| tag_of_body(&body));
        let rendered = Rendered::json(StatusCode::OK, body).tagged(Some(tag));
        Ok(with_links(rendered, &options.links, fields))
    }
}

/// A page of a list that is ordered by key alone.
#[derive(Debug)]
pub(crate) struct List<T> {
    items: Vec<T>,
    fields: PageFields,
    links: PageLinks,
}

impl<T> List<T> {
    /// Returns a page of a list.
    pub(crate) fn new<K: ToString>(
        paged: Paged<T>,
        total: Option<Total>,
        key: impl Fn(&T) -> K,
        links: PageLinks,
    ) -> Self {
        let Paged { items, has_previous, has_next } = paged;
        let position = |item: &T| KeysetPosition { values: Vec::new(), key: key(item).to_string() };
        let previous =
            items.first().map_or(PageStart::Last, |one| PageStart::Before(position(one)));
        let next = items.last().map_or(PageStart::First, |one| PageStart::After(position(one)));
        let cursor = |start| cursor::encode(&links.fingerprint, &start);
        let previous = has_previous.then(|| cursor(previous));
        let next = has_next.then(|| cursor(next));
        Self { items, fields: PageFields::new(previous, next, total), links }
    }
}

impl<T: Serialize> Render for List<T> {
    fn render(self) -> Result<Rendered, Error> {
        let mut body = b"{\"items\":".to_vec();
        body.extend(present::json(&self.items)?);
        self.fields.write(&mut body)?;
        let tag = tag_of_body(&body);
        let rendered = Rendered::json(StatusCode::OK, body).tagged(Some(tag));
        Ok(with_links(rendered, &self.links, self.fields))
    }
}

/// Adds the `Link` header (RFC 8288) of a page, if there are others.
fn with_links(rendered: Rendered, links: &PageLinks, fields: PageFields) -> Rendered {
    let joint = if links.url.contains('?') { '&' } else { '?' };
    let link = |(cursor, relation): (Option<String>, &str)| {
        Some(format!("<{}{joint}cursor={}>; rel=\"{relation}\"", links.url, cursor?))
    };
    let previous = fields.prev_cursor.map(|cursor| cursor.0);
    let next = fields.next_cursor.map(|cursor| cursor.0);
    let all = [(previous, "prev"), (next, "next")];
    let all: Vec<_> = all.into_iter().filter_map(link).collect();
    if all.is_empty() { rendered } else { rendered.header(header::LINK, all.join(", ")) }
}
