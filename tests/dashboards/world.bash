# What the dashboards are drawn from, to be sourced: two simulated records APIs, the exporter, and a
# Prometheus of each kind. Everything listens on loopback, on ports that were free, and ends with the
# shell that began it.
#
#   world_begin PROGRAM FOLDER [NEWER]    then ${prometheis[@]}: "NAME URL SCRAPE_INTERVAL" each
#
# NEWER is a Prometheus that takes native histograms.

processes=()
prometheis=()
declare -A simulator
# Folder with the rules that Prometheus evaluates.
rules=$(cd ../../dashboards && pwd)

world_end() {
    [ ${#processes[@]} = 0 ] || kill "${processes[@]}" 2>/dev/null || true
    wait
    processes=()
}

# Prints what the process that was started last has said on a line that matches, once it has.
said() {
    local tries=0
    until sed -n "s/$1/\\1/p" "$2" 2>/dev/null | head -1 | grep .; do
        kill -0 "${processes[-1]}" 2>/dev/null || fail "ended at once: $(tail -3 "$2")"
        [ $((tries += 1)) -lt 300 ] || fail "said nothing of '$1': $(tail -3 "$2")"
        sleep 0.1
    done
}

free_port() {
    node -e 'const s = require("net").createServer(); s.listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })'
}

# begin_simulator NAME OPTION...: an API that knows one project.
begin_simulator() {
    local name=$1
    shift
    "$program" simulate --listen 127.0.0.1:0 --token pictures \
        --recording-length 5m --upload-time 3m "$@" >"$world/api-$name" 2>&1 &
    processes+=($!)
    simulator[$name]=$(said '^\(http:.*\)' "$world/api-$name")
}

# begin_prometheus NAME PROGRAM SCRAPE_INTERVAL MORE_OF_THE_JOB FLAG...
begin_prometheus() {
    local name=$1 prometheus=$2 interval=$3 more=$4 port
    shift 4
    port=$(free_port)
    cat >"$world/$name.yml" <<END
global:
  evaluation_interval: $interval
rule_files:
- '$rules/recording-rules.yml'
- '$rules/alerts.yml'
scrape_configs:
- job_name: screen-records
  scrape_interval: $interval
  scrape_timeout: 10s
  static_configs:
  - targets: ['$exporter']
$more
END
    "$prometheus" --config.file="$world/$name.yml" --storage.tsdb.path="$world/$name" \
        --web.listen-address="127.0.0.1:$port" "$@" >"$world/$name.log" 2>&1 &
    processes+=($!)
    said '.*\(Server is ready\).*' "$world/$name.log" >/dev/null
    # Grafana's data source is left as it is: it supposes 15 seconds, also where it is more.
    prometheis+=("$name http://127.0.0.1:$port 15s")
}

world_begin() {
    program=$1 world=$2
    local newer=${3:-} name config
    begin_simulator frankfurt --records 20000 --live 5 --failure-share 0.02
    begin_simulator singapore --records 6000 --live 1.5 --seed 2 --pools 4 --users 60 --desktops 80

    config=$(printf 'state.directory = "%s/state"\npoll.min_interval = "5s"\n' "$world")
    for name in frankfurt singapore; do
        config+=$(printf '\n[[projects]]\nname = "%s"\nproject_id = "%s"\nendpoint = "%s"\nauth = { method = "token", token = "pictures" }\n' \
            "$name" "$name" "${simulator[$name]}")
    done
    printf '%s\n' "$config" >"$world/config.toml"
    "$program" --config.file "$world/config.toml" --web.listen-address 127.0.0.1:0 2>"$world/exporter.log" &
    processes+=($!)
    exporter=$(said '.* address=\([^ ]*\).*' "$world/exporter.log")

    # Every minute, as the README has it, and as often as Grafana expects when nobody told it.
    begin_prometheus classic prometheus 60s ''
    [ -z "$newer" ] || begin_prometheus native "$newer" 15s '  scrape_classic_histograms: true' \
        --enable-feature=native-histograms
}

# A sleep that a signal ends.
pause() {
    sleep "$1" &
    processes+=($!)
    wait $!
    unset 'processes[-1]'
}

# One API asks for pauses for a while, and later fails, so that there is something to see.
# live_for SECONDS
live_for() {
    local tenth=$(($1 / 10))
    pause $((tenth * 3))
    faults '["status=429,retry-after=2,rate=0.5"]'
    pause $((tenth * 2))
    faults '[]'
    pause "$tenth"
    faults '["status=503"]'
    pause "$tenth"
    faults '[]'
    pause $(($1 - tenth * 7))
}

faults() {
    curl --silent --show-error --fail --header 'content-type: application/json' \
        --data "$1" "${simulator[singapore]}/simulator/faults" >/dev/null
}
