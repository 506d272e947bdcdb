use super::*;

#[test]
fn the_accept_value_is_that_of_the_example_in_rfc_6455_section_1_3() {
    assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}
