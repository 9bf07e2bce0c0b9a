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
enrol-link-hint = A link that begins with tornado://
enrol-file = Open a file
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
sign-out-text = The tunnel is disconnected. This device stays enrolled.

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
