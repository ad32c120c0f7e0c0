//! Entities with generated integer keys: relations through others, of a table to itself, and with
//! link data.

use recto_domain::{
    CommentPost, Company, CompanyDepartments, CompanyEmployees, Course, CourseStudents,
    DepartmentCompany, DepartmentEmployees, Employee, EmployeeCompany, EmployeeDepartment,
    EmployeeId, EmployeeManager, EmployeeReports, Student, StudentCourses, StudentId,
};
use recto_persistence::{Connection, PageRequest};
use recto_relations::{Entity as _, Include, Relation as _, Sort};
use recto_testkit::both_engines;
use recto_testkit::database::FreshDatabase;
use serde_json::json;

use crate::support::model::Model;
use crate::support::modules::Modules;

both_engines!(
    organization_is_navigable_both_ways,
    link_data_is_loaded_both_ways,
    to_one_returns_entity_or_none,
    missing_parent_has_no_page,
);

fn stored(conn: &mut Connection) -> (Modules, Model) {
    let mut model = Model::default();
    (Modules::store(conn, &mut model), model)
}

fn organization_is_navigable_both_ways(database: &FreshDatabase) {
    let conn = &mut database.connection();
    let (modules, _) = stored(conn);
    let include = "departments.employees.company,employees(limit:100).manager";
    let include = Include::parse(Company::INFO, include).unwrap();
    let found = conn.find::<Company>(modules.company, &include).unwrap().unwrap();
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
        assert!(department.get(DepartmentCompany).is_err(), "it was not included there");
    }
    let employees = company.get(CompanyEmployees).unwrap();
    assert_eq!((employees.len(), employees.more()), (33, false));
    for employee in employees {
        let manager = employee.get(EmployeeManager).unwrap();
        assert_eq!(manager.map(|manager| manager.id), employee.manager_id);
        assert!(employee.get(EmployeeReports).is_err());
    }

    let include = Include::parse(Employee::INFO, "manager.manager,reports.reports").unwrap();
    let found = conn.find::<Employee>(modules.employee, &include).unwrap().unwrap();
    let middle = found.view(0).unwrap();
    let above = middle.get(EmployeeManager).unwrap().unwrap();
    assert_eq!(above.get(EmployeeManager).unwrap().unwrap().name.as_str(), "chain 1");
    let below = middle.get(EmployeeReports).unwrap().next().unwrap();
    assert_eq!(below.get(EmployeeReports).unwrap().next().unwrap().name.as_str(), "chain 5");
    assert!(below.get(EmployeeManager).is_err());

    let found = conn.find::<Company>(modules.company, &Include::nothing()).unwrap().unwrap();
    let company = found.view(0).unwrap();
    assert!(company.get(CompanyDepartments).is_err() && company.get(CompanyEmployees).is_err());
}

fn link_data_is_loaded_both_ways(database: &FreshDatabase) {
    let conn = &mut database.connection();
    let (modules, model) = stored(conn);
    let include = Include::parse(Student::INFO, "courses.students(limit:100)").unwrap();
    let found = conn.find::<Student>(modules.student, &include).unwrap().unwrap();
    let student = found.view(0).unwrap();
    assert!(student.link(CourseStudents).is_err(), "the student was not reached over a link");
    let courses = student.get(StudentCourses).unwrap();
    assert_eq!(courses.len(), 3);
    let from = model.one(Student::INFO, &student.id.to_string());
    let enrolments = model.related(StudentCourses::INFO, from, &Sort::default());
    for course in courses {
        let since = course.link(StudentCourses).unwrap().enrolled_at;
        let here = course.get(CourseStudents).unwrap().find(|one| one.id == student.id).unwrap();
        assert_eq!(here.link(CourseStudents).unwrap().enrolled_at, since, "the same link");
        let enrolled = enrolments.iter().find(|node| node.key() == course.id.to_string()).unwrap();
        assert_eq!(enrolled.json()["enrolled_at"], json!(since));
    }
    let none = Include::nothing();
    let page = conn.related::<CourseStudents>(modules.course, &PageRequest::newest(5), &none);
    let page = page.unwrap().unwrap();
    let newest = page.entities.view(0).unwrap();
    assert!(page.has_next && newest.link(CourseStudents).is_ok());
    let course = conn.find::<Course>(modules.course, &none).unwrap().unwrap();
    let unloaded = course.view(0).unwrap().link(StudentCourses).unwrap_err();
    assert_eq!((unloaded.entity, unloaded.relation), ("Student", "courses"));
}

fn to_one_returns_entity_or_none(database: &FreshDatabase) {
    let conn = &mut database.connection();
    let (modules, model) = stored(conn);
    let include = Include::parse(Company::INFO, "departments").unwrap();
    let found = conn.related_one::<EmployeeCompany>(modules.employee, &include);
    let found = found.unwrap().unwrap().unwrap();
    let company = found.view(0).unwrap();
    assert_eq!((company.id, company.get(CompanyDepartments).unwrap().len()), (modules.company, 2));
    let none = Include::nothing();
    let post = conn.related_one::<CommentPost>(modules.comment, &none).unwrap().unwrap().unwrap();
    assert_eq!(post.as_slice()[0].id, modules.post);
    let employees = model.all(Employee::INFO, &Sort::default());
    let top = employees.iter().find(|employee| employee.json()["name"] == "chain 0").unwrap();
    let top: EmployeeId = top.key().parse().unwrap();
    assert!(conn.related_one::<EmployeeManager>(top, &none).unwrap().unwrap().is_none());
    let nobody = EmployeeId::new(1_000_000).unwrap();
    assert!(conn.related_one::<EmployeeManager>(nobody, &none).unwrap().is_none());
    assert!(conn.related_one::<EmployeeCompany>(nobody, &none).unwrap().is_none());
}

fn missing_parent_has_no_page(database: &FreshDatabase) {
    let conn = &mut database.connection();
    let none = Include::nothing();
    let missing = EmployeeId::new(1_000_000).unwrap();
    let page = conn.related::<EmployeeReports>(missing, &PageRequest::newest(5), &none);
    assert!(page.unwrap().is_none());
    let missing = StudentId::new(1_000_000).unwrap();
    let page = conn.related::<StudentCourses>(missing, &PageRequest::newest(5), &none);
    assert!(page.unwrap().is_none());
}
