//! Accounts and API keys.

use chrono::TimeDelta;
use recto_domain::{
    ApiKey, ApiKeyId, ApiKeyName, Conflict, DeviceFingerprint, IdGenerator as _, MailedPurpose,
    MailedTokenId, ReviewsOnDeletion, Role, Scopes, Secret, SecretHash, UserId,
};
use recto_persistence::identity::mailed_token::{self, NewMailedToken};
use recto_persistence::identity::{account, api_key, known_device};
use recto_persistence::{Connection, Error};
use recto_relations::{KeysetPosition, PageRequest, PageStart};
use recto_testkit::both_engines;
use recto_testkit::database::FreshDatabase;
use recto_testkit::ids::SequentialIds;

use crate::support::catalogue::Catalogue;
use crate::support::identity::{count, email, noon, password, person, seconds, sign_in};

both_engines!(
    password_change_ends_other_sessions,
    stale_password_hash_changes_nothing,
    address_is_verified_once,
    disabling_ends_sessions,
    last_admin_cannot_be_removed,
    deleting_user_deletes_account_data,
    reviews_remain_or_are_erased,
    api_key_works_until_expiry,
    key_use_is_recorded_each_minute,
    only_owner_sees_and_revokes_keys,
    device_is_new_once,
    known_devices_are_bounded,
    new_email_revokes_mailed_links,
);

fn password_change_ends_other_sessions(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let ada = person(conn, ids, "ada", Role::User);
    let (here, there) = (sign_in(conn, ids, ada, noon()), sign_in(conn, ids, ada, noon()));
    let was = account::credentials(conn, ada).unwrap().unwrap().password;
    let new = password("new");
    let keep = Some(here.session);
    assert!(account::set_password(conn, ada, &new, Some(&was), keep, noon()).unwrap());
    assert!(account::of_token_pair(conn, here.pair, noon()).unwrap().is_some());
    assert!(account::of_token_pair(conn, there.pair, noon()).unwrap().is_none());
    let (_, stored) = account::by_email(conn, &email("ada")).unwrap().unwrap();
    assert_eq!(stored.0, new.0);
    // A reset ends all sessions.
    assert!(account::set_password(conn, ada, &password("newer"), None, None, noon()).unwrap());
    assert!(account::of_token_pair(conn, here.pair, noon()).unwrap().is_none());
}

fn device(number: u8) -> DeviceFingerprint {
    DeviceFingerprint::from_bytes([number; 32])
}

fn device_is_new_once(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let [ada, bob] = ["ada", "bob"].map(|name| person(conn, ids, name, Role::User));
    let record = |conn: &mut Connection, user, number| {
        known_device::record(conn, user, &device(number), noon()).unwrap()
    };
    assert!(record(conn, ada, 1));
    assert!(!record(conn, ada, 1));
    assert!(record(conn, ada, 2) && record(conn, bob, 1));
    // After a new password, no device is known.
    account::set_password(conn, ada, &password("new"), None, None, noon()).unwrap();
    assert!(record(conn, ada, 1));
    assert!(!record(conn, bob, 1));
}

fn known_devices_are_bounded(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let ada = person(conn, ids, "ada", Role::User);
    for number in 0..60 {
        let at = noon() + seconds(number.into());
        assert!(known_device::record(conn, ada, &device(number), at).unwrap());
        // The first is used all the time.
        known_device::record(conn, ada, &device(0), at + seconds(1)).unwrap();
    }
    assert_eq!(count(database, "known_devices"), u64::from(known_device::MAX_DEVICES));
    let late = noon() + seconds(100);
    assert!(!known_device::record(conn, ada, &device(0), late).unwrap());
    assert!(!known_device::record(conn, ada, &device(59), late).unwrap());
    assert!(known_device::record(conn, ada, &device(1), late).unwrap());
}

fn new_email_revokes_mailed_links(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let [ada, bob] = ["ada", "bob"].map(|name| person(conn, ids, name, Role::User));
    for purpose in [MailedPurpose::Verify, MailedPurpose::Reset] {
        for user in [ada, bob] {
            let hash = SecretHash::from_bytes(ids.random());
            let id = MailedTokenId::from_uuid(ids.new_id().uid());
            let new = NewMailedToken { id, user, purpose, hash, at: noon() };
            mailed_token::issue(conn, &new).unwrap();
        }
    }
    let taken = conn.transaction(|conn| account::set_email(conn, ada, &email("BOB"), noon()));
    assert!(matches!(taken, Err(Error::Conflict(Conflict::EmailTaken))), "{taken:?}");
    assert_eq!(count(database, "mailed_tokens"), 4);
    account::set_email(conn, ada, &email("Ada.New"), noon()).unwrap();
    assert_eq!(count(database, "mailed_tokens"), 2);
    assert_eq!(account::owner_of_email(conn, &email("ada.new")).unwrap(), Some(ada));
    assert_eq!(account::owner_of_email(conn, &email("ada")).unwrap(), None);
    let found = account::credentials_by_email(conn, &email("ADA.new")).unwrap().unwrap();
    assert_eq!((found.user.uid, found.account.email), (ada, email("Ada.New")));
}

