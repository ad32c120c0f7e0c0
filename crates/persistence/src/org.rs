//! The organization: companies, departments and employees.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use recto_domain::input::AtMost;
use recto_domain::{
    Company, CompanyDepartments, Conflict, Department, DepartmentCompany, DepartmentEmployees,
    Employee, EmployeeDepartment, EmployeeId, EmployeeManager, NewCompanyGraph, NewDepartment,
    NewDepartmentWithin, NewEmployee, NewEmployeeWithin, text_key,
};
use recto_relations::{Adjacency, Edge, Entities, Sort, Span, ToMany};
use recto_relations_diesel::{Engine, SortColumn, Stored, Writable};

use crate::row::RowContext;
use crate::schema::{companies, departments, employees};
use crate::sql_types::InstantValue;
use crate::{Connection, Error, Recto, Rules};

/// A row of `companies`.
#[derive(Debug, Queryable, Selectable, Identifiable)]
#[diesel(table_name = companies, check_for_backend(Sqlite, Pg))]
pub struct CompanyRow {
    id: i64,
    name: String,
    created_at: InstantValue,
    updated_at: InstantValue,
    version: i64,
}

impl TryFrom<CompanyRow> for Company {
    type Error = Error;

    fn try_from(row: CompanyRow) -> Result<Self, Error> {
        let context = RowContext { table: "companies", row: &row.id };
        Ok(Self {
            id: context.column("id", row.id)?,
            name: context.column("name", row.name)?,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
            version: row.version.into(),
        })
    }
}

/// The written columns of a company.
#[derive(Debug, Insertable, AsChangeset)]
// Needed to insert several rows in one statement on SQLite.
#[diesel(
    table_name = companies,
    treat_none_as_null = true,
    treat_none_as_default_value = false
)]
pub struct CompanyRecord<'a> {
    name: &'a str,
    name_key: String,
    created_at: InstantValue,
    updated_at: InstantValue,
    version: i64,
}

impl<'a> From<&'a Company> for CompanyRecord<'a> {
    fn from(company: &'a Company) -> Self {
        Self {
            name: company.name.as_str(),
            name_key: text_key(company.name.as_str()),
            created_at: InstantValue(company.created_at),
            updated_at: InstantValue(company.updated_at),
            version: company.version.into(),
        }
    }
}

impl Stored<Recto> for Company {
    type Row = CompanyRow;
    type Filter = ();
    const SORTS: &'static [SortColumn] = &[SortColumn::new("name", &companies::name_key)];
}

impl Writable<Recto> for Company {
    type Record<'a> = CompanyRecord<'a>;
}

impl Rules for Company {
    type References = ();
}

/// A row of `departments`.
#[derive(Debug, Queryable, Selectable, Identifiable, Associations)]
#[diesel(table_name = departments, check_for_backend(Sqlite, Pg))]
#[diesel(belongs_to(CompanyRow, foreign_key = company_id))]
pub struct DepartmentRow {
    id: i64,
    name: String,
    company_id: i64,
    created_at: InstantValue,
    updated_at: InstantValue,
    version: i64,
}

impl TryFrom<DepartmentRow> for Department {
    type Error = Error;

    fn try_from(row: DepartmentRow) -> Result<Self, Error> {
        let context = RowContext { table: "departments", row: &row.id };
        Ok(Self {
            id: context.column("id", row.id)?,
            name: context.column("name", row.name)?,
            company_id: context.column("company_id", row.company_id)?,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
            version: row.version.into(),
        })
    }
}

/// The written columns of a department.
#[derive(Debug, Insertable, AsChangeset)]
// Needed to insert several rows in one statement on SQLite.
#[diesel(
    table_name = departments,
    treat_none_as_null = true,
    treat_none_as_default_value = false
)]
pub struct DepartmentRecord<'a> {
    name: &'a str,
    name_key: String,
    company_id: i64,
    created_at: InstantValue,
    updated_at: InstantValue,
    version: i64,
}

impl<'a> From<&'a Department> for DepartmentRecord<'a> {
    fn from(department: &'a Department) -> Self {
        Self {
            name: department.name.as_str(),
            name_key: text_key(department.name.as_str()),
            company_id: department.company_id.get(),
            created_at: InstantValue(department.created_at),
            updated_at: InstantValue(department.updated_at),
            version: department.version.into(),
        }
    }
}

impl Stored<Recto> for Department {
    type Row = DepartmentRow;
    type Filter = ();
    const SORTS: &'static [SortColumn] = &[SortColumn::new("name", &departments::name_key)];
}

impl Writable<Recto> for Department {
    type Record<'a> = DepartmentRecord<'a>;
}

impl Rules for Department {
    type References = (DepartmentCompany,);
}

/// A row of `employees`.
#[derive(Debug, Queryable, Selectable, Identifiable, Associations)]
#[diesel(table_name = employees, check_for_backend(Sqlite, Pg))]
#[diesel(belongs_to(DepartmentRow, foreign_key = department_id))]
#[diesel(belongs_to(EmployeeRow, foreign_key = manager_id))]
pub struct EmployeeRow {
    id: i64,
    name: String,
    department_id: i64,
    manager_id: Option<i64>,
    created_at: InstantValue,
    updated_at: InstantValue,
    version: i64,
}

impl TryFrom<EmployeeRow> for Employee {
    type Error = Error;

    fn try_from(row: EmployeeRow) -> Result<Self, Error> {
        let context = RowContext { table: "employees", row: &row.id };
        Ok(Self {
            id: context.column("id", row.id)?,
            name: context.column("name", row.name)?,
            department_id: context.column("department_id", row.department_id)?,
            manager_id: context.optional("manager_id", row.manager_id)?,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
            version: row.version.into(),
        })
    }
}

