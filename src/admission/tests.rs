use super::*;
use crate::close_code;

#[test]
fn an_admission_is_revoked_with_each_thing_that_it_depends_on() {
    const OUT: CloseReason = CloseReason::new(close_code::SIGNED_OUT, "out: out");
    for revoked in 0..2 {
        let depends_on = vec![Revocation::default(), Revocation::default()];
        let admission = Admission { name: None, depends_on: depends_on.clone(), ..Admission::default() };
        let copy = admission.clone();
        assert!(copy.revoked().is_none());
        depends_on[revoked].revoke(OUT);
        depends_on[revoked].revoke(CloseReason::new(close_code::NORMAL, "first: the first reason stays"));
        assert_eq!(copy.revoked(), Some(&OUT));
    }
    assert!(Admission::default().revoked().is_none());
}
