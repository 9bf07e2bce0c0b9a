# The console in English, which decides which messages exist. Variables named n or n-… are whole numbers.

## Frame
skip = Skip to content
nav = Main menu
nav-overview = Overview
nav-sessions = Sessions
nav-users = Users
nav-tor = Tor
nav-services = Services
nav-logs = Logs
nav-keys = Keys & audit
nav-audit = Audit trail
nav-settings = Settings
nav-about = About
nav-more = More
jump = Search or jump to
nothing-found = Nothing found
palette-acts = Action
palette-pages = Page
server-line = { $version } · up { $span }
role = Role
role-owner = owner
role-operator = operator
role-viewer = viewer
language = Language
theme = Theme
theme-system = As the system
theme-light = Light
theme-dark = Dark
apply = Apply
look = Language and theme
loading = Loading
retry = Try again
to-overview = Go to overview
live-at = Live, { $time } UTC

## Instead of content
signed-out-title = You are signed out
signed-out-text = The sign-in has ended or was revoked. Sign in to return to this page.
forbidden-title = Your role does not allow this
forbidden-text = Another role is required for this page. An owner can change your role.
not-found-title = Not found
not-found-text = This address does not exist, or no longer.
unreachable-title = The connection to the server is lost
unreachable-text = The browser cannot reach the server. Tunnels of devices are not affected by this.
unavailable-title = { $part } did not respond
unavailable-text = Established tunnels continue. Try again, and check the service if it stays so.
too-many-title = Too many requests

## Numbers and times
none = none
none-yet = none yet
not-known = not known
not-limited = not limited
set = set
not-set = not set
now = Now
today-at = today { $time }
since = for { $span }
percent = { $n } %
span-seconds = { $n } s
span-minutes = { $n-minutes } min { $n-seconds } s
span-hours = { $n-hours } h { $n-minutes } min
span-days = { $n-days } d { $n-hours } h
of-amount = { $used } of { $total }
of-max = {" "}of { $n }
time = Time

## Lists
before = Before
next = Next
pager-range = { $n-first } to { $n-last } of { $n-total }
remove-filter = Remove filter
remove-filters = Remove filters
search = Search
state = State
what = What
desired = Desired
actual = Actual
reason = Reason
desired-actual = Desired and actual

## Sign-in and set-up
sign-in = Sign in
sign-in-for = For operators of this server.
sign-in-ended = Your sign-in ended. You return to the page where you were.
field-name = Name
field-name-hint = Letters, digits, full stops and hyphens. It appears in the audit trail.
field-password = Password
field-password-hint = At least 10 characters.
go-on = Continue
lost-password = Lost the password? Root on the server sets a new one:
lost-factor = Lost the device? Root on the server resets the second factor:
code-title = Second factor
code-text = Enter the code that your authenticator shows.
field-code = Code
field-code-hint = Six digits, or a recovery code.
set-up-title = Set up this server
set-up-text = Create the first operator. It becomes the owner.
set-up-create = Create owner
problem-credentials = The name or the password is wrong.
attempts-left =
    { $n ->
        [0] No attempt is left; wait 15 minutes.
        [one] { $n } attempt is left.
       *[other] { $n } attempts are left.
    }
problem-code = The code is wrong or was already used.
problem-rate = Too many attempts. Wait 15 minutes.
problem-requests = Too many requests in a short time. Wait a minute, then try again.
problem-name-taken = This name is taken. Choose another.
problem-weak-password = The password is too short or well known. Choose a longer one.
problem-setup-link = The set-up link has expired or was used. Print a new one on the server.
problem-other = The server refused this. Try again.

