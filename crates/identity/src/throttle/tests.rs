use governor::clock::FakeRelativeClock;

use super::*;
use recto_domain::NewId;

fn throttle() -> (FakeRelativeClock, Throttle<FakeRelativeClock>) {
    let clock = FakeRelativeClock::default();
    (clock.clone(), Throttle::with_clock(Limits::default(), &clock))
}

fn at(address: &str) -> ClientAddress {
    ClientAddress::at(address.parse().unwrap())
}

fn email(address: &str) -> Email {
    Email::parse(address).unwrap()
}

/// Signs in with a wrong password until an attempt is throttled. Returns the number of failures,
/// and the seconds to wait.
fn fail(
    throttle: &Throttle<FakeRelativeClock>,
    client: &ClientAddress,
    account: &str,
) -> (usize, u64) {
    let mut failed = 0;
    loop {
        match throttle.sign_in(client, Some(&email(account))) {
            Ok(_) => failed += 1,
            Err(refused) => return (failed, refused.throttled.seconds),
        }
    }
}

/// Returns the name, the remaining amount and the time until the next unit, of each budget that was
/// used.
fn left(client: &ClientAddress) -> Vec<(&'static str, u32, Option<u64>)> {
    let allowances = client.allowances().into_iter();
    allowances.map(|one| (one.name, one.remaining, one.next)).collect()
}

#[test]
fn failures_are_limited_per_account() {
    let (clock, throttle) = throttle();
    let client = at("192.0.2.1");
    assert_eq!(fail(&throttle, &client, "ada@example.org"), (10, 6));
    // A throttled attempt does not extend the wait.
    clock.advance(Duration::from_millis(5_500));
    assert_eq!(fail(&throttle, &client, "Ada@Example.org"), (0, 1));
    clock.advance(Duration::from_millis(500));
    assert_eq!(fail(&throttle, &client, "ada@example.org"), (1, 6));
    clock.advance(Duration::from_mins(1));
    assert_eq!(fail(&throttle, &client, "ada@example.org"), (10, 6));
}

/// Signs in from a network that the account is known to use.
fn from_known(
    throttle: &Throttle<FakeRelativeClock>,
    client: &ClientAddress,
    email: &Email,
) -> Result<Attempt, Throttled> {
    let refused = match throttle.sign_in(client, Some(email)) {
        Ok(attempt) => return Ok(attempt),
        Err(refused) => refused,
    };
    throttle.sign_in_from_known_network(refused, email, &[client.address()])
}

/// Uses up the budget that the unknown networks of an account share.
fn fail_from_many_networks(throttle: &Throttle<FakeRelativeClock>, account: &str) {
    let attacker = |number| at(&format!("198.51.100.{number}"));
    let failed: usize = (1..=200).map(|number| fail(throttle, &attacker(number), account).0).sum();
    assert_eq!(failed, 100);
}

#[test]
fn known_networks_have_their_own_budget() {
    let (clock, throttle) = throttle();
    let ada = email("ada@example.org");
    fail_from_many_networks(&throttle, "ada@example.org");
    let home = at("192.0.2.1");
    let refused = throttle.sign_in(&home, Some(&ada)).unwrap_err();
    assert_eq!((refused.throttled.seconds, refused.attempt.is_some()), (60, true));
    let other = "192.0.2.2".parse().unwrap();
    assert!(throttle.sign_in_from_known_network(refused, &ada, &[other]).is_err());
    // Repeated attempts end at the network's own budget, without asking whether it is known.
    let repeated = (0..20).map(|_| throttle.sign_in(&at("198.51.101.1"), Some(&ada)));
    let asked = repeated.filter(|one| one.as_ref().unwrap_err().attempt.is_some()).count();
    assert_eq!(asked, 10);
    // Other accounts are not slowed, and this one is by the minute.
    throttle.sign_in(&home, Some(&email("bob@example.org"))).unwrap().refund();
    clock.advance(Duration::from_mins(1));
    throttle.sign_in(&home, Some(&ada)).unwrap().refund();
    // Each known network has a budget of its own.
    fail_from_many_networks(&throttle, "eve@example.org");
    let (eve, office) = (email("eve@example.org"), at("203.0.113.1"));
    assert_eq!((0..200).filter(|_| from_known(&throttle, &office, &eve).is_ok()).count(), 10);
    from_known(&throttle, &home, &eve).unwrap().refund();
}

#[test]
fn success_from_known_network_is_refunded() {
    let (_, throttle) = throttle();
    let (ada, home) = (email("ada@example.org"), at("192.0.2.1"));
    fail_from_many_networks(&throttle, "ada@example.org");
    for _ in 0..300 {
        from_known(&throttle, &home, &ada).unwrap().refund();
    }
    assert!(left(&home).iter().all(|(_, _, next)| next.is_none()), "{:?}", left(&home));
}

