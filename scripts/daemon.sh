# Sourced by the scripts here that run a diffd of their own: set `spool` and have the programs in PATH, then call start_diffd.

jobs=()

# Starts diffd on $spool, with its log in $spool/diffd.log, and stops it when the script ends. Ctrl-C must not reach the daemon
# before the script has told it what to do: it gets a session of its own.
start_diffd() {
    export DIFFD_SOCKET=$spool/diffd.sock
    if diffctl status >/dev/null 2>&1; then
        echo "A diffd runs on $spool already: stop it first." >&2
        exit 1
    fi
    setsid diffd --config etc/diffd.yaml --spool "$spool" --socket "$DIFFD_SOCKET" >"$spool/diffd.log" 2>&1 &
    daemon=$!
    trap stop_diffd EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    for _ in $(seq 300); do
        diffctl status >/dev/null 2>&1 && return
        kill -0 "$daemon" 2>/dev/null || break
        sleep 0.1
    done
    echo "diffd did not start:" >&2
    tail -n 5 "$spool/diffd.log" >&2
    exit 1
}

# Cancels what is left of this script's jobs, which would otherwise go on when diffd is next started, and ends the daemon.
stop_diffd() {
    trap '' INT TERM
    # Those that have ended cannot be cancelled, and need not be.
    [ ${#jobs[@]} -eq 0 ] || diffctl cancel "${jobs[@]}" >/dev/null 2>&1 || true
    if kill -TERM "$daemon" 2>/dev/null; then wait "$daemon" || true; fi
}

# Drops a job file into incoming/ under the name $2, by a rename as queue writers do it, and waits until diffd has taken it. Its id
# is added to `jobs`.
drop() {
    local before after
    before=$(newest_job "$2")
    cp "$1" "$spool/incoming/.tmp-$2.json"
    mv "$spool/incoming/.tmp-$2.json" "$spool/incoming/$2.json"
    while [ -e "$spool/incoming/$2.json" ]; do
        kill -0 "$daemon" 2>/dev/null || { tail -n 5 "$spool/diffd.log" >&2; exit 1; }
        sleep 0.1
    done
    after=$(newest_job "$2")
    if [ "$after" = "$before" ]; then
        echo "diffd refused $1; its receipt is in $spool/rejected:" >&2
        cat "$spool/rejected/$2.error.json" >&2
        exit 1
    fi
    jobs+=("$after")
}

# The id of the newest job of a name; nothing when there is none.
newest_job() { diffctl list --name "$1" --limit 1 --json | grep -o '"id" *: *[0-9]*' | grep -o '[0-9]*$' || true; }

# The directory of a job: $1 its id, $2 its name.
job_directory() { printf '%s/jobs/%06d-%s' "$spool" "$1" "$2"; }
