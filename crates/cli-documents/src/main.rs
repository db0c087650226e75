//! Writes the man pages, or the shell completions, of `screen-records-exporter` into a folder.
//!
//! Both are made from the program's own command line, so they name the flags that it accepts. The man page
//! of the program has sections that the command line does not know (`sections.man`).

use std::path::{Path, PathBuf};
use std::{fs, io};

use clap::{CommandFactory, Parser, ValueEnum};
use clap_complete::Shell;
use clap_mangen::Man;
use screen_records_exporter::cli::Cli;

const NAME: &str = "screen-records-exporter";
/// Sections of the man page behind those of the command line.
const SECTIONS: &str = include_str!("sections.man");
/// Shells whose completions are written.
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Fish, Shell::Zsh];

/// Writes documents of the command line, for packages.
#[derive(Debug, Parser)]
struct Arguments {
    /// The documents to write
    document: Document,
    /// Folder to write into; it is created
    folder: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Document {
    Man,
    Completions,
}

fn main() -> io::Result<()> {
    let Arguments { document, folder } = Arguments::parse();
    fs::create_dir_all(&folder)?;
    match document {
        Document::Man => write_man_pages(&folder),
        Document::Completions => write_completions(&folder),
    }
}

/// Writes one page for the program and one for each command.
fn write_man_pages(folder: &Path) -> io::Result<()> {
    let mut program = Cli::command();
    // Without it, the flags of the program would not have their place in the commands.
    program.build();
    let mut page = Vec::new();
    let whole = man(program.clone());
    whole.render_title(&mut page)?;
    whole.render_name_section(&mut page)?;
    whole.render_synopsis_section(&mut page)?;
    whole.render_subcommands_section(&mut page)?;
    whole.render_options_section(&mut page)?;
    page.extend_from_slice(SECTIONS.as_bytes());
    fs::write(folder.join(format!("{NAME}.1")), page)?;
    for command in program.get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = format!("{NAME}-{}", command.get_name());
        let mut page = Vec::new();
        man(command.clone().version(env!("CARGO_PKG_VERSION"))).render(&mut page)?;
        fs::write(folder.join(format!("{name}.1")), page)?;
    }
    Ok(())
}

fn man(command: clap::Command) -> Man {
    let source = concat!("screen-records-exporter ", env!("CARGO_PKG_VERSION"));
    Man::new(command).source(source).manual("User Commands")
}

/// Writes one file for each shell, under the name by which the shell finds it.
fn write_completions(folder: &Path) -> io::Result<()> {
    for shell in SHELLS {
        let path = clap_complete::generate_to(shell, &mut listed_commands(), NAME, folder)?;
        let script = fs::read_to_string(&path)?;
        fs::write(path, corrected(shell, &script))?;
    }
    Ok(())
}

/// Returns the command line with the commands that `--help` lists, because shells would offer all.
fn listed_commands() -> clap::Command {
    let program = Cli::command();
    let listed = program.get_subcommands().filter(|command| !command.is_hide_set());
    clap::Command::new(NAME)
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_subcommand(true)
        .args(program.get_arguments())
        .subcommands(listed)
}

/// Returns a script that the shell understands.
fn corrected(shell: Shell, script: &str) -> String {
    match shell {
        // The script escapes the hyphens of the program's name in two ways
        // (https://github.com/clap-rs/clap/issues/6421).
        Shell::Bash => script.replace(&NAME.replace('-', "__subcmd__"), &NAME.replace('-', "__")),
        // fish's argparse refuses names of flags that have dots.
        Shell::Fish => {
            let words = "(commandline -opc)";
            let undotted = "(commandline -opc | string replace --all . _)";
            let lines = script.lines().map(|line| match line.trim_start() {
                flags if flags.starts_with("string join") => line.replace('.', "_") + "\n",
                _ => line.replace(words, undotted) + "\n",
            });
            lines.collect()
        }
        _ => script.to_owned(),
    }
}
