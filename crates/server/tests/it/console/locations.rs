//! The locations of an agency: found by what people know of them, and shown while they are suspended.

use claviger::ops::keys::{NewKey, review_below, revoke_key, set_key_active};
use claviger::ops::members::{MemberPatch, update_member};
use claviger::ops::organizations::{OrganizationPatch, update_organization};
use claviger_core::id::OrganizationId;
use claviger_core::key::RevocationReason;
use claviger_core::name::{Description, ExternalId};
use claviger_core::organization::OrganizationStatus;
use claviger_core::role::BuiltIn;

use super::browser::{Browser, Form, Page, selector};
use crate::app::{DAY, TestApp, new_key, permissions};

/// The names of the locations that a page lists, in order.
fn listed(page: &Page) -> Vec<String> {
    let html = page.html();
    html.select(&selector(".locations h3 > bdi, .locations h3 > a bdi")).map(|it| it.text().collect()).collect()
}

async fn location(app: &TestApp, parent: OrganizationId, name: &str, external_id: &str) -> OrganizationId {
    let id = app.organization(parent, name).await;
    let external_id = Some(Some(ExternalId::parse(external_id).unwrap()));
    let patch = OrganizationPatch { external_id, ..OrganizationPatch::default() };
    update_organization(&app.app, &app.admin, id, patch, None).await.unwrap();
    id
}

async fn suspend(app: &TestApp, id: OrganizationId) {
    let patch = OrganizationPatch { status: Some(OrganizationStatus::Suspended), ..OrganizationPatch::default() };
    update_organization(&app.app, &app.admin, id, patch, None).await.unwrap();
}

// S1.4
#[tokio::test]
async fn the_search_of_an_agency_finds_locations_by_name_short_name_and_external_id() {
    let app = TestApp::new().await;
    let harbor = location(&app, app.root, "Harbor Street", "CRM-4711").await;
    location(&app, app.root, "Hill Road", "CRM-4712").await;
    app.create_key(&app.admin, harbor, new_key("Till")).await.unwrap();
    let mut admin = Browser::signed_in(&app).await;
    for (search, expected) in [
        ("", vec!["Harbor Street", "Hill Road"]),
        ("harbor", vec!["Harbor Street"]),
        ("hill-r", vec!["Hill Road"]),
        ("crm-4711", vec!["Harbor Street"]),
        ("CRM", vec!["Harbor Street", "Hill Road"]),
        ("nowhere", vec![]),
    ] {
        for path in ["/o/root/keys", "/o/root/integrations/keys"] {
            let page = admin.get(&format!("{path}?q={search}")).await.expect(200);
            assert_eq!(listed(&page), expected, "{path} {search}");
        }
        let page = admin.get(&format!("/o/root/organizations?q={search}")).await.expect(200);
        for name in ["Harbor Street", "Hill Road"] {
            let wanted = expected.contains(&name);
            assert_eq!(
                page.html().select(&selector(".lines")).any(|it| it.text().any(|it| it == name)),
                wanted,
                "{search}"
            );
        }
    }
    assert!(admin.get("/o/root/keys?q=harbor").await.text.contains("Till"), "with its keys");
    // Where the list is narrowed besides, a location that is called so shows what it has of that.
    let page = admin.get("/o/root/keys?q=harbor&status=active").await.expect(200);
    assert_eq!(listed(&page), ["Harbor Street"]);
    let page = admin.get("/o/root/keys?q=harbor&status=deleted").await.expect(200);
    assert_eq!(listed(&page), Vec::<String>::new());
}

