//! The routes of the module `org`.

use recto_domain::{
    Company, CompanyDepartments, CompanyEmployees, Department, DepartmentCompany,
    DepartmentEmployees, Employee, EmployeeCompany, EmployeeDepartment, EmployeeManager,
    EmployeeReports, NewCompanyGraph,
};
use recto_identity::Access;

use super::{add_collection, add_items, add_many, add_one};
use crate::table::{Operation, RouteTable};
use crate::{crud, org};

pub(super) fn add(table: &mut RouteTable) {
    table.group("org");
    table
        .at("/org/companies")
        .get(crud::page::<Company>, Operation::page::<Company>("List companies"))
        .post(
            org::create_company,
            Operation::new(
                "Create a company",
                "Creates a company, with departments and employees if the body contains them: at most 1,000 items in total, in one transaction. The response contains everything that was created.",
            )
            .requires(Access::Verified)
            .body::<NewCompanyGraph>()
            .creates::<Company>(),
        );
    add_items::<Company>(
        table,
        ["Get a company", "Update a company", "Delete a company"],
        "Deletes the company. Refused while it has departments.",
    );
    add_collection::<Department>(table, ["List departments", "Create a department"]);
    add_items::<Department>(
        table,
        ["Get a department", "Update a department", "Delete a department"],
        "Deletes the department. Refused while it has employees.",
    );
    add_collection::<Employee>(table, ["List employees", "Create an employee"]);
    add_items::<Employee>(
        table,
        ["Get an employee", "Update an employee", "Delete an employee"],
        "Deletes the employee. The employee's reports remain, without a manager.",
    );
    add_many::<CompanyDepartments>(table, "List a company's departments");
    add_many::<CompanyEmployees>(table, "List a company's employees");
    add_many::<DepartmentEmployees>(table, "List a department's employees");
    add_many::<EmployeeReports>(table, "List an employee's reports");
    add_one::<DepartmentCompany>(table, "Get a department's company");
    add_one::<EmployeeDepartment>(table, "Get an employee's department");
    add_one::<EmployeeCompany>(table, "Get an employee's company");
    add_one::<EmployeeManager>(table, "Get an employee's manager");
}
