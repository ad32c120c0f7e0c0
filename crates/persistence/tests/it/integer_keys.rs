//! Entities with integer keys, loaded and paged: over links with data, through others, to the same
//! table, and back.

use recto_domain::{
    Comment, CommentPost, Company, CompanyDepartments, CompanyEmployees, Course, CourseStudents,
    Department, DepartmentCompany, DepartmentEmployees, Employee, EmployeeCompany,
    EmployeeDepartment, EmployeeId, EmployeeManager, EmployeeReports, Post, PostComments, Student,
    StudentCourses, StudentId,
};
use recto_persistence::{Connection, MappedMany, PageRequest, Recto, Stored};
use recto_relations::{Entity, Filter, Include, MAX_DEPTH, Relation as _, Sort, paths};
use recto_testkit::both_engines;
use recto_testkit::database::Fresh;
use serde_json::{Value, json};

use crate::pages::{LIMITS, sorts, walk};
use crate::present::present;
use crate::rooms::{Rooms, in_order};

both_engines!(
    what_is_loaded_of_the_rooms_is_what_there_is,
    pages_of_the_rooms_are_everything_in_order,
    pages_of_each_relation_are_all_it_leads_to_in_order,
    an_organisation_is_walked_there_and_back,
    a_link_says_since_when,
    one_leads_to_one_or_none,
);

/// Everything on a page.
const ALL: u32 = 100;

