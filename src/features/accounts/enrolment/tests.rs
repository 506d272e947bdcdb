use super::*;

#[test]
fn a_class_list_is_read_whole_or_refused() {
    let text = "\u{feff}Name,Password\r\n# class 3b\r\nAna María,contraseña 1\r\n\r\nLuis, secret\r\n";
    let users = class_list(text).expect("a class list");
    let passwords = ["contraseña 1", "secret"].map(|text| Password::parse(text).expect("one"));
    let expected = ["Ana María", "Luis"].map(|name| account_name(name).expect("a name"));
    assert_eq!(users, expected.into_iter().zip(passwords).collect::<Vec<_>>());
    for (text, word) in [
        ("Ana,a\nLuis", "line 2: it is not like name,password"),
        ("Ana,", "line 1: a password needs"),
        (",x", "line 1: a name needs"),
        ("a:b,x", "line 1: an account's name has no colon"),
        ("Ana,a\nname,password\nANA,b", "line 3: the name was there before"),
        ("\"Perez, Ana\",x", "line 1: quotation marks"),
        ("Ana,\"a,b\"", "line 1: quotation marks"),
        ("Nombre,Contraseña\r\n", "the list is empty"),
        ("name,password\nAna,a,3b", "line 2: it has more than two columns"),
        ("", "the list is empty"),
        ("name,password\n", "the list is empty"),
    ] {
        let wrong = class_list(text).expect_err("must be refused");
        assert!(wrong.contains(word), "{text:?}: {wrong}");
    }
}
