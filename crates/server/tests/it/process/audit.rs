//! `claviger audit`: the log of a service that ran is proved, and a change past the service is found.

use std::process::Output;
use std::time::Duration;

use serde_json::Value;

use super::{Data, Server, prepare, run};
use crate::raw::Raw;

fn on(data: &Data, arguments: &[&str]) -> Output {
    let place = data.flags();
    let place: Vec<_> = place.iter().map(String::as_str).collect();
    run(&[arguments, &place].concat(), data.files())
}

fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn complaint(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

async fn harm(data: &Data, statement: &str) {
    let store = data.open().await;
    Raw::of(&store).await.execute(statement).await;
    store.close().await;
}

/// Waits until the service has linked everything.
async fn until_linked(data: &Data) {
    let mut raw = Raw::at(&data.data_folder(), data.database.as_deref()).await;
    for _ in 0..600 {
        let counts = "SELECT (SELECT count(*) FROM event WHERE stream = 'change'), (SELECT count(*) FROM chain_link)";
        let [(events, links)] = raw.rows::<(i64, i64)>(counts).await[..] else { panic!("one row") };
        if 0 < events && events == links {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not within half a minute");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_linked_while_the_service_runs_and_proved_afterwards() {
    let data = Data::new().await;
    prepare(&data).await;
    let server = Server::on(&data);
    until_linked(&data).await;
    drop(server);
    let kept = data.files().join("heads.jsonl");
    let heads = on(&data, &["audit", "heads"]);
    assert!(heads.status.success(), "{}", complaint(&heads));
    std::fs::write(&kept, &heads.stdout).unwrap();
    let kept = kept.to_str().unwrap();
    let proved = on(&data, &["audit", "verify", "--json", "--kept", kept]);
    assert!(proved.status.success(), "{}", complaint(&proved));
    let proof: Value = serde_json::from_str(&printed(&proved)).unwrap();
    assert!(proof["events"].as_u64().unwrap() >= 3, "{proof}");
    assert_eq!((&proof["linked"], &proof["waiting"]), (&proof["events"], &Value::from(0)), "{proof}");
    assert_eq!(proof["heads"], 1, "{proof}");
    let told = on(&data, &["audit", "verify"]);
    assert!(printed(&told).contains("Nothing is missing, and nothing was altered."), "{}", printed(&told));

    harm(&data, "UPDATE event SET actor_user_id = NULL, actor_job = 'nobody' WHERE seq = 2").await;
    let found = on(&data, &["audit", "verify"]);
    assert_eq!(found.status.code(), Some(1));
    assert!(printed(&found).contains("wrong: the event at 1/2, or one before it"), "{}", printed(&found));
    assert!(complaint(&found).contains("the log was altered"), "{}", complaint(&found));

    // Who can write everything makes a chain of what was altered; the head that was kept is none of it.
    harm(&data, "DELETE FROM chain_link").await;
    harm(&data, "UPDATE reader SET epoch = 0, seq = 0 WHERE name = 'chain'").await;
    let server = Server::on(&data);
    until_linked(&data).await;
    drop(server);
    assert!(on(&data, &["audit", "verify"]).status.success());
    let found = on(&data, &["audit", "verify", "--kept", kept]);
    assert!(!found.status.success() && printed(&found).contains("made anew, or cut off"), "{}", printed(&found));

    // What an event told is gone, and nobody says that it was erased.
    harm(&data, "DELETE FROM event_body WHERE seq = (SELECT max(seq) FROM event_body)").await;
    let found = on(&data, &["audit", "verify"]);
    assert_eq!(found.status.code(), Some(1));
    assert!(printed(&found).contains("is gone, and no event says that it was erased"), "{}", printed(&found));
    assert!(printed(&found).contains("; 0 of them had what they told erased."), "{}", printed(&found));
}

// Whoever can write everything may take the links away: then nothing is wrong, and nothing is proved either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_that_is_still_being_linked_is_said_to_be_and_proves_nothing_of_the_rest() {
    let data = Data::new().await;
    prepare(&data).await;
    // Nothing ran that links.
    let heads = on(&data, &["audit", "heads"]);
    assert!(heads.status.success() && printed(&heads).is_empty(), "{}", printed(&heads));
    assert!(complaint(&heads).starts_with("The latest changes are not linked yet"), "{}", complaint(&heads));
    let proved = on(&data, &["audit", "verify"]);
    let told = printed(&proved);
    assert!(proved.status.success(), "{}", complaint(&proved));
    for part in [" are not linked yet, the first of 2", "Of what is linked nothing is missing", "when it starts."] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!told.contains("\nNothing is missing"), "{told}");
    let proof: Value = serde_json::from_str(&printed(&on(&data, &["audit", "verify", "--json"]))).unwrap();
    assert_eq!((&proof["linked"], &proof["waiting"]), (&Value::from(0), &proof["events"]), "{proof}");
    assert!(proof["waiting_since"].is_string(), "{proof}");

    let server = Server::on(&data);
    until_linked(&data).await;
    drop(server);
    let heads = on(&data, &["audit", "heads"]);
    assert_eq!((printed(&heads).lines().count(), complaint(&heads).as_str()), (1, ""));
    let kept = data.files().join("heads.jsonl");
    std::fs::write(&kept, &heads.stdout).unwrap();
    assert!(printed(&on(&data, &["audit", "verify"])).contains("\nNothing is missing, and nothing was altered."));

    harm(&data, "DELETE FROM chain_link").await;
    harm(&data, "UPDATE reader SET epoch = 0, seq = 0 WHERE name = 'chain'").await;
    let proved = on(&data, &["audit", "verify"]);
    assert!(proved.status.success() && printed(&proved).contains(" are not linked yet"), "{}", printed(&proved));
    let found = on(&data, &["audit", "verify", "--kept", kept.to_str().unwrap()]);
    assert_eq!(found.status.code(), Some(1), "a head that was kept finds it: {}", printed(&found));
    let misspelled = on(&data, &["audit", "verify", "--keep", "x"]);
    assert_eq!(misspelled.status.code(), Some(2), "{}", complaint(&misspelled));
}

#[tokio::test]
async fn what_cannot_be_proved_is_told_in_one_line() {
    let data = Data::new().await;
    let nothing = on(&data, &["audit", "verify"]);
    assert!(complaint(&nothing).contains("there is no installation at"), "{}", complaint(&nothing));
    prepare(&data).await;
    let file = data.files().join("heads");
    std::fs::write(&file, "{\"organization_id\":1}\n").unwrap();
    let wrong = on(&data, &["audit", "verify", "--kept", file.to_str().unwrap()]);
    assert!(complaint(&wrong).contains("line 1 is no head"), "{}", complaint(&wrong));
    let missing = on(&data, &["audit", "verify", "--kept", "nowhere"]);
    assert!(complaint(&missing).contains("nowhere: No such file"), "{}", complaint(&missing));
    for output in [nothing, wrong, missing] {
        assert!(!output.status.success() && complaint(&output).lines().count() == 1, "{}", complaint(&output));
    }
}
