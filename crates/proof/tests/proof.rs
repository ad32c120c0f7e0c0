//! Each mistake is refused in words that name it.

#[test]
fn what_the_schema_does_not_back_does_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/refused/*.rs");
}
