//! Writing entities with generated integer keys: violations, conflicts and delete rules.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use recto_domain::{
    Clock as _, Comment, Company, CompanyId, Conflict, Course, CourseId, CourseStudents,
    Department, DepartmentId, Employee, EmployeeId, Input as _, Post, PostComments, Student,
    StudentCourses, Update,
};
use recto_persistence::{
    Connection, DatabaseFailure, Error, Lock, PageRequest, Recto, Rules, Stored, SystemIds, school,
    write,
};
use recto_relations::{Entity, Include};
use recto_testkit::both_engines;
use recto_testkit::database::FreshDatabase;
use serde_json::{Value, json};

use crate::support::modules::Factory;

both_engines!(
    inserted_entities_are_read_back,
    patch_changes_only_given_fields,
    dangling_foreign_keys_are_violations,
    blocking_relation_is_named_and_counted,
    deletes_cascade_or_set_null,
    enrolling_is_idempotent,
    reporting_cycle_is_refused,
    concurrent_reporting_cycle_is_refused,
    concurrent_manager_delete_is_no_failure,
    delete_sees_uncommitted_references,
    check_constraints_refuse_invalid_values,
    corrupt_value_is_located,
);

fn stored<E: Stored<Recto>>(conn: &mut Connection, key: E::Key) -> Option<E> {
    let entities = conn.find::<E>(key, &Include::nothing()).unwrap();
    entities.map(|entities| entities.into_vec().remove(0))
}

fn patch<E: Rules + Update>(conn: &mut Connection, key: E::Key, patch: &Value) -> Result<E, Error> {
    let patch = E::Patch::parse(patch).unwrap();
    conn.transaction(|conn| {
        let entity = conn.lock::<E>(key, Lock::NoKeyUpdate)?.expect("it exists");
        write::change(conn, entity, patch, SystemIds.now())
    })
}

fn conflict<T: std::fmt::Debug>(result: Result<T, Error>) -> Conflict {
    match result {
        Err(Error::Conflict(conflict)) => conflict,
        other => panic!("a conflict was expected, not {other:?}"),
    }
}

fn pointers<T: std::fmt::Debug>(result: Result<T, Error>) -> Vec<String> {
    match result {
        Err(Error::Violations(wrong)) => {
            wrong.into_vec().into_iter().map(|violation| violation.pointer).collect()
        }
        other => panic!("violations were expected, not {other:?}"),
    }
}

fn inserted_entities_are_read_back(database: &FreshDatabase) {
    let mut conn = database.connection();
    let mut factory = Factory::new(&mut conn);
    let new = json!({"title": " Émile ", "content": "One\n\ntwo."});
    let post = factory.try_create::<Post>(&new, ()).unwrap();
    assert_eq!((post.title.as_str(), post.id.get()), ("Émile", 1));
    assert_eq!(post.created_at, post.updated_at);
    let comment = factory.try_create::<Comment>(&json!({"text": "So."}), post.id).unwrap();
    assert_eq!(comment.post_id, post.id);
    let company = factory.company("Engines");
    let cards = factory.department("Cards", company);
    let ada = factory.employee("Ada", cards, None);
    let new = json!({"name": "Charles", "department_id": cards, "manager_id": ada});
    let charles = factory.try_create::<Employee>(&new, ()).unwrap();
    assert_eq!((charles.department_id, charles.manager_id), (cards, Some(ada)));
    assert!(charles.id > ada, "the newest has the greatest key");
    assert_eq!(stored::<Post>(&mut conn, post.id), Some(post));
    assert_eq!(stored::<Comment>(&mut conn, comment.id), Some(comment));
    assert_eq!(stored::<Employee>(&mut conn, charles.id), Some(charles));
    assert_eq!(stored::<Company>(&mut conn, CompanyId::new(99).unwrap()), None);
}

