use proptest::prelude::*;

use super::*;

fn user() -> User {
    User {
        id: UserId(7),
        username: "Kim.J".parse().expect("username"),
        email: Some("kim@example.com".parse().expect("email")),
        full_name: "김정은".parse().expect("name"),
        role: Role::Operator,
        department: Some("Production".parse().expect("department")),
        is_active: true,
        last_login_at: None,
        password_changed_at: Timestamp::Y2000,
        created_at: Timestamp::Y2000,
        updated_at: Timestamp::Y2000,
    }
}

#[test]
fn usernames_are_plain() {
    for good in ["a", "admin", "W001", "kim.j_2@site-1", "0", &"x".repeat(50)] {
        assert!(good.parse::<Username>().is_ok(), "{good}");
    }
    // Cyrillic a, full-width a, combining accent, zero-width space, right-to-left override, NUL, newline, Kelvin sign.
    for bad in [
        "",
        ".a",
        "@a",
        "-a",
        "_a",
        "a b",
        " a",
        "a ",
        "аdmin",
        "ａdmin",
        "a\u{301}dmin",
        "adm\u{200b}in",
        "\u{202e}nimda",
        "admin\0",
        "ad\nmin",
        "\u{212a}im",
        "a'--",
        "a/b",
        "a%00",
        &"x".repeat(51),
    ] {
        assert_eq!(bad.parse::<Username>(), Err(IdentityError::Username), "{bad:?}");
    }
    let (a, b): (Username, Username) = ("Admin".parse().expect("a"), "aDMIN".parse().expect("b"));
    assert_eq!(a.key(), b.key());
}

#[test]
fn addresses_of_mail_are_addresses() {
    for good in ["a@b", "user@example.com", "a.b+c@x-y.co.kr", "o'neil@example.org"] {
        assert!(good.parse::<Email>().is_ok(), "{good}");
    }
    for bad in [
        "", "a", "@b", "a@", "a@b@", "a b@c", "a@b..c", "a@-b", ".a@b", "a..b@c", "a@b\0", "a@bé", "a\r\n@b",
        "a@b,c@d",
    ] {
        assert_eq!(bad.parse::<Email>(), Err(IdentityError::Email), "{bad:?}");
    }
}

#[test]
fn shown_names_hide_nothing() {
    assert_eq!(" 홍 길동 ".parse::<FullName>().expect("name").as_str(), "홍 길동");
    assert!("Zoë O'Neill-Łukasz".parse::<FullName>().is_ok());
    for bad in
        ["", "  ", "a\0", "a\u{202e}b", "a\u{200b}b", "a\nb", "\u{feff}", "a\u{e0041}", &"x".repeat(101)]
    {
        assert!(bad.parse::<FullName>().is_err(), "{bad:?}");
        assert!(bad.parse::<Department>().is_err(), "{bad:?}");
    }
}

#[test]
fn a_change_tells_null_from_absent() {
    let change: UserChange = serde_json::from_str(r#"{"email":null,"role":"WORKER"}"#).expect("change");
    let after = change.apply(&user());
    assert_eq!((after.email, after.role, after.department), (None, Role::Operator, user().department));
    assert!(!change.ends_sessions_of(&user()));
    let change: UserChange = serde_json::from_str(r#"{"is_active":false}"#).expect("change");
    assert!(change.ends_sessions_of(&user()));
    assert_eq!(UserChange::default().apply(&user()), user());
}

#[test]
fn nobody_can_give_himself_a_role() {
    for body in
        [r#"{"role":"ADMIN"}"#, r#"{"full_name":"x","is_active":true}"#, r#"{"id":1}"#, r#"{"username":"a"}"#]
    {
        assert!(serde_json::from_str::<ProfileChange>(body).is_err(), "{body}");
    }
    let profile: ProfileChange =
        serde_json::from_str(r#"{"full_name":"New","department":null}"#).expect("profile");
    let after = UserChange::from(profile).apply(&user());
    assert_eq!((after.role, after.full_name.as_str(), after.department), (Role::Operator, "New", None));
}

proptest! {
    #[test]
    fn accepted_names_survive_json_and_are_ascii(text in "\\PC{0,60}") {
        if let Ok(name) = text.parse::<Username>() {
            prop_assert!(name.as_str().is_ascii());
            let json = serde_json::to_string(&name).expect("json");
            prop_assert_eq!(serde_json::from_str::<Username>(&json).expect("back"), name);
        }
    }

    #[test]
    fn accepted_mail_survives_json(text in "[a-z.@-]{1,20}") {
        if let Ok(mail) = text.parse::<Email>() {
            prop_assert_eq!(mail.as_str().matches('@').count(), 1);
            prop_assert_eq!(mail.as_str().parse::<Email>(), Ok(mail));
        }
    }
}
