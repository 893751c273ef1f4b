//! `claviger restore`: brings a backup back into an empty database, and lets nothing come to life again that had ended.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use claviger_core::time::{Clock as _, Timestamp};
use claviger_store::Error;
use claviger_store::dump::Check;

use super::backup::{BackupReader, Header, escaped};
use super::moving::{Progress, place_args_and};
use super::serve::open_store;
use super::{Failed, in_runtime, note, read_config};
use crate::app::system_randomness;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::data_folder::MASTER_KEY_FILE;
use crate::ops::endings::{Gap, Known};
use crate::ops::restore::{Ended, Plan, Spared, end_of_before, lift_quarantine};
use crate::ops::restored_keys::{Fate, RestoredKey, RestoredKeys};

pub(super) fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    Command::new("restore")
        .about("Brings a backup back into an empty database")
        .long_about(
            "Brings a backup back into an empty data folder, or an empty database of either engine. The file is looked through first, and refused \
             where it is not whole; then everything is written in one transaction.\n\nA backup does not know what ended after it was made. So all \
             console sessions, one-time links and access tokens of it end, and for the rest there are three ways:\n\n1. `--endings FILE`, as often \
             as there are files: the log of endings that each `claviger serve` writes (data/endings.jsonl unless --endings-log says otherwise). \
             Whatever is listed there ends again. The one of the settings is taken by itself where it is there.\n2. `--quarantine`: every key that \
             could act is switched off. Look them through in the console and switch on which are to live, or all that nobody has touched by \
             `claviger restore --confirm`. Users, memberships and organizations are as they were: look through these too.\n3. `--as-of-backup`: keys that were revoked since then live again. Where nothing has ended since, \
             as with a service that was stopped for the backup, that is right.\n\nPasswords, roles, permissions, policies and webhooks are as they \
             were when the backup was made.",
        )
        .args(place_args_and(&["endings_log"]))
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .required_unless_present("confirm")
                .help("What `claviger backup` wrote"),
        )
        .arg(
            Arg::new("endings")
                .long("endings")
                .value_name("FILE")
                .action(ArgAction::Append)
                .value_parser(value_parser!(PathBuf))
                .help("A log of endings; several may be named"),
        )
        .arg(flag("quarantine", "Switches off every key that could act").conflicts_with("as-of-backup"))
        .arg(flag("as-of-backup", "Lets live again what was revoked after the backup"))
        .arg(flag("check", "Only says whether the backup is whole, and writes nothing"))
        .arg(
            flag("confirm", "Switches the keys on again that --quarantine has switched off and nobody has changed since")
                .conflicts_with_all(["file", "endings", "quarantine", "as-of-backup", "check"]),
        )
}

pub(super) fn run(matches: &ArgMatches) -> Result<(), Failed> {
    let config = read_config(matches)?;
    if matches.get_flag("confirm") {
        return confirm(&config);
    }
    let path = matches.get_one::<PathBuf>("file").expect("clap requires it");
    let (header, rows) = prove(path)?;
    if matches.get_flag("check") {
        note(&format!(
            "{} is whole: {rows} rows of Claviger {}, as of {}",
            path.display(),
            escaped(&header.version),
            header.made_at
        ));
        return Ok(());
    }
    let known = read_endings(&config, matches)?;
    let (quarantine, as_of_backup) = (matches.get_flag("quarantine"), matches.get_flag("as-of-backup"));
    let covered = known.covers(header.root, header.position(), header.made_at);
    if let Err(gap) = covered
        && !quarantine
        && !as_of_backup
    {
        return Err(refused(gap, header.made_at));
    }
    let epoch = known.epoch();
    let plan = Plan { made_at: header.made_at, last: known.into_last(header.position()).collect(), quarantine };
    in_runtime(async {
        let store = open_store(&config, &system_randomness()).await?;
        let place = store.place();
        let mut import = store.import().await.map_err(|error| match error {
            Error::Taken(_) => {
                Failed::new(format!("{place} holds an installation already; name an empty data folder or database"))
            }
            error => Failed::new(error),
        })?;
        let (mut reader, _) = BackupReader::open(path)?;
        let mut told = Progress::default();
        while let Some(line) = reader.next()? {
            import.take(line).await.map_err(|error| unfit(path, &error))?;
            told.add(1, "restored");
        }
        let mut restoration = import.restored(epoch).await.map_err(Failed::new)?;
        let ended = end_of_before(&mut restoration, plan, SystemClock.now()).await.map_err(Failed::new)?;
        let rows = restoration.commit().await.map_err(Failed::new)?;
        store.close().await;
        note(&format!("{rows} rows restored into {place}, as of {}.", header.made_at));
        for line in closing_words(&config, &header, &ended, covered.ok()) {
            note(&line);
        }
        Ok(())
    })
}

