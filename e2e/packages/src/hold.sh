# Arguments: a directory, a root file system. Mounts in the directory, for this process and those that enter its mount
# namespace: a writable layer above the root file system, in memory, and the hierarchy of control groups.
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$1"
cd "$1"
mkdir root upper work cgroup
mount -t overlay -o "lowerdir=$2,upperdir=upper,workdir=work" overlay root
mount -t cgroup2 cgroup2 cgroup
echo up
exec sleep 86400