## Overview
range = Time shown
range-live = Live
range-hour = 1 h
range-day = 24 h
range-month = 30 d
invite = Invite
attention = Needs attention
attention-none = Everything is as it should be
attention-rest = Everything else is as it should be
attention-degraded = { $name } is degraded.
attention-down = { $name } does not run.
attention-open = Open { $name }
attention-disk = The disk of the state directory is { $n } % full.
attention-disk-open = Open settings
attention-lane = The { $lane } lane does not pass packets.
attention-lane-devices = { $n ->
    [one] { $n } device has no internet there.
   *[other] { $n } devices have no internet there.
}
state-online = Online
state-offline = Offline
state-connecting = Connecting
of-sessions = of { $n ->
    [one] { $n } session
   *[other] { $n } sessions
}
addresses-held = addresses are held
devices = { $n ->
    [one] { $n } device
   *[other] { $n } devices
}
lane-direct = Direct lane
lane-tor = Tor lane
from-devices = { $rate } from devices
to-devices-short = to devices
from-devices-short = from devices
lanes = Lanes
lanes-note = The tube is as thick as the layers of encryption that are still on
path-of = Path of packets, { $lane } lane
gateway = Gateway
internet = Internet
guard = Guard
middle = Middle
exit = Exit
sees-gateway = sees the gateway
sees-exit = sees the exit
never-forwards = never forwards
countries = { $n ->
    [one] { $n } country
   *[other] { $n } countries
}
gate-open = Open
gate-maintenance = Maintenance
gate-closed = Closed
throughput = Throughput to devices
chart-sentence = lowest { $low }, highest { $high }, now { $now }.
chart-empty = no values yet.
machine = This machine
processor = Processor
memory-word = Memory
state-disk = State disk
level-high = high
level-very-high = very high
dependencies = Dependencies
latest = Latest events

## Services
service = Service
up = Running for
cpu = CPU
cpu-course = CPU, last minutes
restarts = Restarts
services-ready = { $n-ready } of { $n } ready
service-ready = Ready
service-starting = Starting
service-degraded = Degraded
service-failed = Failed
service-stopped = Stopped
desired-running = running
desired-stopped = stopped

## Sessions
session = Session
user = User
device = Device
lane = Lane
to-device = To device
from-device = From device
transferred = Transferred
handshake = Handshake
heartbeat = Heartbeat
connected-for = Connected for
endpoint = Endpoint
address = Address
sessions-find = User, device or address
sessions-count = { $n ->
    [one] { $n } session
   *[other] { $n } sessions
}: { $n-online } online, { $n-offline } offline
sessions-none = No sessions yet
sessions-none-text = Devices appear here when they connect. Invite the first person.
sessions-none-match = No session matches
rate-last-minute = Rate, last minute
down-and-up = { $down } to the device, { $up } from it

## Users
email = E-mail address
connected = Connected
second-factor = Second factor
latest-login = Latest login
users-find = Name or e-mail address
users-none = No users yet
users-none-text = Invite the first person: the invitation creates the user and its device.
users-none-match = No user matches
user-active = Active
user-suspended = Suspended
created = created { $date }
limits = Limits
devices-at-once = Devices at once
peer-group = Peer group
devices-title = Devices
devices-none = No devices yet
devices-none-text = A device appears here when it is enrolled with an invitation or exported.
enrolled = Enrolled

## Tor
bootstrap = Start of Tor
exits-by-country = Exits by country
circuit = Circuit
circuits = Circuits
circuit-path = Guard, middle, exit
circuits-note = { $n } open
circuits-none = No circuits
circuits-none-text = Tor builds circuits when it is connected.
purpose = Purpose
tor-log = Tor’s log

## Logs
logs-query = Query, for example: level>=warn service:dns
logs-none = No lines
logs-none-text = No line matches the query in the retained time.

## Keys and audit
keys-tab = Keys
key = Key
used-since = Used since
key-current = Current
key-next = Next
actor = Actor
action = Action
outcome = Outcome
outcome-done = Done
outcome-refused = Refused
outcome-failed = Failed
target = Target
audit-find = Start of an action, such as user.
audit-count = { $n ->
    [one] { $n } entry
   *[other] { $n } entries
}
audit-none = No entries

## Settings
operators = Operators
operator = Operator
sign-ins = Your sign-ins
this-sign-in = this one
signed-in-at = Signed in
latest-use = Latest use
effective-values = Effective configuration
setting = Setting
value = Value
origin = Origin
origin-default = built in
origin-file = file
version = Version
licence = Licence

## Live data
as-of = As of { $time } UTC
paused-at = Paused at { $time } UTC
server = The server
pause = Pause
resume = Resume
lost-text = The connection to the server is lost. The values are from before; the page continues by itself.
kept-text = { $part } did not respond. The values are from before.

