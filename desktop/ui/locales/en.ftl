# The window in English, which decides which messages exist. Variables named n or n-… are whole numbers.

## Numbers and times, as in the console
none-yet = none yet
today-at = today { $time }
span-seconds = { $n } s
span-minutes = { $n-minutes } min { $n-seconds } s
span-hours = { $n-hours } h { $n-minutes } min
span-days = { $n-days } d { $n-hours } h
countries = { $n ->
    [one] { $n } country
   *[other] { $n } countries
}
ago = { $span } ago
not-known = not known

## Frame
settings = Settings
back = Back
retry = Try again
cancel = Cancel
no-account = not enrolled
not-signed-in = not signed in

## Without the helper
waiting-title = Starting
waiting-text = The window waits for the helper.
absent-title = The helper does not respond
absent-text = The state of the tunnel is not known. A tunnel that is up, and a kill switch, keep working. The window connects again as soon as the helper responds.
absent-do = Start the helper:
forbidden-title = This user may not use Tornado VPN
forbidden-text = The administrator of this machine must add your user to the group tornado. Then log out of the system and in again.
forbidden-do = As administrator:

## Enrolment
enrol-title = Join a server
enrol-text = With the invitation from its operator.
enrol-link = Invitation
enrol-link-hint = A tornado:// link, or a pasted picture of its QR code.
enrol-file = Open a file or picture
enrol-type = Type it in
enrol-paste = Paste a link
enrol-server = Server
enrol-server-hint = Its name or address, as vpn.example.net.
enrol-identity = Identity
enrol-identity-hint = The part i of the link, 43 characters.
enrol-code = Invitation code
enrol-code-hint = The part c of the link.
enrol-username = Account name
enrol-username-hint = A new name creates your account. Leave it empty if the invitation is for your existing account.
enrol-password = Password
enrol-password-hint = At least 10 characters if it is new.
enrol-device = Name of this device
enrol-submit = Join
enrol-busy = Joining

## Sign-in
sign-in-title = Sign in
sign-in-text = To { $server } as { $user }.
sign-in-kept = The sign-in has ended. This device stays enrolled, and your settings are kept.
password = Password
code = Authenticator code
code-hint = Or one of your recovery codes.
sign-in-submit = Sign in
sign-in-busy = Signing in
sign-out = Sign out

## State
state-disconnected = Not connected
state-disconnected-text = Traffic leaves in its usual way, not through your server.
state-disconnected-locked = The kill switch blocks all traffic until you connect.
state-connecting = Connecting
state-connecting-text = Traffic is not protected until the tunnel is up.
state-connecting-locked = Nothing leaves this device until the tunnel is up.
state-connected = Connected
state-connected-direct = All traffic leaves through your server.
state-connected-tor = All traffic leaves through Tor; the rest is rejected.
state-silent = No response
state-silent-text = The tunnel is up, but the server does not respond over it. Traffic may be lost.
state-lane-closed = The tunnel is up, but the server's { $lane } lane is closed: no traffic passes.
state-lane-maintenance = The tunnel is up, but the server's { $lane } lane is under maintenance: no traffic passes.
state-exit-waits = The tunnel is up. The path to the exit country is being built.
state-switching = Switching
state-switching-text = To the { $lane } lane. Until then, traffic uses the old lane.
state-disconnecting = Disconnecting
state-disconnecting-text = The tunnel is being removed.
state-blocked = Blocked
state-blocked-text = Nothing leaves this device. The kill switch holds it back.
state-blocked-always = The kill switch is set to always: nothing leaves this device until you connect.

## Lanes
lane = Lane
lane-direct = Direct
lane-direct-text = via your server
lane-tor = Tor
lane-tor-text = via three relays

