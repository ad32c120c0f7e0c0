//! The rooms whose entities the database numbers: something in each of them,
//! and how it ought to be loaded, told by the declarations alone.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use recto_domain::{
    BLOG, CATALOG, Clock as _, Comment, CommentId, Company, CompanyId, Course, CourseId, Create,
    Department, DepartmentId, Employee, EmployeeId, IdGenerator as _, Input as _, ORG, Post,
    PostId, SCHOOL, Student, StudentId, UserId, text_key,
};
use recto_persistence::{Connection, Error, PageRequest, Recto, Rules, Stored, school, write};
use recto_relations::{
    Cardinality, Entity, EntityInfo, Filter, Include, Module, RelationInfo, Sort, Storage,
};
use recto_testkit::ids::SequentialIds;
use serde_json::{Value, json};
use uuid::Uuid;

/// Every room there is.
pub(crate) const MODULES: [&Module; 4] = [&CATALOG, &BLOG, &SCHOOL, &ORG];

/// The relations of all rooms, both directions of each.
pub(crate) fn relations() -> impl Iterator<Item = &'static RelationInfo> {
    MODULES.into_iter().flat_map(|room| room.relations.iter().copied())
}

/// The entities of all rooms, each once.
pub(crate) fn entities() -> Vec<&'static EntityInfo> {
    let mut all: Vec<&'static EntityInfo> = Vec::new();
    for relation in relations() {
        if !all.contains(&relation.from) {
            all.push(relation.from);
        }
    }
    all
}

/// More than a page shows unless asked to.
const CROWD: usize = 25;

/// What is in the rooms, with a key of each entity from which every relation
/// leads somewhere, three levels deep.
#[derive(Debug)]
pub(crate) struct Rooms {
    tables: BTreeMap<&'static str, Vec<Value>>,
    enrolments: Vec<Value>,
    pub(crate) post: PostId,
    pub(crate) comment: CommentId,
    pub(crate) student: StudentId,
    pub(crate) course: CourseId,
    pub(crate) company: CompanyId,
    pub(crate) department: DepartmentId,
    pub(crate) employee: EmployeeId,
}

impl Rooms {
    /// Puts something into each room: parents without children, with a few and
    /// with more than a page shows; links with data; a chain of managers.
    pub(crate) fn stored(conn: &mut Connection) -> Self {
        let mut maker = Maker::new(conn);
        let (post, comment) = blog(&mut maker);
        let (student, course, enrolments) = classes(&mut maker);
        let (company, department, employee) = organisation(&mut maker);
        let mut tables = BTreeMap::new();
        all::<Post>(conn, &mut tables);
        all::<Comment>(conn, &mut tables);
        all::<Student>(conn, &mut tables);
        all::<Course>(conn, &mut tables);
        all::<Company>(conn, &mut tables);
        all::<Department>(conn, &mut tables);
        all::<Employee>(conn, &mut tables);
        Self { tables, enrolments, post, comment, student, course, company, department, employee }
    }

    /// All entities of that kind.
    pub(crate) fn of(&self, entity: &EntityInfo) -> &[Value] {
        &self.tables[entity.name]
    }

    /// The entity of that kind with that key.
    pub(crate) fn one<E: Entity>(&self, key: E::Key) -> &Value {
        let key: Value = key.to_string().parse().unwrap();
        self.of(E::INFO).iter().find(|entity| entity["id"] == key).unwrap()
    }

    /// All that a relation leads to from there, in no particular order, with
    /// what the links say.
    pub(crate) fn follow(&self, relation: &RelationInfo, from: &Value) -> Vec<Value> {
        let to = self.of(relation.to).iter();
        match relation.storage {
            Storage::ForeignKey { column, .. } => match relation.cardinality {
                Cardinality::Many => to.filter(|to| to[column] == from["id"]).cloned().collect(),
                _ => to.filter(|to| to["id"] == from[column]).cloned().collect(),
            },
            Storage::Link { from: near, to: far, data, .. } => {
                let links = self.enrolments.iter().filter(|link| link[near] == from["id"]);
                let reached = links.map(|link| {
                    let mut entity =
                        to.clone().find(|entity| entity["id"] == link[far]).unwrap().clone();
                    for member in data {
                        entity[*member] = link[*member].clone();
                    }
                    entity
                });
                reached.collect()
            }
            Storage::Through { first, second } => {
                let first = relation.from.relation(first).unwrap();
                let second = first.to.relation(second).unwrap();
                let between = self.follow(first, from);
                between.iter().flat_map(|between| self.follow(second, between)).collect()
            }
        }
    }