/// The written columns of an employee.
#[derive(Debug, Insertable, AsChangeset)]
// Needed to insert several rows in one statement on SQLite.
#[diesel(
    table_name = employees,
    treat_none_as_null = true,
    treat_none_as_default_value = false
)]
pub struct EmployeeRecord<'a> {
    name: &'a str,
    name_key: String,
    department_id: i64,
    manager_id: Option<i64>,
    created_at: InstantValue,
    updated_at: InstantValue,
    version: i64,
}

impl<'a> From<&'a Employee> for EmployeeRecord<'a> {
    fn from(employee: &'a Employee) -> Self {
        Self {
            name: employee.name.as_str(),
            name_key: text_key(employee.name.as_str()),
            department_id: employee.department_id.get(),
            manager_id: employee.manager_id.map(EmployeeId::get),
            created_at: InstantValue(employee.created_at),
            updated_at: InstantValue(employee.updated_at),
            version: employee.version.into(),
        }
    }
}

impl Stored<Recto> for Employee {
    type Row = EmployeeRow;
    type Filter = ();
    const SORTS: &'static [SortColumn] = &[SortColumn::new("name", &employees::name_key)];
}

impl Writable<Recto> for Employee {
    type Record<'a> = EmployeeRecord<'a>;
}

impl Rules for Employee {
    type References = (EmployeeDepartment, EmployeeManager);

    fn check_change(&self, conn: &mut Connection) -> Result<(), Error> {
        refuse_cycle(conn, self)
    }

    fn before_delete(conn: &mut Connection, manager: EmployeeId) -> Result<(), Error> {
        let reports = employees::table.filter(employees::manager_id.eq(i64::from(manager)));
        let next = employees::version.eq(employees::version + 1);
        conn.execute(diesel::update(reports).set(next))?;
        Ok(())
    }
}

/// Inserts a company with its departments and employees, with one statement for each type.
///
/// Returns them in input order, with [`CompanyDepartments`] and [`DepartmentEmployees`] loaded if
/// the input has departments.
///
/// # Errors
/// A database error; the caller's transaction must be rolled back then.
pub fn create_company(
    conn: &mut Connection,
    graph: NewCompanyGraph,
    at: DateTime<Utc>,
) -> Result<Entities<Company>, Error> {
    let NewCompanyGraph { company, departments } = graph;
    let company = conn.insert(Company::new(at, company))?;
    let company_id = company.id;
    let mut company = Entities::new(vec![company]);
    let Some(departments) = departments else { return Ok(company) };

    let (new, staff): (Vec<Department>, Vec<Vec<NewEmployeeWithin>>) = departments
        .into_vec()
        .into_iter()
        .map(|NewDepartmentWithin { name, employees }| {
            let staff = employees.map(AtMost::into_vec).unwrap_or_default();
            (Department::new(at, NewDepartment { name, company_id }), staff)
        })
        .unzip();
    let departments = conn.insert_all(&new, |new, stored| new.name == stored.name)?;
    let of_company = spans(std::iter::once(departments.len()));
    let of_departments = spans(staff.iter().map(Vec::len));
    let new = staff.into_iter().zip(&departments).flat_map(|(staff, department)| {
        let department_id = department.id;
        staff.into_iter().map(move |NewEmployeeWithin { name }| {
            Employee::new(at, NewEmployee { name, department_id, manager_id: None })
        })
    });
    let employees = conn.insert_all(&new.collect::<Vec<_>>(), |new, stored| {
        (&new.name, new.department_id) == (&stored.name, stored.department_id)
    })?;

    let mut departments = Entities::reached(departments, &company, &of_company);
    let employees = Entities::reached(employees, &departments, &of_departments);
    departments.attach(loaded::<DepartmentEmployees>(of_departments, employees));
    company.attach(loaded::<CompanyDepartments>(of_company, departments));
    Ok(company)
}

/// Returns consecutive, complete spans of these lengths.
fn spans(lengths: impl Iterator<Item = usize>) -> Adjacency {
    let mut end = 0;
    let span = |length: usize| {
        let start = end;
        end += u32::try_from(length).expect("a graph has at most 1,000 objects");
        Span { start, end, more: false }
    };
    Adjacency::Many(lengths.map(span).collect())
}

/// Returns an edge to all inserted entities.
fn loaded<R: ToMany>(adjacency: Adjacency, children: Entities<R::To>) -> Edge {
    let shape = (u32::MAX, Sort::default());
    Edge::new(R::INFO, shape, adjacency, Box::new(children))
}

/// The advisory lock for changes of managers on PostgreSQL: "boss" in ASCII.
const ADVISORY_LOCK: i64 = 0x62_6f_73_73;

/// Returns an error if an employee reports to itself, directly or indirectly.
///
/// Follows the managers upwards. Concurrent changes could create a cycle together, so PostgreSQL
/// holds an advisory lock until the transaction ends; SQLite has one writer.
fn refuse_cycle(conn: &mut Connection, employee: &Employee) -> Result<(), Error> {
    if employee.manager_id.is_none() {
        return Ok(());
    }
    if conn.engine() == Engine::Postgres {
        let lock = format!("SELECT pg_advisory_xact_lock({ADVISORY_LOCK})");
        conn.execute(diesel::sql_query(lock))?;
    }
    let mut above = employee.manager_id.map(EmployeeId::get);
    while let Some(manager) = above {
        if manager == employee.id.get() {
            return Err(Conflict::ReportingCycle.into());
        }
        // The manager may have been deleted by now.
        let next = employees::table.find(manager).select(employees::manager_id);
        above = conn.first::<Option<i64>>(next)?.flatten();
    }
    Ok(())
}
