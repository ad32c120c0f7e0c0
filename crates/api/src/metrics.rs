//! Metrics: how many requests there are, how long they take, and how busy the server is.

mod current;

use std::cell::RefCell;
use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpMessage as _, HttpRequest};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::problem::ProblemType;
use crate::statements::StatementCounter;

pub(crate) use current::CurrentState;

/// The media type of the text format (`OpenMetrics` 1.0).
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The upper bounds of the buckets for durations, in seconds.
const SECONDS: [f64; 13] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// The upper bounds of the buckets for statements.
const STATEMENTS: [f64; 9] = [0.0, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0];

/// The route of requests to unknown paths.
static UNMATCHED: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from("unmatched"));

/// The path of a route with its placeholders. Each resource of the application has its own, on each
/// worker thread.
#[derive(Debug)]
pub(crate) struct RouteTemplate {
    path: Arc<str>,
    /// The metrics that were used, so that they are looked up once.
    durations: RefCell<Vec<((&'static str, u16), Histogram)>>,
    statements: RefCell<Vec<(&'static str, Histogram)>>,
}

impl RouteTemplate {
    /// Returns the template for a path.
    pub(crate) fn new(path: impl Into<Arc<str>>) -> Self {
        Self { path: path.into(), durations: RefCell::default(), statements: RefCell::default() }
    }
}

/// The metrics of a server, which all its threads share.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    durations: Family<RequestLabels, Histogram, fn() -> Histogram>,
    statements: Family<RouteLabels, Histogram, fn() -> Histogram>,
    problems: Family<ProblemLabels, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: Arc<str>,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    method: &'static str,
    route: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProblemLabels {
    problem: &'static str,
}

impl Metrics {
    /// Returns metrics without observations, and with those of `current`.
    pub(crate) fn new(current: impl Collector) -> Self {
        let durations = Family::new_with_constructor((|| Histogram::new(SECONDS)) as fn() -> _);
        let statements = Family::new_with_constructor((|| Histogram::new(STATEMENTS)) as fn() -> _);
        let problems = Family::default();
        let mut registry = Registry::with_prefix("recto");
        registry.register_with_unit(
            "http_request_duration",
            "Time from the head of a request to its response",
            Unit::Seconds,
            durations.clone(),
        );
        registry.register(
            "http_request_statements",
            "Database statements of a request",
            statements.clone(),
        );
        registry.register("http_problems", "Error responses by problem type", problems.clone());
        registry.register_collector(Box::new(current));
        Self { registry: Arc::new(registry), durations, statements, problems }
    }

    /// Counts a request after its response.
    pub(crate) fn observe(&self, request: &HttpRequest, status: StatusCode, took: Duration) {
        let (method, status) = (method_label(request.method()), status.as_u16());
        let Some(route) = request.app_data::<RouteTemplate>() else {
            return self.duration(method, &UNMATCHED, status).observe(took.as_secs_f64());
        };
        if let Some(statements) = request.extensions().get::<StatementCounter>() {
            let new = || {
                let labels = RouteLabels { method, route: Arc::clone(&route.path) };
                self.statements.get_or_create_owned(&labels)
            };
            let observe = |one: &Histogram| one.observe(f64::from(statements.number()));
            with_cached(&route.statements, method, new, observe);
        }
        let new = || self.duration(method, &route.path, status);
        with_cached(&route.durations, (method, status), new, |one| one.observe(took.as_secs_f64()));
    }

    fn duration(&self, method: &'static str, route: &Arc<str>, status: u16) -> Histogram {
        let labels = RequestLabels { method, route: Arc::clone(route), status };
        self.durations.get_or_create_owned(&labels)
    }

    /// Counts an error response.
    pub(crate) fn problem(&self, problem_type: ProblemType) {
        let problem = problem_type.slug();
        self.problems.get_or_create(&ProblemLabels { problem }).inc();
    }

    /// Returns all metrics as text.
    ///
    /// # Errors
    /// A metric that cannot be written.
    pub(crate) fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// Uses the value for a key, which is made at its first use. There are few keys.
fn with_cached<K: PartialEq, V>(
    cache: &RefCell<Vec<(K, V)>>,
    key: K,
    new: impl FnOnce() -> V,
    with: impl FnOnce(&V),
) {
    let mut cache = cache.borrow_mut();
    let index = cache.iter().position(|(cached, _)| *cached == key).unwrap_or_else(|| {
        cache.push((key, new()));
        cache.len() - 1
    });
    with(&cache[index].1);
}

/// Returns the label for a method. Clients can invent methods, so that unknown ones share a label.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use prometheus_client::encoding::DescriptorEncoder;

    use super::*;

    #[derive(Debug)]
    struct Nothing;

    impl Collector for Nothing {
        fn encode(&self, _: DescriptorEncoder<'_>) -> fmt::Result {
            Ok(())
        }
    }

    fn request(method: &str, route: Option<&str>) -> HttpRequest {
        let request = TestRequest::default().method(method.parse().unwrap());
        match route {
            Some(route) => request.app_data(RouteTemplate::new(route)),
            None => request,
        }
        .to_http_request()
    }

    #[test]
    fn requests_are_counted_by_route() {
        let metrics = Metrics::new(Nothing);
        let request = request("GET", Some("/api/v1/books/{uid}"));
        request.extensions_mut().insert(StatementCounter::of(2));
        for status in [StatusCode::OK, StatusCode::OK, StatusCode::NOT_FOUND] {
            metrics.observe(&request, status, Duration::from_millis(3));
        }
        let text = metrics.encode().unwrap();
        for line in [
            "recto_http_request_duration_seconds_count{method=\"GET\",route=\"/api/v1/books/{uid}\",status=\"200\"} 2",
            "recto_http_request_duration_seconds_bucket{le=\"0.005\",method=\"GET\",route=\"/api/v1/books/{uid}\",status=\"404\"} 1",
            "recto_http_request_statements_sum{method=\"GET\",route=\"/api/v1/books/{uid}\"} 6.0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[test]
    fn invented_methods_share_a_label() {
        let metrics = Metrics::new(Nothing);
        for method in ["BREW", "WHEN"] {
            metrics.observe(&request(method, None), StatusCode::NOT_FOUND, Duration::ZERO);
        }
        let text = metrics.encode().unwrap();
        let shared = "_count{method=\"other\",route=\"unmatched\",status=\"404\"} 2";
        assert!(text.contains(shared), "{text}");
    }
}
