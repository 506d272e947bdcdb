use super::*;

#[test]
fn the_teachers_key_opens_everything_and_no_other_does() {
    let key = "teacher-key-1".to_owned();
    assert!(matches!(Scope::parse(&key, Some(&key)), Some(Scope::Everyone)));
    let other = "teacher-key-2".to_owned();
    assert!(Scope::parse(&other, Some(&key)).is_none());
    assert!(Scope::parse(&key, None).is_none());
    let own = Scope::parse("AAAAAAAAAAAAAAAAAAAAAA", Some(&key));
    assert!(matches!(own, Some(Scope::Key(_))));
}