## Path
path = Path of your packets
path-device = This device
path-not-used = not used
path-internet = Internet
path-sees-network = sees the address of this network
path-sees-server = Internet sees the server
path-sees-exit = Internet sees the exit
path-kill-switch = Kill switch
path-kill-switch-text = passes: only the path to the server
path-no-circuit = no circuit yet
relay-guard = guard
relay-middle = middle
relay-exit = exit
exit-country = Exit country
any-country = Any country
new-identity = New identity
new-identity-done = New connections use new circuits. Open ones keep theirs until they close.

## Rates and facts
rates = Rates
down = down
up = up
last-minute = last minute
rates-summary = Rates of the last minute: down { $down }, up { $up }, highest { $highest }
connected-for = Connected
handshake = Handshake
received = Received
sent = Sent
resolver = DNS
resolver-own = this machine's own
protection = Key
protection-post-quantum = post-quantum
protection-usual = WireGuard
month = This month
month-of = { $used } of { $limit }
month-left = { $left } left
month-renews = resets in { $n ->
    [one] { $n } day
   *[other] { $n } days
}
quota-used = Quota used

## Controls
connect = Connect
disconnect = Disconnect
connect-again = Try now
give-up = Disconnect and go unprotected
give-up-title = Go unprotected?
give-up-text = The tunnel is given up, and traffic leaves this device in its usual way, not through your server.
give-up-confirm = Go unprotected

## Problems
problem = Problem
control-unreachable = The server's device API does not respond. The tunnel stays up until its lease expires; the helper keeps trying.
error-invalid-credentials = Account name or password is wrong.
error-totp-required = This account has a second factor. Enter the code of your authenticator.
error-totp-invalid = The code is wrong or was used already. Wait for the next one.
error-too-many-attempts = Too many attempts. Wait { $span }, then try again.
error-too-many-attempts-soon = Too many attempts. Wait some minutes, then try again.
error-bad-invitation = This is not a valid invitation link. Copy it again, whole.
error-invalid-invitation = The invitation was used already, has expired or was withdrawn. Ask the operator for another one.
error-name-taken = This account name is taken. Choose another one, or leave it empty if the invitation is for your account.
error-max-devices = The account has as many devices as it may have. Remove one in the console of the server, or ask the operator.
error-user-inactive = The account is suspended. Ask the operator.
error-not-signed-in = The sign-in has ended. Sign in again.
error-unreachable = The server does not respond. Check the network of this machine; the tunnel is tried again when you connect.
error-timeout = The server did not respond in time. Try again.
error-no-handshake = The server did not respond over the lane. A network that blocks UDP has this effect; try another network or another lane.
error-untrusted = Another server responded at this address, so nothing was sent. Ask the operator before you try again.
error-clock = The clock of this machine is wrong. Set it, then try again.
error-no-network = This machine has no way to the server. The tunnel resumes when the network is back.
error-quota-nearly = The monthly quota is nearly used up.
error-quota-used = The monthly quota is used up. No traffic passes until it resets.
error-interference = Another program changed the tunnel's settings on this machine. They were restored.
error-device-name = This name of the device cannot be used. Use letters, digits, spaces and hyphens.
error-account-name = This account name cannot be used. Use letters, digits, hyphens and underscores.
error-password-weak = The password is too weak. Use at least 10 characters that are not a common word.
error-part = This is not a part of an invitation. Compare server, identity and code with the link.
error-no-invitation = The file has no invitation. Open the text with the link, or a sharp picture of the whole QR code.
error-network = This network cannot be excluded. Write an address and a length of at least 8, for IPv6 16.
error-address = This is not an IP address. A name does not work here.
error-profile = This name cannot be used. Use 1 to 32 characters: a-z, 0-9 and hyphens.
error-other = The request failed.
error-code = code { $code }

## Settings
settings-app = This app
theme = Theme
theme-system = As the system
theme-light = Light
theme-dark = Dark
language = Language
settings-start = Start
start-connect = Connect when the app starts
start-connect-hint = on the lane that was used last
start-login = Start at login
start-login-hint = in the tray, without the window
quit-disconnect = Disconnect on quit
quit-disconnect-hint = otherwise the tunnel stays up
quit = Quit
settings-account = Account
version = Version { $version }

