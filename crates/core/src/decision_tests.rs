use super::*;
use proptest::prelude::*;

const ROOT: [Node; 1] = [Node(0)];
const LOCATION: [Node; 2] = [Node(1), Node(0)];
const SIBLING: [Node; 2] = [Node(2), Node(0)];
const DEFAULT: Node = Node(0);
const LOADER: Node = Node(1);

fn at(secs: i64) -> Timestamp {
    Timestamp::from_micros(secs * 1_000_000).expect("in range")
}

fn set(texts: &[&str]) -> PermissionSet {
    PermissionSet::parse(texts).expect("permissions")
}

fn place(path: &[Node]) -> Place<'_> {
    Place { path, suspended: false, allowed_ips: None }
}

/// A grant that allows everything: each row of the table spoils one part of it.
fn grant<'a>(rights: &'a PermissionSet, none: &'a PermissionSet) -> Grant<'a> {
    Grant {
        standing: KeyStanding::Active,
        secret: SecretState::Current,
        expires_at: None,
        api: DEFAULT,
        organization: place(&ROOT),
        reach: Reach::Subtree,
        allowed_ips: None,
        owner: Some(Owner { is_admin: false, api_access: true }),
        mapped_user: Some(MappedUser { active: true, rights: Some((rights, none)) }),
        role: None,
        scopes: None,
        token: None,
        age: Duration::ZERO,
        max_age: Duration::from_secs(60),
    }
}

