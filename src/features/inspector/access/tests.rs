use super::*;

#[test]
fn the_teachers_key_opens_everything_and_no_other_does() {
    let key = new_teacher_key().expect("random numbers");
    assert!(matches!(Watch::parse(&key, Some(&key)), Some(Watch::Everyone)));
    let other = new_teacher_key().expect("random numbers");
    assert!(Watch::parse(&other, Some(&key)).is_none());
    assert!(Watch::parse(&key, None).is_none());
    let own = Watch::parse("AAAAAAAAAAAAAAAAAAAAAA", Some(&key));
    assert!(matches!(own, Some(Watch::Key(_))));
}
