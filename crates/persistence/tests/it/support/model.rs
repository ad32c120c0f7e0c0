//! A model in memory: entities and links as JSON, related as the modules declare.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use recto_relations::{
    Cardinality, Entity, EntityInfo, Include, RelationInfo, Sort, SortField, SortValue, Storage,
};
use serde_json::{Value, json};

/// Entities and links.
#[derive(Debug, Default)]
pub(crate) struct Model {
    /// By the name of the entity.
    records: BTreeMap<&'static str, Vec<Record>>,
    /// By the name of the link table.
    links: BTreeMap<&'static str, Vec<Value>>,
}

#[derive(Debug)]
struct Record {
    json: Value,
    sort_values: Vec<SortValue>,
    /// The position in the order of keys.
    rank: usize,
}

/// An entity, and the link over which it was reached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<'m> {
    info: &'static EntityInfo,
    record: &'m Record,
    link: Option<(&'m Value, &'static [&'static str])>,
}

impl Model {
    /// Adds all entities of a type.
    pub(crate) fn add<E: Entity>(&mut self, entities: &[E]) {
        let mut entities: Vec<&E> = entities.iter().collect();
        entities.sort_by_key(|entity| entity.key());
        let sort_value = |entity: &E, field: &SortField| {
            if field.follows_key() { SortValue::Empty } else { entity.sort_value(field) }
        };
        let record = |(rank, entity): (usize, &E)| Record {
            json: serde_json::to_value(entity).unwrap(),
            sort_values: E::INFO.sorts.iter().map(|field| sort_value(entity, field)).collect(),
            rank,
        };
        let records = entities.into_iter().enumerate().map(record).collect();
        self.records.insert(E::INFO.name, records);
    }

    /// Adds all rows of a link table.
    pub(crate) fn add_links(&mut self, table: &'static str, links: Vec<Value>) {
        self.links.insert(table, links);
    }

    /// Returns all entities of a type, in order.
    pub(crate) fn all(&self, info: &'static EntityInfo, sort: &Sort) -> Vec<Node<'_>> {
        let records = self.records[info.name].iter();
        in_order(records.map(|record| Node { info, record, link: None }).collect(), sort)
    }

    /// Returns the entity with this key.
    pub(crate) fn one(&self, info: &'static EntityInfo, key: &str) -> Node<'_> {
        let all = self.all(info, &Sort::default());
        all.into_iter().find(|node| node.key() == key).unwrap()
    }

    /// Returns the entities that a relation leads to, in order.
    pub(crate) fn related(
        &self,
        relation: &RelationInfo,
        from: Node<'_>,
        sort: &Sort,
    ) -> Vec<Node<'_>> {
        in_order(self.follow(relation, from), sort)
    }

    /// Returns the JSON of loaded entities with included relations, as
    /// [`json`](super::json::lines) returns it.
    pub(crate) fn expected(&self, nodes: &[Node<'_>], include: &Include) -> Vec<Value> {
        let mut expected: Vec<Value> = nodes.iter().map(Node::json).collect();
        for relation in include.counts() {
            for (node, json) in nodes.iter().zip(&mut expected) {
                let count = self.follow(relation, *node).len();
                json[format!("{}_count", relation.name)] = json!(count);
            }
        }
        for included in include.relations() {
            let limit = included.per_parent(u32::try_from(nodes.len()).unwrap()) as usize;
            let families: Vec<Vec<Node<'_>>> = nodes
                .iter()
                .map(|node| self.related(included.relation, *node, &included.sort))
                .collect();
            let loaded: Vec<Node<'_>> =
                families.iter().flat_map(|family| family.iter().take(limit).copied()).collect();
            let mut loaded = self.expected(&loaded, &included.nested).into_iter();
            for (family, json) in families.iter().zip(&mut expected) {
                let mut children: Vec<Value> =
                    loaded.by_ref().take(family.len().min(limit)).collect();
                if family.len() > limit {
                    children.push(json!("more"));
                }
                json[included.relation.name] = match included.relation.cardinality {
                    Cardinality::Many => json!(children),
                    Cardinality::Optional | Cardinality::One => {
                        children.pop().unwrap_or(Value::Null)
                    }
                };
            }
        }
        expected
    }

    fn follow(&self, relation: &RelationInfo, from: Node<'_>) -> Vec<Node<'_>> {
        let to = self.records[relation.to.name].iter();
        let node = |record, link| Node { info: relation.to, record, link };
        let own_key = &from.record.json[relation.from.key];
        match relation.storage {
            Storage::ForeignKey { column, .. } => {
                let is_related = |to: &&Record| match relation.cardinality {
                    Cardinality::Many => to.json[column] == *own_key,
                    Cardinality::Optional | Cardinality::One => {
                        to.json[relation.to.key] == from.record.json[column]
                    }
                };
                to.filter(is_related).map(|record| node(record, None)).collect()
            }
            Storage::Link { table, from: near, to: far, data } => {
                let links = self.links[table].iter().filter(|link| link[near] == *own_key);
                let reached = links.map(|link| {
                    let is_linked = |to: &&Record| to.json[relation.to.key] == link[far];
                    node(to.clone().find(is_linked).unwrap(), Some((link, data)))
                });
                reached.collect()
            }
            Storage::Through { first, second } => {
                let first = relation.from.relation(first).unwrap();
                let second = first.to.relation(second).unwrap();
                let between = self.follow(first, from).into_iter();
                between.flat_map(|between| self.follow(second, between)).collect()
            }
        }
    }
}

impl Node<'_> {
    /// Returns the key as text.
    pub(crate) fn key(&self) -> String {
        match &self.record.json[self.info.key] {
            Value::String(key) => key.clone(),
            key => key.to_string(),
        }
    }

    /// Returns the fields of the entity and of the link.
    pub(crate) fn json(&self) -> Value {
        let mut json = self.record.json.clone();
        let (link, data) = self.link.unwrap_or((&Value::Null, &[]));
        for field in data {
            json[*field] = link[*field].clone();
        }
        json
    }

    /// Returns the value of a field.
    pub(crate) fn sort_value(&self, field: &SortField) -> SortValue {
        if field.of_link {
            let (link, _) = self.link.unwrap();
            return serde_json::from_value(link[field.name].clone()).unwrap();
        }
        let place = self.info.sorts.iter().position(|sort| sort.name == field.name).unwrap();
        self.record.sort_values[place].clone()
    }
}

fn in_order<'m>(mut nodes: Vec<Node<'m>>, sort: &Sort) -> Vec<Node<'m>> {
    let value = |node: &Node<'m>, field| node.sort_value(field);
    nodes.sort_by(|a, b| {
        let by_terms = sort.terms().iter().fold(Ordering::Equal, |order, term| {
            order.then_with(|| {
                compare(&value(a, term.field), &value(b, term.field), term.descending)
            })
        });
        let by_key = a.record.rank.cmp(&b.record.rank);
        by_terms.then(if sort.key_ascending() { by_key } else { by_key.reverse() })
    });
    nodes
}

/// Empty values are last in both directions.
fn compare(a: &SortValue, b: &SortValue, descending: bool) -> Ordering {
    match (a, b) {
        (SortValue::Empty, SortValue::Empty) => Ordering::Equal,
        (SortValue::Empty, _) => Ordering::Greater,
        (_, SortValue::Empty) => Ordering::Less,
        (a, b) if descending => b.cmp(a),
        (a, b) => a.cmp(b),
    }
}
