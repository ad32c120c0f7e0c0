//! The room `org`: companies, departments and employees.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use recto_domain::input::AtMost;
use recto_domain::{
    Company, CompanyDepartments, CompanyEmployees, Conflict, Department, DepartmentCompany,
    DepartmentEmployees, Employee, EmployeeCompany, EmployeeDepartment, EmployeeManager,
    EmployeeReports, NewCompanyGraph, NewDepartment, NewDepartmentWithin, NewEmployee,
    NewEmployeeWithin,
};
use recto_relations::{Adjacency, Edge, Entities, Sort, Span, ToMany};

use crate::connection::{Engine, on_engine};
use crate::numbered::{Numbered as _, Refused, numbered};
use crate::query::SqlKey;
use crate::relation::{map_relations, optional};
use crate::schema::{companies, departments, employees};
use crate::{Connection, Error};

map_relations! {
    /// The edges between the entities of the organisation.
    pub(crate) static EDGES;

    CompanyDepartments <=> DepartmentCompany: departments.company_id -> companies.id as DepartmentRow;
    DepartmentEmployees <=> EmployeeDepartment: employees.department_id -> departments.id as EmployeeRow;
    EmployeeReports <=> EmployeeManager: employees.manager_id -> self.id as EmployeeRow;
    CompanyEmployees <=> EmployeeCompany: through departments(company_id -> companies.id as CompanyRow, id <- employees.department_id as EmployeeRow) as DepartmentRow;
}

numbered! {
    Company(CompanyId) in companies as CompanyRow, edges: EDGES, new: NewCompany, patch: CompanyPatch,
    text name [name_key],
}

numbered! {
    Department(DepartmentId) in departments as DepartmentRow, edges: EDGES, new: NewDepartment, patch: DepartmentPatch,
    text name [name_key],
    key company_id: Company,
}

numbered! {
    Employee(EmployeeId) in employees as EmployeeRow, edges: EDGES, new: NewEmployee, patch: EmployeePatch,
    text name [name_key],
    key department_id: Department,
    key? manager_id: Employee,
    guard: not_above_itself,
}

/// Founds a company with the departments and employees that it begins with, a statement a level.
///
/// What is given back is all that was made, in the order given: with the relations
/// [`CompanyDepartments`] and [`DepartmentEmployees`] if the graph spoke of departments, without
/// otherwise.
///
/// # Errors
/// A failing database; nothing is kept then if it ran in a transaction.
pub fn found(
    conn: &mut Connection,
    graph: NewCompanyGraph,
    at: DateTime<Utc>,
) -> Result<Entities<Company>, Refused> {
    let NewCompanyGraph { company, departments } = graph;
    let company = Company::insert(conn, company, (), at)?;
    let company_id = company.id;
    let mut company = Entities::new(vec![company]);
    let Some(departments) = departments else { return Ok(company) };

    let (new, staff): (Vec<NewDepartment>, Vec<Vec<NewEmployeeWithin>>) = departments
        .into_vec()
        .into_iter()
        .map(|NewDepartmentWithin { name, employees }| {
            let staff = employees.map(AtMost::into_vec).unwrap_or_default();
            (NewDepartment { name, company_id }, staff)
        })
        .unzip();
    let departments = Department::insert_all(conn, new, (), at)?;
    let of_company = all_of(std::iter::once(departments.len()));
    let of_departments = all_of(staff.iter().map(Vec::len));
    let new = staff.into_iter().zip(&departments).flat_map(|(staff, department)| {
        let department_id = department.id;
        let within =
            move |NewEmployeeWithin { name }| NewEmployee { name, department_id, manager_id: None };
        staff.into_iter().map(within)
    });
    let employees = Employee::insert_all(conn, new.collect(), (), at)?;

    let mut departments = Entities::reached(departments, &company, &of_company);
    let employees = Entities::reached(employees, &departments, &of_departments);
    departments.attach(made::<DepartmentEmployees>(of_departments, employees));
    company.attach(made::<CompanyDepartments>(of_company, departments));
    Ok(company)
}

/// Runs of these lengths, one behind the other, with nothing left over.
fn all_of(lengths: impl Iterator<Item = usize>) -> Adjacency {
    let mut end = 0;
    let run = |length: usize| {
        let start = end;
        end += u32::try_from(length).expect("a graph has 1,000 objects at the most");
        Span { start, end, more: false }
    };
    Adjacency::Many(lengths.map(run).collect())
}

/// A relation that leads to all that was made behind it.
fn made<R: ToMany>(links: Adjacency, children: Entities<R::To>) -> Edge {
    let shape = (u32::MAX, Sort::default());
    Edge::new(R::INFO, shape, links, Box::new(children))
}

/// Whoever changes managers on PostgreSQL, one at a time; "boss" in ASCII.
const ADVISORY_LOCK: i64 = 0x62_6f_73_73;

/// Refuses an employee who would end up above itself.
///
/// The chain is walked upwards from the new manager. Two changes that make a
/// cycle only together must not pass each other, so they take turns: SQLite has
/// one writer, PostgreSQL is given a lock until the transaction ends.
fn not_above_itself(conn: &mut Connection, employee: &Employee) -> Result<(), Error> {
    if employee.manager_id.is_none() {
        return Ok(());
    }
    if let Engine::Postgres(c) = &mut conn.engine {
        diesel::sql_query(format!("SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")).execute(c)?;
    }
    let mut above = employee.manager_id.map(SqlKey::value);
    while let Some(manager) = above {
        if manager == employee.id.value() {
            return Err(Conflict::AboveItself.into());
        }
        // One who has left meanwhile is above nobody.
        let next = on_engine!(conn, c => {
            employees::table
                .find(manager)
                .select(employees::manager_id)
                .get_result::<Option<i64>>(c)
        });
        above = optional(next)?.flatten();
    }
    Ok(())
}
