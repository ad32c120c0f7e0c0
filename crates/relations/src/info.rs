//! Modules, entities and relations as data.

use serde::Serialize;

/// Entities that belong together, and the relations between them.
///
/// Declared by [`relations!`](crate::relations).
#[derive(Debug)]
pub struct Module {
    /// Its name: `catalog`.
    pub name: &'static str,
    /// Its entities, in the order of declaration.
    pub entities: &'static [&'static EntityInfo],
    /// Its relations, both directions of each, in the order of declaration.
    pub relations: &'static [&'static RelationInfo],
}

impl Module {
    /// Checks at compile time that relations are between entities of the module. An entity of
    /// another would not know of them.
    ///
    /// # Panics
    /// If one is not.
    #[doc(hidden)]
    pub const fn check_ends(&self) {
        let mut index = 0;
        while index < self.relations.len() {
            assert!(
                self.lists(self.relations[index].from),
                "both ends of a relation must be entities of the list that the module begins with"
            );
            index += 1;
        }
    }

    const fn lists(&self, entity: &EntityInfo) -> bool {
        let mut index = 0;
        while index < self.entities.len() {
            if same(self.entities[index].name, entity.name) {
                return true;
            }
            index += 1;
        }
        false
    }
}

/// Returns whether two names are the same, at compile time.
#[doc(hidden)]
pub const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut index = 0;
    while index < a.len() {
        if a[index] != b[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// The description of an entity type.
#[derive(Debug)]
pub struct EntityInfo {
    /// Its name in the singular: `Book`.
    pub name: &'static str,
    /// The name of its collection, which is also its table: `books`.
    pub collection: &'static str,
    /// The name of the field that holds its key: `uid`.
    pub key: &'static str,
    /// The fields that its pages can be sorted by.
    pub sorts: &'static [SortField],
    /// Its own fields, in the order in which they are serialized.
    pub fields: &'static [Field],
    /// Returns the module that it belongs to.
    pub module: fn() -> &'static Module,
}

/// A field of an entity, as it was declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name: `user_uid`.
    pub name: &'static str,
    /// Its type as it was written: `Option<UserId>`.
    pub declared: &'static str,
}

impl Field {
    /// Returns the name of its type without its path and without `Option` or type parameters.
    ///
    /// ```
    /// use recto_relations::Field;
    ///
    /// let owner = Field { name: "user_uid", declared: "Option<crate::UserId>" };
    /// assert_eq!(owner.type_name(), "UserId");
    /// assert!(owner.is_optional());
    /// ```
    pub fn type_name(&self) -> &'static str {
        let inner = self.declared.strip_prefix("Option<").unwrap_or(self.declared);
        let path = inner.split(['<', '>']).next().unwrap_or(inner);
        path.rsplit("::").next().unwrap_or(path).trim()
    }

    /// Returns whether it may be empty.
    pub fn is_optional(&self) -> bool {
        self.declared.starts_with("Option<")
    }
}

impl EntityInfo {
    /// Returns the relations that start at this entity, in the order of declaration.
    pub fn relations(&self) -> impl Iterator<Item = &'static RelationInfo> + use<> {
        let name = self.name;
        (self.module)().relations.iter().copied().filter(move |relation| relation.from.name == name)
    }

    /// Returns the relation of that name that starts at this entity.
    pub fn relation(&self, name: &str) -> Option<&'static RelationInfo> {
        self.relations().find(|relation| relation.name == name)
    }
}

/// Entities are told apart by name.
impl PartialEq for EntityInfo {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// The description of one direction of a relation.
#[derive(Debug)]
pub struct RelationInfo {
    /// Its name: `reviews`.
    pub name: &'static str,
    /// The entity it starts at.
    pub from: &'static EntityInfo,
    /// The entity it leads to.
    pub to: &'static EntityInfo,
    /// The name of the opposite direction.
    pub inverse: &'static str,
    /// How many entities it leads to.
    pub cardinality: Cardinality,
    /// What happens to the children when their parent is deleted; `None` for a relation that
    /// follows from others.
    pub on_delete: Option<OnDelete>,
    /// The columns that store it.
    pub storage: Storage,
    /// The field of the link that orders it; `None` means newest first.
    pub order: Option<&'static SortField>,
}

impl RelationInfo {
    /// Returns the fields that its pages can be sorted by: those of the entities it leads to, and
    /// the one that orders its links.
    pub fn sorts(&self) -> impl Iterator<Item = &'static SortField> + use<> {
        self.to.sorts.iter().chain(self.order)
    }
}