// S1.4, S3.13: what the list is narrowed to holds for the locations' keys as for the agency's own, and so it does for the file.
#[tokio::test]
async fn every_filter_of_an_agency_reaches_the_keys_of_its_locations() {
    let app = TestApp::new().await;
    let harbor = app.organization(app.root, "Harbor Street").await;
    let hill = app.organization(app.root, "=Hill Road").await;
    let (_, ann_id, _) = app.member(app.root, "Ann", BuiltIn::Admin).await;
    let readonly = app.built_in(app.root, BuiltIn::Readonly).await.id;
    let make = async |place, new: NewKey| app.create_key(&app.admin, place, new).await.unwrap().info.key.id;
    let gone = make(harbor, new_key("Gone")).await;
    revoke_key(&app.app, &app.admin, harbor, gone, RevocationReason::Unspecified, None).await.unwrap();
    let off = make(hill, new_key("Off")).await;
    set_key_active(&app.app, &app.admin, hill, off, false, None, None).await.unwrap();
    make(harbor, NewKey { mapped_user_id: Some(Some(ann_id)), role_id: None, ..new_key("Of Ann") }).await;
    make(hill, NewKey { role_id: Some(readonly), ..new_key("Reads") }).await;
    make(hill, NewKey { expires_at: Some(Some(app.app.now().saturating_add(DAY * 3))), ..new_key("Ends") }).await;
    let own_gone = make(app.root, new_key("Own and gone")).await;
    revoke_key(&app.app, &app.admin, app.root, own_gone, RevocationReason::Unspecified, None).await.unwrap();

    let mut admin = Browser::signed_in(&app).await;
    let below = |page: &Page| -> Vec<String> {
        page.html().select(&selector(".locations tbody th bdi:not(.desc)")).map(|it| it.text().collect()).collect()
    };
    for (query, expected) in [
        ("status=deleted", vec!["Gone"]),
        ("status=inactive", vec!["Off"]),
        (&*format!("user={ann_id}"), vec!["Of Ann"]),
        (&*format!("role={readonly}"), vec!["Reads"]),
        ("health=ends-7d", vec!["Ends"]),
        ("q=ends&used=never", vec!["Ends"]),
        ("type=data-loader", vec![]),
    ] {
        let page = admin.get(&format!("/o/root/keys?{query}")).await.expect(200);
        assert_eq!(below(&page), expected, "{query}");
        let file = admin.get(&format!("/o/root/keys/csv?{query}")).await.expect(200).text;
        let mut reader = csv::Reader::from_reader(file.as_bytes());
        let columns = reader.headers().unwrap().clone();
        let at = |column: &str| columns.iter().position(|it| it == column).unwrap();
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        let of_locations: Vec<_> = rows.iter().filter(|it| &it[at("organization")] != "Root").collect();
        assert_eq!(of_locations.iter().map(|it| &it[at("name")]).collect::<Vec<_>>(), expected, "{query}");
        for row in of_locations {
            let place = if ["Gone", "Of Ann"].contains(&&row[at("name")]) { "Harbor Street" } else { "'=Hill Road" };
            assert_eq!(&row[at("organization")], place, "and no cell begins as a formula does");
            let role = if &row[at("name")] == "Of Ann" { "As mapped user" } else { "" };
            assert!(role.is_empty() || &row[at("role")] == role, "{row:?}");
        }
    }
    // What was found leads to the location's list, narrowed alike; and the agency's own stands above it.
    let page = admin.get("/o/root/keys?status=deleted").await.expect(200);
    assert!(page.text.contains("Own and gone"));
    assert!(page.links().contains(&"/o/harbor-street/keys?status=deleted".to_owned()), "{:?}", page.links());
    // Where the agency has none of its own, the file is offered all the same.
    let page = admin.get("/o/root/keys?status=inactive").await.expect(200);
    assert!(page.links().contains(&"/o/root/keys/csv?status=inactive".to_owned()), "{:?}", page.links());
}

