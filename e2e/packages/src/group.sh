# Arguments: the directory of `hold.sh`, a name, the script `init.sh`. Moves this process to a control group, whose
# namespace has it as its root.
set -e
group="$1/cgroup/$2"
mkdir -p "$group"
echo 0 > "$group/cgroup.procs"
exec unshare --cgroup sh -c "$3" sh "$1"