fn lines(shown: &str) -> Vec<Value> {
    shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Compares what is loaded from all `E`, together and one by one, with what is
/// expected.
fn loads_right<E>(rooms: &Rooms, conn: &mut Connection, include: &Include)
where
    E: Stored<Recto, Filter = ()>,
{
    let all = in_order(rooms.of(E::INFO).to_vec(), &Sort::default());
    let at = |what: &str| format!("{what} of {}?include={include}", E::INFO.collection);
    let loaded =
        conn.page::<E>(&(), &Filter::everything(), &PageRequest::newest(ALL), include).unwrap();
    let expected = rooms.expected(&all, include);
    assert_eq!(loaded.entities.as_slice().len(), expected.len(), "{}", at("all"));
    for (loaded, expected) in lines(&present(&loaded.entities)).iter().zip(&expected) {
        assert_eq!(loaded, expected, "{}", at("a page"));
    }
    let keys = loaded.entities.as_slice().iter().map(Entity::key);
    for (key, one) in keys.zip(&all).step_by(3) {
        let loaded = conn.find::<E>(key, include).unwrap().unwrap();
        let expected = rooms.expected(std::slice::from_ref(one), include);
        assert_eq!(lines(&present(&loaded)), expected, "{}", at("one"));
    }
}

fn loads_all_right<E>(rooms: &Rooms, conn: &mut Connection, more: &[&str], count: &str)
where
    E: Stored<Recto, Filter = ()>,
{
    let paths = paths(E::INFO, MAX_DEPTH);
    for path in paths.iter().map(String::as_str).chain(more.iter().copied()) {
        loads_right::<E>(rooms, conn, &Include::parse(E::INFO, path).unwrap());
    }
    let mut counted = Include::nothing();
    counted.count(E::INFO, count).unwrap();
    loads_right::<E>(rooms, conn, &counted);
}

fn what_is_loaded_of_the_rooms_is_what_there_is(database: &Fresh) {
    let conn = &mut database.connection();
    let rooms = Rooms::stored(conn);
    let posts = ["comments(limit:3)", "comments(sort:created_at,limit:100).post"];
    loads_all_right::<Post>(&rooms, conn, &posts, "comments");
    let mut counted = Include::parse(Comment::INFO, "post").unwrap();
    counted.count(Comment::INFO, "post.comments").unwrap();
    loads_right::<Comment>(&rooms, conn, &counted);
    for path in paths(Comment::INFO, MAX_DEPTH) {
        loads_right::<Comment>(&rooms, conn, &Include::parse(Comment::INFO, &path).unwrap());
    }
    let students =
        ["courses(limit:1,sort:title)", "courses(sort:-title).students(limit:2,sort:name)"];
    loads_all_right::<Student>(&rooms, conn, &students, "courses");
    let courses = ["students(limit:3,sort:-name)", "students(sort:created_at).courses(sort:title)"];
    loads_all_right::<Course>(&rooms, conn, &courses, "students");
    let companies = [
        "employees(limit:5,sort:name)",
        "employees(limit:7,sort:-name).manager",
        "employees(sort:created_at),departments(sort:-name).employees(limit:2,sort:name)",
    ];
    loads_all_right::<Company>(&rooms, conn, &companies, "employees,departments");
    let departments = ["employees(limit:4,sort:-name).reports(limit:1,sort:name)"];
    loads_all_right::<Department>(&rooms, conn, &departments, "employees");
    let employees = ["reports(limit:2,sort:-name).company.employees(limit:3)"];
    loads_all_right::<Employee>(&rooms, conn, &employees, "reports");
}

fn walks_all<E: Stored<Recto, Filter = ()>>(rooms: &Rooms, conn: &mut Connection, raw: &[&str]) {
    for sort in sorts::<E>(raw) {
        let expected = in_order(rooms.of(E::INFO).to_vec(), &sort);
        for limit in LIMITS {
            let walked = walk::<E>(&sort, limit, |request| {
                conn.page(&(), &Filter::everything(), request, &Include::nothing()).unwrap()
            });
            assert_eq!(shown(&walked), expected, "{}?sort={sort}&limit={limit}", E::INFO.name);
        }
    }
}

fn shown<E: Entity>(entities: &[E]) -> Vec<Value> {
    entities.iter().map(|entity| serde_json::to_value(entity).unwrap()).collect()
}

fn pages_of_the_rooms_are_everything_in_order(database: &Fresh) {
    let conn = &mut database.connection();
    let rooms = Rooms::stored(conn);
    let (names, titles) = (["name", "-name", "created_at"], ["title", "-title,created_at"]);
    walks_all::<Post>(&rooms, conn, &titles);
    walks_all::<Comment>(&rooms, conn, &["created_at", "-created_at"]);
    walks_all::<Student>(&rooms, conn, &names);
    walks_all::<Course>(&rooms, conn, &titles);
    walks_all::<Company>(&rooms, conn, &names);
    walks_all::<Department>(&rooms, conn, &names);
    walks_all::<Employee>(&rooms, conn, &["name", "-name", "name,-created_at"]);
}

/// Walks the pages of a relation from every entity that it starts at.
fn walks_children<R>(rooms: &Rooms, conn: &mut Connection, raw: &[&str])
where
    R: MappedMany<Recto, From: Stored<Recto, Filter = ()>>,
{
    let parents = conn
        .page::<R::From>(&(), &Filter::everything(), &PageRequest::newest(ALL), &Include::nothing())
        .unwrap();
    for parent in parents.entities.as_slice() {
        let children = rooms.follow(R::INFO, rooms.one::<R::From>(parent.key()));
        for sort in sorts::<R::To>(raw) {
            let expected = in_order(children.clone(), &sort);
            for limit in LIMITS {
                let mut seen = Vec::new();
                walk::<R::To>(&sort, limit, |request| {
                    let page = conn.related::<R>(parent.key(), request, &Include::nothing());
                    let page = page.unwrap().unwrap();
                    // What the links say is on the page, beside the entities.
                    seen.extend(lines(&present(&page.entities)));
                    page
                });
                assert_eq!(seen, expected, "{}?sort={sort}&limit={limit}", R::INFO.name);
            }
        }
    }
}

fn pages_of_each_relation_are_all_it_leads_to_in_order(database: &Fresh) {
    let conn = &mut database.connection();
    let rooms = Rooms::stored(conn);
    walks_children::<PostComments>(&rooms, conn, &["created_at"]);
    walks_children::<StudentCourses>(&rooms, conn, &["title", "-title", "created_at"]);
    walks_children::<CourseStudents>(&rooms, conn, &["name", "-name", "created_at"]);
    walks_children::<CompanyDepartments>(&rooms, conn, &["name", "-name"]);
    walks_children::<CompanyEmployees>(&rooms, conn, &["name", "-name", "created_at"]);
    walks_children::<DepartmentEmployees>(&rooms, conn, &["name", "-name"]);
    walks_children::<EmployeeReports>(&rooms, conn, &["name", "-name,created_at"]);

    let nobody = EmployeeId::new(1_000_000).unwrap();
    let (request, none) = (PageRequest::newest(5), Include::nothing());
    assert!(conn.related::<EmployeeReports>(nobody, &request, &none).unwrap().is_none());
    let nobody = StudentId::new(1_000_000).unwrap();
    assert!(
        conn.related::<StudentCourses>(nobody, &PageRequest::newest(5), &none).unwrap().is_none()
    );
}

fn an_organisation_is_walked_there_and_back(database: &Fresh) {
    let conn = &mut database.connection();
    let rooms = Rooms::stored(conn);
    let include = "departments.employees.company,employees(limit:100).manager";
    let include = Include::parse(Company::INFO, include).unwrap();
    let found = conn.find::<Company>(rooms.company, &include).unwrap().unwrap();
    let company = found.view(0).unwrap();
    let departments = company.get(CompanyDepartments).unwrap();
    assert_eq!((departments.len(), departments.more()), (2, false));
    for department in departments {
        assert_eq!(department.company_id, company.id);
        let employees = department.get(DepartmentEmployees).unwrap();
        assert!(employees.len() > 5);
        for employee in employees {
            assert_eq!(employee.department_id, department.id);
            assert_eq!(employee.get(EmployeeCompany).unwrap().id, company.id);
            let unloaded = employee.get(EmployeeDepartment).unwrap_err();
            assert_eq!(
                unloaded.to_string(),
                "Employee.department was not loaded: include \"department\" when loading Employee"
            );
        }
        assert!(department.get(DepartmentCompany).is_err(), "it was not asked for there");
    }
    let employees = company.get(CompanyEmployees).unwrap();
    assert_eq!((employees.len(), employees.more()), (33, false));
    for employee in employees {
        let manager = employee.get(EmployeeManager).unwrap();
        assert_eq!(manager.map(|manager| manager.id), employee.manager_id);
        assert!(employee.get(EmployeeReports).is_err());
    }

    let include = Include::parse(Employee::INFO, "manager.manager,reports.reports").unwrap();
    let found = conn.find::<Employee>(rooms.employee, &include).unwrap().unwrap();
    let middle = found.view(0).unwrap();
    let above = middle.get(EmployeeManager).unwrap().unwrap();
    assert_eq!(above.get(EmployeeManager).unwrap().unwrap().name.as_str(), "chain 1");
    let below = middle.get(EmployeeReports).unwrap().next().unwrap();
    assert_eq!(below.get(EmployeeReports).unwrap().next().unwrap().name.as_str(), "chain 5");
    assert!(below.get(EmployeeManager).is_err());

    let found = conn.find::<Company>(rooms.company, &Include::nothing()).unwrap().unwrap();
    let company = found.view(0).unwrap();
    assert!(company.get(CompanyDepartments).is_err() && company.get(CompanyEmployees).is_err());
}

fn a_link_says_since_when(database: &Fresh) {
    let conn = &mut database.connection();
    let rooms = Rooms::stored(conn);
    let include = Include::parse(Student::INFO, "courses.students(limit:100)").unwrap();
    let found = conn.find::<Student>(rooms.student, &include).unwrap().unwrap();
    let student = found.view(0).unwrap();
    assert!(student.link(CourseStudents).is_err(), "it was not reached over a link");
    let courses = student.get(StudentCourses).unwrap();
    assert_eq!(courses.len(), 3);
    for course in courses {
        let since = course.link(StudentCourses).unwrap().enrolled_at;
        let here = course.get(CourseStudents).unwrap().find(|one| one.id == student.id).unwrap();
        assert_eq!(here.link(CourseStudents).unwrap().enrolled_at, since, "the same link");
        let shown = rooms.follow(StudentCourses::INFO, rooms.one::<Student>(student.id));
        let shown = shown.iter().find(|shown| shown["id"] == json!(course.id)).unwrap();
        assert_eq!(shown["enrolled_at"], json!(since));
    }
    let none = Include::nothing();
    let page = conn.related::<CourseStudents>(rooms.course, &PageRequest::newest(5), &none);
    let page = page.unwrap().unwrap();
    let newest = page.entities.view(0).unwrap();
    assert!(page.more && newest.link(CourseStudents).is_ok());
    let course = conn.find::<Course>(rooms.course, &none).unwrap().unwrap();
    let unloaded = course.view(0).unwrap().link(StudentCourses).unwrap_err();
    assert_eq!((unloaded.entity, unloaded.relation), ("Student", "courses"));
}

fn one_leads_to_one_or_none(database: &Fresh) {
    let conn = &mut database.connection();
    let rooms = Rooms::stored(conn);
    let include = Include::parse(Company::INFO, "departments").unwrap();
    let found = conn.related_one::<EmployeeCompany>(rooms.employee, &include);
    let found = found.unwrap().unwrap().unwrap();
    let company = found.view(0).unwrap();
    assert_eq!((company.id, company.get(CompanyDepartments).unwrap().len()), (rooms.company, 2));
    let none = Include::nothing();
    let post = conn.related_one::<CommentPost>(rooms.comment, &none).unwrap().unwrap().unwrap();
    assert_eq!(post.as_slice()[0].id, rooms.post);
    let top = rooms.of(Employee::INFO).iter().find(|employee| employee["name"] == "chain 0");
    let top = EmployeeId::new(top.unwrap()["id"].as_i64().unwrap()).unwrap();
    assert!(conn.related_one::<EmployeeManager>(top, &none).unwrap().unwrap().is_none());
    let nobody = EmployeeId::new(1_000_000).unwrap();
    assert!(conn.related_one::<EmployeeManager>(nobody, &none).unwrap().is_none());
    assert!(conn.related_one::<EmployeeCompany>(nobody, &none).unwrap().is_none());
}