// S1.4: what is refused for a while has not gone, and is told apart from what can be worked on.
#[tokio::test]
async fn a_suspended_location_shows_its_keys_without_a_way_to_change_them_and_leads_to_where_it_is_resumed() {
    let app = TestApp::new().await;
    let closed = app.organization(app.root, "Closed").await;
    let below = app.organization(closed, "Deep below").await;
    app.organization(app.root, "Open").await;
    let key = app.create_key(&app.admin, below, new_key("Till")).await.unwrap().info.key.id;
    suspend(&app, closed).await;
    let mut admin = Browser::signed_in(&app).await;
    let page = admin.get("/o/root/keys").await.expect(200);
    assert_eq!(listed(&page), ["Closed", "Deep below", "Open"]);
    assert_eq!(page.html().select(&selector(".locations h3 .status.paused")).count(), 2);
    // What it had before: an agency is one still, and a key that is blocked has not gone.
    assert_eq!(page.text_of(".locations h2"), "Agencies and locations 1");
    let keys = ".locations tbody th bdi:not(.desc)";
    assert_eq!(page.text_of(keys), "Till");
    assert_eq!(page.text_of(".locations tbody [data-label=Status]"), "Blocked: the organization is suspended");
    // Nothing of it can be done, which stands there with the reason.
    assert!(!page.text.contains(&key.to_string()), "no link and no form of it");
    let html = page.html();
    let button = html.select(&selector(".locations tbody button")).next().expect("a button");
    assert!(button.attr("disabled").is_some());
    let why = format!("#{}", button.attr("aria-describedby").expect("a reason"));
    drop(html);
    assert!(page.text_of(&why).starts_with("Nothing here passes or can be changed"), "{}", page.text_of(&why));
    // What it is called finds it, and its keys are counted; what filters let none of them through does not.
    assert_eq!(admin.get("/o/root/keys?q=deep").await.expect(200).text_of(".locations h2"), "Location 1");
    assert_eq!(listed(&admin.get("/o/root/keys?q=deep&status=inactive").await.expect(200)), Vec::<String>::new());
    let tree = format!("/o/root/tree/{closed}");
    assert!(page.links().contains(&tree));
    admin.get(&tree).await.expect(200).form("/resume");
    for link in page.links().iter().filter(|it| it.starts_with("/o/")) {
        admin.get(link).await.expect(200);
    }
    // The file has it as the list does, and so has what the list is narrowed to.
    let file = admin.get("/o/root/keys/csv").await.expect(200).text;
    assert!(file.contains("Till") && file.contains("Blocked: the organization is suspended"), "{file}");
    assert_eq!(admin.get("/o/root/keys?status=blocked").await.expect(200).text_of(keys), "Till");
    assert_eq!(listed(&admin.get("/o/root/keys?status=deleted").await.expect(200)), Vec::<String>::new());

    // Who looks at no keys of others above does not do so here, and is told how many there are.
    let (_, ann, ann_member) = app.member(app.root, "Ann", BuiltIn::Member).await;
    let (_, rita, _) = app.member(app.root, "Rita", BuiltIn::Readonly).await;
    let looks_below = MemberPatch {
        extra_permissions: Some(permissions(&["claviger/organizations:read"])),
        ..MemberPatch::default()
    };
    update_member(&app.app, &app.admin, app.root, ann_member, looks_below, None).await.unwrap();
    let page = Browser::of_user(&app, ann).await.get("/o/root/keys").await.expect(200);
    assert!(!page.text.contains("Till"));
    assert!(page.text_of(".locations").contains("1 key, blocked by the suspension"), "{}", page.text_of(".locations"));
    assert!(Browser::of_user(&app, rita).await.get("/o/root/keys").await.expect(200).text.contains("Till"));
    // A nearer membership counts instead of what comes from above, be it suspended with its place.
    let role = app.built_in(app.root, BuiltIn::Member).await.id;
    let (_, eve, _) = app.member(app.root, "Eve", BuiltIn::Admin).await;
    let patch = OrganizationPatch { status: Some(OrganizationStatus::Active), ..OrganizationPatch::default() };
    update_organization(&app.app, &app.admin, closed, patch, None).await.unwrap();
    app.add_member(below, eve, role).await;
    suspend(&app, closed).await;
    let page = Browser::of_user(&app, eve).await.get("/o/root/keys").await.expect(200);
    assert!(!page.text.contains("Till"));
    assert!(page.text_of(".locations").contains("1 key, blocked by the suspension"), "{}", page.text_of(".locations"));
}

