use super::*;
use crate::features::accounts::password::Hashed;

#[test]
fn only_what_is_seen_twice_is_believed() {
    let list = |names: &[&str]| {
        let line = |name: &&str| format!("{name}:{}\n", Hashed::decoy(None));
        Ok::<_, String>(names.iter().map(line).collect::<String>())
    };
    let (both, one, broken) = (list(&["Ana", "Luis"]), list(&["Ana"]), Ok("Ana".to_owned()));
    let gone = Err("No such file".to_owned());
    let mut reads = Reads::new(both.as_deref().expect("a text"));
    let mut people =
        |seen: &Result<String, String>| reads.next(seen.clone()).map(|list| list.map(|list| list.len()));
    assert_eq!(people(&both), None);
    // An editor empties the file before it writes.
    for while_writing in [Ok(String::new()), gone.clone(), broken.clone(), one.clone()] {
        assert_eq!(people(&while_writing), None);
    }
    assert_eq!(people(&one), Some(Ok(1)));
    assert_eq!(people(&one), None, "told once");
    assert_eq!(people(&broken), None);
    let wrong = people(&broken).expect("it stays").expect_err("it is broken");
    assert!(wrong.starts_with("line 1: "), "{wrong}");
    assert_eq!(people(&broken), None, "told once");
    assert_eq!(people(&gone), None);
    assert_eq!(people(&gone), Some(Err("No such file".to_owned())));
    assert_eq!((people(&one), people(&one)), (None, Some(Ok(1))), "as it was before, told anew");
    for _ in 1..READS_OF_EMPTY {
        assert_eq!(people(&Ok("# nobody".to_owned())), None);
    }
    assert_eq!(people(&Ok("# nobody".to_owned())), Some(Ok(0)));
}