fn stale_password_hash_changes_nothing(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let ada = person(conn, ids, "ada", Role::User);
    let here = sign_in(conn, ids, ada, noon());
    let (other, new) = (password("other"), password("new"));
    assert!(!account::set_password(conn, ada, &new, Some(&other), None, noon()).unwrap());
    assert!(!account::rehash(conn, ada, &new, &other).unwrap());
    let stored = account::credentials(conn, ada).unwrap().unwrap().password;
    assert_eq!(stored.0, password("old").0);
    assert!(account::rehash(conn, ada, &new, &stored).unwrap());
    assert!(account::of_token_pair(conn, here.pair, noon()).unwrap().is_some());
    let nobody = UserId::from_uuid(ids.new_id().uid());
    assert!(account::credentials(conn, nobody).unwrap().is_none());
}

fn address_is_verified_once(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let ada = person(conn, ids, "ada", Role::User);
    assert!(account::set_verified(conn, ada, noon()).unwrap());
    assert!(!account::set_verified(conn, ada, noon()).unwrap());
    assert!(account::of_user(conn, ada).unwrap().unwrap().verified);
}

fn disabling_ends_sessions(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    person(conn, ids, "root", Role::Admin);
    let ada = person(conn, ids, "ada", Role::User);
    let tokens = sign_in(conn, ids, ada, noon());
    assert!(account::set_disabled(conn, ada, true, noon()).unwrap());
    assert!(account::set_disabled(conn, ada, false, noon()).unwrap());
    // Enabling the account does not restore sessions.
    assert!(account::of_token_pair(conn, tokens.pair, noon()).unwrap().is_none());
    let nobody = UserId::from_uuid(ids.new_id().uid());
    assert!(!account::set_disabled(conn, nobody, true, noon()).unwrap());
}

fn last_admin_cannot_be_removed(database: &FreshDatabase) {
    fn is_last<T: std::fmt::Debug>(result: &Result<T, Error>) -> bool {
        matches!(result, Err(Error::Conflict(Conflict::LastAdmin)))
    }
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let [root, second] = ["root", "toor"].map(|name| person(conn, ids, name, Role::Admin));
    let tokens = sign_in(conn, ids, root, noon());
    account::set_disabled(conn, second, true, noon()).unwrap();
    assert!(is_last(&account::set_disabled(conn, root, true, noon())));
    assert!(is_last(&account::delete(conn, root, ReviewsOnDeletion::Keep)));
    assert!(account::of_token_pair(conn, tokens.pair, noon()).unwrap().is_some());
    account::set_disabled(conn, second, false, noon()).unwrap();
    assert!(account::delete(conn, root, ReviewsOnDeletion::Keep).unwrap());
    assert!(!account::delete(conn, root, ReviewsOnDeletion::Keep).unwrap());
}

fn deleting_user_deletes_account_data(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    person(conn, ids, "root", Role::Admin);
    let ada = person(conn, ids, "ada", Role::User);
    sign_in(conn, ids, ada, noon());
    store(conn, ids, ada, None);
    account::delete(conn, ada, ReviewsOnDeletion::Erase).unwrap();
    for table in ["sessions", "token_pairs", "api_keys"] {
        assert_eq!(count(database, table), 0, "{table}");
    }
    assert_eq!((count(database, "users"), count(database, "accounts")), (1, 1));
}

fn reviews_remain_or_are_erased(database: &FreshDatabase) {
    let (conn, catalogue) = (&mut database.connection(), Catalogue::small());
    catalogue.store(conn);
    let (all, without) = ("reviews", "reviews WHERE user_uid IS NULL");
    let (all_before, without_before) = (count(database, all), count(database, without));
    let of = |user: UserId| {
        catalogue.reviews.iter().filter(|review| review.user_uid == Some(user)).count() as u64
    };
    let reviewers: Vec<_> =
        catalogue.users.iter().map(|user| user.uid).filter(|user| of(*user) > 0).collect();
    let (keeping, erasing) = (reviewers[0], reviewers[1]);
    account::delete(conn, keeping, ReviewsOnDeletion::Keep).unwrap();
    assert_eq!(count(database, all), all_before);
    account::delete(conn, erasing, ReviewsOnDeletion::Erase).unwrap();
    assert_eq!(count(database, all), all_before - of(erasing));
    assert_eq!(count(database, without), without_before + of(keeping));
    assert_eq!(count(database, "books"), catalogue.books.len() as u64);
}