## Changes
cancel = Cancel
dismiss = Dismiss
save = Save
change = Change
finish = Close
copy = Copy
copied = Copied
confirm-title = Confirm that it is you
confirm-text = This change requires your password again. It then stays confirmed for five minutes.
problem-not-allowed = Your role does not allow this.
problem-signed-out = Your sign-in has ended. Sign in again.
problem-csrf = The page belongs to an earlier sign-in. Reload it and try again.
problem-last-owner = The last owner cannot be removed or lose its role.
problem-server = The server refused this: { $detail }.
problem-number = Write a whole number from { $n-min } to { $n-max }.
problem-amount = Write a number, or leave it empty.
sign-out = Sign out
effect-device = device loses its connection
effect-sessions = { $n ->
    [one] session ends now
   *[other] sessions end now
}
effect-devices = { $n ->
    [one] device has to log in again
   *[other] devices have to log in again
}
effect-removed = { $n ->
    [one] device is removed
   *[other] devices are removed
}
effect-tor = { $n ->
    [one] device has no internet on the tor lane
   *[other] devices have no internet on the tor lane
}

## Changes of sessions and users
disconnect = Disconnect
disconnect-title = Disconnect { $device } of { $user }?
disconnect-text = The tunnel ends now. The device may connect again; suspend the user to prevent that.
done-disconnected = { $device } was disconnected.
suspend = Suspend
suspend-title = Suspend { $user }?
suspend-text = Logins and sessions end, and no new ones are possible until you reactivate the user. Nothing is deleted.
done-suspended = { $user } was suspended.
reactivate = Reactivate
reactivate-title = Reactivate { $user }?
reactivate-text = The user may log in and connect again.
done-reactivated = { $user } may connect again.
revoke = End all logins
revoke-title = End all logins of { $user }?
revoke-text = Sessions end, and each device has to log in again. The user is not suspended.
done-revoked = All logins of { $user } have ended.
delete = Delete
delete-title = Delete { $user }?
delete-text = This cannot be undone. The audit trail keeps its entries.
done-deleted = { $user } was deleted.
remove = Remove
remove-device-title = Remove { $device }?
remove-device-text = Its login and its session end. It can be enrolled again with an invitation.
done-device-removed = { $device } was removed.
invite-device = Invite a device
invite-title = Invite a user
invite-title-device = Invite a device of { $user }
invite-text = The person creates the user and its first device with the link.
invite-text-device = The link enrols one more device. The user’s password is required, too.
field-days = Valid for days
field-days-hint = 1 to 30
field-devices-hint = 1 to 10
invite-create = Create invitation
invited-title = Invitation
invited-text = Scan the code, or send the link over a channel that you trust. It works once and is shown only now.
invited-link = Link
invited-until = Valid until
invited-qr = The invitation as a QR code
new-user = New user
create-user = Create user
done-created = { $name } was created.
limits-title = Limits of { $user }
field-quota = Quota per month in GB
field-rate-down = To each device in Mbit/s
field-rate-up = From each device in Mbit/s
field-empty-hint = Empty: not limited
peer-group-tick = The devices may reach each other on the direct lane
done-changed = { $user } was changed.