/// Looks the whole file through, and writes nothing.
fn prove(path: &Path) -> Result<(Header, u64), Failed> {
    let (mut reader, header) = BackupReader::open(path)?;
    let (mut check, mut told) = (Check::default(), Progress::default());
    let mut wrong: Option<Error> = None;
    while let Some(line) = reader.next()? {
        // The end may say that the file was altered, and that is why.
        if wrong.is_none() {
            wrong = check.take(line).err();
        }
        told.add(1, "looked through");
    }
    let rows = match wrong {
        None => check.finish(),
        Some(error) => Err(error),
    };
    rows.map(|rows| (header, rows)).map_err(|error| reader.damaged(&error.to_string()))
}

/// A row that the database refuses although the file is whole.
fn unfit(path: &Path, error: &Error) -> Failed {
    Failed::new(format!("{}: {error}. Nothing was restored", path.display()))
}

/// The logs of endings that were named, and the one of the settings.
fn read_endings(config: &Config, matches: &ArgMatches) -> Result<Known, Failed> {
    let mut paths: Vec<PathBuf> = matches.get_many("endings").into_iter().flatten().cloned().collect();
    let own = config.endings_file();
    if !paths.contains(&own) && own.is_file() {
        note(&format!("{} is taken as a log of endings", own.display()));
        paths.push(own);
    }
    let mut known = Known::default();
    for path in paths {
        let file = File::open(&path).map_err(|error| Failed::new(format!("{}: {error}", path.display())))?;
        known.read(BufReader::new(file)).map_err(|error| Failed::new(format!("{}: {error}", path.display())))?;
    }
    Ok(known)
}

/// Why a backup is not simply brought back, and the three ways.
fn refused(gap: Gap, made_at: Timestamp) -> Failed {
    let why = match gap {
        Gap::Nothing => "no log of endings was named".to_owned(),
        Gap::BeginsLater => "the log of endings begins after the backup, or has a gap behind it".to_owned(),
        Gap::EndsBefore(until) => format!("the log of endings ends at {until}"),
        Gap::OfAnother => "the log of endings is about another installation than the backup".to_owned(),
    };
    Failed::new(format!(
        "nobody can tell which keys were revoked after the backup was made ({made_at}): {why}. Nothing was restored. There are three ways: \
         --endings FILE with the log of endings that the service wrote (endings.jsonl in its data folder, of one node, or of several); --quarantine, \
         which switches off every key until you have looked; or --as-of-backup, where nothing was revoked since, or you accept that it lives again"
    ))
}

