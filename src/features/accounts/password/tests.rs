use super::*;

fn password(text: &str) -> Password {
    Password::parse(text).expect("a password")
}

#[test]
fn only_the_right_password_matches_a_hash() {
    let workspace = &mut Workspace::default();
    let hashed = Hashed::new(&password("contraseña"), workspace).expect("random numbers");
    let again = Hashed::parse(&hashed.to_string()).expect("our own text");
    assert!(again == hashed && again.to_string().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert_eq!(again.matches(&password("contraseña"), workspace), Ok(true));
    assert_eq!(
        again.matches(&password("contrasen\u{303}a"), workspace),
        Ok(true),
        "ñ as two characters is the same"
    );
    assert_eq!(again.matches(&password("contrasena"), workspace), Ok(false));
    assert_eq!(Hashed::decoy(None).matches(&password("contraseña"), workspace), Ok(false));
    assert_ne!(hashed, Hashed::new(&password("contraseña"), workspace).expect("another salt"));
}

#[test]
fn hashes_of_other_tools_are_read() {
    let workspace = &mut Workspace::default();
    // The workspace must grow after a cheaper hash.
    assert_eq!(Hashed::decoy(None).matches(&password("x"), workspace), Ok(false));
    // echo -n password | argon2 somesalt -id -t 2 -k 65536 -p 1 -e
    let other = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    let hashed = Hashed::parse(other).expect("a PHC string");
    assert_eq!(hashed.to_string(), other);
    assert_eq!(hashed.matches(&password("password"), workspace), Ok(true));
}

#[test]
fn an_invalid_or_too_expensive_hash_is_refused() {
    let (salt, hash) = ("c29tZXNhbHQ", "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc");
    for wrong in [
        String::new(),
        "secret".to_owned(),
        format!("$argon2i$v=19$m=65536,t=2,p=1${salt}${hash}"),
        format!("$argon2id$v=16$m=65536,t=2,p=1${salt}${hash}"),
        format!("$argon2id$v=19$m=65537,t=2,p=1${salt}${hash}"),
        format!("$argon2id$v=19$m=65536,t=11,p=1${salt}${hash}"),
        format!("$argon2id$v=19$m=7,t=2,p=1${salt}${hash}"),
        format!("$argon2id$v=19$m=65536,t=0,p=1${salt}${hash}"),
        format!("$argon2id$v=19$t=2,m=65536,p=1${salt}${hash}"),
        format!("$argon2id$v=19$m=65536,t=2,p=1,x=1${salt}${hash}"),
        format!("$argon2id$v=19$m=65536,t=2,p=1$c2Fs${hash}"),
        format!("$argon2id$v=19$m=65536,t=2,p=1${salt}$aGFzaA"),
        format!("$argon2id$v=19$m=65536,t=2,p=1${salt}${hash}$"),
        format!("$argon2id$v=19$m=65536,t=2,p=1${salt}${hash}="),
    ] {
        assert!(Hashed::parse(&wrong).is_err(), "{wrong}");
    }
}

#[test]
fn an_invalid_password_is_refused_and_debug_hides_a_valid_one() {
    for wrong in ["", "a\nb", "a\0", &"x".repeat(MAX_PASSWORD + 1)] {
        assert!(Password::parse(wrong).is_err(), "{wrong:.10?}");
    }
    assert!(password("hola").is_short() && !password("contraseña").is_short());
    assert_eq!(format!("{:?}", password("hola")), "Password");
    let hashed = Hashed::decoy(None);
    assert_eq!(format!("{hashed:?}"), "Hashed m=19456,t=2,p=1");
}
