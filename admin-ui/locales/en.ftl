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
forbidden-text = This needs the role { $needs }. An owner can change your role.
not-found-title = Not found
not-found-text = This address does not exist, or no longer.
unreachable-title = The connection to the server is lost
unreachable-text = The browser cannot reach the server. Tunnels of devices are not affected by this.
unavailable-title = { $part } did not respond
unavailable-text = Established tunnels continue. Try again, and check the service if it stays so.

## Numbers and times
none = none
none-yet = none yet
not-known = not known
not-limited = not limited
set = set
not-set = not set
now = Now
today = today
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
age-word = Age

## Lists
before = Before
next = Next
pager-range = { $n-first } to { $n-last } of { $n-total }
none-of = 0 of { $n } match.
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
field-password-hint = At least 12 characters.
go-on = Continue
or = or
use-passkey = Use a passkey
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
problem-code = The code is wrong or was already used.
problem-rate = Too many attempts. Wait 15 minutes.
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
attention-disk-days = At this week’s pace it is full in { $n ->
    [one] { $n } day
   *[other] { $n } days
}.
attention-disk-open = Open settings
attention-quota = { $user } has used { $n } % of this month’s quota.
attention-quota-renews = It renews in { $n ->
    [one] { $n } day
   *[other] { $n } days
}.
attention-lane = The { $lane } lane does not pass packets.
attention-lane-devices = { $n ->
    [one] { $n } device has no internet there.
   *[other] { $n } devices have no internet there.
}
open-user = Open user
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
recovered = Recovered
recovered-note = sessions that recovered
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
in-use = { $n } in use
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
machine-note = { $n ->
    [one] { $n } core
   *[other] { $n } cores
}, { $ram }, { $system }
processor = Processor
memory-word = Memory
state-disk = State disk
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
this-month = This month
second-factor = Second factor
latest-login = Latest login
users-find = Name or e-mail address
users-count = { $n ->
    [one] { $n } user
   *[other] { $n } users
}, { $n-suspended } suspended, { $n-over } over quota
users-none = No users yet
users-none-text = Invite the first person: the invitation creates the user and its device.
users-none-match = No user matches
user-active = Active
user-suspended = Suspended
user-over-quota = Quota used up
quota-of = Quota of { $name }
no-quota = { $used }, no quota
created = created { $date }
days-30 = Transferred, 30 days
days-sentence = Transferred per day over 30 days, at most { $most }.
limits = Limits
devices-at-once = Devices at once
peer-group = Peer group
devices-title = Devices
devices-none = No devices yet
devices-none-text = A device appears here when it is enrolled with an invitation or exported.
enrolled = Enrolled
latest-session = Latest session

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
logs-query = Query, for example: level=warn service=dns
lines-per-minute = Lines per minute
logs-none = No lines
logs-none-text = No line matches the query in the retained time.

## Keys and audit
keys-tab = Keys
key = Key
fingerprint = Fingerprint
used-since = Used since
rotates = Next rotation
overlap-until = Previous accepted until
key-current = Current
key-next = Next
key-due = Due
key-expired = Expired
actor = Actor
action = Action
outcome = Outcome
outcome-done = Done
outcome-refused = Refused
outcome-failed = Failed
target = Target
audit-find = Actor, action or target
audit-count = { $n ->
    [one] { $n } entry
   *[other] { $n } entries
}
audit-none = No entries
audit-intact = The chain is intact, verified { $time }.
audit-broken = The chain is broken: an entry was changed or removed. Verified { $time }.
audit-not-verified = The chain was not verified yet.

## Settings
operators = Operators
operator = Operator
sign-ins = Your sign-ins
this-sign-in = this one
browser = Browser
signed-in-at = Signed in
latest-use = Latest use
effective-values = Effective configuration
setting = Setting
value = Value
origin = Origin
origin-default = built in
origin-console = console
origin-file = { $path }
origin-environment = environment variable { $name }
version = Version
licence = Licence
kept = What this server keeps about people
table = Table
holds = Holds
kept-for = Kept for
