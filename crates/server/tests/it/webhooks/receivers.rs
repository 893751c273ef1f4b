//! Receivers that hang, drip, do not end or break off cost a bounded time and a bounded room, and nothing to anybody else.

use std::time::Duration;

use bytes::Bytes;
use claviger::outgoing::Answer;
use claviger_core::limits::{WEBHOOK_ANSWER_BYTES_MAX, WEBHOOK_ATTEMPT_SECS_MAX};
use claviger_core::time::Timestamp;
use claviger_core::webhook::attempt::{Outcome, Wish};
use http::HeaderMap;

use super::receiver::{Manner, Receiver, Table, connector};

async fn post(receiver: &Receiver) -> Answer {
    let connector = connector(&["127.0.0.0/8"], Table::of(&[]));
    connector.post(&receiver.target(), HeaderMap::new(), Bytes::from_static(b"{}"), Timestamp::MIN).await
}

// W3
#[tokio::test]
async fn whoever_is_slow_is_left_after_the_time_that_an_attempt_has() {
    let [hangs, drips, sticks] =
        [Receiver::new(Manner::Hang).await, Receiver::new(Manner::Drip).await, Receiver::new(Manner::Tarpit).await];
    let answers = tokio::join!(post(&hangs), post(&drips), post(&sticks));
    for answer in [answers.0, answers.1, answers.2] {
        assert_eq!(answer.outcome, Outcome::Unanswered);
        assert!(answer.took < Duration::from_secs(WEBHOOK_ATTEMPT_SECS_MAX + 3), "{answer:?}");
        assert_eq!(answer.error.as_deref(), Some("The receiver did not answer within 15 seconds."));
    }
}

// W3
#[tokio::test]
async fn of_an_answer_without_an_end_a_page_is_read() {
    let receiver = Receiver::new(Manner::Endless).await;
    let answer = post(&receiver).await;
    assert_eq!(answer.status(), Some(200));
    assert_eq!(answer.body, "a".repeat(WEBHOOK_ANSWER_BYTES_MAX));
    assert!(answer.took < Duration::from_secs(5), "{:?}", answer.took);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let written = receiver.written();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(receiver.written(), written, "the connection is closed");
    // What the system takes before anybody reads.
    assert!(written < 16 << 20, "{written}");
}

// W3
#[tokio::test]
async fn whoever_breaks_off_or_is_not_there_is_told_apart() {
    let resets = Receiver::new(Manner::Reset).await;
    let answer = post(&resets).await;
    assert_eq!(answer.outcome, Outcome::Unanswered);
    assert_eq!(answer.error.as_deref(), Some("The receiver broke the connection off."), "{answer:?}");
    let gone = Receiver::new(Manner::Hang).await;
    let target = gone.target();
    drop(gone);
    tokio::task::yield_now().await;
    let connector = connector(&["127.0.0.0/8"], Table::of(&[]));
    let answer = connector.post(&target, HeaderMap::new(), Bytes::new(), Timestamp::MIN).await;
    assert_eq!(answer.error.as_deref(), Some("The receiver refuses connections."), "{answer:?}");
    for text in ["nonsense", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"] {
        let garbled = Receiver::new(Manner::Answer(format!("{text}\r\n\r\n"))).await;
        let answer = post(&garbled).await;
        assert_eq!(answer.outcome, Outcome::Unanswered, "{text}");
        assert!(answer.error.is_some_and(|it| it.starts_with("There was no answer: ")), "{text}");
    }
}

#[tokio::test]
async fn an_answer_is_heard_with_its_wishes() {
    let headers = "Webhook-Delivery: abort-message\r\nRetry-After: 30\r\n";
    let receiver = Receiver::new(Manner::with(503, headers, "later\0please")).await;
    let answer = post(&receiver).await;
    let wish = Some(Wish::AbortMessage);
    let heard = Outcome::Answered { status: 503, wish, retry_after: Some(Duration::from_secs(30)) };
    assert_eq!((&answer.outcome, answer.body.as_str()), (&heard, "later\u{fffd}please"));
    assert_eq!(answer.error.as_deref(), Some("The receiver answered 503 Service Unavailable."));
    receiver.becomes(Manner::with(410, "", "unsubscribed"));
    let answer = post(&receiver).await;
    assert_eq!(answer.error.as_deref(), Some("The receiver answered 410: it is gone."));
}
