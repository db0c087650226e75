//! The simulator shares no code with the client that it tests.

const MANIFEST: &str = include_str!("../../Cargo.toml");

#[test]
fn the_simulator_does_not_depend_on_the_client_or_the_exporter() {
    let is_dependency = |line: &&str| !line.starts_with('[') && line.contains('=');
    let dependencies: Vec<&str> = MANIFEST
        .lines()
        .skip_while(|line| *line != "[dependencies]")
        .take_while(|line| *line != "[lints]")
        .filter(is_dependency)
        .collect();
    assert!(dependencies.len() > 10, "{dependencies:?}");
    for dependency in dependencies {
        // A crate of this workspace can only be reached by a path.
        assert!(!dependency.contains("path ="), "{dependency}");
        for other in ["records-api", "screen-records-exporter"] {
            assert!(!dependency.contains(other), "{dependency}");
        }
    }
}