fn closing_words(config: &Config, header: &Header, ended: &Ended, covered: Option<Timestamp>) -> Vec<String> {
    let mut words = vec![format!(
        "Ended: {} console sessions, {} links, and all access tokens. People sign in again.",
        ended.sessions, ended.links
    )];
    words.push(format!(
        "Ended again: {} keys revoked, {} switched off or shortened, {} secrets, {} shared secrets, {} users disabled, {} memberships, {} \
         organizations suspended.",
        ended.keys_revoked,
        ended.keys_narrowed,
        ended.secrets,
        ended.shared_secrets,
        ended.users,
        ended.members,
        ended.organizations
    ));
    words.extend(key_words(&ended.keys));
    if let Some(Spared { user_id, name, email, ended_at }) = &ended.spared {
        let email = email.as_ref().map_or_else(String::new, |it| format!(", {it}"));
        words.push(format!(
            "Left as it was, since nobody could sign in otherwise: the last admin {name} ({user_id}{email}), who had been disabled or removed at \
             {ended_at}. Make another admin, then disable this one."
        ));
    }
    if let Some(until) = covered {
        words.push(format!("What ended after {until} nobody has written down; end it again."));
    }
    match (covered, ended.quarantined) {
        (Some(_), 0) => {}
        (None, 0) => words.push(format!("What was revoked after {} may live again.", header.made_at)),
        (_, keys) => words.push(format!(
            "{keys} keys are switched off: switch on in the console which are to live, or all that nobody has touched by `claviger restore \
             --confirm` (with the service stopped, on an embedded database)."
        )),
    }
    if covered.is_none() {
        words.push(format!(
            "Users disabled, memberships ended and organizations suspended after {} are as before. Look them through first: who signs in can switch \
             keys on again.",
            header.made_at
        ));
    }
    words.push(format!(
        "As they were at {}, and to be looked at: passwords, roles and permissions, what narrows keys (roles, scopes, allowed IPs, limits), policies, \
         shared secrets and webhooks. Keys made since are gone.",
        header.made_at
    ));
    let key = config.data_dir.join(MASTER_KEY_FILE);
    let name = header.master_key_id.as_deref().map_or_else(|| "of the old data folder".to_owned(), escaped);
    words.push(match std::fs::read_to_string(&key) {
        Ok(text) if header.master_key_id.as_ref().is_none_or(|id| text.contains(id.as_str())) => {
            format!("{} is the master key that opens what is sealed.", key.display())
        }
        _ => format!(
            "Put the master key {name} into {} before you start (chmod 600): no other opens what is sealed.",
            key.display()
        ),
    });
    words
}

/// Which keys were changed, a line for each that is named.
fn key_words(keys: &RestoredKeys) -> Vec<String> {
    let mut words = Vec::new();
    if !keys.named().is_empty() {
        words.push("These keys were changed, those first that want something done:".to_owned());
    }
    for RestoredKey { id, name, organization, fate } in keys.named() {
        let fate = match fate {
            Fate::WithoutSecret => {
                "no secret of it works, since the backup lacks the one that it got afterwards: rotate it".to_owned()
            }
            Fate::OldSecretUntil(until) => {
                format!(
                    "its old secret works until {until}, and the one that it got after the backup does not: rotate it before"
                )
            }
            Fate::Narrowed => "switched off, or expires earlier".to_owned(),
            Fate::OldSecretEnded => "an old secret ended".to_owned(),
            Fate::Revoked => "revoked".to_owned(),
        };
        words.push(format!("- {name} ({id}) of {organization}: {fate}."));
    }
    if keys.others() > 0 {
        words.push(format!("- {} more. The log has an event by `restore` for each.", keys.others()));
    }
    words
}

fn confirm(config: &Config) -> Result<(), Failed> {
    in_runtime(async {
        let store = open_store(config, &system_randomness()).await?;
        let installed = store.read().await.map_err(Failed::new)?.find_installation_unchecked().await;
        if installed.map_err(Failed::new)?.is_none() {
            return Err(super::moving::no_installation(&store.place()));
        }
        let lifted = lift_quarantine(&store, SystemClock.now()).await.map_err(Failed::new)?;
        store.close().await;
        match lifted {
            None => Err(Failed::new("this installation was never restored, so no restore has switched anything off")),
            Some(0) => {
                note("No key is left that the last restore has switched off and nobody has changed since.");
                Ok(())
            }
            Some(keys) => {
                note(&format!("{keys} keys are switched on again."));
                Ok(())
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use claviger_core::id::KeyId;

    #[test]
    fn the_closing_words_name_keys_and_say_how_many_they_do_not_name() {
        let mut keys = RestoredKeys::default();
        assert!(key_words(&keys).is_empty());
        for number in 0..30 {
            let fate = if number == 29 { Fate::WithoutSecret } else { Fate::Revoked };
            if keys.count(fate) {
                let (name, organization) = (format!("Key {number}"), "Acme".to_owned());
                keys.name(RestoredKey { id: KeyId::from_u128(number), name, organization, fate });
            }
        }
        let words = key_words(&keys);
        assert_eq!(words.len(), 22, "{words:?}");
        assert!(words[1].starts_with("- Key 29 (key_") && words[1].ends_with("rotate it."), "{words:?}");
        assert!(words[2].starts_with("- Key 0 (key_") && words[2].ends_with(") of Acme: revoked."), "{words:?}");
        assert!(words[21].starts_with("- 10 more."), "{words:?}");
    }
}
