//! The route table: one declaration for each operation, from which follow its route and its
//! description in the OpenAPI document.

mod describe;
mod operation;
mod parameter;
mod query_parameters;
mod refusals;
mod route_path;

use actix_web::http::{Method, header};
use actix_web::{FromRequest, HttpRequest, HttpResponse, Route, guard, web};

pub(crate) use describe::describe;
pub(crate) use operation::Operation;
pub(crate) use parameter::QueryParameter;

use crate::BASE_PATH;
use crate::endpoint::{self, Demands, Endpoint};
use crate::error::Error;
use crate::metrics::RouteTemplate;
use crate::problem::Problem;

/// The routes below the base path, with their operations.
pub(crate) struct RouteTable {
    tag: &'static str,
    resources: Vec<(String, Vec<(Method, Route)>)>,
    operations: Vec<RoutedOperation>,
}

/// An operation with its path below the base path, its method and its tag.
pub(crate) struct RoutedOperation {
    pub(crate) path: String,
    pub(crate) method: Method,
    pub(crate) tag: &'static str,
    pub(crate) operation: Operation,
}

impl RouteTable {
    /// Returns a table without routes.
    pub(crate) fn new() -> Self {
        Self { tag: "", resources: Vec::new(), operations: Vec::new() }
    }

    /// Sets the group (a tag of OpenAPI) of the operations that are added next.
    pub(crate) fn group(&mut self, tag: &'static str) -> &mut Self {
        self.tag = tag;
        self
    }

    /// Adds a path below the base path.
    pub(crate) fn at(&mut self, path: &str) -> RoutePath<'_> {
        self.resources.push((path.to_owned(), Vec::new()));
        RoutePath { table: self }
    }

    /// Adds the routes to an application.
    pub(crate) fn configure(self, config: &mut web::ServiceConfig) {
        let mut scope = web::scope(BASE_PATH);
        for (path, routes) in self.resources {
            scope = scope.service(resource(BASE_PATH, &path, routes));
        }
        config.service(scope);
    }

    /// Returns the operations, for the OpenAPI document.
    pub(crate) fn into_operations(self) -> Vec<RoutedOperation> {
        self.operations
    }
}

/// Returns a path with its routes, for a scope with the given prefix. A GET also responds to HEAD.
/// OPTIONS lists the methods, and so does the refusal of others.
pub(crate) fn resource(
    prefix: &str,
    path: &str,
    routes: Vec<(Method, Route)>,
) -> actix_web::Resource {
    let mut allow = Vec::new();
    for (method, _) in &routes {
        allow.push(method.as_str());
        if method == Method::GET {
            allow.push("HEAD");
        }
    }
    allow.push("OPTIONS");
    let allow = allow.join(", ");
    let template = RouteTemplate::new(format!("{prefix}{path}"));
    let mut resource = web::resource(path).app_data(template);
    for (method, route) in routes {
        resource = resource.route(if method == Method::GET {
            // actix sends no body to a HEAD, and the length that it would have.
            route.guard(guard::Any(guard::Get()).or(guard::Head()))
        } else {
            route.guard(guard::Method(method))
        });
    }
    resource.default_service(web::to(move |request: HttpRequest| {
        let allow = allow.clone();
        async move {
            if request.method() == Method::OPTIONS {
                return Ok(HttpResponse::NoContent()
                    .insert_header((header::ALLOW, allow))
                    .finish());
            }
            Err(Error::from(Problem::method_not_allowed(allow)))
        }
    }))
}

/// The path of the table that was added last.
pub(crate) struct RoutePath<'t> {
    table: &'t mut RouteTable,
}

macro_rules! methods {
    ($($name:ident $method:ident),*) => {$(
        #[doc = concat!("Adds ", stringify!($method), ".")]
        pub(crate) fn $name<A: FromRequest + 'static>(
            self,
            handler: impl Endpoint<A>,
            operation: Operation,
        ) -> Self {
            self.add(Method::$method, handler, operation)
        }
    )*};
}

impl RoutePath<'_> {
    methods!(get GET, post POST, put PUT, patch PATCH, delete DELETE);

    fn add<A: FromRequest + 'static>(
        self,
        method: Method,
        handler: impl Endpoint<A>,
        operation: Operation,
    ) -> Self {
        let demands = Demands {
            access: operation.access,
            has_query: !operation.parameters.is_empty(),
            has_content: operation.has_content(),
        };
        let respond = move |request: HttpRequest, payload: web::Payload| {
            let payload = payload.into_inner();
            endpoint::respond(handler.clone(), demands, request, payload)
        };
        let route = web::route().to(respond);
        let tag = self.table.tag;
        if let Some((path, routes)) = self.table.resources.last_mut() {
            routes.push((method.clone(), route));
            let path = path.clone();
            self.table.operations.push(RoutedOperation { path, method, tag, operation });
        }
        self
    }
}