#[tokio::test]
async fn suspended_locations_take_no_room_in_the_view_switch() {
    let app = TestApp::new().await;
    for number in 0..9 {
        let id = app.organization(app.root, &format!("A{number}")).await;
        suspend(&app, id).await;
    }
    app.organization(app.root, "Zoo").await;
    let mut admin = Browser::signed_in(&app).await;
    let page = admin.get("/o/root/keys").await.expect(200);
    let html = page.html();
    let items = selector("#views a.item > bdi");
    let offered = html.select(&items).map(|it| it.text().collect::<String>());
    assert_eq!(offered.collect::<Vec<_>>(), ["Zoo"]);
    assert_ne!(
        admin.get("/o/root/organizations").await.text_of("h1"),
        admin.get("/o/root/tree").await.text_of("h1"),
        "two pages, two names"
    );
}

// S1.4
#[tokio::test]
async fn the_search_of_an_agency_finds_the_keys_of_its_locations_by_name_description_and_access_id() {
    let app = TestApp::new().await;
    let harbor = app.organization(app.root, "Harbor Street").await;
    let hill = app.organization(app.root, "Hill Road").await;
    let deep = app.organization(hill, "Deep below").await;
    let closed = app.organization(app.root, "Closed").await;
    let till = app.create_key(&app.admin, harbor, new_key("Till")).await.unwrap().info;
    app.create_key(&app.admin, harbor, new_key("Kitchen")).await.unwrap();
    let described = NewKey { description: Description::parse("Prints TILL receipts").unwrap(), ..new_key("Printer") };
    app.create_key(&app.admin, deep, described).await.unwrap();
    app.create_key(&app.admin, hill, new_key("Old till")).await.unwrap();
    app.create_key(&app.admin, closed, new_key("Closed till")).await.unwrap();
    suspend(&app, closed).await;
    let mut admin = Browser::signed_in(&app).await;
    let access_key = till.access_key.clone().unwrap();
    let hint = till.access_hint.clone().unwrap();
    let below = |page: &Page| -> Vec<String> {
        page.html().select(&selector(".locations tbody th bdi:not(.desc)")).map(|it| it.text().collect()).collect()
    };
    for (search, locations, keys) in [
        (
            "till",
            vec!["Closed", "Deep below", "Harbor Street", "Hill Road"],
            vec!["Closed till", "Printer", "Till", "Old till"],
        ),
        ("receipts", vec!["Deep below"], vec!["Printer"]),
        (&access_key, vec!["Harbor Street"], vec!["Till"]),
        (&hint, vec!["Harbor Street"], vec!["Till"]),
        // A location that is called so shows its keys, and so does one that is suspended.
        ("harbor", vec!["Harbor Street"], vec!["Kitchen", "Till"]),
        ("closed", vec!["Closed"], vec!["Closed till"]),
        ("nowhere", vec![], vec![]),
    ] {
        let page = admin.get(&format!("/o/root/keys?q={search}")).await.expect(200);
        assert_eq!(listed(&page), locations, "{search}");
        assert_eq!(below(&page), keys, "{search}");
    }
    // The heading counts what was found, and leads to just these.
    let page = admin.get("/o/root/keys?q=till").await;
    assert_eq!(page.text_of(".locations h2"), "Agencies and locations 4");
    let found = page.links().into_iter().find(|it| it == "/o/hill-road/keys?q=till").expect("a link to what was found");
    assert!(admin.get(&found).await.expect(200).text.contains("Old till"));

    // Who is kept out of a location by a nearer membership finds none of its keys.
    let (_, ann, _) = app.member(app.root, "Ann", BuiltIn::Admin).await;
    let role = app.built_in(app.root, BuiltIn::Member).await.id;
    app.add_member(harbor, ann, role).await;
    let mut ann = Browser::of_user(&app, ann).await;
    let page = ann.get("/o/root/keys?q=till").await.expect(200);
    assert_eq!(listed(&page), ["Closed", "Deep below", "Hill Road"]);
}

