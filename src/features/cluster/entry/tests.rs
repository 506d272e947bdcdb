use super::*;

fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn ids_are_ordered_as_redis_orders_them() {
    let ids = ["0-0", "9-9", "9-10", "10-0"].map(|text| StreamId::parse(text).expect("an id"));
    assert!(ids.is_sorted());
    assert_eq!(ids[0], StreamId::BEGINNING);
    assert_eq!(ids[2].to_string(), "9-10");
    for bad in ["", "1", "-", "1-", "-1", "1-x", "1-2-3", "18446744073709551616-0"] {
        assert_eq!(StreamId::parse(bad), None, "{bad}");
    }
}

#[test]
fn an_entry_with_wrong_fields_is_refused() {
    let id = StreamId { milliseconds: 7, number: 0 };
    let parse = |pairs: &[(&str, &str)]| Entry::parse(id, &fields(pairs));
    let entry = parse(&[("s", "5"), ("n", "1"), ("i", r#""Tick""#)]).expect("a tick");
    assert_eq!((entry.server, entry.number, entry.time()), (ServerId(5), 1, Time(7)));
    for bad in [
        &[][..],
        &[("s", "5"), ("n", "1")],
        &[("s", "5"), ("n", "-1"), ("i", r#""Tick""#)],
        &[("s", "5"), ("n", "1"), ("i", "Tick")],
        &[("s", "5"), ("n", "1"), ("i", r#"{"Entered":{}}"#)],
    ] {
        assert!(parse(bad).is_none(), "{bad:?}");
    }
}

#[test]
fn an_id_after_the_year_9999_has_a_valid_timestamp() {
    let id = StreamId { milliseconds: u64::MAX, number: 0 };
    let entry = Entry { id, server: ServerId(1), number: 1, input: Input::Tick };
    assert_eq!(entry.timestamp().at, "9999-12-31T23:59:59.999Z");
}
