# Shared by `packaging/build` and the steps: names, folders, and the file tree that a package installs.
# Sourced by bash with the root of the tree as working directory.
set -euo pipefail
export LC_ALL=C TZ=UTC
umask 022

name=screen-records-exporter
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
# The tests build from their own program, into a folder of their own.
dist=${PACKAGING_DIST:-$PWD/target/dist}
# Scratch of the steps.
work=$dist/work
tools=$PWD/target/packaging-tools
# Everything that has a date gets that of the commit, so that two builds are equal. In an archive of the commit, its
# files have it.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y Cargo.toml)}
export SOURCE_DATE_EPOCH

# Not empty if the packages are only for a test: then they are compressed less.
fast=${PACKAGING_FAST:-}
# Exit status of a step that cannot begin, because something that it needs is missing.
MISSING=3

step_name=$(basename "$0")

fail() {
    printf '%s: %s\n' "$step_name" "$1" >&2
    exit 1
}

# Names everything that a step needs and does not find, one `needs` each, and ends the step at `all_found`.
lacking=()

needs() {
    # needs WHAT REMEDY COMMAND...: the command succeeds if it is there.
    local what=$1 remedy=$2
    shift 2
    "$@" >/dev/null 2>&1 || lacking+=("$what ($remedy)")
}

needs_program() {
    # needs_program NAME DEBIAN_PACKAGE
    needs "$1" "Debian package $2" command -v "$1"
}

needs_artefact() {
    # needs_artefact FILE STEP
    needs "$1" "packaging/steps/$2" test -e "$dist/$1"
}

all_found() {
    [ ${#lacking[@]} = 0 ] && return
    printf '%s: missing:\n' "$step_name" >&2
    printf '  %s\n' "${lacking[@]}" >&2
    exit $MISSING
}

# Sets `arch`, `target` and `rpm_arch` from the step's argument.
choose_architecture() {
    arch=${1:-amd64}
    case $arch in
        amd64) target=x86_64-unknown-linux-gnu rpm_arch=x86_64 ;;
        arm64) target=aarch64-unknown-linux-gnu rpm_arch=aarch64 ;;
        *) fail "the architecture $arch is neither amd64 nor arm64" ;;
    esac
    binary=$name-$version-linux-$arch
}

# Lists the artefacts in target/dist, without what `cargo build --profile dist` writes there.
artefacts() {
    (cd "$dist" && find . -mindepth 1 \( -path ./work -o -path ./deps -o -path ./build -o -path ./examples \
        -o -path ./incremental -o -path './.*' -o -path "./$name" -o -path './*.d' -o -path './lib*' \
        -o -path ./SHA256SUMS \) -prune -o -type f -printf '%P\n' | sort)
}

# Gives all files of a folder the date of the commit.
set_dates() {
    find "$1" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
}

# Packs a folder below $work. Equal files give an equal archive, also from a clone made with another umask.
pack() {
    # pack FOLDER ARCHIVE.tar.gz
    tar --create --directory="$(dirname "$1")" --sort=name --format=gnu --mtime="@$SOURCE_DATE_EPOCH" \
        --mode=u=rwX,go=rX --owner=0 --group=0 --numeric-owner "$(basename "$1")" | gzip --no-name --best >"$2"
}

# Installs the man pages, compressed.
install_man_pages() {
    local folder=$1/usr/share/man/man1
    mkdir -p "$folder"
    cp "$dist"/man/*.1 "$folder"
    gzip --no-name --best "$folder"/*.1
}

install_completions() {
    local share=$1/usr/share from=$dist/completions
    install -D -m 644 "$from/$name.bash" "$share/bash-completion/completions/$name"
    install -D -m 644 "$from/$name.fish" "$share/fish/vendor_completions.d/$name.fish"
    install -D -m 644 "$from/_$name" "$share/zsh/$zsh_folder/_$name"
}

# Writes the unit with the path of an installed package. `examples/systemd` is its only source.
install_unit() {
    local unit=$1/$unit_folder/$name.service
    mkdir -p "$(dirname "$unit")"
    sed "s|/usr/local/bin/$name|/usr/bin/$name|" "examples/systemd/$name.service" >"$unit"
    grep -q "^ExecStart=/usr/bin/$name " "$unit" || fail 'the unit does not start /usr/bin/'"$name"
}

# Writes the shipped config with the state of the service, so that commands by hand find it, too.
install_config() {
    mkdir -p "$(dirname "$1")"
    sed "s|^directory = \"data\"\$|directory = \"/var/lib/$name\"|" config.toml >"$1"
    grep -q "^directory = \"/var/lib/$name\"" "$1" || fail 'config.toml has another state.directory than expected'
    chmod 640 "$1"
}

# Installs everything that a package contains, except what its own format adds.
# Uses `unit_folder` and `zsh_folder`, which differ between distributions.
install_tree() {
    local root=$1 doc=$1/usr/share/doc/$name
    install -D -m 755 "$dist/$binary" "$root/usr/bin/$name"
    install_config "$root/etc/$name/config.toml"
    install -d -m 700 "$root/var/lib/$name"
    install -D -m 644 "examples/systemd/$name.sysusers" "$root/usr/lib/sysusers.d/$name.conf"
    install_unit "$root"
    install_man_pages "$root"
    install_completions "$root"
    install -D -m 644 -t "$root/usr/share/$name/dashboards" dashboards/*.json
    install -D -m 644 -t "$root/usr/share/$name/rules" dashboards/*.yml
    install -D -m 644 -t "$doc" docs/*.md
    install -D -m 644 -t "$doc/examples" "examples/systemd/$name.socket"
}

# Lists name and version of each crate that the program is linked with.
linked_crates() {
    # linked_crates TARGET
    cargo tree --locked --offline --package $name --target "$1" --edges normal --no-dedupe --prefix none --format '{p}' |
        sed 's/ (.*//' | sort -u
}

# Runs the program of crates/cli-documents. The tests have built it.
write_documents() {
    # write_documents DOCUMENT FOLDER
    ${PACKAGING_DOCUMENTS:-cargo run --quiet --locked --package cli-documents --} "$@"
}

# Name and address in the packages; who publishes them sets their own.
maintainer=${PACKAGING_MAINTAINER:-"screen-records-exporter maintainers <maintainers@screen-records-exporter.example>"}

# Names what `install_tree` and the documents of a package need.
needs_package_inputs() {
    needs_artefact "$binary" "binary $arch"
    needs_artefact man manpage
    needs_artefact completions completions
    needs_artefact LICENSES-third-party.txt licenses
}