// S1.4: what is an agency itself is headed so, and the keys of each can be worked on as those of the agency can.
#[tokio::test]
async fn keys_of_locations_have_what_those_of_the_agency_have_and_agencies_below_are_called_so() {
    let app = TestApp::new().await;
    let agency = app.organization(app.root, "North Agency").await;
    let shop = app.organization(agency, "Shop").await;
    let key = app.create_key(&app.admin, shop, new_key("Till")).await.unwrap().info.key.id;
    app.create_key(&app.admin, agency, new_key("Reporting")).await.unwrap();
    app.create_key(&app.admin, app.root, new_key("Own")).await.unwrap();
    let mut admin = Browser::signed_in(&app).await;
    let page = admin.get("/o/root/keys").await.expect(200);
    let html = page.html();
    let headings: Vec<String> = html
        .select(&selector(".locations h2, .locations h3"))
        .map(|it| it.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(headings, ["Agencies and locations 2", "North Agency 1 · Agency", "Shop 1 · in North Agency"]);
    assert_eq!(page.text_of("main > h2"), "Root 2", "there are agencies below, and this is none of them");
    assert_eq!(admin.get("/o/north-agency/keys").await.text_of(".locations h2"), "Location 1");
    let heads = |table: &str| html.select(&selector(table)).next().unwrap().select(&selector("thead th")).count();
    assert_eq!(heads(".locations table"), heads("main > table"), "the same columns");
    let row = format!("/o/shop/keys/{key}");
    for link in [row.clone(), format!("{row}/edit"), format!("{row}/rotate"), format!("{row}/delete")] {
        assert!(page.links().iter().any(|it| it.starts_with(&format!("{link}?l="))), "{link}");
    }
    assert!(html.select(&selector(&format!("input[name=key][value={key}][form=bulk-shop]"))).next().is_some());
    drop(html);
    let asked = admin.get(&format!("/o/shop/keys/bulk/deactivate?key={key}&back=%2Fkeys")).await.expect(200);
    admin.submit(&asked.form("/o/shop/keys/bulk/deactivate")).await.expect(303);
    assert!(admin.get(&row).await.text_of("main").contains("Inactive"));

    // Who may only look is offered nothing more.
    let (_, reader, _) = app.member(app.root, "Rita", BuiltIn::Readonly).await;
    let mut reader = Browser::of_user(&app, reader).await;
    let page = reader.get("/o/root/keys").await.expect(200);
    assert!(page.text.contains("Till") && page.html().select(&selector(".locations .pick")).next().is_none());
}

// Who works on a location's key from the agency's list goes on with that list, narrowed as it was.
#[tokio::test]
async fn what_is_done_to_a_key_of_a_location_leads_back_to_the_agency_it_was_begun_in() {
    let app = TestApp::new().await;
    let shop = app.organization(app.root, "Shop").await;
    let make = async |text: &str| app.create_key(&app.admin, shop, new_key(text)).await.unwrap().info.key.id;
    let (first, second) = (make("Till one").await, make("Till two").await);
    let mut admin = Browser::signed_in(&app).await;
    let list = "/o/root/keys?q=till&used=never";
    let page = admin.get(list).await.expect(200);
    let to = |action: &str| {
        let link = page.links().into_iter().find(|it| it.starts_with(&format!("/o/shop/keys/{first}{action}?")));
        link.unwrap_or_else(|| panic!("{action} in {:?}", page.links()))
    };
    let press = async |admin: &mut Browser, form: Form| {
        let answer = admin.submit(&form).await.expect(303);
        assert_eq!(answer.header("location"), list, "{}", form.action);
        admin.follow(answer).await.expect(200)
    };
    // By its menu; on its own page one stays, and it leads back too.
    let said = press(&mut admin, page.form(&format!("{first}/deactivate"))).await;
    assert!(said.text_of(".banner").contains("Till one"), "{}", said.text_of(".banner"));
    let own = admin.get(&to("")).await.expect(200);
    assert!(own.links().contains(&list.to_owned()), "{:?}", own.links());
    let answer = admin.submit(&own.form("/activate")).await.expect(303);
    let own = admin.follow(answer).await.expect(200);
    assert_eq!(own.text_of("h1"), "Till one");
    assert!(own.links().contains(&list.to_owned()), "{:?}", own.links());
    let edit = admin.get(&to("/edit")).await.expect(200);
    let nameless = admin.submit(&edit.form("/edit").with("name", "")).await.expect(422);
    press(&mut admin, nameless.form("/edit").with("name", "Till one again")).await;
    // A new secret is shown first.
    let rotate = admin.get(&to("/rotate")).await.expect(200);
    let shown = admin.submit(&rotate.form("/rotate")).await.expect(200);
    assert!(shown.links().contains(&list.to_owned()), "Done leads there: {:?}", shown.links());
    // The question says whose key it is.
    let question = admin.get(&to("/delete")).await.expect(200);
    assert!(question.text_of("main").contains("It is a key of Shop."));
    press(&mut admin, question.form("/delete")).await;

    // Of its own keys too, where the list is narrowed.
    let own = app.create_key(&app.admin, app.root, new_key("Till of the agency")).await.unwrap().info.key.id;
    let page = admin.get(list).await.expect(200);
    press(&mut admin, page.form(&format!("{own}/deactivate"))).await;
    let plain = admin.get("/o/root/keys").await.expect(200);
    assert!(!plain.links().iter().any(|it| it.starts_with("/o/root/keys/") && it.contains("?l=")));
    let links = page.links();
    let delete = links.iter().find(|it| it.starts_with(&format!("/o/root/keys/{own}/delete?l="))).expect("a link");
    let question = admin.get(delete).await.expect(200);
    assert!(question.links().contains(&list.to_owned()), "{:?}", question.links());
    press(&mut admin, question.form("/delete")).await;

    // Several at once.
    let page = admin.get(list).await.expect(200);
    let back = page.form("/o/shop/keys/bulk/delete").fields.into_iter().find(|it| it.0 == "back").unwrap().1;
    assert_eq!(back, list);
    let back = back.replace('?', "%3F").replace('&', "%26").replace('=', "%3D");
    let asked = admin.get(&format!("/o/shop/keys/bulk/delete?key={second}&back={back}")).await.expect(200);
    assert!(
        asked
            .text_of("main")
            .contains("It is a key of Shop. Ticked keys of another organization are left as they are.")
    );
    assert!(asked.links().contains(&list.to_owned()), "Cancel leads there");
    press(&mut admin, asked.form("/bulk/delete").with("count", "1")).await;

    // Nothing but such a list is led back to.
    for elsewhere in ["%2F%2Fevil.example%2Fkeys", "%2Fo%2Froot%2Fmembers", "https%3A%2F%2Fevil.example"] {
        let page = admin.get(&format!("/o/shop/keys/{second}?back={elsewhere}")).await.expect(200);
        let links = page.links();
        assert!(links.contains(&"/o/shop/keys".to_owned()) && !links.iter().any(|it| it.contains("evil")), "{links:?}");
    }
}

// Who acts in a location is a member there and not of the agency; the agency's list is narrowed to them all the same.
#[tokio::test]
async fn an_agency_filters_by_users_of_its_locations() {
    let app = TestApp::new().await;
    let shop = app.organization(app.root, "Shop").await;
    let (_, tara, _) = app.member(shop, "Tara", BuiltIn::Readonly).await;
    let new = NewKey { owner_id: Some(None), mapped_user_id: Some(Some(tara)), ..new_key("Till") };
    app.create_key(&app.admin, shop, new).await.unwrap();
    app.create_key(&app.admin, app.root, new_key("Own")).await.unwrap();
    let mut admin = Browser::signed_in(&app).await;
    let page = admin.get("/o/root/keys").await.expect(200);
    let offered = format!("select[name=user] option[value={tara}]");
    assert_eq!(page.html().select(&selector(&offered)).count(), 1, "once");
    let page = admin.get(&format!("/o/root/keys?user={tara}")).await.expect(200);
    assert_eq!(page.text_of(&offered), "Tara");
    assert!(page.text.contains("Till") && !page.text.contains(">Own<"), "{}", page.text);
}

#[tokio::test]
async fn key_health_of_an_agency_says_what_it_counts_and_leads_to_what_is_to_review_below() {
    let app = TestApp::new().await;
    let mut admin = Browser::signed_in(&app).await;
    let alone = admin.get("/o/root/health").await.expect(200);
    assert!(!alone.text.contains("id=\"below\""), "nothing stands below");
    let (harbor, _) =
        (app.organization(app.root, "Harbor Street").await, app.organization(app.root, "Hill Road").await);
    let well = admin.get("/o/root/health").await.expect(200);
    assert!(well.text_of(".lead").contains("about the keys of Root itself"), "{}", well.text_of(".lead"));
    assert!(well.text_of("#below").contains("Nothing has to be done soon there"));
    let ends = NewKey { expires_at: Some(Some(app.app.now().saturating_add(DAY * 3))), ..new_key("Ends") };
    app.create_key(&app.admin, harbor, ends).await.unwrap();
    let page = admin.get("/o/root/health").await.expect(200);
    assert!(page.text_of("#below .lines").contains("1 to review"), "{}", page.text_of("#below"));
    assert!(page.links().contains(&"/o/harbor-street/health".to_owned()));
    assert!(!page.links().contains(&"/o/hill-road/health".to_owned()), "it has nothing");
}

#[tokio::test]
async fn who_sees_only_their_own_keys_is_not_told_that_nothing_is_to_do_below() {
    let app = TestApp::new().await;
    let harbor = app.organization(app.root, "Harbor Street").await;
    let ends = NewKey { expires_at: Some(Some(app.app.now().saturating_add(DAY * 3))), ..new_key("Ends") };
    app.create_key(&app.admin, harbor, ends).await.unwrap();
    let (_, mia, member_id) = app.member(app.root, "Mia", BuiltIn::Member).await;
    let patch = MemberPatch {
        extra_permissions: Some(permissions(&["claviger/organizations:read"])),
        ..MemberPatch::default()
    };
    update_member(&app.app, &app.admin, app.root, member_id, patch, None).await.unwrap();
    let mut mia = Browser::of_user(&app, mia).await;
    let said = mia.get("/o/root/health").await.expect(200).text_of("#below");
    assert!(said.contains("about the keys there that you may look at"), "{said}");
    assert!(!said.contains("to review"), "it is somebody else's: {said}");
}

#[tokio::test]
async fn a_review_below_stops_at_a_number_of_keys_and_passes_places_without_any() {
    let app = TestApp::new().await;
    for (text, keys) in [("Anchor", 2), ("Birch", 0), ("Cedar", 2), ("Dock", 0), ("Elm", 1)] {
        let place = app.organization(app.root, text).await;
        for at in 0..keys {
            let ends = NewKey {
                expires_at: Some(Some(app.app.now().saturating_add(DAY * 3))),
                ..new_key(&format!("{text} {at}"))
            };
            app.create_key(&app.admin, place, ends).await.unwrap();
        }
    }
    let review = async |organizations, keys| {
        let found = review_below(&app.app, &app.admin, app.root, organizations, keys).await.unwrap().unwrap();
        let places: Vec<_> = found.places.iter().map(|it| (it.name.to_string(), it.keys.count)).collect();
        (places, found.looked_at, found.is_whole)
    };
    let (a, c, e) = (("Anchor".to_owned(), 2), ("Cedar".to_owned(), 2), ("Elm".to_owned(), 1));
    assert_eq!(review(50, 5).await, (vec![a.clone(), c.clone(), e], 5, true));
    assert_eq!(review(50, 4).await, (vec![a.clone(), c.clone()], 4, false), "all but the last one");
    assert_eq!(review(50, 3).await, (vec![a.clone()], 2, false), "no place is counted in part");
    assert_eq!(review(2, 5).await, (vec![a], 2, false));
}

#[tokio::test]
async fn a_location_without_keys_leads_to_the_first_one_for_who_may_make_it() {
    let app = TestApp::new().await;
    app.organization(app.root, "Harbour").await;
    let (_, user_id, _) = app.member(app.root, "Auditor", BuiltIn::Readonly).await;
    let way = "/o/harbour/keys/new".to_owned();
    let mut admin = Browser::signed_in(&app).await;
    let page = admin.get("/o/root/keys").await.expect(200);
    assert!(page.links().contains(&way), "{:?}", page.links());
    admin.get(&way).await.expect(200);
    let page = Browser::of_user(&app, user_id).await.get("/o/root/keys").await.expect(200);
    assert!(page.text.contains("None here yet") && !page.links().contains(&way), "{:?}", page.links());
}
