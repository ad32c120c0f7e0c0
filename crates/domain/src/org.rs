//! The room `org`: companies, departments and employees; several levels, through, and a relation
//! of a table to itself.

mod graph;

pub use graph::{NewCompanyGraph, NewDepartmentWithin, NewEmployeeWithin};

use crate::record::numbered;
use crate::text::line;
use crate::value::text_value;
use recto_relations::relations;

text_value! {
    /// What a company is called.
    CompanyName, 1..=200, line, "Analytical Engines Ltd"
}

text_value! {
    /// What a department is called.
    DepartmentName, 1..=200, line, "Punched cards"
}

text_value! {
    /// What an employee is called.
    EmployeeName, 1..=200, line, "Augusta King"
}

relations! {
    /// The organisation.
    pub static ORG = "org": Company, Department, Employee;

    /// The departments of a company, and the company of a department.
    CompanyDepartments = Company.departments: Many <=> DepartmentCompany = Department.company: One(company_id), on delete Restrict;
    /// The employees of a department, and the department of an employee.
    DepartmentEmployees = Department.employees: Many <=> EmployeeDepartment = Employee.department: One(department_id), on delete Restrict;
    /// Whom an employee manages, and who manages an employee.
    EmployeeReports = Employee.reports: Many <=> EmployeeManager = Employee.manager: Optional(manager_id), on delete SetNull;
    /// The employees of all departments of a company, and the company of an employee's department.
    CompanyEmployees = Company.employees: Many <=> EmployeeCompany = Employee.company: One,
        via CompanyDepartments, DepartmentEmployees;
}

numbered! {
    /// A company.
    pub struct Company(CompanyId) in "companies" {
        /// What it is called.
        pub name: CompanyName,
    }
    under {}
    /// A company to found.
    new NewCompany;
    /// What is to change about a company.
    patch CompanyPatch;
    sorts [name: CompanyName]
}

numbered! {
    /// A department of a company.
    pub struct Department(DepartmentId) in "departments" {
        /// What it is called.
        pub name: DepartmentName,
        /// The company.
        pub company_id: crate::CompanyId,
    }
    under {}
    /// A department to set up.
    new NewDepartment;
    /// What is to change about a department.
    patch DepartmentPatch;
    sorts [name: DepartmentName]
}

numbered! {
    /// Somebody who works in a department.
    pub struct Employee(EmployeeId) in "employees" {
        /// What the employee is called.
        pub name: EmployeeName,
        /// The department.
        pub department_id: crate::DepartmentId,
        /// Who manages the employee, if anybody does.
        pub manager_id: Option<crate::EmployeeId>,
    }
    under {}
    /// An employee to take on.
    new NewEmployee;
    /// What is to change about an employee.
    patch EmployeePatch;
    sorts [name: EmployeeName]
}
