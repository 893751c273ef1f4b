//! `cargo xtask bench`: measures the service against its marks.
//!
//! What is quoted is the CPU time that the server's process spends on a request, by the kernel's accounting: it holds when
//! throughput wobbles. Peers take turns within each round and ratios are taken within rounds, because the machine is more
//! alike within a round than between two. docs/performance.md explains the figures.

mod http;
mod instructions;
mod load;
mod nginx;
mod programs;
mod report;
mod server;
mod statistics;
mod subject;

use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use clap::Args;

use crate::shell::{Failure, Outcome, catch_interrupts, heading};
use load::{Case, KeyFile, Pace, Shape};
use programs::{Profile, Programs};
use server::{Core, Recipe};
use subject::Subject;

/// Rounds of a full measurement and of a quick one.
const ROUNDS: u32 = 7;
const ROUNDS_QUICK: u32 = 3;

/// Options of `cargo xtask bench`.
#[derive(Args)]
pub(crate) struct Options {
    /// Fewer and shorter rounds: for a look, not for a figure.
    #[arg(long)]
    quick: bool,
    /// Numbers of keys to measure with.
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
    /// The profile to build with; `release` builds sooner and is some percent slower.
    #[arg(long, value_enum, default_value = "dist")]
    profile: Profile,
}

/// How much is measured.
#[derive(Clone, Copy)]
struct Effort {
    rounds: u32,
    seconds: u32,
}

impl Options {
    fn effort(&self) -> Effort {
        let (rounds, seconds) = if self.quick { (ROUNDS_QUICK, 2) } else { (ROUNDS, 5) };
        Effort { rounds: self.rounds.unwrap_or(rounds), seconds: self.seconds.unwrap_or(seconds) }
    }
}

/// Measures, and prints tables.
///
/// # Errors
/// When a tool is missing, something does not start, or an answer under load is not the one that is measured.
pub(crate) fn run(options: &Options) -> Outcome {
    catch_interrupts()?;
    programs::need_tools()?;
    let programs = Programs::build(options.profile)?;
    let folder = Folder::create()?;
    let keys = programs.tokens(folder.path(), options.keys[0])?;
    let peers = bare_peers(&programs, folder.path(), &keys)?;
    if options.instructions {
        return count_instructions(&peers, &keys, folder.path());
    }
    let mut cases = Vec::new();
    for (subject, recipe) in &peers {
        let server = Rc::new(recipe.start(Core::Server, folder.path())?);
        let shape = authz_with_permission();
        cases.push(Case {
            subject: *subject,
            server,
            shape,
            keys: keys.clone(),
            pace: Pace::Saturated,
            samples: vec![],
        });
    }
    for case in &cases {
        case.try_one()?;
    }
    heading("load");
    measure(&mut cases, options.effort())?;
    println!("\n{}\n{}\n{}", report::costs(&cases), report::gentle(&cases), report::ratios(&cases));
    Ok(())
}

/// The peers that know nothing of Claviger.
fn bare_peers(programs: &Programs, folder: &Path, keys: &KeyFile) -> Outcome<Vec<(Subject, Recipe)>> {
    Ok(vec![
        (Subject::Hyper, programs.hello("hello_hyper")?),
        (Subject::Listener, programs.hello("hello_listener")?),
        (Subject::NginxStatic, nginx::answering_200(folder)?),
        (Subject::NginxMap, nginx::looking_up(folder, keys.path())?),
    ])
}

fn authz_with_permission() -> Shape {
    Shape::get("/authz", &[("Claviger-Permission", "contacts:read")])
}

fn count_instructions(peers: &[(Subject, Recipe)], keys: &KeyFile, folder: &Path) -> Outcome {
    heading("instructions");
    let shape = authz_with_permission();
    let keys = keys.all()?;
    let request = |number: u32| shape.with_key(&keys[number as usize % keys.len()]);
    println!("| what | user instructions/request |\n|---|---|");
    for (subject, recipe) in peers {
        let count = instructions::of_request(recipe, folder, request, 200)?;
        println!("| {subject} | {} |", report::thousands(count));
    }
    Ok(())
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
