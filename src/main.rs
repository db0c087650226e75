//! The binary: everything stands in the library's `program`.

fn main() -> std::process::ExitCode {
    screen_records_exporter::program::main()
}