## Changes of Tor, services and keys
tor-identity = New identity
tor-identity-title = Build new circuits for all devices?
tor-identity-text = New streams use new circuits. Open streams stay on theirs.
done-identity = Tor builds new circuits for new streams.
tor-probe = Probe now
done-probed = The probe passed through { $country } in { $n } ms.
done-probe-failed = The probe failed: { $reason }.
tor-stop = Stop Tor
tor-stop-title = Stop Tor?
tor-stop-text = The tor lane is closed until you start Tor again. The direct lane is not affected.
done-tor-stopped = Tor is to stop.
tor-start = Start Tor
tor-start-title = Start Tor?
tor-start-text = The lane opens when Tor has a circuit and a probe has passed.
done-tor-started = Tor is to run.
tor-down = Maintenance
tor-down-title = Put the tor lane into maintenance?
tor-down-text = Devices see a page that says so. Tor keeps running, and the direct lane is not affected.
done-tor-down = The tor lane is in maintenance.
tor-up = Open the lane
tor-up-title = Open the tor lane?
tor-up-text = Packets pass as soon as Tor can carry them.
done-tor-up = The tor lane opens.
restart = Restart
restart-title = Restart { $service }?
stop = Stop
stop-title = Stop { $service }?
stop-text = It stays stopped until you start it.
start = Start
start-title = Start { $service }?
start-text = It is to run from now on. This also ends a crash loop.
done-restarted = { $service } restarts.
done-stopped = { $service } stops.
done-started = { $service } starts.
notice-auth = No login is possible for a moment. Sessions continue.
notice-session = Heartbeats wait for a moment. Sessions continue.
notice-wg = Packets stop for less than two seconds.
notice-tor = The tor lane is closed until Tor has passed a probe.
notice-dns = Names do not resolve on the direct lane for a moment.
notice-client-api = Devices wait for their answers for a moment.
notice-admin = This page connects again by itself.
notice-telemetry = The charts and logs have a gap.
notice-other = The other services continue.
rotate-keys = Rotate now
rotate-title = Rotate the signing and login keys?
rotate-text = New keys are created and used after their lead time. The previous keys stay valid for checks; no login ends.
effect-logins = logins end
done-rotated = New keys were created.
check-keys = Check all keys
done-checked = { $n ->
    [one] { $n } file, no problem
   *[other] { $n } files, no problem
}
verify-audit = Verify
done-verified = { $n ->
    [one] { $n } entry, the chain is intact
   *[other] { $n } entries, the chain is intact
}
done-verified-broken = The chain is broken at entry { $n }.

## Changes of operators
new-operator = New operator
create-operator = Create operator
change-role = Change role
reset-factor = Reset factors
reset-factor-title = Reset the factors of { $name }?
reset-factor-text = Removes authenticator, recovery codes, passkeys and API tokens. The operator then signs in with the password alone.
done-factor-reset = Authenticator, passkeys and API tokens of { $name } were removed.
remove-operator-title = Remove { $name }?
remove-operator-text = All sign-ins of the operator end. The audit trail keeps the name.
done-operator-removed = { $name } was removed.
revoke-sign-in-title = End this sign-in?
revoke-sign-in-text = The browser has to sign in again.
done-sign-in-revoked = The sign-in has ended.
end-sign-in = End
yes = yes
no = no

## Parts of pages
pager-rows = { $n ->
    [one] { $n } row
   *[other] { $n } rows
}
none-match-text = No row matches the filters.
sessions = { $n ->
    [one] { $n } session
   *[other] { $n } sessions
}
users = { $n ->
    [one] { $n } user
   *[other] { $n } users
}
quota-month = Quota per month
history = Past sessions
started = Started
lasted = Lasted
ended-by = Ended by
login = Login
logged-in = Logged in
logged-out = Logged out
key-usage = For
key-phase = Phase
key-id = Identifier
created-at = Created
key-gone = Removed
usage-access = Access tokens
usage-refresh = Refresh tokens
usage-login = Login, version { $n }
key-verify-only = Only verifies
rotating = A rotation is in progress
next-rotation = Next rotation { $time }
rotation-by-hand = Rotation by hand only
pinned = What devices pin
pinned-text = SHA-256 of the key of the TLS certificate
audit-none-text = No entry has this action.
range-quarter = 15 min
range-week = 7 d
logs-help = Words, "phrases", prefix*, level>=warn, service:wg, field.lane:tor, with AND, OR, NOT.
lines = { $n ->
    [one] { $n } line
   *[other] { $n } lines
}
lines-sentence = { $n-total } lines, { $n-warn } of level warn, { $n-error } of level error.
tor-process = Tor
kernel = Kernel
health = Health
probe = Probe
passed = Passed
streams = Open streams
read-and-written = { $read } read, { $written } written
country = Country
exit-relays = Exit relays
part-of-all = Part of all
countries-in-use = Exit countries in use
chosen = Chosen
starting-at = Starting, { $n } %
as-desired = As desired
not-as-desired = Not as desired
part-identity = Database of users
part-sessions = Database of sessions
part-live = Live state
part-tor = Tor network
part-canary = Leak canary
part-firewall = Firewall
attention-firewall = The firewall in the kernel differs from the policy.
attention-firewall-text = The tor lane stays closed until it is restored.
attention-canary = The leak canary is not healthy.
attention-canary-text = The tor lane stays closed until a round is clean.
addresses = Addresses
of-addresses = leased of { $n }
connects = Connects
per-minute = per minute
devices-word = Devices
received-and-sent = { $received } in, { $sent } out
interface-name = Network { $name }
origin-chosen = chosen at the first start
origin-operator = set by an operator
file-changed = The file has changed since the start. A restart applies it.

