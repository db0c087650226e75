//! The binary: everything is in the library, in `cli`.

fn main() -> std::process::ExitCode {
    screen_records_exporter::cli::main()
}