fn patch_changes_only_given_fields(database: &FreshDatabase) {
    let mut conn = database.connection();
    let mut factory = Factory::new(&mut conn);
    let [one, other] = ["One", "Other"].map(|name| factory.company(name));
    let (cards, mill) = (factory.department("Cards", one), factory.department("Mill", other));
    let ada = factory.employee("Ada", cards, None);
    let bob = factory.employee("Bob", cards, Some(ada));
    let conn = &mut conn;

    let before = stored::<Employee>(conn, bob).unwrap();
    let after = patch::<Employee>(conn, bob, &json!({})).unwrap();
    assert_eq!(after, before, "an empty patch changes nothing, not even the time");
    let after = patch::<Employee>(conn, bob, &json!({"name": "Bob", "manager_id": ada})).unwrap();
    assert_eq!(after, before, "the values are the same");
    let after = patch::<Employee>(conn, bob, &json!({"department_id": mill})).unwrap();
    assert_eq!((after.department_id, after.manager_id), (mill, Some(ada)));
    assert!(after.updated_at > before.updated_at && after.created_at == before.created_at);
    let after = patch::<Employee>(conn, bob, &json!({"manager_id": null, "name": "B"})).unwrap();
    assert_eq!((after.name.as_str(), after.manager_id), ("B", None));
    assert_eq!(stored::<Employee>(conn, bob), Some(after));
    let moved = patch::<Department>(conn, cards, &json!({"company_id": other})).unwrap();
    assert_eq!(stored::<Department>(conn, cards), Some(moved));
}

fn dangling_foreign_keys_are_violations(database: &FreshDatabase) {
    let mut conn = database.connection();
    let mut factory = Factory::new(&mut conn);
    let lost = factory.try_create::<Department>(&json!({"name": "Lost", "company_id": 7}), ());
    assert_eq!(pointers(lost), ["/company_id"]);
    let new = json!({"name": "Nobody", "department_id": 7, "manager_id": 7});
    let lost = factory.try_create::<Employee>(&new, ());
    assert_eq!(pointers(lost), ["/department_id", "/manager_id"]);
    let company = factory.company("Engines");
    let cards = factory.department("Cards", company);
    let new = json!({"name": "Nobody", "department_id": cards, "manager_id": 7});
    assert_eq!(pointers(factory.try_create::<Employee>(&new, ())), ["/manager_id"]);
    let ada = factory.employee("Ada", cards, None);
    let conn = &mut conn;

    let wrong = json!({"department_id": 7, "manager_id": 7});
    let lost = patch::<Employee>(conn, ada, &wrong);
    assert_eq!(pointers(lost), ["/department_id", "/manager_id"]);
    assert_eq!(
        pointers(patch::<Department>(conn, cards, &json!({"company_id": 7}))),
        ["/company_id"]
    );
    let ada = stored::<Employee>(conn, ada).unwrap();
    assert_eq!((ada.department_id, ada.manager_id), (cards, None), "nothing was written");
    assert_eq!(stored::<Department>(conn, cards).unwrap().company_id, company);
}

fn blocking_relation_is_named_and_counted(database: &FreshDatabase) {
    let mut conn = database.connection();
    let mut factory = Factory::new(&mut conn);
    let [engines, empty] = ["Engines", "Empty"].map(|name| factory.company(name));
    let [cards, _] = ["Cards", "Mill"].map(|name| factory.department(name, engines));
    let staff = ["Ada", "Bob", "Cleo"].map(|name| factory.employee(name, cards, None));
    let conn = &mut conn;

    let refused = conflict(write::delete::<Company>(conn, engines));
    assert_eq!(refused, Conflict::StillReferenced { relation: "departments", count: 2 });
    assert_eq!(refused.to_string(), "still referenced by its departments (2)");
    let refused = conflict(write::delete::<Department>(conn, cards));
    assert_eq!(refused, Conflict::StillReferenced { relation: "employees", count: 3 });
    assert!(
        stored::<Company>(conn, engines).is_some() && stored::<Department>(conn, cards).is_some()
    );

    assert!(write::delete::<Company>(conn, empty).unwrap());
    assert!(!write::delete::<Company>(conn, empty).unwrap());
    for one in staff {
        assert!(write::delete::<Employee>(conn, one).unwrap());
    }
    assert!(write::delete::<Department>(conn, cards).unwrap());
    assert!(!write::delete::<Department>(conn, DepartmentId::new(99).unwrap()).unwrap());
    let refused = conflict(write::delete::<Company>(conn, engines));
    assert_eq!(refused, Conflict::StillReferenced { relation: "departments", count: 1 });
}

