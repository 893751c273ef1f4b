//! A receiver of mail, and a service that sends to it.

use std::sync::{Arc, Mutex};

use claviger::config::{Config, Values};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

/// A receiver of mail that keeps what it gets; it hangs up on the first few who come.
pub(crate) async fn receiver(mut hangs_up: usize) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, got) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::new(Vec::new())));
    let kept = Arc::clone(&got);
    #[expect(clippy::disallowed_methods, reason = "the test itself waits for what it does")]
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            if 0 < hangs_up {
                hangs_up -= 1;
                continue;
            }
            let mut stream = BufReader::new(stream);
            stream.write_all(b"220 mail.example\r\n").await.unwrap();
            let (mut line, mut message, mut is_body) = (String::new(), String::new(), false);
            while stream.read_line(&mut line).await.unwrap_or(0) > 0 {
                let answer = match (is_body, line.trim_end()) {
                    (true, ".") => {
                        is_body = false;
                        kept.lock().unwrap().push(std::mem::take(&mut message));
                        "250 taken\r\n"
                    }
                    (true, text) => {
                        message += text;
                        message.push('\n');
                        ""
                    }
                    (false, "DATA") => {
                        is_body = true;
                        "354 go on\r\n"
                    }
                    (false, "QUIT") => "221 bye\r\n",
                    (false, _) => "250 ok\r\n",
                };
                stream.write_all(answer.as_bytes()).await.unwrap();
                line.clear();
            }
        }
    });
    (port, got)
}

pub(crate) fn mailing(port: u16) -> Config {
    let flags = [
        ("listen", "127.0.0.1:0".to_owned()),
        ("authz_listen", "127.0.0.1:0".to_owned()),
        ("authz_workers", "1".to_owned()),
        ("smtp_url", format!("smtp://127.0.0.1:{port}")),
        ("mail_from", "Claviger <keys@example.com>".to_owned()),
        ("public_url", "https://keys.example.com".to_owned()),
    ];
    Config::from_values(&Values::with_flags(flags)).unwrap()
}

/// Quoted-printable as text.
pub(crate) fn plain(message: &str) -> String {
    let mut bytes = Vec::new();
    let joined = message.replace("=\n", "");
    let mut rest = joined.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'=' {
            let pair: Vec<u8> = rest.by_ref().take(2).collect();
            match u8::from_str_radix(&String::from_utf8_lossy(&pair), 16) {
                Ok(byte) => bytes.push(byte),
                Err(_) => bytes.extend([&b"="[..], &pair].concat()),
            }
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
