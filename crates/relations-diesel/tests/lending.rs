//! The example `lending` prints what the README shows.

#[path = "../examples/lending/main.rs"]
#[expect(dead_code, reason = "`main` is called by those who run the example")]
mod lending;

#[test]
fn output_is_as_in_the_readme() {
    let mut output = Vec::new();
    lending::run(&mut output).unwrap();
    let output = String::from_utf8(output).unwrap();
    let readme = include_str!("../README.md");
    assert!(readme.contains(&format!("```text\n{output}```")), "{output}");
}