fn deletes_cascade_or_set_null(database: &FreshDatabase) {
    let mut conn = database.connection();
    let mut factory = Factory::new(&mut conn);
    let posts = ["One", "Other"].map(|title| factory.post(title));
    let comments = posts.map(|post| factory.comment("So.", post));
    let students = ["Ada", "Bob"].map(|name| factory.student(name));
    let courses = ["Algebra", "Botany"].map(|title| factory.course(title));
    for (student, course) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        factory.enrol(students[student], courses[course]);
    }
    let company = factory.company("Engines");
    let cards = factory.department("Cards", company);
    let top = factory.employee("Top", cards, None);
    let middle = factory.employee("Middle", cards, Some(top));
    let below = factory.employee("Below", cards, Some(middle));
    let conn = &mut conn;

    assert!(write::delete::<Post>(conn, posts[0]).unwrap());
    assert_eq!(stored::<Comment>(conn, comments[0]), None);
    assert!(stored::<Comment>(conn, comments[1]).is_some());
    let gone = conn.related::<PostComments>(posts[0], &PageRequest::newest(5), &Include::nothing());
    assert!(gone.unwrap().is_none());

    assert!(write::delete::<Student>(conn, students[0]).unwrap());
    assert!(write::delete::<Course>(conn, courses[1]).unwrap());
    let include = Include::parse(Course::INFO, "students").unwrap();
    let found = conn.find::<Course>(courses[0], &include).unwrap().unwrap();
    let left: Vec<_> =
        found.view(0).unwrap().get(CourseStudents).unwrap().map(|student| student.id).collect();
    assert_eq!(left, [students[1]]);
    let include = Include::parse(Student::INFO, "courses").unwrap();
    let found = conn.find::<Student>(students[1], &include).unwrap().unwrap();
    let left: Vec<_> =
        found.view(0).unwrap().get(StudentCourses).unwrap().map(|course| course.id).collect();
    assert_eq!(left, [courses[0]]);

    assert!(write::delete::<Employee>(conn, middle).unwrap());
    assert_eq!(stored::<Employee>(conn, below).unwrap().manager_id, None);
    assert_eq!(stored::<Employee>(conn, top).unwrap().manager_id, None);
}

fn enrolling_is_idempotent(database: &FreshDatabase) {
    let mut conn = database.connection();
    let mut factory = Factory::new(&mut conn);
    let (ada, algebra) = (factory.student("Ada"), factory.course("Algebra"));
    let first = factory.enrol(ada, algebra);
    let again = factory.enrol(ada, algebra);
    assert_ne!(first["enrolled_at"], again["enrolled_at"]);
    let since = |conn: &mut Connection| {
        let page =
            conn.related::<StudentCourses>(ada, &PageRequest::newest(5), &Include::nothing());
        let found = page.unwrap().unwrap().entities;
        let links = found.iter().map(|course| json!(course.link(StudentCourses).unwrap()));
        links.collect::<Vec<_>>()
    };
    assert_eq!(since(&mut conn), [json!({"enrolled_at": first["enrolled_at"]})]);
    for _ in 0..2 {
        school::withdraw(&mut conn, ada, algebra).unwrap();
        assert!(since(&mut conn).is_empty());
    }
    let refused = school::enrol(&mut conn, ada, CourseId::new(99).unwrap(), SystemIds.now());
    assert!(refused.is_err(), "{refused:?}");
}

