//! The room `org`: a company with all that it begins with. All else is
//! [`read`](crate::read)'s and [`write`](crate::write)'s.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use recto_domain::{Company, NewCompanyGraph};
use recto_persistence::org;
use recto_relations::{AnyEntities as _, Entity as _, Include};

use crate::extract::{Body, Caller, NoQuery};
use crate::present;
use crate::problem::{Problem, ProblemType};
use crate::state::Shared;

/// `POST /org/companies`
pub(crate) async fn found(
    state: Shared,
    caller: Caller,
    _: NoQuery,
    body: Body<NewCompanyGraph>,
) -> Result<HttpResponse, Problem> {
    let ids = state.ids.clone();
    let entities = state
        .database
        .write(move |conn| {
            caller.verified(conn)?;
            Ok::<_, Problem>(org::found(conn, body.checked()?, ids.now())?)
        })
        .await?;
    let include = if entities.edges().is_empty() { Include::nothing() } else { whole()? };
    present::item(StatusCode::CREATED, &entities, &include)
}

/// What a body may have made along with the company.
fn whole() -> Result<Include, Problem> {
    Include::parse(Company::INFO, "departments.employees")
        .map_err(|error| Problem::new(ProblemType::Internal, error.to_string()))
}
