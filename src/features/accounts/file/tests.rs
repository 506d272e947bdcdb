use super::*;
use crate::features::accounts::password::Hashed;

#[test]
fn a_list_is_used_when_two_reads_find_the_same() {
    let list = |names: &[&str]| {
        let line = |name: &&str| format!("{name}:{}\n", Hashed::decoy(None));
        Ok::<_, String>(names.iter().map(line).collect::<String>())
    };
    let (both, one, broken) = (list(&["Ana", "Luis"]), list(&["Ana"]), Ok("Ana".to_owned()));
    let gone = Err("No such file".to_owned());
    let mut detector = ChangeDetector::new(both.as_deref().expect("a text"));
    let mut users =
        |read: &Result<String, String>| detector.add(read.clone()).map(|list| list.map(|list| list.len()));
    assert_eq!(users(&both), None);
    // An editor empties the file before it writes.
    for while_writing in [Ok(String::new()), gone.clone(), broken.clone(), one.clone()] {
        assert_eq!(users(&while_writing), None);
    }
    assert_eq!(users(&one), Some(Ok(1)));
    assert_eq!(users(&one), None, "reported once");
    assert_eq!(users(&broken), None);
    let wrong = users(&broken).expect("it stays").expect_err("it is broken");
    assert!(wrong.starts_with("line 1: "), "{wrong}");
    assert_eq!(users(&broken), None, "reported once");
    assert_eq!(users(&gone), None);
    assert_eq!(users(&gone), Some(Err("No such file".to_owned())));
    assert_eq!(
        (users(&one), users(&one)),
        (None, Some(Ok(1))),
        "the earlier list counts as new after an error"
    );
    for _ in 1..READS_TO_ACCEPT_EMPTY {
        assert_eq!(users(&Ok("# empty".to_owned())), None);
    }
    assert_eq!(users(&Ok("# empty".to_owned())), Some(Ok(0)));
}
