//! Handlers, and what happens around each: authentication, extraction, rendering.

use std::future::Future;

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{FromRequest, HttpRequest, HttpResponse};

use crate::context::Context;
use crate::error::{Error, Failure};
use crate::parameters::Parameters;
use crate::response::Respond;
use crate::{headers, negotiation};
use recto_identity::Access;

/// An async function from a [`Context`] and up to three extractors to a value that
/// [responds](Respond).
pub(crate) trait Endpoint<Args>: Clone + 'static {
    /// Calls the function and renders what it returns.
    fn call(&self, ctx: Context, args: Args) -> impl Future<Output = Result<HttpResponse, Error>>;
}

macro_rules! endpoint {
    ($($arg:ident: $type:ident),*) => {
        impl<F, Fut, R, $($type),*> Endpoint<($($type,)*)> for F
        where
            F: Fn(Context, $($type),*) -> Fut + Clone + 'static,
            Fut: Future<Output = Result<R, Error>>,
            R: Respond,
        {
            async fn call(
                &self,
                ctx: Context,
                ($($arg,)*): ($($type,)*),
            ) -> Result<HttpResponse, Error> {
                self(ctx, $($arg),*).await?.respond()
            }
        }
    };
}

endpoint!();
endpoint!(a: A1);
endpoint!(a: A1, b: A2);
endpoint!(a: A1, b: A2, c: A3);

/// The demands of an operation on its requests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demands {
    /// The access that the caller needs.
    pub(crate) access: Access,
    /// Whether the operation has query parameters.
    pub(crate) has_query: bool,
    /// Whether it responds with content, which the client must accept.
    pub(crate) has_content: bool,
}

/// Responds to a request: checks that the client accepts the response, and that there is a
/// credential if the route requires one, extracts, and calls the handler.
///
/// # Errors
/// 406 if the client does not accept JSON; the errors of the extractors and of the handler.
/// [`Failure::AccessNotChecked`] if the route requires access and the handler never opened a
/// transaction, which would check it.
pub(crate) async fn respond<Args: FromRequest>(
    endpoint: impl Endpoint<Args>,
    demands: Demands,
    request: HttpRequest,
    mut payload: Payload,
) -> Result<HttpResponse, actix_web::Error> {
    if demands.has_content {
        negotiation::check_accepts_json(request.headers())?;
    }
    let ctx = Context::new(&request, demands.access)?;
    let access_checked = ctx.access_checked();
    if !demands.has_query {
        refuse_query(request.query_string())?;
    }
    let args = Args::from_request(&request, &mut payload).await.map_err(Into::into)?;
    let response = endpoint.call(ctx, args).await?;
    if !access_checked.get() {
        return Err(Error::from(Failure::AccessNotChecked).into());
    }
    Ok(cached(demands.access, response))
}

/// Sets the headers for caches on a response with an entity tag.
fn cached(access: Access, mut response: HttpResponse) -> HttpResponse {
    if !response.headers().contains_key(header::ETAG) {
        return response;
    }
    let headers = response.headers_mut();
    if access == Access::Anyone {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    } else {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        headers::add_vary(headers, HeaderValue::from_static("Authorization"));
    }
    response
}

fn refuse_query(query: &str) -> Result<(), Error> {
    if query.is_empty() {
        return Ok(());
    }
    Ok(Parameters::parse(query).finish(&[])?)
}

#[cfg(test)]
mod tests {
    use actix_web::http::StatusCode;
    use actix_web::test::TestRequest;
    use actix_web::web::Data;
    use recto_domain::{IdGenerator as _, UserId};
    use recto_persistence::SystemIds;
    use recto_testkit::database::{Engine, fresh};

    use super::*;
    use crate::response::NoContent;
    use crate::{Settings, State};

    async fn careless(_: Context) -> Result<NoContent, Error> {
        Ok(NoContent)
    }

    async fn careful(ctx: Context) -> Result<NoContent, Error> {
        ctx.read(|_| Ok(NoContent)).await
    }

    /// Answers a request that has a valid signature, but no session.
    async fn status(endpoint: impl Endpoint<()>, access: Access) -> StatusCode {
        let database = fresh(Engine::Sqlite).unwrap();
        let settings = Settings::new("127.0.0.1:0", [1; 32]);
        let state = State::new(database.open(), &settings).unwrap();
        let id = SystemIds.new_id();
        let issued = state.tokens.issue(UserId::from_uuid(id.uid()), id.at(), id.uid());
        let bearer = format!("Bearer {}", issued.access_token);
        let request = TestRequest::default().app_data(Data::new(state));
        let (request, payload) = request.insert_header(("authorization", bearer)).to_http_parts();
        let demands = Demands { access, has_query: false, has_content: false };
        match respond(endpoint, demands, request, payload).await {
            Ok(response) => response.status(),
            Err(error) => error.as_response_error().status_code(),
        }
    }

    #[actix_web::test]
    async fn unchecked_access_is_a_failure() {
        assert_eq!(status(careless, Access::Anyone).await, StatusCode::NO_CONTENT);
        for access in [Access::OptionalSignIn, Access::SignedIn, Access::Verified, Access::Admin] {
            let refused = status(careless, access).await;
            assert_eq!(refused, StatusCode::INTERNAL_SERVER_ERROR, "{access:?}");
        }
        assert_eq!(status(careful, Access::SignedIn).await, StatusCode::UNAUTHORIZED);
    }
}