/// Creates employees, each managed by the one before.
fn chain(conn: &mut Connection, length: usize) -> Vec<EmployeeId> {
    let mut factory = Factory::new(conn);
    let company = factory.company("Engines");
    let cards = factory.department("Cards", company);
    let mut chain: Vec<EmployeeId> = Vec::new();
    for number in 0..length {
        let manager = chain.last().copied();
        chain.push(factory.employee(&format!("{number}"), cards, manager));
    }
    chain
}

fn reporting_cycle_is_refused(database: &FreshDatabase) {
    let conn = &mut database.connection();
    let chain = chain(conn, 6);
    let manage = |conn: &mut Connection, who: usize, by: usize| {
        patch::<Employee>(conn, chain[who], &json!({"manager_id": chain[by]}))
    };
    // The employee, a direct report and indirect reports.
    for (who, by) in [(0, 0), (0, 1), (0, 5), (2, 4), (3, 3)] {
        assert_eq!(conflict(manage(conn, who, by)), Conflict::ReportingCycle, "{who} by {by}");
    }
    assert_eq!(stored::<Employee>(conn, chain[0]).unwrap().manager_id, None, "it is unchanged");
    // A manager above, then one of another branch; reports move along.
    manage(conn, 5, 0).unwrap();
    manage(conn, 2, 5).unwrap();
    assert_eq!(conflict(manage(conn, 5, 4)), Conflict::ReportingCycle);
    // A change of the name is not checked.
    patch::<Employee>(conn, chain[4], &json!({"name": "renamed"})).unwrap();
    patch::<Employee>(conn, chain[5], &json!({"manager_id": null})).unwrap();
    manage(conn, 0, 4).unwrap();
    assert_eq!(conflict(manage(conn, 5, 1)), Conflict::ReportingCycle);
}

