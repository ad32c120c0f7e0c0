//! What is served for people: Swagger UI, and signs of life.

use recto_testkit::both_servers;
use recto_testkit::server::TestServer;

use crate::assertions::{Told as _, assert_sound};
use crate::raw_http;

fn swagger_ui_is_served_with_all_it_needs(server: &TestServer) {
    let page = server.get("/docs/");
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    let html = page.text();
    let mut assets = 0;
    for attribute in ["src=\"", "href=\""] {
        for part in html.split(attribute).skip(1) {
            let file = part.split('"').next().unwrap().trim_start_matches("./");
            assert!(!file.contains("://"), "{file} is somebody else's");
            let asset = server.get(&format!("/docs/{file}"));
            assert_eq!(asset.status, 200, "{file}");
            assert!(!asset.body.is_empty());
            let media_type = asset.header("content-type").unwrap();
            let expected = match file.rsplit('.').next().unwrap() {
                "js" => "javascript",
                "css" => "css",
                _ => "image",
            };
            assert!(media_type.contains(expected), "{file}: {media_type}");
            assets += 1;
        }
    }
    assert!(assets >= 4, "{html}");
    let initializer = server.get("/docs/swagger-initializer.js");
    assert!(initializer.text().contains("/api/v1/openapi.json"), "{}", initializer.text());
    server.get("/docs/nonsense.js").refused("not-found");
    server.get("/docs/../Cargo.toml").refused("not-found");
    server.get("/docs/%2e%2e/%2e%2e/etc/passwd").refused("not-found");
}

fn the_root_leads_to_the_documentation(server: &TestServer) {
    for path in ["/", "/docs"] {
        let answer = raw_http::line(server, "GET", path).unwrap();
        assert!([302, 307, 308].contains(&answer.status), "{}", answer.status);
        assert_eq!(answer.header("location"), Some("/docs/"));
    }
    // And a client that follows gets there.
    assert!(server.get("/").text().contains("swagger"));
}

fn the_server_lives_and_is_ready(server: &TestServer) {
    assert_sound(server);
}

both_servers!(
    swagger_ui_is_served_with_all_it_needs,
    the_root_leads_to_the_documentation,
    the_server_lives_and_is_ready,
);
