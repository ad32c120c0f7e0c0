//! The room `org`: companies, departments and employees; several levels, through, and a relation
//! of a table to itself.

mod graph;

pub use graph::{NewCompanyGraph, NewDepartmentWithin, NewEmployeeWithin};

use crate::record::numbered;
use crate::relations;
use crate::text::line;
use crate::value::text_value;

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
    /// The room.
    pub static ORG = "org" at "/org";

    /// The departments of a company, and the company of a department.
    CompanyDepartments = Company.departments: many <=> DepartmentCompany = Department.company: one(company_id), on delete Restrict;
    /// The employees of a department, and the department of an employee.
    DepartmentEmployees = Department.employees: many <=> EmployeeDepartment = Employee.department: one(department_id), on delete Restrict;
    /// Whom an employee manages, and who manages an employee.
    EmployeeReports = Employee.reports: many <=> EmployeeManager = Employee.manager: optional(manager_id), on delete SetNull;
    /// The employees of all departments of a company, and the company of an employee's department.
    CompanyEmployees = Company.employees: many <=> EmployeeCompany = Employee.company: one,
        through CompanyDepartments, DepartmentEmployees;
}

numbered! {
    /// A company.
    pub struct Company(CompanyId) in companies of ORG {
        /// What it is called.
        pub name: CompanyName,
    }
    under {}
    /// A company to found.
    new NewCompany;
    /// What is to change about a company.
    patch CompanyPatch;
    sorts [name]
}

numbered! {
    /// A department of a company.
    pub struct Department(DepartmentId) in departments of ORG {
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
    sorts [name]
}

numbered! {
    /// Somebody who works in a department.
    pub struct Employee(EmployeeId) in employees of ORG {
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
    sorts [name]
}