## Tray
tray-pending = Under way
tray-show = Show window

## Pages of the settings
settings-protection = Protection
change = Change
open = Open
apply = Apply

## Kill switch
lockdown = Kill switch
lockdown-off = Off
lockdown-off-text = Traffic leaves in its usual way whenever no tunnel is up, also if the tunnel is lost.
lockdown-auto = If the tunnel is lost
lockdown-auto-text = If the tunnel is lost or the helper crashes, nothing leaves until the tunnel is up again or you disconnect.
lockdown-always = Always
lockdown-always-text = Nothing leaves unless the tunnel is up: also while disconnected, before login, at boot, and while the helper is stopped.
lockdown-local = Local networks
lockdown-lan = Local network
lockdown-lan-hint = printers and shares stay reachable; names do not
lockdown-bridges = Containers and virtual machines
lockdown-bridges-hint = their networks, even without the local network
lockdown-way-out = Without this window:
consequence-off = If the tunnel is lost, traffic leaves unprotected.
consequence-off-now = Traffic leaves unprotected at once.
consequence-auto = While you are disconnected, traffic leaves in its usual way.
consequence-always = Nothing changes while the tunnel is up. After a disconnect, nothing leaves this device.
consequence-always-now = Nothing leaves this device from now on until you connect.

## Networks outside the tunnel
networks = Networks outside the tunnel
networks-text = These networks are reached directly, in every state. Names are still resolved inside the tunnel.
networks-none = none
networks-count = { $n ->
    [one] { $n } network
   *[other] { $n } networks
}
networks-add-label = Network
networks-add-hint = An address, or an address with a length, as 203.0.113.0/24.
networks-add = Add
networks-remove = Remove { $network }

## Captive portal
portal = Captive portal
portal-hint = opens a login page for 60 seconds
portal-is-open = { $address } is open
portal-text = Some networks show a login page before they let traffic pass. For 60 seconds, ports 80 and 443 of one address can be reached outside the tunnel.
portal-address = Address of the login page
portal-address-hint = Often the address of the router.
portal-open = Open for 60 seconds
portal-open-text = { $address } can be reached outside the tunnel for { $span } more.

## Servers
profiles = Servers
profiles-text = One server is in use. Each keeps its account and sign-in.
profile-in-use = in use
profile-use = Use
profile-rename = Rename
profile-remove = Remove
profile-remove-text = Its sign-in ends, and this device forgets the server. To join it again, you need another invitation.
profile-name = Name on this device
profile-name-hint = 1 to 32 characters: a-z, 0-9 and hyphens.
add-profile = Add a server

## Second factor
factor = Second factor
factor-hint = codes of an authenticator app
factor-text = With a second factor, a sign-in requires a code of an authenticator app besides the password.
factor-password-hint = The password of your account.
factor-begin = Set it up
factor-end = Remove it
factor-scan = Scan this with an authenticator app.
factor-qr = Secret of the second factor as a QR code
factor-secret = Or type in:
factor-code-hint = The first code that the app shows.
factor-confirm = Confirm
factor-enabled = Codes are required from now on. Each of these replaces one, once. They are not shown again: store them now.
factor-codes = Recovery codes
factor-stored = I have stored them
factor-disabled = The second factor is removed. A sign-in requires the password only.

## Help
report = Report
report-text = For a person who helps you. It has what the app and the helper know; nothing is sent.
report-level = Redaction
report-all = Without names and addresses
report-addresses = Without addresses
report-nothing = With everything
report-save = Save
report-saved = Saved as { $path }
log = Log
log-text = The last lines of the helper, without names and addresses.
log-read = Read again
about = About
about-text = Tornado VPN is free software under the GNU General Public License, version 3 or later.
keys = Keyboard
keys-main = The big button
keys-lanes = Direct, Tor
licences = Software in it
