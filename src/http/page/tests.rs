use super::*;

#[test]
fn each_script_of_the_page_is_allowed_by_its_hash() {
    let page = "<style>a</style><script>alert(1)</script>";
    assert_eq!(
        hashes(page, "<script>", "</script>"),
        " 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='"
    );
    assert_eq!(hashes("no script", "<script>", "</script>"), "");
    assert_eq!(hashes(INDEX, "<script>", "</script>"), "", "our own page needs none");
}

#[test]
fn each_file_of_the_page_is_of_a_known_type() {
    for file in FILES {
        assert!(type_of(Path::new(file.path)).is_some(), "{}", file.path);
    }
}
