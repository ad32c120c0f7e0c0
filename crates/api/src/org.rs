//! The module `org`: a company with its first departments and employees. All else is done by the
//! generic handlers of [`crud`](crate::crud).

use std::sync::Arc;

use recto_domain::{Company, CompanyDepartments, DepartmentEmployees, NewCompanyGraph};
use recto_persistence::org;
use recto_relations::{AnyEntities as _, Include};

use crate::context::Context;
use crate::error::Error;
use crate::extract::Body;
use crate::response::{Created, Item, Rendered};

/// `POST /org/companies`
pub(crate) async fn create_company(
    ctx: Context,
    body: Body<NewCompanyGraph>,
) -> Result<Rendered, Error> {
    ctx.write(move |tx| {
        let now = tx.now();
        let graph = body.checked()?;
        let objects = graph.objects();
        tx.count_items(objects);
        let company = org::create_company(tx, graph, now)?;
        tx.check_created::<Company>(objects)?;
        let include = if company.edges().is_empty() { Include::nothing() } else { everything() };
        Ok(Created(Item::new(company, Arc::new(include))))
    })
    .await
}

/// The relations that a body may fill.
fn everything() -> Include {
    let employees = Include::nothing().with::<DepartmentEmployees>(100, Include::nothing());
    Include::nothing().with::<CompanyDepartments>(100, employees)
}