## Without the browser's half
no-program-text = Values do not change by themselves, and dialogs do not open: the console’s files for the browser are not installed yet.

## Set-up
step-operator = First operator
step-operator-text = Name and password of the person who administers this server
step-host = Host name
step-host-text = What devices call
step-invite = First invitation
step-invite-text = A link and a QR code for the first device
step-done = done
host-title = What do devices call?
host-text = A name or an address that leads to this server from where your devices are. Each invitation contains it.
field-host = Host name or address
keep-host = Keep this name
skip-step = Skip
device-api = Device API
reach-name = It must lead to this server from where your devices are.
reach-public = An address of the public internet.
reach-private = A private address: devices elsewhere need a forwarded port and the public address of the router.
reach-missing = This server has no address. Connect it to a network.
tor-opens = The tor lane opens by itself at 100 %, with a circuit and a probe. You do not have to wait.
firewall-note = Whether a firewall in front of this server lets the ports through cannot be seen from here. The first device shows it.
problem-host = Write a host name or an address, without a port.
first-invite-title = Invite the first device
first-invite-text = The person scans the code with the app, or opens the link on the device, and chooses a name and a password.
another-invitation = Another invitation
to-console = Open the console
factor-advice = A second factor protects this operator if the password becomes known.
waiting-device = Waiting for the first device
first-device-came = The first user is enrolled
or-word = or
use-passkey = Use a passkey
problem-passkey = The browser or the authenticator did not complete this. Try again.

## Second factor and passkeys
set-up-factor = Set up a second factor
factor-text = An authenticator app shows a code that each sign-in requires in addition to the password.
factor-begin-text = Confirm your password. The second factor is required only after its first code was accepted.
factor-remove-text = Sign-ins then require the password alone.
factor-scan = Scan the code with the authenticator app, then enter the six digits that it shows.
factor-qr = The secret as a QR code
factor-secret = Secret
factor-code-hint = Six digits
done-factor-removed = The second factor was removed.
codes-title = Recovery codes
codes-text = Store these codes. They are shown only now, and each replaces one code of the authenticator, once.
passkeys = Passkeys
passkey = Passkey
passkeys-none = No passkeys yet
passkeys-none-text = A passkey replaces password and code: the device proves that it is yours.
passkeys-need-tls = Browsers support passkeys only over HTTPS, or on the server itself.
add-passkey = Add a passkey
add-passkey-text = Confirm your password. The browser then asks where to store the passkey.
passkey-name-hint = For example the name of the device
done-passkey-added = The passkey { $name } was added.
remove-passkey-title = Remove { $name }?
remove-passkey-text = It cannot sign in any more. Sign-ins that exist continue.
done-passkey-removed = The passkey { $name } was removed.

## API tokens
tokens = API tokens
token = Token
token-may = May
tokens-none = No API tokens yet
tokens-none-text = A token lets a program use the API with chosen rights, until it expires.
expires = Expires
new-token = New token
new-token-text = The token acts on your behalf, with these rights at most. Its name appears in the audit trail.
create-token = Create token
token-name-hint = Letters, digits, hyphens and underscores
token-days-hint = 1 to 365
problem-scopes = Choose at least one right.
created-token-title = API token
created-token-text = Copy the token now. It is shown only once, and the server keeps only its hash.
revoke-token = Revoke
revoke-token-title = Revoke { $name }?
revoke-token-text = Programs that use the token are refused from now on.
done-token-revoked = { $name } was revoked.

## Backup
backup = Backup
backup-text = A file with accounts, keys and configuration, sealed with a passphrase. Restore it with tornadod restore.
create-backup = Create backup
create-backup-text = The file contains all keys of this server. Without the passphrase it cannot be opened, and the passphrase is not stored.
passphrase = Passphrase
passphrase-hint = At least 10 characters
done-backup = The backup was downloaded.