fn request<'a>(permissions: &'a [Asked<'a>]) -> Request<'a> {
    Request { organization: Target::Own, api: Some(DEFAULT), permissions, ip: None }
}

/// Decides, and checks on the way that deciding and explaining agree.
fn code(grant: &Grant<'_>, request: &Request<'_>, now: Timestamp) -> Option<Code> {
    let decision = decide(grant, request, now);
    let (explained, trace) = explain(grant, request, now);
    assert_eq!(decision, explained);
    assert_eq!(decision.code(), trace.iter().find_map(|it| it.denied));
    assert_eq!(trace.len(), CHECKS.len());
    decision.code()
}

#[test]
fn each_part_alone_denies_with_its_own_code() {
    let (all, none) = (PermissionSet::everything(), PermissionSet::nothing());
    let contacts = set(&["contacts:update"]);
    let reads = set(&["*:read"]);
    let office = IpAllowList::parse(&["203.0.113.0/24"]).expect("a list");
    let asked = [Asked::parse("contacts:update").expect("a permission")];
    let good = grant(&all, &none);
    let ask = request(&asked);
    let now = at(100);
    let suspended = Place { suspended: true, ..place(&LOCATION) };
    let from = |ip: &str| Request { ip: ip.parse().ok(), ..ask };

    let table: &[(&str, Grant<'_>, Request<'_>, Option<Code>)] = &[
        ("nothing spoiled", good, ask, None),
        ("too old", Grant { age: Duration::from_secs(61), ..good }, ask, Some(Code::Stale)),
        ("just not too old", Grant { age: Duration::from_secs(60), ..good }, ask, None),
        ("inactive", Grant { standing: KeyStanding::Inactive, ..good }, ask, Some(Code::Inactive)),
        ("revoked", Grant { standing: KeyStanding::Revoked, ..good }, ask, Some(Code::Revoked)),
        ("dead secret", Grant { secret: SecretState::Dead, ..good }, ask, Some(Code::Revoked)),
        ("retiring", Grant { secret: SecretState::Retiring { until: at(101) }, ..good }, ask, None),
        ("retired", Grant { secret: SecretState::Retiring { until: at(100) }, ..good }, ask, Some(Code::Expired)),
        ("not yet expired", Grant { expires_at: Some(at(101)), ..good }, ask, None),
        ("expired", Grant { expires_at: Some(at(100)), ..good }, ask, Some(Code::Expired)),
        ("below", good, Request { organization: Target::At(place(&LOCATION)), ..ask }, None),
        (
            "below, without reach",
            Grant { reach: Reach::Organization, ..good },
            Request { organization: Target::At(place(&LOCATION)), ..ask },
            Some(Code::OutOfReach),
        ),
        (
            "above",
            Grant { organization: place(&LOCATION), ..good },
            Request { organization: Target::At(place(&ROOT)), ..ask },
            Some(Code::OutOfReach),
        ),
        (
            "beside",
            Grant { organization: place(&LOCATION), ..good },
            Request { organization: Target::At(place(&SIBLING)), ..ask },
            Some(Code::OutOfReach),
        ),
        ("unknown organization", good, Request { organization: Target::Unknown, ..ask }, Some(Code::OutOfReach)),
        ("own suspended", Grant { organization: suspended, ..good }, ask, Some(Code::OrganizationSuspended)),
        (
            "target suspended",
            good,
            Request { organization: Target::At(suspended), ..ask },
            Some(Code::OrganizationSuspended),
        ),
        ("listed address", Grant { allowed_ips: Some(&office), ..good }, from("203.0.113.9"), None),
        ("other address", Grant { allowed_ips: Some(&office), ..good }, from("10.0.0.1"), Some(Code::IpNotAllowed)),
        ("no address", Grant { allowed_ips: Some(&office), ..good }, ask, Some(Code::IpNotAllowed)),
        (
            "address off the organization's list",
            Grant { organization: Place { allowed_ips: Some(&office), ..good.organization }, ..good },
            from("10.0.0.1"),
            Some(Code::IpNotAllowed),
        ),
        (
            "address off the target's list",
            good,
            Request {
                organization: Target::At(Place { allowed_ips: Some(&office), ..place(&LOCATION) }),
                ..from("10.0.0.1")
            },
            Some(Code::IpNotAllowed),
        ),
        ("another api", Grant { api: LOADER, ..good }, ask, Some(Code::WrongApi)),
        ("no api asks", Grant { api: LOADER, ..good }, Request { api: None, ..ask }, None),
        (
            "owner without access",
            Grant { owner: Some(Owner { is_admin: false, api_access: false }), ..good },
            ask,
            Some(Code::ApiAccessDenied),
        ),
        // S0.2: admins always have API access, whatever the switch says.
        (
            "admin whatever the switch",
            Grant { owner: Some(Owner { is_admin: true, api_access: false }), ..good },
            ask,
            None,
        ),
        ("no owner", Grant { owner: None, ..good }, ask, None),
        (
            "mapped user off",
            Grant { mapped_user: Some(MappedUser { active: false, rights: Some((&all, &none)) }), ..good },
            ask,
            Some(Code::UserInactive),
        ),
        (
            "mapped user no member there",
            Grant { mapped_user: Some(MappedUser { active: true, rights: None }), ..good },
            ask,
            Some(Code::InsufficientPermission),
        ),
        ("narrow role", Grant { role: Some(&reads), ..good }, ask, Some(Code::InsufficientPermission)),
        ("narrow scopes", Grant { scopes: Some(&reads), ..good }, ask, Some(Code::InsufficientPermission)),
        ("empty scopes", Grant { scopes: Some(&none), ..good }, ask, Some(Code::InsufficientPermission)),
        ("narrow user", grant(&reads, &none), ask, Some(Code::InsufficientPermission)),
        ("narrow user with an extra permission", grant(&reads, &contacts), ask, None),
        ("role and no user", Grant { mapped_user: None, role: Some(&all), ..good }, ask, None),
        ("neither role nor user", Grant { mapped_user: None, ..good }, ask, Some(Code::InsufficientPermission)),
        (
            "neither role nor user, nothing asked",
            Grant { mapped_user: None, ..good },
            request(&[]),
            Some(Code::InsufficientPermission),
        ),
        ("nothing asked", grant(&none, &none), request(&[]), None),
        ("no place at all", Grant { organization: place(&[]), ..good }, ask, Some(Code::OutOfReach)),
    ];
    for (name, grant, request, expected) in table {
        assert_eq!(code(grant, request, now), *expected, "{name}");
    }
}

/// Every combination of every part, good or bad, against the sentence of the module's head written a second time:
/// allowed exactly when no part is bad, and then the code is that of the first bad part.
#[test]
fn the_full_truth_table_holds() {
    let (all, none) = (PermissionSet::everything(), PermissionSet::nothing());
    let office = IpAllowList::parse(&["203.0.113.0/24"]).expect("a list");
    let asked = [Asked::parse("contacts:update").expect("a permission")];
    let codes = [
        Code::Stale,
        Code::Inactive,
        Code::Revoked,
        Code::Expired,
        Code::OutOfReach,
        Code::OrganizationSuspended,
        Code::IpNotAllowed,
        Code::WrongApi,
        Code::ApiAccessDenied,
        Code::UserInactive,
        Code::InsufficientPermission,
        Code::InsufficientPermission,
        Code::InsufficientPermission,
    ];
    for bad in 0_u32..1 << codes.len() {
        let is_bad = |part: usize| bad & (1 << part) != 0;
        let grant = Grant {
            age: Duration::from_secs(if is_bad(0) { 61 } else { 0 }),
            standing: if is_bad(1) { KeyStanding::Inactive } else { KeyStanding::Active },
            secret: if is_bad(2) { SecretState::Dead } else { SecretState::Current },
            expires_at: is_bad(3).then(|| at(100)),
            organization: Place { suspended: is_bad(5), ..place(&ROOT) },
            allowed_ips: is_bad(6).then_some(&office),
            api: if is_bad(7) { LOADER } else { DEFAULT },
            owner: Some(Owner { is_admin: false, api_access: !is_bad(8) }),
            mapped_user: Some(MappedUser {
                active: !is_bad(9),
                rights: Some((if is_bad(10) { &none } else { &all }, &none)),
            }),
            role: Some(if is_bad(11) { &none } else { &all }),
            scopes: Some(if is_bad(12) { &none } else { &all }),
            ..grant(&all, &none)
        };
        let organization = if is_bad(4) { Target::Unknown } else { Target::Own };
        let request = Request { organization, ..request(&asked) };
        let expected = codes.iter().enumerate().find(|(part, _)| is_bad(*part)).map(|(_, code)| *code);
        assert_eq!(code(&grant, &request, at(100)), expected, "bad parts {bad:b}");
    }
}

// S2.12: only elements that the mapped user can access are reachable, and lists name just those.
#[test]
fn a_list_names_the_elements_that_every_part_allows() {
    let user = set(&["scorecards/A:*", "scorecards/B:read"]);
    let none = PermissionSet::nothing();
    let scopes = set(&["scorecards/A:read", "scorecards/C:read"]);
    let list = [Asked::parse("scorecards:read").expect("a permission")];
    let elements = |grant: &Grant<'_>| decide(grant, &request(&list), at(0));
    let some = |names: &[&str]| Decision::Allowed { elements: Some(names.iter().map(|it| Box::from(*it)).collect()) };
    assert_eq!(elements(&grant(&user, &none)), some(&["A", "B"]));
    assert_eq!(elements(&Grant { scopes: Some(&scopes), ..grant(&user, &none) }), some(&["A"]));
    let apart = set(&["scorecards/C:read"]);
    let none_shared = Grant { scopes: Some(&apart), ..grant(&user, &none) };
    assert_eq!(elements(&none_shared), Decision::Denied(Code::InsufficientPermission));
    let everything = PermissionSet::everything();
    assert_eq!(elements(&grant(&everything, &none)), Decision::Allowed { elements: None });
}

#[test]
fn rights_are_what_every_part_allows() {
    let (all, none) = (PermissionSet::everything(), PermissionSet::nothing());
    let scopes = set(&["contacts:read", "deals:*"]);
    let role = set(&["*:read"]);
    let both = Grant { scopes: Some(&scopes), role: Some(&role), ..grant(&all, &none) };
    assert_eq!(rights(&both), set(&["contacts:read", "deals:read"]));
    assert_eq!(rights(&Grant { mapped_user: None, ..grant(&all, &none) }), none);
}

proptest! {
    // R4: allow strictly before a deadline, deny at and after it.
    #[test]
    fn deadlines_are_exact_to_the_microsecond(deadline in 1_000_000_i64..2_000_000, off in -1_000_i64..=1_000) {
        let (all, none) = (PermissionSet::everything(), PermissionSet::nothing());
        let instant = |micros| Timestamp::from_micros(micros).expect("in range");
        let now = instant(deadline + off);
        let expected = (off >= 0).then_some(Code::Expired);
        let expiring = Grant { expires_at: Some(instant(deadline)), ..grant(&all, &none) };
        prop_assert_eq!(code(&expiring, &request(&[]), now), expected);
        let retiring = Grant { secret: SecretState::Retiring { until: instant(deadline) }, ..grant(&all, &none) };
        prop_assert_eq!(code(&retiring, &request(&[]), now), expected);
    }

    /// Each part can only narrow: taking away a role, scopes or an allow-list never turns an allowed request into a denied one.
    #[test]
    fn a_further_part_never_widens(role in any::<bool>(), scope in 0_usize..4, asks in 0_usize..3) {
        let (user, none) = (set(&["a:read", "a/x:update", "b:*"]), PermissionSet::nothing());
        let scopes = [set(&["a:*"]), set(&["a/x:*", "b/y:read"]), set(&["*:read"]), none.clone()];
        let asks = ["a:read", "a/x:update", "b/y:delete"][asks];
        let asked = [Asked::parse(asks).expect("a permission")];
        let reads = set(&["*:read"]);
        let wide = grant(&user, &none);
        let narrow = Grant { role: role.then_some(&reads), scopes: Some(&scopes[scope]), ..wide };
        let allows = |grant: &Grant<'_>| decide(grant, &request(&asked), at(0)).is_allowed();
        prop_assert!(allows(&wide) || !allows(&narrow));
        prop_assert!(rights(&narrow).is_within(&rights(&wide)));
    }
}

// Whoever reads a trace has to find the part at fault, and what is missing from it.
#[test]
fn a_trace_says_of_each_part_what_it_allows() {
    let (everything, none) = (PermissionSet::everything(), PermissionSet::nothing());
    let (reads, elements) = (set(&["*:read"]), set(&["scorecards/A:*", "scorecards/B:*"]));
    let asked = ["contacts:update", "scorecards:read"].map(|it| Asked::parse(it).expect("a permission"));
    let spelt = |grant: &Grant<'_>| {
        let (_, trace) = explain(grant, &request(&asked), at(0));
        assert!(trace[..11].iter().all(|it| it.allowances.is_empty()), "only the rights are about permissions");
        trace[11..]
            .iter()
            .map(|it| {
                let parts = it.allowances.iter().map(|it| match &it.coverage {
                    Coverage::None => format!("{} no", it.permission),
                    Coverage::All => format!("{} yes", it.permission),
                    Coverage::Elements(elements) => {
                        format!("{} {}", it.permission, elements.iter().map(|it| &**it).collect::<String>())
                    }
                });
                let verdict = if it.denied.is_some() { "denied" } else { "passed" };
                format!("{} {verdict}: {}", it.check.as_str(), parts.collect::<Vec<_>>().join(", "))
            })
            .collect::<Vec<_>>()
    };
    let scoped = Grant { scopes: Some(&reads), ..grant(&everything, &none) };
    assert_eq!(
        spelt(&scoped),
        [
            "role passed: contacts:update yes, scorecards:read yes",
            "scopes denied: contacts:update no, scorecards:read yes",
            "rights passed: contacts:update yes, scorecards:read yes",
        ]
    );
    let by_element = Grant { role: Some(&everything), ..grant(&elements, &none) };
    assert_eq!(
        spelt(&by_element),
        [
            "role passed: contacts:update yes, scorecards:read yes",
            "scopes passed: contacts:update yes, scorecards:read yes",
            "rights denied: contacts:update no, scorecards:read AB",
        ]
    );
    let both = Grant { scopes: Some(&reads), ..by_element };
    assert!(spelt(&both)[1].starts_with("scopes denied") && spelt(&both)[2].starts_with("rights denied"));
    let bare = Grant { mapped_user: None, ..grant(&everything, &none) };
    assert_eq!(spelt(&bare)[0], "role denied: contacts:update no, scorecards:read no");

    // Two that each cover some elements and share none: neither is at fault alone, and only together they deny.
    let (a, b) = (set(&["scorecards/A:read"]), set(&["scorecards/B:read"]));
    let apart = Grant { scopes: Some(&a), ..grant(&b, &none) };
    let (_, trace) = explain(&apart, &request(&asked[1..]), at(0));
    assert_eq!(trace.iter().filter(|it| it.denied.is_some()).map(|it| it.check).collect::<Vec<_>>(), [Check::Rights]);
}
