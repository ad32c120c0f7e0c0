//! The room `org`: companies, departments and employees.

use diesel::prelude::*;
use recto_domain::{
    CompanyDepartments, CompanyEmployees, Conflict, DepartmentCompany, DepartmentEmployees,
    Employee, EmployeeCompany, EmployeeDepartment, EmployeeManager, EmployeeReports,
};

use crate::connection::{Engine, on_engine};
use crate::numbered::numbered;
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