fn store(
    conn: &mut Connection,
    ids: &SequentialIds,
    user: UserId,
    expires_at: Option<chrono::DateTime<chrono::Utc>>,
) -> (ApiKey, SecretHash) {
    let secret = Secret::api_key(ids.random());
    let api_key = ApiKey {
        id: ApiKeyId::from_uuid(ids.new_id().uid()),
        name: ApiKeyName::parse("export").unwrap(),
        scopes: Scopes::ALL,
        hint: secret.hint().to_owned(),
        created_at: noon(),
        expires_at,
        last_used_at: None,
    };
    let hash = SecretHash::from_bytes(ids.random());
    api_key::insert(conn, user, &api_key, &hash).unwrap();
    (api_key, hash)
}

fn api_key_works_until_expiry(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let ada = person(conn, ids, "ada", Role::User);
    let (lasting, hash) = store(conn, ids, ada, None);
    let (_, ending) = store(conn, ids, ada, Some(noon() + seconds(1)));
    let (caller, statements) =
        conn.recording(|conn| api_key::authenticate(conn, &hash, noon()).unwrap().unwrap());
    assert_eq!(statements.len(), 1, "{statements:?}");
    assert_eq!((caller.account.user_uid, caller.key), (ada, lasting.id));
    assert_eq!((caller.scopes, caller.last_used_at), (Scopes::ALL, None));
    assert!(api_key::authenticate(conn, &ending, noon()).unwrap().is_some());
    assert!(api_key::authenticate(conn, &ending, noon() + seconds(1)).unwrap().is_none());
    let unknown = SecretHash::from_bytes(ids.random());
    assert!(api_key::authenticate(conn, &unknown, noon()).unwrap().is_none());
    database.execute("UPDATE accounts SET disabled = TRUE").unwrap();
    assert!(api_key::authenticate(conn, &hash, noon()).unwrap().is_none());
}

fn key_use_is_recorded_each_minute(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let ada = person(conn, ids, "ada", Role::User);
    let (api_key, hash) = store(conn, ids, ada, None);
    let mut recorded = Vec::new();
    for at in [0, 59, 60, 61, 119, 120].map(|at| noon() + seconds(at)) {
        let is_due = api_key::authenticate(conn, &hash, at).unwrap().unwrap().should_record_use(at);
        api_key::record_use(conn, api_key.id, at).unwrap();
        let used = api_key::find(conn, ada, api_key.id).unwrap().unwrap().last_used_at;
        assert_eq!(used == Some(at), is_due);
        recorded.push((used.unwrap() - noon()).num_seconds());
    }
    assert_eq!(recorded, [0, 0, 60, 60, 60, 120]);
}

fn only_owner_sees_and_revokes_keys(database: &FreshDatabase) {
    let (conn, ids) = (&mut database.connection(), &SequentialIds::new());
    let [ada, bob] = ["ada", "bob"].map(|name| person(conn, ids, name, Role::User));
    let (first, hash) = store(conn, ids, ada, Some(noon() + TimeDelta::days(1)));
    let (second, _) = store(conn, ids, ada, None);
    assert_eq!(api_key::find(conn, ada, first.id).unwrap().as_ref(), Some(&first));
    let newest = PageRequest::newest(1);
    let page = api_key::page(conn, ada, &newest).unwrap();
    assert_eq!((page.items, page.has_next), (vec![second.clone()], true));
    let after = PageStart::After(KeysetPosition { values: Vec::new(), key: second.id });
    let page = api_key::page(conn, ada, &PageRequest { start: after, ..newest.clone() }).unwrap();
    assert_eq!((page.items, page.has_next), (vec![first.clone()], false));
    assert!(api_key::page(conn, bob, &newest).unwrap().items.is_empty());
    assert!(api_key::find(conn, bob, first.id).unwrap().is_none());
    assert!(!api_key::delete(conn, bob, first.id).unwrap());
    assert!(api_key::delete(conn, ada, first.id).unwrap());
    assert!(!api_key::delete(conn, ada, first.id).unwrap());
    assert!(api_key::authenticate(conn, &hash, noon()).unwrap().is_none());
}
