//! `cargo xtask bench`: measures the service against its marks.
//!
//! What is quoted is the CPU time that the server's process spends on a request, by the kernel's accounting: it holds when
//! throughput wobbles. Peers take turns within each round and ratios are taken within rounds, because the machine is more
//! alike within a round than between two. docs/performance.md explains the figures.

mod changes;
mod clock;
mod http;
mod in_process;
mod installation;
mod instructions;
mod load;
mod nginx;
mod programs;
mod report;
mod server;
mod statistics;
mod subject;
mod webhooks;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use clap::Args;

use crate::shell::{Failure, Outcome, catch_interrupts, heading, run as run_command};
use installation::Installation;
use load::{Case, KeyFile, Pace};
use programs::{Profile, Programs, TokenKind};
use server::{Core, Recipe, Server};
use subject::Subject;

/// Rounds of a full measurement and of a quick one.
const ROUNDS: u32 = 7;
const ROUNDS_QUICK: u32 = 3;

/// Starts of each installation that are timed.
const STARTS: usize = 3;

/// Options of `cargo xtask bench`.
#[derive(Args)]
pub(crate) struct Options {
    /// Fewer and shorter rounds: for a look, not for a figure.
    #[arg(long)]
    quick: bool,
    /// Numbers of keys to measure with. Ten million take some 14 GB in the temporary folder (see TMPDIR) and minutes to fill.
    #[arg(long, value_delimiter = ',', default_value = "10000,1000000", value_name = "N,…")]
    keys: Vec<u32>,
    /// Rounds, instead of 7, or 3 with --quick.
    #[arg(long)]
    rounds: Option<u32>,
    /// Seconds of load on one peer in one round, instead of 5, or 2 with --quick.
    #[arg(long)]
    seconds: Option<u32>,
    /// Count instructions under callgrind instead of measuring time: the same on a busy machine.
    #[arg(long)]
    instructions: bool,
    /// Measure imports, creates, lists and starts on both engines instead, with the greatest number of --keys.
    #[arg(long)]
    changes: bool,
    /// Measure webhooks on both engines instead: deliveries in a second, and what receivers that hang cost the others.
    #[arg(long)]
    webhooks: bool,
    /// Look for differences in time that would tell a stranger something (assurance S7), instead of measuring anything.
    #[arg(long)]
    timing: bool,
    /// The profile to build with; `release` builds sooner and is some percent slower.
    #[arg(long, value_enum, default_value = "dist")]
    profile: Profile,
}

/// How much is measured.
#[derive(Clone, Copy)]
struct Effort {
    rounds: u32,
    seconds: u32,
    sustained_seconds: u32,
}

impl Options {
    fn effort(&self) -> Effort {
        let (rounds, seconds, sustained_seconds) = if self.quick { (ROUNDS_QUICK, 2, 20) } else { (ROUNDS, 5, 60) };
        let (rounds, seconds) = (self.rounds.unwrap_or(rounds), self.seconds.unwrap_or(seconds));
        Effort { rounds, seconds, sustained_seconds }
    }
}

impl Options {
    fn changes(&self) -> changes::Effort {
        let (seconds, pages) = if self.quick { (4, 10) } else { (15, 50) };
        let keys = self.keys.iter().copied().max().unwrap_or_default();
        changes::Effort { keys, seconds: self.seconds.unwrap_or(seconds), pages }
    }
}

impl Options {
    fn webhooks(&self) -> webhooks::Effort {
        let (events, rounds, seconds) = if self.quick { (500, 1, 10) } else { (2_000, 3, 30) };
        let (rounds, seconds) = (self.rounds.unwrap_or(rounds), self.seconds.unwrap_or(seconds));
        webhooks::Effort { events, rounds, seconds }
    }
}

