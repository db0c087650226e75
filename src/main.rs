//! The binary: everything is in the library, in `cli`.

fn main() -> std::process::ExitCode {
    static_resolver::use_files_and_dns();
    screen_records_exporter::cli::main()
}
