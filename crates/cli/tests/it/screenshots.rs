//! The pages of a demo in a browser, on wide and narrow screens, in both colour schemes. `just
//! screenshots` saves some of them for the documents.

use recto_testkit::browser::Browser;

use crate::support::documents::repository_file;
use crate::support::program::Program;

/// Pages, and the condition that they are complete.
const PAGES: [(&str, &str, &str); 6] = [
    ("home", "/", "document.querySelector('.actions button') !== null"),
    ("swagger-ui", "/docs/", "document.querySelector('.opblock') !== null"),
    (
        "schema",
        "/schema#blog",
        "document.querySelector('#blog .canvas:not([hidden]) svg') !== null",
    ),
    ("problems", "/problems/", "true"),
    ("problem", "/problems/invalid-body", "true"),
    ("reset-password", "/reset-password", "!document.getElementById('gone').hidden"),
];

/// The screenshots of the documents; the others would only be more of the same.
const SAVED: [&str; 5] = ["home", "home-dark", "swagger-ui", "schema", "problem"];

/// Shows the usual port in commands.
const USUAL_PORT: &str = "document.querySelectorAll('[data-base]').forEach((part) => {
    part.textContent = 'http://127.0.0.1:8080/';
})";

#[test]
fn documents_show_every_picture() {
    let documents = ["README.md", "docs/tour.md", "docs/api-conventions.md"];
    let documents = documents.map(|path| std::fs::read_to_string(repository_file(path)).unwrap());
    let saved = SAVED.map(|name| format!("{name}.png"));
    for picture in &saved {
        let shown = format!("images/{picture}");
        assert!(documents.iter().any(|text| text.contains(&shown)), "{picture}");
    }
    for file in std::fs::read_dir(repository_file("docs/images")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(saved.contains(&name), "{name}");
    }
}

#[test]
fn pages_fit_every_screen() {
    let Some(mut browser) = Browser::find() else { return };
    let program = Program::new();
    let mut server = program.serve(&["--demo"]);
    let _accounts = [server.line(), server.line()];
    let address = server.address();
    for (width, height, size) in [(1280, 760, ""), (390, 844, "-narrow")] {
        for (dark, scheme) in [(false, ""), (true, "-dark")] {
            browser.resize(width, height);
            browser.prefer_dark(dark);
            for (name, path, ready) in PAGES {
                let name = format!("{name}{size}{scheme}");
                browser.open("about:blank");
                browser.open(&format!("{address}{path}"));
                browser.wait(ready);
                let cut =
                    "document.documentElement.scrollWidth - document.documentElement.clientWidth";
                assert_eq!(browser.evaluate(cut), 0, "{name}");
                assert!(browser.evaluate(CONTRAST).as_f64().unwrap() >= 4.5, "{name}");
                assert_eq!(browser.complaints(), [""; 0], "{name}");
                if SAVED.contains(&&*name) {
                    browser.evaluate(USUAL_PORT);
                    browser.picture(&name);
                }
            }
        }
    }
}

/// The contrast (WCAG 2) of the background of the page and the text of its links.
const CONTRAST: &str = "(() => {
    const luminance = (colour) => {
        const canvas = new OffscreenCanvas(1, 1).getContext('2d');
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((part) => {
            const share = part / 255;
            return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const style = (element, property) => getComputedStyle(element)[property];
    const link = document.querySelector('.site nav a');
    const pair = [style(link, 'color'), style(document.querySelector('.site'), 'backgroundColor')];
    const [low, high] = pair.map(luminance).sort((one, other) => one - other);
    return (high + 0.05) / (low + 0.05);
})()";
