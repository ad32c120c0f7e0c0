//! The module `org`: companies, departments and employees, with several levels, a relation through
//! another, and a self-reference.

mod graph;

pub use graph::{NewCompanyGraph, NewDepartmentWithin, NewEmployeeWithin};

use crate::id::later_than;
use crate::record::{entity, input};
use crate::text::LINE;
use crate::value::text_value;
use crate::{Change, CompanyId, Create, DepartmentId, EmployeeId, NewId, Update, UserId};
use chrono::{DateTime, Utc};
use recto_relations::{Version, relations};

text_value! {
    /// The name of a company.
    CompanyName, 1..=200, LINE, "Analytical Engines Ltd"
}

text_value! {
    /// The name of a department.
    DepartmentName, 1..=200, LINE, "Punched cards"
}

text_value! {
    /// The name of an employee.
    EmployeeName, 1..=200, LINE, "Augusta King"
}

relations! {
    /// The organization.
    pub static ORG = "org": Company, Department, Employee;

    /// The departments of a company, and the company of a department.
    CompanyDepartments = Company.departments: Many <=> DepartmentCompany = Department.company: One(company_id), on delete Restrict;
    /// The employees of a department, and the department of an employee.
    DepartmentEmployees = Department.employees: Many <=> EmployeeDepartment = Employee.department: One(department_id), on delete Restrict;
    /// The employees that report to an employee, and the employee's manager.
    EmployeeReports = Employee.reports: Many <=> EmployeeManager = Employee.manager: Optional(manager_id), on delete SetNull;
    /// The employees of all departments of a company, and the company of an employee's department.
    CompanyEmployees = Company.employees: Many <=> EmployeeCompany = Employee.company: One,
        via CompanyDepartments, DepartmentEmployees;
}

entity! {
    /// A company.
    pub struct Company in "companies", key id: CompanyId, sorts [name: CompanyName] {
        /// The id.
        pub id: CompanyId,
        /// The name.
        pub name: CompanyName,
    }
}

input! {
    /// A company to create.
    pub struct NewCompany {
        /// The name.
        pub name: CompanyName,
    }
}

input! {
    /// Changes to a company. Absent fields stay as they are.
    pub struct CompanyPatch {
        /// The new name.
        pub name: Change<CompanyName>,
    }
}

impl Company {
    /// Returns the company that `new` describes, without a key.
    pub fn new(at: DateTime<Utc>, new: NewCompany) -> Self {
        let NewCompany { name } = new;
        Self {
            id: CompanyId::UNASSIGNED,
            name,
            created_at: at,
            updated_at: at,
            version: Version::FIRST,
        }
    }
}

impl Create for Company {
    type New = NewCompany;
    type Parent = ();

    fn create(new_id: NewId, new: NewCompany, (): (), _: UserId) -> Self {
        Self::new(new_id.at(), new)
    }
}

impl Update for Company {
    type Patch = CompanyPatch;

    fn apply(&mut self, patch: CompanyPatch, now: DateTime<Utc>) -> bool {
        let CompanyPatch { name } = patch;
        let changed = name.apply_to(&mut self.name);
        if changed {
            self.updated_at = later_than(self.updated_at, now);
            self.version.advance();
        }
        changed
    }
}

entity! {
    /// A department of a company.
    pub struct Department in "departments", key id: DepartmentId, sorts [name: DepartmentName] {
        /// The id.
        pub id: DepartmentId,
        /// The name.
        pub name: DepartmentName,
        /// The id of the company.
        pub company_id: CompanyId,
    }
}

input! {
    /// A department to create.
    pub struct NewDepartment {
        /// The name.
        pub name: DepartmentName,
        /// The id of the company.
        pub company_id: CompanyId,
    }
}

input! {
    /// Changes to a department. Absent fields stay as they are.
    pub struct DepartmentPatch {
        /// The new name.
        pub name: Change<DepartmentName>,
        /// The id of the new company.
        pub company_id: Change<CompanyId>,
    }
}

impl Department {
    /// Returns the department that `new` describes, without a key.
    pub fn new(at: DateTime<Utc>, new: NewDepartment) -> Self {
        let NewDepartment { name, company_id } = new;
        Self {
            id: DepartmentId::UNASSIGNED,
            name,
            company_id,
            created_at: at,
            updated_at: at,
            version: Version::FIRST,
        }
    }
}

impl Create for Department {
    type New = NewDepartment;
    type Parent = ();

    fn create(new_id: NewId, new: NewDepartment, (): (), _: UserId) -> Self {
        Self::new(new_id.at(), new)
    }
}

impl Update for Department {
    type Patch = DepartmentPatch;

    fn apply(&mut self, patch: DepartmentPatch, now: DateTime<Utc>) -> bool {
        let DepartmentPatch { name, company_id } = patch;
        let changed = name.apply_to(&mut self.name) | company_id.apply_to(&mut self.company_id);
        if changed {
            self.updated_at = later_than(self.updated_at, now);
            self.version.advance();
        }
        changed
    }
}

entity! {
    /// An employee of a department.
    pub struct Employee in "employees", key id: EmployeeId, sorts [name: EmployeeName] {
        /// The id.
        pub id: EmployeeId,
        /// The name.
        pub name: EmployeeName,
        /// The id of the department.
        pub department_id: DepartmentId,
        /// The manager's id; `null` if there is no manager.
        pub manager_id: Option<EmployeeId>,
    }
}

input! {
    /// An employee to create.
    pub struct NewEmployee {
        /// The name.
        pub name: EmployeeName,
        /// The id of the department.
        pub department_id: DepartmentId,
        /// The manager's id; `null` if there is no manager.
        pub manager_id: Option<EmployeeId>,
    }
}

input! {
    /// Changes to an employee. Absent fields stay as they are; `null` clears the manager.
    pub struct EmployeePatch {
        /// The new name.
        pub name: Change<EmployeeName>,
        /// The id of the new department.
        pub department_id: Change<DepartmentId>,
        /// The id of the new manager.
        pub manager_id: Change<Option<EmployeeId>>,
    }
}

impl Employee {
    /// Returns the employee that `new` describes, without a key.
    pub fn new(at: DateTime<Utc>, new: NewEmployee) -> Self {
        let NewEmployee { name, department_id, manager_id } = new;
        Self {
            id: EmployeeId::UNASSIGNED,
            name,
            department_id,
            manager_id,
            created_at: at,
            updated_at: at,
            version: Version::FIRST,
        }
    }
}

impl Create for Employee {
    type New = NewEmployee;
    type Parent = ();

    fn create(new_id: NewId, new: NewEmployee, (): (), _: UserId) -> Self {
        Self::new(new_id.at(), new)
    }
}

impl Update for Employee {
    type Patch = EmployeePatch;

    fn apply(&mut self, patch: EmployeePatch, now: DateTime<Utc>) -> bool {
        let EmployeePatch { name, department_id, manager_id } = patch;
        let changed = name.apply_to(&mut self.name)
            | department_id.apply_to(&mut self.department_id)
            | manager_id.apply_to(&mut self.manager_id);
        if changed {
            self.updated_at = later_than(self.updated_at, now);
            self.version.advance();
        }
        changed
    }
}
