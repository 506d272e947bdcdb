use super::*;

#[test]
fn the_teachers_key_opens_everything_and_no_other_does() {
    let key = new_teacher_key().expect("random numbers");
    assert!(matches!(Scope::parse(&key, Some(&key)), Some(Scope::Everyone)));
    let other = new_teacher_key().expect("random numbers");
    assert!(Scope::parse(&other, Some(&key)).is_none());
    assert!(Scope::parse(&key, None).is_none());
    let own = Scope::parse("AAAAAAAAAAAAAAAAAAAAAA", Some(&key));
    assert!(matches!(own, Some(Scope::Key(_))));
}