/// Measures, and prints tables.
///
/// # Errors
/// When a tool is missing, something does not start, or an answer under load is not the one that is measured.
pub(crate) fn run(options: &Options) -> Outcome {
    catch_interrupts()?;
    if options.timing {
        return timing(options);
    }
    if options.webhooks {
        let programs = Programs::build_service(options.profile)?;
        let folder = Folder::create()?;
        return webhooks::run(&programs, folder.path(), options.webhooks());
    }
    if options.changes {
        let programs = Programs::build_service(options.profile)?;
        let folder = Folder::create()?;
        return changes::run(&programs, folder.path(), options.changes());
    }
    programs::need_tools()?;
    let programs = Programs::build(options.profile)?;
    if !options.instructions {
        heading("in process");
        print!("{}", in_process::table(&programs.example("decisions"), &options.keys)?);
    }
    let folder = Folder::create()?;
    let bench = Bench::prepare(&programs, folder.path(), &options.keys)?;
    if options.instructions {
        return bench.count_instructions();
    }
    heading("start");
    print!("{}", bench.starts()?);
    heading("load");
    let mut cases = bench.start()?;
    measure(&mut cases, options.effort())?;
    heading("sustained load");
    let mut sustained: Vec<Case> =
        cases.iter().filter(|case| is_sustained(case)).map(|case| case.at(Pace::Sustained)).collect();
    for case in &mut sustained {
        case.press(options.effort().sustained_seconds, 0, server::tick_us()?)?;
    }
    println!("\n{}\n{}", report::costs(&cases), report::gentle(&cases));
    println!("{}\n{}", report::sustained(&sustained), report::ratios(&cases, &sustained));
    Ok(())
}

/// Has the verifier's example look, on a core of its own; it fails where it finds something, and where it does not find what it has to.
fn timing(options: &Options) -> Outcome {
    let programs = Programs::build_example(options.profile, "timing")?;
    println!("| classes | median ns of the one | of the other | greatest t | |\n|---|---|---|---|---|");
    run_command(&mut server::on_core(Core::Server, &programs.example("timing")))
}

/// Everything that is started and sent.
struct Bench<'a> {
    folder: &'a Path,
    peers: Vec<(Subject, Recipe)>,
    installations: Vec<Installation>,
    unknown: KeyFile,
    mistyped: KeyFile,
}

impl<'a> Bench<'a> {
    fn prepare(programs: &Programs, folder: &'a Path, counts: &[u32]) -> Outcome<Self> {
        let mut installations = Vec::new();
        for count in counts {
            heading(&format!("fill a database with {} keys", report::thousands(f64::from(*count))));
            installations.push(Installation::create(programs, folder, *count)?);
        }
        let smallest = installations.iter().min_by_key(|it| it.keys.count).ok_or_else(|| Failure::new("no --keys"))?;
        let prefix = smallest.prefix()?;
        let peers = vec![
            (Subject::Hyper, programs.hello("hello_hyper")?),
            (Subject::Listener, programs.hello("hello_listener")?),
            (Subject::NginxStatic, nginx::answering_200(folder)?),
            (Subject::NginxMap, nginx::looking_up(folder, smallest.keys.path())?),
        ];
        Ok(Self {
            folder,
            peers,
            unknown: programs.tokens(folder, &prefix, TokenKind::Unknown)?,
            mistyped: programs.tokens(folder, &prefix, TokenKind::Mistyped)?,
            installations,
        })
    }

    /// The keys that a subject is sent, of those that an installation knows.
    fn keys<'b>(&'b self, subject: Subject, installation: &'b Installation) -> &'b KeyFile {
        match subject {
            Subject::Mistyped => &self.mistyped,
            Subject::Unknown => &self.unknown,
            _ => &installation.keys,
        }
    }

    fn smallest(&self) -> &Installation {
        self.installations.iter().min_by_key(|it| it.keys.count).expect("there is one: prepare() looked")
    }

    /// Seconds until each installation is ready and what it takes then, by the clock and on the whole machine.
    fn starts(&self) -> Outcome<String> {
        let mut rows = String::from(report::STARTS_HEAD);
        for installation in &self.installations {
            let mut seconds = Vec::new();
            let mut resident_bytes = 0;
            for _ in 0..STARTS {
                let service = installation.start(Core::Any)?;
                seconds.push(service.seconds_until_ready);
                resident_bytes = service.server.resident_bytes()?;
            }
            rows += &report::start(installation, &seconds, resident_bytes);
        }
        Ok(rows)
    }

