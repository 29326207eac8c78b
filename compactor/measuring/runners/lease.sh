# Runs on the board for as long as the connection lasts: makes the folder of this measurement, and removes it when the other side
# closes its end, is killed, or is cut off. POSIX sh; $1 is the folder to make it in (empty: home), $2 the name of the measurement.
umask 077
trap "" HUP INT PIPE
base=${1:-$HOME}
case $base in "~"*) base=$HOME${base#"~"} ;; /*) ;; *) base=$HOME/$base ;; esac
folder=$base/.compactor-$2

# What an earlier measurement of this name left: the board lost its power, or has not noticed yet that the other side has gone.
if [ -d "$folder" ]; then
    before=$(cat "$folder/lease" 2>/dev/null)
    if [ -n "$before" ] && [ "$(cat "/proc/$before/comm" 2>/dev/null)" = cat ]; then
        kill "$before" 2>/dev/null # its own lease then removes the folder
        waited=0
        while [ -d "$folder" ] && [ "$waited" -lt 5 ]; do sleep 1; waited=$((waited + 1)); done
    fi
    rm -rf "$folder"
fi

mkdir -p "$folder" || exit 73
exec 3<&0
cat <&3 >/dev/null & # ends with the connection
echo $! >"$folder/lease"
echo "ready $folder"
wait $!
rm -rf "$folder"
echo gone
