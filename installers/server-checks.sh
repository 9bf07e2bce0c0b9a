refuse() {
	echo "tornado-server: cannot install: $1" >&2
	exit 1
}

# A unit in /etc hides that of the package.
if grep -qs '^ExecStart=/usr/local/lib/tornado/' /etc/systemd/system/tornado.service; then
	refuse "this server was installed with 'cargo xtask up'; run 'cargo xtask down', which keeps its data, and remove /etc/systemd/system/tornado.service"
fi

# A person, or a program of a person, must not become a service, nor read its files.
for name in auth session wg tor dns api admin telemetry; do
	entry=$(getent passwd "tornado-$name") || continue
	uid=$(echo "$entry" | cut -d : -f 3)
	shell=$(echo "$entry" | cut -d : -f 7)
	if [ "$uid" -eq 0 ] || [ "$uid" -ge 1000 ]; then
		refuse "the account tornado-$name (uid $uid) belongs to a person; rename it: usermod --login NEW tornado-$name"
	fi
	case "$shell" in
	*/nologin | */false) ;;
	*) refuse "the account tornado-$name can log in; rename it: usermod --login NEW tornado-$name" ;;
	esac
done
