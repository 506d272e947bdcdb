use super::*;

fn made_up(name: &str, ip: &str, is_alone: bool, is_physical: bool) -> Card {
    Card { name: name.to_owned(), ip: ip.parse().expect("an address"), is_alone, is_physical }
}

fn order(cards: &[Card], table: &str) -> Vec<String> {
    ranked(cards.to_vec(), table, None).iter().map(IpAddr::to_string).collect()
}

const TITLES: &str = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n";

fn route(name: &str, destination: &str, metric: u32) -> String {
    let mask = if destination == "00000000" { "00000000" } else { "00FFFFFF" };
    format!("{name}\t{destination}\t0101A8C0\t0003\t0\t0\t{metric}\t{mask}\t0\t0\t0\n")
}

#[test]
fn a_vpn_with_the_default_route_and_containers_do_not_hide_the_classroom() {
    let cards = [
        made_up("docker0", "172.17.0.1", true, false),
        made_up("br-1", "10.1.0.1", false, false),
        made_up("tun0", "10.8.0.2", true, false),
        made_up("wlan0", "192.168.1.20", false, true),
    ];
    let table = [
        TITLES,
        &route("tun0", "00000000", 50),
        &route("wlan0", "00000000", 600),
        &route("br-1", "0000010A", 0),
    ];
    assert_eq!(order(&cards, &table.concat()), ["192.168.1.20", "10.1.0.1"]);
}

#[test]
fn of_two_default_routes_the_cheaper_is_first() {
    let cards = [made_up("wlan0", "10.0.0.5", false, true), made_up("eth0", "192.168.1.20", false, true)];
    let table = [TITLES, &route("wlan0", "00000000", 600), &route("eth0", "00000000", 100)];
    assert_eq!(order(&cards, &table.concat()), ["192.168.1.20", "10.0.0.5"]);
}

#[test]
fn without_a_default_route_a_device_is_before_software() {
    let cards = [made_up("virbr0", "10.0.0.1", false, false), made_up("eth0", "192.168.1.20", false, true)];
    assert_eq!(order(&cards, TITLES), ["192.168.1.20", "10.0.0.1"]);
    assert_eq!(order(&cards, ""), ["192.168.1.20", "10.0.0.1"]);
}

#[test]
fn if_nothing_else_is_there_what_is_there_is_printed() {
    let cards = [made_up("tun0", "10.8.0.2", true, false)];
    assert_eq!(order(&cards, "broken\ntun0\t00000000"), ["10.8.0.2"]);
}

#[test]
fn without_a_table_the_address_that_goes_out_is_first() {
    let cards = vec![made_up("en1", "10.0.0.1", false, false), made_up("en0", "192.168.1.20", false, false)];
    let outgoing = Some(cards[1].ip);
    assert_eq!(ranked(cards, "", outgoing)[0].to_string(), "192.168.1.20");
}
