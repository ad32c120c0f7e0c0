//! Modules, entities and relations as data.

use serde::Serialize;

/// A group of entities and the relations between them, declared by
/// [`relations!`](crate::relations).
#[derive(Debug)]
pub struct Module {
    /// The name, such as `catalog`.
    pub name: &'static str,
    /// The entities, in declaration order.
    pub entities: &'static [&'static EntityInfo],
    /// Both directions of every relation, in declaration order.
    pub relations: &'static [&'static RelationInfo],
}

impl Module {
    /// Checks at compile time that all relations are between entities of the module, since
    /// [`EntityInfo::relations`] only searches the module of the entity.
    ///
    /// # Panics
    /// If a relation starts at another entity.
    #[doc(hidden)]
    pub const fn check_ends(&self) {
        let mut index = 0;
        while index < self.relations.len() {
            assert!(
                self.lists(self.relations[index].from),
                "both entities of a relation must be listed in its module"
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

/// Compares two names, also at compile time.
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
    /// The name in the singular, such as `Book`.
    pub name: &'static str,
    /// The name of the collection and of the table, such as `books`.
    pub collection: &'static str,
    /// The name of the key field, such as `uid`.
    pub key: &'static str,
    /// The fields that pages can be sorted by.
    pub sorts: &'static [SortField],
    /// The fields, in serialization order.
    pub fields: &'static [Field],
    /// The [cost](crate::Cost) of reading one: 1, or more for entities with long texts.
    pub weight: u32,
    /// Returns the module of the entity.
    pub module: fn() -> &'static Module,
}

/// A field of an entity, as declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The name, such as `user_uid`.
    pub name: &'static str,
    /// The type as written, such as `Option<UserId>`.
    pub declared: &'static str,
}

impl Field {
    /// Returns the name of the type without path, `Option` and type parameters.
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

    /// Returns whether the field is an `Option`.
    pub fn is_optional(&self) -> bool {
        self.declared.starts_with("Option<")
    }
}

impl EntityInfo {
    /// Returns the relations that start at this entity, in declaration order.
    pub fn relations(&self) -> impl Iterator<Item = &'static RelationInfo> + use<> {
        let name = self.name;
        (self.module)().relations.iter().copied().filter(move |relation| relation.from.name == name)
    }

    /// Returns the relation called `name` that starts at this entity.
    pub fn relation(&self, name: &str) -> Option<&'static RelationInfo> {
        self.relations().find(|relation| relation.name == name)
    }
}

/// Entities are equal if their names are.
impl PartialEq for EntityInfo {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// The description of one direction of a relation.
#[derive(Debug)]
pub struct RelationInfo {
    /// The name, such as `reviews`.
    pub name: &'static str,
    /// The entity it starts at.
    pub from: &'static EntityInfo,
    /// The entity it leads to.
    pub to: &'static EntityInfo,
    /// The name of the opposite direction.
    pub inverse: &'static str,
    /// How many entities it leads to.
    pub cardinality: Cardinality,
    /// The effect on the children when their parent is deleted; `None` for a relation through
    /// others.
    pub on_delete: Option<OnDelete>,
    /// The columns that store it.
    pub storage: Storage,
    /// The field of the link data that orders the relation; `None` for newest first.
    pub order: Option<&'static SortField>,
}

impl RelationInfo {
    /// Returns the fields that pages of the relation can be sorted by: those of the entity it
    /// leads to, and the one that orders the links.
    pub fn sorts(&self) -> impl Iterator<Item = &'static SortField> + use<> {
        self.to.sorts.iter().chain(self.order)
    }

    /// Returns whether it is stored as one relation after another.
    pub fn is_through_others(&self) -> bool {
        matches!(self.storage, Storage::Through { .. })
    }
}

/// Directions are equal if their names and the entities they start at are.
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

/// The effect on the children when their parent is deleted.
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
    /// The name, such as `title`.
    pub name: &'static str,
    /// How values are compared.
    pub kind: SortKind,
    /// Whether values may be empty. Empty values sort last in both directions.
    pub nullable: bool,
    /// Whether the field belongs to the link data instead of the entity.
    pub of_link: bool,
}

/// How the values of a field are compared.
#[derive(Debug, Clone, Copy)]
pub enum SortKind {
    /// By [text key](crate::text_key), bytewise.
    Text,
    /// As integers.
    Integer,
    /// As integers that encode other values, such as dates. The function parses a text and returns
    /// the first and the last integer of its range: a year is a range of days.
    Range(fn(&str) -> Option<(i64, i64)>),
    /// By the key of the entity, which ascends with time.
    Key,
}

impl SortField {
    /// Returns a text field.
    pub const fn text(name: &'static str) -> Self {
        Self { name, kind: SortKind::Text, nullable: false, of_link: false }
    }

    /// Returns an integer field.
    pub const fn integer(name: &'static str) -> Self {
        Self { name, kind: SortKind::Integer, nullable: false, of_link: false }
    }

    /// Returns a field whose values are parsed as [ranges](SortKind::Range) of integers.
    pub const fn range(name: &'static str, parse: fn(&str) -> Option<(i64, i64)>) -> Self {
        Self { name, kind: SortKind::Range(parse), nullable: false, of_link: false }
    }

    /// Returns the field `created_at`, which sorts by the key.
    pub const fn creation() -> Self {
        Self { name: "created_at", kind: SortKind::Key, nullable: false, of_link: false }
    }

    /// Returns the field with values that may be empty.
    #[must_use]
    pub const fn or_empty(self) -> Self {
        Self { nullable: true, ..self }
    }

    /// Returns the field as a field of the link data.
    #[must_use]
    pub const fn of_link(self) -> Self {
        Self { of_link: true, ..self }
    }

    /// Returns whether the field sorts by the key.
    pub const fn follows_key(&self) -> bool {
        matches!(self.kind, SortKind::Key)
    }
}

/// Fields of one entity are equal if their names are.
impl PartialEq for SortField {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.of_link == other.of_link
    }
}

impl Eq for SortField {}