/// Directions are told apart by name and by the entity they start at.
impl PartialEq for RelationInfo {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.from == other.from
    }
}

/// How many entities a relation leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Cardinality {
    /// Any number.
    Many,
    /// One or none: the key may be empty.
    Optional,
    /// Exactly one: the key is required.
    One,
}

/// What happens to the children when their parent is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum OnDelete {
    /// They are deleted too.
    Cascade,
    /// They stay, and their key becomes empty.
    SetNull,
    /// They block the delete.
    Restrict,
}

/// The columns that store a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Storage {
    /// A foreign key in the table of the children.
    ForeignKey {
        /// The table that has the column.
        table: &'static str,
        /// The foreign-key column.
        column: &'static str,
    },
    /// A link table with a foreign key to either side.
    Link {
        /// The link table.
        table: &'static str,
        /// Its key to the entity the relation starts at.
        from: &'static str,
        /// Its key to the entity the relation leads to.
        to: &'static str,
        /// Its other columns that are shown: `enrolled_at`.
        data: &'static [&'static str],
    },
    /// No columns of its own: one relation after another.
    Through {
        /// The first relation.
        first: &'static str,
        /// The second relation.
        second: &'static str,
    },
}

/// A field that pages can be sorted by and filters can compare.
#[derive(Debug)]
pub struct SortField {
    /// Its name: `title`.
    pub name: &'static str,
    /// How its values are compared.
    pub kind: SortKind,
    /// Whether it may be empty. Empty values sort last in either direction.
    pub nullable: bool,
    /// Whether it belongs to the link over which an entity is reached, and not to the entity.
    pub of_link: bool,
}

/// How the values of a field are compared.
#[derive(Debug, Clone, Copy)]
pub enum SortKind {
    /// By their [text key](crate::text_key), byte by byte.
    Text,
    /// As whole numbers.
    Integer,
    /// As whole numbers that stand for something else, such as dates. The function reads a value
    /// and returns the first and the last number it stands for: a year is a range of days.
    Range(fn(&str) -> Option<(i64, i64)>),
    /// As the entity's key, which ascends with time.
    Key,
}

impl SortField {
    /// Describes a field of text.
    pub const fn text(name: &'static str) -> Self {
        Self { name, kind: SortKind::Text, nullable: false, of_link: false }
    }

    /// Describes a field with a whole number.
    pub const fn integer(name: &'static str) -> Self {
        Self { name, kind: SortKind::Integer, nullable: false, of_link: false }
    }

    /// Describes a field with values that stand for ranges of whole numbers.
    pub const fn range(name: &'static str, parse: fn(&str) -> Option<(i64, i64)>) -> Self {
        Self { name, kind: SortKind::Range(parse), nullable: false, of_link: false }
    }

    /// Describes `created_at`, whose order is the order of the key.
    pub const fn creation() -> Self {
        Self { name: "created_at", kind: SortKind::Key, nullable: false, of_link: false }
    }

    /// Returns the same field with values that may be empty.
    #[must_use]
    pub const fn or_empty(self) -> Self {
        Self { nullable: true, ..self }
    }

    /// Returns the same field as a field of a link.
    #[must_use]
    pub const fn of_link(self) -> Self {
        Self { of_link: true, ..self }
    }

    /// Returns whether its order is the order of the key.
    pub const fn follows_key(&self) -> bool {
        matches!(self.kind, SortKind::Key)
    }
}

/// Within one entity, fields are told apart by name.
impl PartialEq for SortField {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.of_link == other.of_link
    }
}

impl Eq for SortField {}