/// Each change is valid alone; together they would create a cycle.
fn concurrent_reporting_cycle_is_refused(fresh: &FreshDatabase) {
    let chain = chain(&mut fresh.connection(), 4);
    let conn = &mut fresh.connection();
    let database = fresh.open();
    for _ in 0..10 {
        for one in &chain {
            patch::<Employee>(conn, *one, &json!({"manager_id": null})).unwrap();
        }
        patch::<Employee>(conn, chain[1], &json!({"manager_id": chain[0]})).unwrap();
        patch::<Employee>(conn, chain[3], &json!({"manager_id": chain[2]})).unwrap();
        let (start, runs) = (Barrier::new(2), Arc::new(AtomicU32::new(0)));
        let results: Vec<Result<Employee, Error>> = thread::scope(|scope| {
            let changing: Vec<_> = [(chain[0], chain[3]), (chain[2], chain[1])]
                .into_iter()
                .map(|(who, by)| {
                    let (database, start, runs) = (&database, &start, Arc::clone(&runs));
                    scope.spawn(move || {
                        start.wait();
                        database.write_blocking(move |conn| {
                            runs.fetch_add(1, Ordering::Relaxed);
                            patch::<Employee>(conn, who, &json!({"manager_id": by}))
                        })
                    })
                })
                .collect();
            changing.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let refused = results
            .iter()
            .filter(|result| matches!(result, Err(Error::Conflict(Conflict::ReportingCycle))))
            .count();
        let done = results.iter().filter(|result| result.is_ok()).count();
        assert_eq!((refused, done), (1, 1), "{results:?}");
        // The lock makes one wait, so neither is retried.
        assert_eq!(runs.load(Ordering::Relaxed), 2);
    }
}

fn concurrent_manager_delete_is_no_failure(fresh: &FreshDatabase) {
    let conn = &mut fresh.connection();
    let chain = chain(conn, 2);
    let department = stored::<Employee>(conn, chain[0]).unwrap().department_id;
    let database = fresh.open();
    let new = json!({"name": "Passing", "department_id": department, "manager_id": chain[0]});
    for _ in 0..20 {
        let passing = Factory::new(conn).try_create::<Employee>(&new, ()).unwrap().id;
        let start = Barrier::new(2);
        let changed = thread::scope(|scope| {
            let (database, start) = (&database, &start);
            scope.spawn(move || {
                start.wait();
                let left =
                    database.write_blocking(move |conn| write::delete::<Employee>(conn, passing));
                assert!(left.unwrap());
            });
            let who = chain[1];
            let changing = scope.spawn(move || {
                start.wait();
                database.write_blocking(move |conn| {
                    patch::<Employee>(conn, who, &json!({"manager_id": passing}))
                })
            });
            changing.join().unwrap()
        });
        // Either before the delete, or the manager no longer existed.
        assert!(matches!(changed, Ok(_) | Err(Error::Violations(_))), "{changed:?}");
        let who = stored::<Employee>(conn, chain[1]).unwrap();
        assert_ne!(who.manager_id, Some(passing));
    }
}

/// The version is incremented even if the manager is deleted before the employee is committed.
fn delete_sees_uncommitted_references(fresh: &FreshDatabase) {
    let conn = &mut fresh.connection();
    let manager = chain(conn, 1)[0];
    let department = stored::<Employee>(conn, manager).unwrap().department_id;
    let database = fresh.open();
    let new = json!({"name": "New", "department_id": department, "manager_id": manager});
    conn.begin_write().unwrap();
    let report = Factory::new(conn).try_create::<Employee>(&new, ()).unwrap();
    let deleting = thread::spawn(move || {
        database.write_blocking(move |conn| write::delete::<Employee>(conn, manager))
    });
    // The delete waits for this transaction.
    thread::sleep(Duration::from_millis(200));
    conn.commit().unwrap();
    assert!(deleting.join().unwrap().unwrap());
    let left = stored::<Employee>(conn, report.id).unwrap();
    assert_eq!(left.manager_id, None);
    assert_ne!(left.version(), report.version());
}

fn check_constraints_refuse_invalid_values(database: &FreshDatabase) {
    let mut conn = database.connection();
    chain(&mut conn, 2);
    let mut factory = Factory::new(&mut conn);
    let post = factory.post("One");
    factory.comment("So.", post);
    let (student, course) = (factory.student("Ada"), factory.course("Algebra"));
    factory.enrol(student, course);
    for statement in [
        "UPDATE posts SET title = ''",
        "UPDATE posts SET content = ''",
        "UPDATE comments SET text = ''",
        "UPDATE students SET name = ''",
        "UPDATE courses SET title = ''",
        "UPDATE companies SET name = ''",
        "UPDATE departments SET name = ''",
        "UPDATE employees SET name = ''",
        "UPDATE employees SET manager_id = id",
    ] {
        let said = Error::from(database.execute(statement).unwrap_err());
        let Error::Failure(DatabaseFailure::Query(DieselError::DatabaseError(kind, _))) = &said
        else {
            panic!("{statement}: {said:?}");
        };
        assert!(matches!(kind, DatabaseErrorKind::CheckViolation), "{statement}: {said:?}");
    }
    let twice = "INSERT INTO student_courses SELECT student_id, course_id, enrolled_at FROM student_courses";
    let said = Error::from(database.execute(twice).unwrap_err());
    let unique = DatabaseErrorKind::UniqueViolation;
    let is_unique = matches!(&said, Error::Failure(DatabaseFailure::Query(DieselError::DatabaseError(kind, _)))
        if std::mem::discriminant(kind) == std::mem::discriminant(&unique));
    assert!(is_unique, "{said:?}");
}

fn corrupt_value_is_located(database: &FreshDatabase) {
    let mut conn = database.connection();
    let post = Factory::new(&mut conn).post("One");
    let bypass = match database.engine() {
        recto_testkit::database::Engine::Sqlite => "PRAGMA ignore_check_constraints = ON",
        recto_testkit::database::Engine::Postgres => {
            "ALTER TABLE posts DROP CONSTRAINT posts_title_check"
        }
    };
    database.execute(&format!("{bypass}; UPDATE posts SET title = ''")).unwrap();
    let error = conn.find::<Post>(post, &Include::nothing()).unwrap_err();
    let said = error.to_string();
    assert!(said.starts_with("corrupt data in posts.title of row 1: "), "{said}");
}