#[test]
fn household_is_one_network() {
    let (_, throttle) = throttle();
    // An IPv6 /64 is one network.
    assert_eq!(fail(&throttle, &at("2001:db8::1"), "ada@example.org").0, 10);
    assert_eq!(fail(&throttle, &at("2001:db8::ffff:1"), "ada@example.org").0, 0);
    assert_eq!(fail(&throttle, &at("2001:db8:0:1::1"), "ada@example.org").0, 10);
}

#[test]
fn failures_are_limited_per_network() {
    let (clock, throttle) = throttle();
    let client = at("192.0.2.1");
    for account in 0..5 {
        assert_eq!(fail(&throttle, &client, &format!("{account}@example.org")).0, 10);
    }
    assert_eq!(fail(&throttle, &client, "another@example.org"), (0, 1));
    clock.advance(Duration::from_secs(3));
    assert_eq!(fail(&throttle, &client, "another@example.org"), (3, 1));
}

#[test]
fn failures_are_limited_per_site() {
    let (clock, throttle) = throttle();
    let client = |network: u32| at(&format!("2001:db8:1:{network:x}::1"));
    let failed: usize =
        (0..100).map(|n| fail(&throttle, &client(n), &format!("{n}@example.org")).0).sum();
    assert_eq!(failed, 200);
    assert_eq!(fail(&throttle, &at("2001:db8:2::1"), "other@example.org").0, 10);
    clock.advance(Duration::from_secs(1));
    assert_eq!(fail(&throttle, &client(0xffff), "other@example.org").0, 4);
}

#[test]
fn invalid_email_counts_for_the_network() {
    let (_, throttle) = throttle();
    let client = at("192.0.2.1");
    let failed = std::iter::from_fn(|| throttle.sign_in(&client, None).ok()).count();
    assert_eq!(failed, 50);
    assert_eq!(fail(&throttle, &client, "ada@example.org").0, 0);
}

#[test]
fn account_refusal_does_not_charge_network() {
    let (_, throttle) = throttle();
    let client = at("192.0.2.1");
    fail(&throttle, &client, "ada@example.org");
    for _ in 0..1000 {
        assert!(throttle.sign_in(&client, Some(&email("ada@example.org"))).is_err());
    }
    assert_eq!(fail(&throttle, &client, "bob@example.org").0, 10);
}

#[test]
fn successful_sign_ins_are_unlimited() {
    let (_, throttle) = throttle();
    let client = at("192.0.2.1");
    for _ in 0..1000 {
        throttle.sign_in(&client, Some(&email("ada@example.org"))).unwrap().refund();
    }
    assert_eq!(fail(&throttle, &client, "ada@example.org").0, 10);
}

#[test]
fn success_does_not_clear_failures() {
    let (_, throttle) = throttle();
    let client = at("192.0.2.1");
    for _ in 0..9 {
        drop(throttle.sign_in(&client, Some(&email("ada@example.org"))).unwrap());
        throttle.sign_in(&client, Some(&email("own@example.org"))).unwrap().refund();
    }
    throttle.sign_in(&client, Some(&email("ada@example.org"))).unwrap().refund();
    assert_eq!(fail(&throttle, &client, "ada@example.org").0, 1);
}

#[test]
fn concurrent_attempts_share_one_budget() {
    let (_, throttle) = throttle();
    let granted: usize = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| fail(&throttle, &at("192.0.2.1"), "ada@example.org").0))
            .collect();
        tries.into_iter().map(|one| one.join().unwrap()).sum()
    });
    assert_eq!(granted, 10);
}

#[test]
fn sign_ups_and_mails_count_separately() {
    let (clock, throttle) = throttle();
    let client = at("192.0.2.1");
    for _ in 0..100 {
        throttle.sign_up(&client).unwrap();
    }
    for _ in 0..30 {
        throttle.mail(&client).unwrap();
    }
    assert_eq!(throttle.sign_up(&client).unwrap_err().seconds, 10);
    assert_eq!(throttle.mail(&client).unwrap_err().seconds, 60);
    assert!(throttle.sign_up(&at("192.0.2.2")).is_ok());
    clock.advance(Duration::from_mins(1));
    assert!(throttle.sign_up(&client).is_ok());
}

#[test]
fn refusals_cannot_fill_the_audit_log() {
    let (clock, throttle) = throttle();
    let (client, other) = (at("192.0.2.1"), at("192.0.2.2"));
    let audited = (0..200).filter(|_| throttle.should_audit_refusal(&client)).count();
    assert_eq!(audited, 100);
    assert!(throttle.should_audit_refusal(&other));
    clock.advance(Duration::from_secs(10));
    assert!(throttle.should_audit_refusal(&client));
    let throttled = (0..9).filter(|_| throttle.should_audit_throttling(&client)).count();
    assert_eq!(throttled, 1);
    let credentials = (0..200).filter(|_| throttle.should_audit_credential(&client)).count();
    assert_eq!(credentials, 10);
}