    /// What is loaded of these entities with what is included.
    pub(crate) fn expected(&self, entities: &[Value], include: &Include) -> Vec<Value> {
        let mut shown = entities.to_vec();
        for relation in include.counts() {
            for (from, shown) in entities.iter().zip(&mut shown) {
                let count = self.follow(relation, from).len();
                shown[format!("{}_count", relation.name)] = json!(count);
            }
        }
        for edge in include.edges() {
            let parents = u32::try_from(entities.len()).unwrap();
            let limit = edge.per_parent(parents) as usize;
            let families: Vec<Vec<Value>> = entities
                .iter()
                .map(|from| in_order(self.follow(edge.relation, from), &edge.sort))
                .collect();
            let loaded: Vec<Value> =
                families.iter().flat_map(|family| family.iter().take(limit).cloned()).collect();
            let mut loaded = self.expected(&loaded, &edge.nested).into_iter();
            for (family, shown) in families.iter().zip(&mut shown) {
                let mut children: Vec<Value> =
                    loaded.by_ref().take(family.len().min(limit)).collect();
                if family.len() > limit {
                    children.push(json!("more"));
                }
                shown[edge.relation.name] = match edge.relation.cardinality {
                    Cardinality::Many => json!(children),
                    _ => children.pop().unwrap_or(Value::Null),
                };
            }
        }
        shown
    }
}

/// Entities in an order whose terms are texts.
pub(crate) fn in_order(mut entities: Vec<Value>, sort: &Sort) -> Vec<Value> {
    let text = |entity: &Value, member: &str| text_key(entity[member].as_str().unwrap());
    let by_key = |a: &Value, b: &Value| a["id"].as_i64().cmp(&b["id"].as_i64());
    entities.sort_by(|a, b| {
        let by_terms = sort.terms().iter().fold(Ordering::Equal, |order, term| {
            let here = text(a, term.field.name).cmp(&text(b, term.field.name));
            order.then(if term.descending { here.reverse() } else { here })
        });
        let by_key = if sort.key_ascending() { by_key(a, b) } else { by_key(b, a) };
        by_terms.then(by_key)
    });
    entities
}

/// Makes entities as requests would, the same in every run.
pub(crate) struct Maker<'c> {
    pub(crate) conn: &'c mut Connection,
    ids: SequentialIds,
}

impl<'c> Maker<'c> {
    pub(crate) fn new(conn: &'c mut Connection) -> Self {
        Self { conn, ids: SequentialIds::new() }
    }

    /// An entity of the module, or why there is none.
    pub(crate) fn try_make<E: Rules + Create>(
        &mut self,
        new: &Value,
        parent: E::Parent,
    ) -> Result<E, Error> {
        let user = UserId::from_uuid(Uuid::nil());
        let new = E::create(self.ids.new_id(), E::New::parse(new).unwrap(), parent, user);
        write::create(self.conn, new)
    }

    fn make<E: Rules + Create>(&mut self, new: &Value, parent: E::Parent) -> E::Key {
        self.try_make::<E>(new, parent).unwrap().key()
    }

    pub(crate) fn post(&mut self, title: &str) -> PostId {
        self.make::<Post>(&json!({"title": title, "content": "One\n\ntwo."}), ())
    }

    pub(crate) fn comment(&mut self, text: &str, post: PostId) -> CommentId {
        self.make::<Comment>(&json!({"text": text}), post)
    }

    pub(crate) fn student(&mut self, name: &str) -> StudentId {
        self.make::<Student>(&json!({"name": name}), ())
    }

