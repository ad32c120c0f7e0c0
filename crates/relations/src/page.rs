//! Pages: where they begin, and how to load them in both directions.

use crate::{KeysetPosition, Sort};

/// The position where a page begins or ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageStart<K> {
    /// At the beginning.
    First,
    /// Immediately after a position.
    After(KeysetPosition<K>),
    /// Immediately before a position, where the page ends.
    Before(KeysetPosition<K>),
    /// At the end, where the page ends.
    Last,
}

/// The order of a page, and the part of it to load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest<K> {
    /// The maximum number of entities, at least 1.
    pub limit: u32,
    /// The order.
    pub sort: Sort,
    /// The position where the page begins or ends.
    pub start: PageStart<K>,
}

impl<K> PageRequest<K> {
    /// Returns a request for the newest `limit` entities.
    pub fn newest(limit: u32) -> Self {
        Self { limit, sort: Sort::default(), start: PageStart::First }
    }
}

/// A part of an order: the first entities from a position on, in either direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seek<'p, K> {
    /// The position of the first entity, if it still exists; `None` for the beginning of the order,
    /// or for its end if it is read backward.
    pub from: Option<&'p KeysetPosition<K>>,
    /// Whether the order is read from its end.
    pub backward: bool,
    /// The maximum number of entities.
    pub limit: u32,
}

impl<K> Seek<'_, K> {
    /// Returns the first `limit` entities.
    pub fn first(limit: u32) -> Self {
        Self { from: None, backward: false, limit }
    }
}

/// The items of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paged<T> {
    /// The items, in order.
    pub items: Vec<T>,
    /// Whether there are items before them.
    pub has_previous: bool,
    /// Whether there are items after them.
    pub has_next: bool,
}

impl<T> Default for Paged<T> {
    fn default() -> Self {
        Self { items: Vec::new(), has_previous: false, has_next: false }
    }
}

impl<T> Paged<T> {
    /// Loads a page with `load`, which returns a part of the order in reading direction.
    ///
    /// One extra item on each side shows whether there are others. If the item at the position no
    /// longer exists, a second call looks in the other direction.
    ///
    /// # Errors
    /// The errors of `load`.
    ///
    /// ```
    /// use recto_relations::{KeysetPosition, PageRequest, PageStart, Paged, Seek, Sort};
    ///
    /// let numbers = [10, 20, 30, 40, 50];
    /// let position = |key: &i32| KeysetPosition { values: Vec::new(), key: *key };
    /// let load = |seek: &Seek<'_, i32>| {
    ///     let is_in = |number: &i32| match seek.from {
    ///         Some(from) if seek.backward => *number <= from.key,
    ///         Some(from) => *number >= from.key,
    ///         None => true,
    ///     };
    ///     let mut part: Vec<i32> = numbers.into_iter().filter(is_in).collect();
    ///     if seek.backward {
    ///         part.reverse();
    ///     }
    ///     part.truncate(seek.limit as usize);
    ///     Ok::<_, ()>(part)
    /// };
    /// let page = |start| {
    ///     let request = PageRequest { limit: 2, sort: Sort::default(), start };
    ///     let page = Paged::load(&request, position, load)?;
    ///     Ok::<_, ()>((page.items, page.has_previous, page.has_next))
    /// };
    /// assert_eq!(page(PageStart::First), Ok((vec![10, 20], false, true)));
    /// assert_eq!(page(PageStart::After(position(&20))), Ok((vec![30, 40], true, true)));
    /// assert_eq!(page(PageStart::After(position(&45))), Ok((vec![50], true, false)));
    /// assert_eq!(page(PageStart::Before(position(&30))), Ok((vec![10, 20], false, true)));
    /// assert_eq!(page(PageStart::Last), Ok((vec![40, 50], true, false)));
    /// ```
    pub fn load<K: PartialEq, E>(
        request: &PageRequest<K>,
        position: impl Fn(&T) -> KeysetPosition<K>,
        mut load: impl FnMut(&Seek<'_, K>) -> Result<Vec<T>, E>,
    ) -> Result<Self, E> {
        let (from, backward) = match &request.start {
            PageStart::First => (None, false),
            PageStart::After(position) => (Some(position), false),
            PageStart::Before(position) => (Some(position), true),
            PageStart::Last => (None, true),
        };
        let limit = request.limit + 1 + u32::from(from.is_some());
        let mut items = load(&Seek { from, backward, limit })?;
        let is_at_position =
            from.zip(items.first()).is_some_and(|(from, first)| position(first) == *from);
        if is_at_position {
            items.remove(0);
        }
        let has_more_ahead = items.len() > request.limit as usize;
        items.truncate(request.limit as usize);
        let has_more_behind = match from {
            None => false,
            Some(_) if is_at_position => true,
            Some(_) => {
                let first = items.first().map(&position);
                let itself = u32::from(first.is_some());
                let behind = Seek { from: first.as_ref(), backward: !backward, limit: 1 + itself };
                load(&behind)?.len() > itself as usize
            }
        };
        Ok(if backward {
            items.reverse();
            Self { items, has_previous: has_more_ahead, has_next: has_more_behind }
        } else {
            Self { items, has_previous: has_more_behind, has_next: has_more_ahead }
        })
    }
}
