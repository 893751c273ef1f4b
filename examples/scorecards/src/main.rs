//! Starts the scorecards API on a loopback address.

use std::net::SocketAddr;

use clap::Parser;
use scorecards::{Destination, Reporter};

/// An example host API that stands behind nginx and Claviger.
#[derive(Parser)]
struct Arguments {
    /// Where to listen: a loopback address, since whoever reaches this port can name any caller.
    #[arg(long, default_value = "127.0.0.1:7402", value_parser = loopback)]
    listen: SocketAddr,

    /// The address of Claviger, to which changes are reported with the key in SCORECARDS_REPORT_KEY. Without it nothing is reported.
    #[arg(long, value_name = "URL")]
    report_to: Option<String>,
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|_| "expected an address such as 127.0.0.1:7402".to_owned())?;
    if !address.ip().is_loopback() {
        return Err("only a loopback address: the headers that name the caller are believed".to_owned());
    }
    Ok(address)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let reporter = match arguments.report_to {
        Some(base_url) => {
            // Not an argument: those are seen by everybody on the machine.
            #[expect(clippy::disallowed_methods, reason = "an example has no configuration beside this")]
            let key = std::env::var("SCORECARDS_REPORT_KEY")
                .map_err(|_| std::io::Error::other("--report-to needs a key in SCORECARDS_REPORT_KEY"))?;
            Some(Reporter::start(Destination { base_url, key }).map_err(std::io::Error::other)?)
        }
        None => None,
    };
    let listener = tokio::net::TcpListener::bind(arguments.listen).await?;
    axum::serve(listener, scorecards::router(reporter)).await
}
