# Runs an engine for as long as the process that started it lives: standard input is a pipe that
# this process holds open, and the end of the pipe stops the engine.
# Arguments: stop signal, grace in seconds, log file, directory to remove at the end (or empty),
# then the engine's command line. Writes the engine's process id to standard output.
signal=$1 grace=$2 log=$3 remove=$4
shift 4
exec 3<&0
"$@" </dev/null >>"$log" 2>&1 3<&- &
engine=$!
echo "$engine"
exec >/dev/null 2>&1 </dev/null
(
    while read -r _ <&3; do :; done
    kill -s "$signal" "$engine"
    while [ "$grace" -gt 0 ] && kill -s 0 "$engine"; do
        sleep 1
        grace=$((grace - 1))
    done
    # Immediate shutdown, then no more patience.
    kill -s QUIT "$engine" && sleep 3 && kill -s KILL "$engine"
) &
watcher=$!
exec_status=0
wait "$engine" || exec_status=$?
kill "$watcher"
if [ -n "$remove" ]; then
    # An engine that ended by itself leaves its directory until its owner has looked at the log.
    while read -r _ <&3; do :; done
    rm -rf -- "$remove"
fi
exit "$exec_status"
