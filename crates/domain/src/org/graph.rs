//! A new company with its departments and their employees.

use serde::Serialize;
use serde_json::Value;

use super::{DepartmentName, EmployeeName, NewCompany};
use crate::{
    Code, Input, Violations,
    input::{AtMost, Fields},
    record::input,
};

/// A company to create with its departments and their employees: at most 1,000 items in total.
///
/// All of them are stored, or none.
///
/// ```
/// use recto_domain::{Input, NewCompanyGraph};
/// use serde_json::json;
///
/// let wrong = NewCompanyGraph::parse(&json!({
///     "name": "Analytical Engines Ltd",
///     "departments": [{"name": "Mill", "employees": [{"name": "Ada"}, {"name": ""}]}],
/// }));
/// assert_eq!(wrong.unwrap_err().as_slice()[0].pointer, "/departments/0/employees/1/name");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = NewCompany))]
pub struct NewCompanyGraph {
    /// The company.
    #[cfg_attr(feature = "openapi", schema(inline))]
    #[serde(flatten)]
    pub company: NewCompany,
    /// The departments, with their employees.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(inline, value_type = Option<Vec<NewDepartmentWithin>>, max_items = 999)
    )]
    pub departments: Option<AtMost<NewDepartmentWithin, { NewCompanyGraph::MAX - 1 }>>,
}

input! {
    /// A department to create with its company.
    pub struct NewDepartmentWithin {
        /// The name.
        pub name: DepartmentName,
        /// The employees.
        #[cfg_attr(
            feature = "openapi",
            schema(value_type = Option<Vec<NewEmployeeWithin>>, max_items = 999)
        )]
        pub employees: Option<AtMost<NewEmployeeWithin, { NewCompanyGraph::MAX - 1 }>>,
    }
}

input! {
    /// An employee to create with the department.
    pub struct NewEmployeeWithin {
        /// The name.
        pub name: EmployeeName,
    }
}

impl NewCompanyGraph {
    /// The maximum number of items in a body, including the company.
    pub const MAX: usize = 1_000;

    /// Returns the number of items, including the company.
    pub fn objects(&self) -> usize {
        let departments = self.departments.as_ref().map_or(&[][..], AtMost::as_slice);
        let staff = |department: &NewDepartmentWithin| {
            department.employees.as_ref().map_or(0, |employees| employees.as_slice().len())
        };
        1 + departments.iter().map(|department| 1 + staff(department)).sum::<usize>()
    }
}

impl Input for NewCompanyGraph {
    fn parse(value: &Value) -> Result<Self, Violations> {
        let objects = objects(value);
        if objects > Self::MAX {
            let detail = format!("must have at most {} items in total, has {objects}", Self::MAX);
            return Err(Violations::one(Code::Length, detail).under("departments"));
        }
        let mut fields = Fields::of(value)?;
        let (name, departments) = (fields.field("name"), fields.field("departments"));
        fields
            .finish(|| {
                Some(Self { company: NewCompany { name: name? }, departments: departments? })
            })
            .map_err(|wrong| wrong.up_to(Self::MAX))
    }
}

/// Counts the items in a body before they are parsed.
fn objects(company: &Value) -> usize {
    let Some(departments) = company.get("departments").and_then(Value::as_array) else { return 1 };
    let staff = |department: &Value| {
        department.get("employees").and_then(Value::as_array).map_or(0, Vec::len)
    };
    1 + departments.len() + departments.iter().map(staff).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn company(departments: usize, employees: usize) -> Value {
        let staff: Vec<_> = (0..employees).map(|n| json!({"name": format!("E {n}")})).collect();
        let departments: Vec<_> = (0..departments)
            .map(|n| json!({"name": format!("D {n}"), "employees": staff}))
            .collect();
        json!({"name": "Acme", "departments": departments})
    }

    #[test]
    fn body_is_limited_to_1000_objects() {
        let parsed = |body| NewCompanyGraph::parse(&body).unwrap();
        assert_eq!(parsed(company(3, 2)).objects(), 1 + 3 + 6);
        assert_eq!(parsed(json!({"name": "Engines"})).objects(), 1);
        assert!(NewCompanyGraph::parse(&company(9, 110)).is_ok());
        assert!(NewCompanyGraph::parse(&company(999, 0)).is_ok());
        for (departments, employees) in [(10, 99), (1_000, 0), (1, 999)] {
            let wrong = NewCompanyGraph::parse(&company(departments, employees)).unwrap_err();
            let [only] = wrong.as_slice() else { panic!("{wrong}") };
            assert_eq!(only.pointer, "/departments", "{departments} of {employees}");
        }
    }

    #[test]
    fn violations_of_all_levels_are_reported() {
        let wrong = NewCompanyGraph::parse(&json!({
            "name": "", "size": 3,
            "departments": [
                {"name": "Mill", "employees": [{"name": "Ada"}, {}, 7]},
                {"employees": {}},
                {"name": "Store", "company_id": 1, "employees": null},
            ],
        }));
        let wrong = wrong.unwrap_err().into_vec();
        let pointers: Vec<_> = wrong.iter().map(|violation| violation.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/name",
                "/departments/0/employees/1/name",
                "/departments/0/employees/2",
                "/departments/1/name",
                "/departments/1/employees",
                "/departments/2/company_id",
                "/size",
            ]
        );
    }

    #[test]
    fn violations_beyond_bound_are_counted() {
        let departments: Vec<_> = (0..900).map(|_| json!({"name": "", "a": 1})).collect();
        let body = json!({"name": "Acme", "departments": departments});
        let wrong = NewCompanyGraph::parse(&body).unwrap_err().into_vec();
        assert_eq!(wrong.len(), 1_001);
        assert_eq!(wrong[1_000].detail, "breaks 800 more rules");
    }

    #[test]
    fn departments_are_optional() {
        let alone = NewCompanyGraph::parse(&json!({"name": "Acme"})).unwrap();
        assert_eq!(alone.departments, None);
        let nothing = NewCompanyGraph::parse(&json!({"name": "Acme", "departments": []})).unwrap();
        assert_eq!(nothing.departments.unwrap().into_vec(), []);
    }
}
