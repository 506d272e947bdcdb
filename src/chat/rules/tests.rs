use super::*;

fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}

#[test]
fn a_member_is_kept_out_until_its_time_is_over_however_it_comes() {
    let mut rules = Rules::default();
    let (begin, end) = (Time(1_000), Time(61_000));
    let address: IpAddr = "192.0.2.7".parse().expect("an address");
    assert!(rules.expel(name("Tom"), MemberId(7), vec![address], end));
    assert_eq!(rules.due(), Some(end));
    let by_name = JoinRequest::parse("name=%20TOM");
    let by_session = JoinRequest::parse("name=Other&session=7.AAAAAAAAAAAAAAAAAAAAAA");
    let by_account = JoinRequest { account: Some(name("tom")), ..JoinRequest::default() };
    let by_address = JoinRequest { address: Some(address), ..JoinRequest::parse("name=Other") };
    let others = [
        JoinRequest::parse("name=Eva"),
        JoinRequest::parse(""),
        JoinRequest { is_teacher: true, ..by_name.clone() },
    ];
    for (now, is_out) in [(begin, true), (Time(60_999), true), (end, false)] {
        rules.expire(now);
        for request in [&by_name, &by_session, &by_account, &by_address] {
            let reason = rules.turned_away(request, None, now);
            assert_eq!(reason.is_some(), is_out, "{request:?}");
            assert!(reason.is_none_or(|reason| reason.code() == 4502 && reason.reason().ends_with(" 1 min")));
        }
        assert!(others.iter().all(|request| rules.turned_away(request, None, now).is_none()));
    }
    assert_eq!((rules.due(), rules.is_reserved(&name("Tom").key())), (None, false));
}

#[test]
fn the_number_of_members_kept_out_and_of_teachers_is_bounded() {
    let mut rules = Rules::default();
    for number in 0..MAX_RESTRICTED as u64 {
        assert!(rules.expel(Name::guest(number), MemberId(number), Vec::new(), Time(1)));
    }
    assert!(!rules.expel(name("Tom"), MemberId(5000), Vec::new(), Time(1)));
    // Once more the same one is not one more.
    assert!(rules.expel(Name::guest(3), MemberId(3), Vec::new(), Time(2)));
    for number in 0..MAX_TEACHERS as u64 {
        assert!(rules.add_teacher(MemberId(number), true, |_| true));
    }
    assert!(!rules.add_teacher(MemberId(5000), true, |_| true));
    assert!(rules.add_teacher(MemberId(5000), true, |member| member != MemberId(3)));
    assert!(!rules.is_teacher(MemberId(3)));
}
