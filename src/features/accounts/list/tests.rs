use super::*;

fn account(name: &str) -> Account {
    Account { name: account_name(name).expect("a name"), hashed: Hashed::decoy(None), is_teacher: false }
}

fn line(name: &str) -> String {
    let account = account(name);
    format!("{}:{}", account.name, account.hashed)
}

#[test]
fn comments_are_skipped_and_names_are_found_in_any_spelling() {
    let text = format!("\u{feff}# class 3b\r\n\r\n{}\r\n  {}  \n#Eva:x", line("Ana María"), line("Luis"));
    let list = AccountList::parse(&text).expect("a list");
    assert_eq!(list.len(), 2);
    let named = |name| list.get(&account_name(name).expect("a name").key());
    assert_eq!(named("ANA  maría").map(|account| account.name.as_str()), Some("Ana María"));
    assert!(named("luis").is_some() && named("eva").is_none());
}

#[test]
fn a_wrong_line_is_named_by_its_number() {
    let good = line("Ana");
    for (text, wrong_line, word) in [
        (format!("{good}\n\nLuis"), 3, "not like"),
        (format!("{good}\nLuis:secret"), 2, "$argon2id$"),
        (format!("# x\n:{}", Hashed::decoy(None)), 2, "name"),
        (format!("{good}\n{}", line("Luis").replace("Luis", "L:is")), 2, "colon"),
        (format!("{good}\n{}", line("ana")), 2, "that of line 1"),
        (format!("{good}\n{}", line("Аna")), 2, "that of line 1"),
    ] {
        let wrong = AccountList::parse(&text).expect_err("must be refused");
        assert_eq!(wrong.line, wrong_line, "{text}");
        assert!(wrong.to_string().contains(word), "{wrong}");
        assert!(!wrong.to_string().contains("secret"), "{wrong}");
    }
}

#[test]
fn a_changed_list_keeps_its_order_and_its_comments() {
    let text = format!("# class 3b\n{}\n\n# guests\n{}", line("Ana"), line("Luis"));
    let (ana, eva) = (account("ANA"), account("Eva"));
    let changed = with_accounts(&text, &[ana.clone(), eva.clone()]);
    let lines: Vec<&str> = changed.lines().collect();
    let expected = [
        "# class 3b".to_owned(),
        format!("ANA:{}", ana.hashed),
        String::new(),
        "# guests".to_owned(),
        line_of(&text, 4),
        format!("Eva:{}", eva.hashed),
    ];
    assert_eq!(lines, expected);
    assert!(changed.ends_with('\n'));
    assert_eq!(with_accounts("", std::slice::from_ref(&eva)), format!("Eva:{}\n", eva.hashed));
}

fn line_of(text: &str, number: usize) -> String {
    text.lines().nth(number).expect("a line").to_owned()
}
