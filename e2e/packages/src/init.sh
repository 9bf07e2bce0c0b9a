# Argument: the directory of `hold.sh`. Mounts what a kernel provides, and starts systemd as process 1.
set -e
cd "$1/root"
mount -t proc proc proc
# The kernel is that of the host: only settings of the network belong to this machine.
mount --bind proc/sys proc/sys
mount --bind proc/sys/net proc/sys/net
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/net dev/pts dev/shm
for node in null zero full random urandom tty net/tun; do
	: > "dev/$node"
	mount --bind "/dev/$node" "dev/$node"
done
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t tmpfs -o mode=755 tmpfs run
mkdir run/host
pivot_root . run/host
cd /
umount --lazy /run/host
rmdir /run/host
# Modules and clock are those of the host as well.
exec env --ignore-environment container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
	setpriv --bounding-set=-sys_module,-sys_time /lib/systemd/systemd --show-status=no
