//! Compiler errors for mistakes in declaring and mapping relations.

#[test]
fn mistakes_do_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/accepted.rs");
    cases.compile_fail("tests/ui/refused/*.rs");
}