    /// Starts everything on the server's core, and tries each case once.
    fn start(&self) -> Outcome<Vec<Case>> {
        let mut cases = Vec::new();
        let smallest = self.smallest();
        for (subject, recipe) in &self.peers {
            let server = Rc::new(recipe.start(Core::Server, self.folder)?);
            cases.push(self.case(*subject, smallest, &server, server.address));
        }
        for installation in &self.installations {
            let service = installation.start(Core::Server)?;
            let (server, listen) = (Rc::new(service.server), service.listen);
            for subject in Subject::OF_SERVICE {
                let address = if subject.is_of_api() { listen } else { server.address };
                cases.push(self.case(subject, installation, &server, address));
            }
        }
        for case in &cases {
            case.try_one()?;
        }
        let gently = cases.iter().filter(|case| is_timed_gently(case.subject)).map(|case| case.at(Pace::Gentle));
        let gentle: Vec<Case> = gently.collect();
        cases.extend(gentle);
        Ok(cases)
    }

    fn case(&self, subject: Subject, installation: &Installation, server: &Rc<Server>, address: SocketAddr) -> Case {
        let keys = self.keys(subject, installation).clone();
        Case {
            subject,
            known: if subject.knows_keys() { installation.keys.count } else { 0 },
            server: Rc::clone(server),
            threads: subject.threads(),
            address,
            shape: subject.shape(&installation.asking_key, keys.key_bytes()),
            keys,
            pace: Pace::Saturated,
            samples: Vec::new(),
        }
    }

    fn count_instructions(&self) -> Outcome {
        heading("instructions");
        let smallest = self.smallest();
        println!("| what | user instructions/request |\n|---|---|");
        let mut recipes = self.peers.clone();
        for subject in Subject::OF_SERVICE.into_iter().filter(|subject| !subject.is_of_api()) {
            recipes.push((subject, smallest.recipe()?));
        }
        for (subject, recipe) in &recipes {
            let keys = self.keys(*subject, smallest);
            let (shape, tokens) = (subject.shape(&smallest.asking_key, keys.key_bytes()), keys.all()?);
            let request = |number: u32| shape.with_key(&tokens[number as usize % tokens.len()]);
            let count = instructions::of_request(recipe, self.folder, request, subject.status())?;
            println!("| {subject} | {} |", report::thousands(count));
        }
        Ok(())
    }
}

/// Whose answers are also timed under a load that they can easily bear.
fn is_timed_gently(subject: Subject) -> bool {
    matches!(subject, Subject::Hyper | Subject::NginxMap | Subject::Permission)
}

/// What is pressed for long: there recording uses is paid for, which short runs put off.
fn is_sustained(case: &Case) -> bool {
    case.subject == Subject::Permission && case.pace == Pace::Saturated
}

/// Every case once in each round, forwards and backwards in turn, so that a machine that slows down slows down all alike.
fn measure(cases: &mut [Case], effort: Effort) -> Outcome {
    let tick_us = server::tick_us()?;
    for round in 1..=effort.rounds {
        let mut order: Vec<usize> = (0..cases.len()).collect();
        if round.is_multiple_of(2) {
            order.reverse();
        }
        for number in order {
            cases[number].press(effort.seconds, round, tick_us)?;
        }
        println!("round {round} of {}", effort.rounds);
    }
    Ok(())
}

/// A folder for what lives as long as the measurement; dropping it removes it.
struct Folder(PathBuf);

impl Folder {
    fn create() -> Outcome<Self> {
        let path = std::env::temp_dir().join(format!("claviger-bench-{}", std::process::id()));
        fs::create_dir_all(&path)
            .map_err(|error| Failure::new(format!("cannot create {}: {error}", path.display())))?;
        Ok(Self(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("cannot remove {}: {error}", self.0.display());
        }
    }
}
