use super::*;

#[test]
fn the_pieces_of_a_run_are_in_order_within_ten_seconds_and_the_same_for_its_id() {
    let news = News::new("ab12".to_owned());
    for _ in 0..100 {
        let run = news.begin();
        let same = news.find(&run.id()).expect("its own run");
        let at: Vec<u64> = (1..=PIECES).map(|number| run.piece(number).at).collect();
        assert!(at.is_sorted() && at[9] < 10_000, "{at:?}");
        assert_eq!(at, (1..=PIECES).map(|number| same.piece(number).at).collect::<Vec<_>>());
    }
}

#[test]
fn an_id_of_another_server_or_of_the_future_is_no_run() {
    let news = News::new("ab12".to_owned());
    for id in
        ["", "-", "--", "ab12", "ab12-0", "cd34-0-0", "ab12-9999999999999999999-0", "ab12-99999999999-0"]
    {
        assert!(news.find(id).is_none(), "{id}");
    }
    for id in ["ab12-0-0-0", "ab12-00-0", "ab12-+0-0", "ab12--0-0", "ab12-0-4294967296", "ab12-0-x"] {
        assert!(news.find(id).is_none(), "{id}");
    }
    assert_eq!(news.find("ab12-0-7").expect("a run").after(PIECES).len(), 0);
}
