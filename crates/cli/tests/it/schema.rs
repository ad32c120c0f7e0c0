//! `recto schema`.

use recto_api::SchemaDescription;
use recto_domain::MODULES;
use serde_json::Value;

use crate::support::program::Program;

#[test]
fn every_format_is_printed() {
    let program = Program::new();
    let catalogue = SchemaDescription::of(&MODULES);
    for (format, expected) in [
        ("json", catalogue.json() + "\n"),
        ("mermaid", catalogue.mermaid()),
        ("dot", catalogue.dot()),
    ] {
        let ended = program.run(&["schema", "--format", format]);
        assert_eq!(ended.stderr, "", "{format}");
        assert_eq!(ended.succeeded(), expected, "{format}");
    }
    // No database was created.
    assert!(program.files().is_empty());
}

#[test]
fn default_format_is_json() {
    let printed = Program::new().run(&["schema"]).succeeded();
    let catalogue: Value = serde_json::from_str(&printed).unwrap();
    let modules = catalogue["entities"].as_array().unwrap().iter().map(|entity| &entity["module"]);
    for module in MODULES {
        assert!(modules.clone().any(|found| found == module.name), "{}", module.name);
    }
}

#[test]
fn unknown_format_lists_known_ones() {
    let error = Program::new().run(&["schema", "--format", "svg"]).failed(2);
    for word in ["svg", "json", "mermaid", "dot"] {
        assert!(error.contains(word), "{error}");
    }
}