## Configuration
values-changed = { $n-changed } of { $n-all } values differ from the default
configuration-hint = Change the file on the server, then restart the service. This checks it before:

## Saved queries and export
level = Level
save-query = Save query
saved-queries = Saved queries
done-query-saved = The query { $name } was saved.
delete-query-title = Delete the query { $name }?
delete-query-text = No log line is deleted.
done-query-deleted = The query { $name } was deleted.
download = Download

## Pictures
life-of-keys = Life of the keys
processes = Processes

## Pages of the server alone

all-pages = All pages
export-csv = CSV
export-jsonl = JSONL
row = Row
details = Details
audit-find-actor = Actor, such as operator:ann

## What is kept

kept-title = What this server keeps about people
data-kept-text = Each table and column of the databases, from the schema of this version. Nothing else is stored about a person; where devices connect to is not stored anywhere.
kept-memory = Until the session ends, in memory and in one file of wg so that tunnels survive a restart: the address that a device connects from. With Redis, other gateways see the state of the session, too.
kept-table = Table
kept-purpose = Purpose
kept-until = Deleted
kept-columns = Columns
kept-store = Database { $name }
until-never = never; a deleted account or device is marked and stays
until-removed = when it is removed or replaced
until-expired = up to 30 days after it expires
until-session = when the session ends
until-history = { $n } days after the end
until-logs = after { $n } days at most
until-history-set = days of [session] history_days after the end
until-logs-set = after the days of [telemetry] retention_days at most
until-metrics = after an hour, seven days and two years, by their distance
purpose-accounts = Accounts of people who use the VPN
purpose-devices = Their devices
purpose-invitations = Invitations
purpose-logins = Logins of devices
purpose-replays = Protection against repeated logins
purpose-operators = Operators
purpose-sign-ins = Sign-ins of operators
purpose-factors = Second factors and recovery codes
purpose-passkeys = Passkeys of operators
purpose-tokens = API tokens
purpose-audit = The audit trail: who changed what
purpose-settings = Settings that operators changed
purpose-leases = Which device has which address inside the VPN
purpose-sessions = Sessions that exist now
purpose-history = Past sessions
purpose-exits = Chosen exit countries
purpose-usage = Sums of bytes, for quotas and charts
purpose-logs = Log lines of the services
purpose-metrics = Metrics of the server, without people
purpose-internal = The server’s own order, without people
content-identifier = identifier
content-name = name
content-email = e-mail address
content-hash = hash of a secret
content-sealed = sealed secret
content-public-key = public key
content-preshared-key = preshared key
content-time = time
content-address = IP address
content-bytes = bytes
content-setting = setting
content-state = state
content-text = text of a service
content-number = internal number
licence-text = Text of the licence

## Deletion of log lines

delete-logs = Delete log lines
delete-logs-text = The lines are deleted from the archive and from search. This cannot be undone. The audit trail keeps a row about it, and files that were downloaded before stay as they are.
all-lines = all lines
time-until = Until
time-from = From
delete-lines = Delete { $n ->
    [one] { $n } line
   *[other] { $n } lines
}
done-logs-deleted = { $n ->
    [one] { $n } line was deleted.
   *[other] { $n } lines were deleted.
}

## Services of the operating system

units = Services of the operating system
unit = Unit
units-hint = Named in [os_services]; those in allow can be started, stopped and restarted here. After three starts within ten minutes, further ones are refused.
notice-unit = systemd carries this out. What depends on the unit may be interrupted.
read-only = read only

## Clock, columns, and what happened to a session

utc = { $time } UTC
columns = Columns
happenings = What happened
happened-began = The session began
happened-offline = No recent heartbeat or handshake
happened-recovered = Recovered
happened-quota = The quota of the user is used up
happened-ended = An earlier session of the device ended
happened-detail = { $reason }, after { $span }, { $bytes } transferred

## Live tail

tail = Live tail
tail-start = Follow
tail-stop = Stop
tail-waiting = Lines of this query appear here as they are written.
tail-missed = { $n ->
    [one] { $n } line was left out, because this browser was slow.
   *[other] { $n } lines were left out, because this browser was slow.
}