    pub(crate) fn course(&mut self, title: &str) -> CourseId {
        self.make::<Course>(&json!({"title": title}), ())
    }

    /// Enrols, and gives the link as it is shown.
    pub(crate) fn enrol(&mut self, student: StudentId, course: CourseId) -> Value {
        let at = self.ids.now();
        school::enrol(self.conn, student, course, at).unwrap();
        json!({"student_id": student, "course_id": course, "enrolled_at": at})
    }

    pub(crate) fn company(&mut self, name: &str) -> CompanyId {
        self.make::<Company>(&json!({"name": name}), ())
    }

    pub(crate) fn department(&mut self, name: &str, company: CompanyId) -> DepartmentId {
        self.make::<Department>(&json!({"name": name, "company_id": company}), ())
    }

    pub(crate) fn employee(
        &mut self,
        name: &str,
        department: DepartmentId,
        manager: Option<EmployeeId>,
    ) -> EmployeeId {
        let new = json!({"name": name, "department_id": department, "manager_id": manager});
        self.make::<Employee>(&new, ())
    }
}

fn blog(maker: &mut Maker<'_>) -> (PostId, CommentId) {
    let posts = ["Zebra", "apple", "Émile", "Apple"].map(|title| maker.post(title));
    maker.comment("first", posts[2]);
    for number in 0..CROWD {
        maker.comment(&format!("comment {number}"), posts[1]);
    }
    maker.comment("second", posts[2]);
    (posts[1], maker.comment("last", posts[1]))
}

fn classes(maker: &mut Maker<'_>) -> (StudentId, CourseId, Vec<Value>) {
    let courses = ["Topology", "algebra", "Analysis", "empty"].map(|title| maker.course(title));
    maker.student("Idle");
    // Every third bears the name of the one before it.
    let name = |number: usize| format!("Student {}", number - usize::from(number % 3 == 2));
    let students: Vec<_> = (0..CROWD).map(|number| maker.student(&name(number))).collect();
    let mut enrolments = vec![maker.enrol(students[1], courses[1])];
    // The last to enrol is not the last to have come.
    for (number, student) in students.iter().enumerate().rev() {
        enrolments.push(maker.enrol(*student, courses[0]));
        if number % 4 == 1 {
            enrolments.push(maker.enrol(*student, courses[2]));
        }
    }
    (students[1], courses[0], enrolments)
}

fn organisation(maker: &mut Maker<'_>) -> (CompanyId, DepartmentId, EmployeeId) {
    let [engines, _, hollow] = ["Engines", "empty", "Hollow"].map(|name| maker.company(name));
    let cards = maker.department("Cards", engines);
    maker.department("Deserted", hollow);
    let store = maker.department("store", engines);
    let mill = maker.department("Mill", hollow);
    let boss = maker.employee("Boss", store, None);
    for number in 0..CROWD {
        // They stand in two departments, so that those of the company interleave.
        let department = if number % 5 == 0 { store } else { cards };
        let manager = (number % 2 == 0).then_some(boss);
        maker.employee(&format!("Crowd {}", number / 2), department, manager);
    }
    // Last, so that they are among the newest.
    let mut chain: Vec<EmployeeId> = Vec::new();
    for (number, department) in [cards, store, cards, cards, store, cards, store].iter().enumerate()
    {
        let manager = chain.last().copied();
        chain.push(maker.employee(&format!("chain {number}"), *department, manager));
    }
    maker.employee("lonely", mill, None);
    (engines, cards, chain[3])
}

fn all<E: Stored<Recto, Filter = ()>>(
    conn: &mut Connection,
    tables: &mut BTreeMap<&'static str, Vec<Value>>,
) {
    let all = conn
        .page::<E>(&(), &Filter::everything(), &PageRequest::newest(1_000), &Include::nothing())
        .unwrap();
    let all = all.entities.as_slice().iter().map(|entity| serde_json::to_value(entity).unwrap());
    tables.insert(E::INFO.name, all.collect());
}
