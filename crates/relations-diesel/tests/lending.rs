//! The output of the example `lending`.

#[path = "../examples/lending/main.rs"]
#[expect(dead_code, reason = "the test calls `run` instead of `main`")]
mod lending;

#[test]
fn output_matches_the_readme() {
    let mut output = Vec::new();
    lending::run(&mut output).unwrap();
    let output = String::from_utf8(output).unwrap();
    let readme = include_str!("../README.md");
    assert!(readme.contains(&format!("```text\n{output}```")), "{output}");
}