#[test]
fn readings_are_audited_once_an_hour() {
    let (clock, throttle) = throttle();
    let [root, other] = [1, 2].map(|random| UserId::from_uuid(NewId::new(0, [random; 10]).uid()));
    let audited =
        |reader, what| (0..9).filter(|_| throttle.should_audit_reading(reader, what)).count();
    assert_eq!(
        [audited(root, "audit"), audited(root, "accounts"), audited(other, "audit")],
        [1; 3]
    );
    clock.advance(Duration::from_mins(59));
    assert_eq!(audited(root, "audit"), 0);
    clock.advance(Duration::from_mins(1));
    assert_eq!(audited(root, "audit"), 1);
}

#[test]
fn mails_per_mailbox_are_limited() {
    let (clock, throttle) = throttle();
    let (ada, bob) = (email("ada@example.org"), email("bob@example.org"));
    let variants = ["Ada+1@example.org", "ada+2@example.org"].map(email);
    assert_eq!((0..20).filter(|_| throttle.may_be_mailed(&variants[0], false)).count(), 10);
    assert!(!throttle.may_be_mailed(&variants[1], false), "it is the same mailbox");
    assert!(throttle.may_be_mailed(&bob, false));
    // These have budgets of their own: the plain e-mail address, a verified one, and notices.
    assert_eq!((0..20).filter(|_| throttle.may_be_mailed(&ada, false)).count(), 10);
    assert_eq!((0..20).filter(|_| throttle.may_be_mailed(&variants[0], true)).count(), 10);
    assert_eq!((0..20).filter(|_| throttle.may_be_notified(&ada)).count(), 10);
    clock.advance(Duration::from_mins(10));
    for (address, is_verified) in [(&ada, false), (&variants[0], false), (&variants[0], true)] {
        assert!(throttle.may_be_mailed(address, is_verified));
        assert!(!throttle.may_be_mailed(address, is_verified));
    }
}

#[test]
fn allowances_report_remaining_budget() {
    let (clock, throttle) = throttle();
    let client = at("192.0.2.1");
    let attempt = throttle.sign_in(&client, Some(&email("ada@example.org"))).unwrap();
    let policies: Vec<_> =
        client.allowances().iter().map(|one| (one.name, one.quota, one.window)).collect();
    assert_eq!(policies, [("sign-in-network", 50, 50), ("sign-in", 10, 60)]);
    assert_eq!(left(&client), [("sign-in-network", 49, Some(1)), ("sign-in", 9, Some(6))]);
    attempt.refund();
    assert_eq!(left(&client), [("sign-in-network", 50, None), ("sign-in", 10, None)]);
    fail(&throttle, &client, "ada@example.org");
    assert_eq!(left(&client).last(), Some(&("sign-in", 0, Some(6))));
    // The time is that until the next unit, however many remain.
    clock.advance(Duration::from_secs(14));
    drop(throttle.sign_in(&client, Some(&email("ada@example.org"))).unwrap());
    assert_eq!(left(&client).last(), Some(&("sign-in", 1, Some(4))));
}

#[test]
fn no_limits_record_no_allowances() {
    let throttle = Throttle::new(Limits::none());
    let client = at("192.0.2.1");
    for _ in 0..1000 {
        assert!(throttle.sign_in(&client, Some(&email("ada@example.org"))).is_ok());
        assert!(throttle.sign_up(&client).is_ok());
    }
    assert!(client.allowances().is_empty());
}

#[test]
fn exports_are_limited_per_account() {
    let (clock, throttle) = throttle();
    let [ada, bob] = [1, 2].map(|number| UserId::from_uuid(uuid::Uuid::from_u128(number)));
    let first = throttle.export(&at("192.0.2.1"), ada).unwrap();
    // From wherever, and without being counted.
    assert_eq!(throttle.export(&at("192.0.2.2"), ada).unwrap_err().seconds, 10);
    drop(throttle.export(&at("192.0.2.1"), bob).unwrap());
    drop(first);
    for _ in 0..2 {
        drop(throttle.export(&at("192.0.2.1"), ada).unwrap());
    }
    let client = at("192.0.2.1");
    assert_eq!(throttle.export(&client, ada).unwrap_err().seconds, 1200);
    assert_eq!(left(&client), [("export", 0, Some(1200))]);
    clock.advance(Duration::from_mins(20));
    assert!(throttle.export(&at("192.0.2.1"), ada).is_ok());
}
