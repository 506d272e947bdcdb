use super::*;

#[test]
fn a_clients_reason_cannot_forge_a_log_line() {
    let reason = CloseReason::composed(1000, "x\nINFO conn 1: forged".to_owned());
    assert!(!reason.to_string().contains('\n'));
}

#[test]
fn a_composed_reason_fits_a_close_frame() {
    assert_eq!(CloseReason::composed(1002, "ñ".repeat(100)).reason().len(), 122);
}

#[test]
fn every_code_has_one_row_which_says_whether_the_page_connects_again() {
    let ends = CLOSE_CODES.iter().map(|row| (row.first, row.last));
    assert!(ends.is_sorted_by(|(_, one), (other, _)| one < other));
    for (code, comes_back) in
        [(NORMAL, true), (SLOW_READER, true), (4499, true), (4500, false), (4999, false)]
    {
        assert_eq!(find(code).map(|row| row.comes_back), Some(comes_back), "{code}");
    }
    for code in [0, 999, 1004, 1014, 1015, 2000, 5000, 65_535] {
        assert!(find(code).is_none(), "{code}");
    }
}
