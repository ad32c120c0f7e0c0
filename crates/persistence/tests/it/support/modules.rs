//! A fixture for the modules with generated integer keys: blog, school and organization.

use recto_domain::{
    BLOG, Clock as _, Comment, CommentId, Company, CompanyId, Course, CourseId, Create, Department,
    DepartmentId, Employee, EmployeeId, IdGenerator as _, Input as _, ORG, Post, PostId, SCHOOL,
    Student, StudentId, UserId,
};
use recto_persistence::{Connection, Error, PageRequest, Recto, Rules, Stored, school, write};
use recto_relations::{Filter, Include};
use recto_testkit::ids::SequentialIds;
use serde_json::{Value, json};
use uuid::Uuid;

use super::model::Model;
use super::visit::{EntityVisitor, visit_entity};

/// More entities than the default page has.
const CROWD: usize = 25;

/// Keys of stored entities. Each has related entities along all paths of three relations.
#[derive(Debug)]
pub(crate) struct Modules {
    pub(crate) post: PostId,
    pub(crate) comment: CommentId,
    pub(crate) student: StudentId,
    pub(crate) course: CourseId,
    pub(crate) company: CompanyId,
    pub(crate) department: DepartmentId,
    pub(crate) employee: EmployeeId,
}

impl Modules {
    /// Stores entities with no, few and more than a page of children, links with data and a chain
    /// of managers, and adds them to a model.
    pub(crate) fn store(conn: &mut Connection, model: &mut Model) -> Self {
        let mut factory = Factory::new(conn);
        let (post, comment) = blog(&mut factory);
        let (student, course, enrolments) = classes(&mut factory);
        let (company, department, employee) = organization(&mut factory);
        let entities = [&BLOG, &SCHOOL, &ORG].into_iter().flat_map(|module| module.entities);
        for entity in entities {
            visit_entity(entity, AddAll { conn, model });
        }
        model.add_links("student_courses", enrolments);
        Self { post, comment, student, course, company, department, employee }
    }
}

/// Creates entities as requests do.
pub(crate) struct Factory<'c> {
    pub(crate) conn: &'c mut Connection,
    ids: SequentialIds,
}

impl<'c> Factory<'c> {
    pub(crate) fn new(conn: &'c mut Connection) -> Self {
        Self { conn, ids: SequentialIds::new() }
    }

    /// Creates an entity.
    pub(crate) fn try_create<E: Rules + Create>(
        &mut self,
        new: &Value,
        parent: E::Parent,
    ) -> Result<E, Error> {
        let user = UserId::from_uuid(Uuid::nil());
        let new = E::create(self.ids.new_id(), E::New::parse(new).unwrap(), parent, user);
        write::create(self.conn, new)
    }

    fn create<E: Rules + Create>(&mut self, new: &Value, parent: E::Parent) -> E::Key {
        self.try_create::<E>(new, parent).unwrap().key()
    }

    pub(crate) fn post(&mut self, title: &str) -> PostId {
        self.create::<Post>(&json!({"title": title, "content": "One\n\ntwo."}), ())
    }

    pub(crate) fn comment(&mut self, text: &str, post: PostId) -> CommentId {
        self.create::<Comment>(&json!({"text": text}), post)
    }

    pub(crate) fn student(&mut self, name: &str) -> StudentId {
        self.create::<Student>(&json!({"name": name}), ())
    }

    pub(crate) fn course(&mut self, title: &str) -> CourseId {
        self.create::<Course>(&json!({"title": title}), ())
    }

    /// Enrols a student and returns the row of the link table.
    pub(crate) fn enrol(&mut self, student: StudentId, course: CourseId) -> Value {
        let at = self.ids.now();
        school::enrol(self.conn, student, course, at).unwrap();
        json!({"student_id": student, "course_id": course, "enrolled_at": at})
    }

    pub(crate) fn company(&mut self, name: &str) -> CompanyId {
        self.create::<Company>(&json!({"name": name}), ())
    }

    pub(crate) fn department(&mut self, name: &str, company: CompanyId) -> DepartmentId {
        self.create::<Department>(&json!({"name": name, "company_id": company}), ())
    }

    pub(crate) fn employee(
        &mut self,
        name: &str,
        department: DepartmentId,
        manager: Option<EmployeeId>,
    ) -> EmployeeId {
        let new = json!({"name": name, "department_id": department, "manager_id": manager});
        self.create::<Employee>(&new, ())
    }
}

fn blog(factory: &mut Factory<'_>) -> (PostId, CommentId) {
    let posts = ["Zebra", "apple", "Émile", "Apple"].map(|title| factory.post(title));
    factory.comment("first", posts[2]);
    for number in 0..CROWD {
        factory.comment(&format!("comment {number}"), posts[1]);
    }
    factory.comment("second", posts[2]);
    (posts[1], factory.comment("last", posts[1]))
}

fn classes(factory: &mut Factory<'_>) -> (StudentId, CourseId, Vec<Value>) {
    let courses = ["Topology", "algebra", "Analysis", "empty"].map(|title| factory.course(title));
    factory.student("Idle");
    // Every third student has the name of the one before.
    let name = |number: usize| format!("Student {}", number - usize::from(number % 3 == 2));
    let students: Vec<_> = (0..CROWD).map(|number| factory.student(&name(number))).collect();
    let mut enrolments = vec![factory.enrol(students[1], courses[1])];
    // Students enrol in another order than they are created in.
    for (number, student) in students.iter().enumerate().rev() {
        enrolments.push(factory.enrol(*student, courses[0]));
        if number % 4 == 1 {
            enrolments.push(factory.enrol(*student, courses[2]));
        }
    }
    (students[1], courses[0], enrolments)
}

fn organization(factory: &mut Factory<'_>) -> (CompanyId, DepartmentId, EmployeeId) {
    let [engines, _, hollow] = ["Engines", "empty", "Hollow"].map(|name| factory.company(name));
    let cards = factory.department("Cards", engines);
    factory.department("Deserted", hollow);
    let store = factory.department("store", engines);
    let mill = factory.department("Mill", hollow);
    let boss = factory.employee("Boss", store, None);
    for number in 0..CROWD {
        // In two departments, so that the employees of the company interleave.
        let department = if number % 5 == 0 { store } else { cards };
        let manager = (number % 2 == 0).then_some(boss);
        factory.employee(&format!("Crowd {}", number / 2), department, manager);
    }
    // Created last, to be among the newest.
    let mut chain: Vec<EmployeeId> = Vec::new();
    for (number, department) in [cards, store, cards, cards, store, cards, store].iter().enumerate()
    {
        let manager = chain.last().copied();
        chain.push(factory.employee(&format!("chain {number}"), *department, manager));
    }
    factory.employee("lonely", mill, None);
    (engines, cards, chain[3])
}

/// Adds the stored entities of a type to a model.
struct AddAll<'a> {
    conn: &'a mut Connection,
    model: &'a mut Model,
}

impl EntityVisitor for AddAll<'_> {
    type Output = ();

    fn visit<E: Stored<Recto, Filter: Default>>(self) {
        let (all, none) = (PageRequest::newest(1_000), Include::nothing());
        let stored =
            self.conn.page::<E>(&E::Filter::default(), &Filter::everything(), &all, &none).unwrap();
        self.model.add(stored.entities.as_slice());
    }
}
