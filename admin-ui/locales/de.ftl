# Die Konsole auf Deutsch.

## Frame
skip = Zum Inhalt springen
nav = Hauptmenü
nav-overview = Übersicht
nav-sessions = Sitzungen
nav-users = Benutzer
nav-tor = Tor
nav-services = Dienste
nav-logs = Protokolle
nav-keys = Schlüssel & Audit
nav-audit = Audit-Trail
nav-settings = Einstellungen
nav-about = Über
nav-more = Mehr
jump = Suchen oder springen
nothing-found = Nichts gefunden
palette-acts = Aktion
palette-pages = Seite
server-line = { $version } · läuft { $span }
role = Rolle
role-owner = Eigentümer
role-operator = Operator
role-viewer = Betrachter
language = Sprache
theme = Farbschema
theme-system = Wie das System
theme-light = Hell
theme-dark = Dunkel
apply = Anwenden
look = Sprache und Farbschema
loading = Wird geladen
retry = Erneut versuchen
to-overview = Zur Übersicht
live-at = Live, { $time } UTC

## Instead of content
signed-out-title = Sie sind abgemeldet
signed-out-text = Die Anmeldung ist abgelaufen oder wurde widerrufen. Melden Sie sich an, um zu dieser Seite zurückzukehren.
forbidden-title = Ihre Rolle erlaubt das nicht
forbidden-text = Diese Seite verlangt eine andere Rolle. Ein Eigentümer kann Ihre Rolle ändern.
not-found-title = Nicht gefunden
not-found-text = Diese Adresse existiert nicht oder nicht mehr.
unreachable-title = Die Verbindung zum Server ist unterbrochen
unreachable-text = Der Browser erreicht den Server nicht. Die Tunnel der Geräte sind davon nicht betroffen.
unavailable-title = { $part } hat nicht geantwortet
unavailable-text = Bestehende Tunnel laufen weiter. Versuchen Sie es erneut und prüfen Sie den Dienst, wenn es so bleibt.
too-many-title = Zu viele Anfragen

## Numbers and times
none = keine
none-yet = noch nie
not-known = nicht bekannt
not-limited = nicht begrenzt
set = eingerichtet
not-set = nicht eingerichtet
now = Jetzt
today-at = heute { $time }
since = seit { $span }
percent = { $n } %
span-seconds = { $n } s
span-minutes = { $n-minutes } min { $n-seconds } s
span-hours = { $n-hours } h { $n-minutes } min
span-days = { $n-days } T { $n-hours } h
of-amount = { $used } von { $total }
of-max = {" "}von { $n }
time = Zeit

## Lists
before = Zurück
next = Weiter
pager-range = { $n-first } bis { $n-last } von { $n-total }
remove-filter = Filter entfernen
remove-filters = Filter entfernen
search = Suchen
state = Zustand
what = Was
desired = Soll
actual = Ist
reason = Grund
desired-actual = Soll und Ist

## Sign-in and set-up
sign-in = Anmelden
sign-in-for = Für Operatoren dieses Servers.
sign-in-ended = Ihre Anmeldung ist abgelaufen. Sie kehren zur vorigen Seite zurück.
field-name = Name
field-name-hint = Buchstaben, Ziffern, Punkte und Bindestriche. Er erscheint im Audit-Trail.
field-password = Passwort
field-password-hint = Mindestens 10 Zeichen.
go-on = Weiter
lost-password = Passwort verloren? Root auf dem Server setzt ein neues:
lost-factor = Gerät verloren? Root auf dem Server setzt den zweiten Faktor zurück:
code-title = Zweiter Faktor
code-text = Geben Sie den Code Ihrer Authenticator-App ein.
field-code = Code
field-code-hint = Sechs Ziffern oder ein Wiederherstellungscode.
set-up-title = Diesen Server einrichten
set-up-text = Legen Sie den ersten Operator an. Er wird Eigentümer.
set-up-create = Eigentümer anlegen
problem-credentials = Name oder Passwort ist falsch.
attempts-left =
    { $n ->
        [0] Kein Versuch ist übrig; warten Sie 15 Minuten.
        [one] { $n } Versuch ist übrig.
       *[other] { $n } Versuche sind übrig.
    }
problem-code = Der Code ist falsch oder wurde schon verwendet.
problem-rate = Zu viele Versuche. Warten Sie 15 Minuten.
problem-requests = Zu viele Anfragen in kurzer Zeit. Warten Sie eine Minute und versuchen Sie es erneut.
problem-name-taken = Dieser Name ist vergeben. Wählen Sie einen anderen.
problem-weak-password = Das Passwort ist zu kurz oder allgemein bekannt. Wählen Sie ein längeres.
problem-setup-link = Der Einrichtungslink ist abgelaufen oder wurde verwendet. Geben Sie auf dem Server einen neuen aus.
problem-other = Der Server hat das abgelehnt. Versuchen Sie es erneut.

## Overview
range = Gezeigte Zeit
range-live = Live
range-hour = 1 h
range-day = 24 h
range-month = 30 T
invite = Einladen
attention = Braucht Aufmerksamkeit
attention-none = Alles ist, wie es sein soll
attention-rest = Alles andere ist, wie es sein soll
attention-degraded = { $name } ist beeinträchtigt.
attention-down = { $name } läuft nicht.
attention-open = { $name } öffnen
attention-disk = Die Platte des Zustandsverzeichnisses ist zu { $n } % voll.
attention-disk-open = Einstellungen öffnen
attention-lane = Die Lane { $lane } lässt keine Pakete durch.
attention-lane-devices = { $n ->
    [one] { $n } Gerät hat dort kein Internet.
   *[other] { $n } Geräte haben dort kein Internet.
}
state-online = Online
state-offline = Offline
state-connecting = Verbindet
of-sessions = von { $n ->
    [one] { $n } Sitzung
   *[other] { $n } Sitzungen
}
addresses-held = Adressen bleiben reserviert
devices = { $n ->
    [one] { $n } Gerät
   *[other] { $n } Geräte
}
lane-direct = Lane direct
lane-tor = Lane tor
from-devices = { $rate } von Geräten
to-devices-short = zu Geräten
from-devices-short = von Geräten
lanes = Lanes
lanes-note = Die Röhre ist so dick wie die Verschlüsselungsschichten, die noch bestehen
path-of = Weg der Pakete, Lane { $lane }
gateway = Gateway
internet = Internet
guard = Guard
middle = Middle
exit = Exit
sees-gateway = sieht das Gateway
sees-exit = sieht den Exit
never-forwards = leitet nie weiter
countries = { $n ->
    [one] { $n } Land
   *[other] { $n } Länder
}
gate-open = Offen
gate-maintenance = Wartung
gate-closed = Geschlossen
throughput = Durchsatz zu Geräten
chart-sentence = niedrigster Wert { $low }, höchster { $high }, jetzt { $now }.
chart-empty = noch keine Werte.
machine = Diese Maschine
processor = Prozessor
memory-word = Speicher
state-disk = Zustandsplatte
level-high = hoch
level-very-high = sehr hoch
dependencies = Abhängigkeiten
latest = Letzte Ereignisse

## Services
service = Dienst
up = Läuft seit
cpu = CPU
cpu-course = CPU, letzte Minuten
restarts = Neustarts
services-ready = { $n-ready } von { $n } bereit
service-ready = Bereit
service-starting = Startet
service-degraded = Beeinträchtigt
service-failed = Ausgefallen
service-stopped = Gestoppt
desired-running = läuft
desired-stopped = gestoppt

## Sessions
session = Sitzung
user = Benutzer
device = Gerät
lane = Lane
to-device = Zum Gerät
from-device = Vom Gerät
transferred = Übertragen
handshake = Handshake
heartbeat = Heartbeat
connected-for = Verbunden seit
endpoint = Endpunkt
address = Adresse
sessions-find = Benutzer, Gerät oder Adresse
sessions-count = { $n ->
    [one] { $n } Sitzung
   *[other] { $n } Sitzungen
}: { $n-online } online, { $n-offline } offline
sessions-none = Noch keine Sitzungen
sessions-none-text = Geräte erscheinen hier, sobald sie sich verbinden. Laden Sie die erste Person ein.
sessions-none-match = Keine Sitzung passt
rate-last-minute = Rate, letzte Minute
down-and-up = { $down } zum Gerät, { $up } von ihm

## Users
email = E-Mail-Adresse
connected = Verbunden
second-factor = Zweiter Faktor
latest-login = Letzter Login
users-find = Name oder E-Mail-Adresse
users-none = Noch keine Benutzer
users-none-text = Laden Sie die erste Person ein: Die Einladung legt Benutzer und Gerät an.
users-none-match = Kein Benutzer passt
user-active = Aktiv
user-suspended = Gesperrt
created = angelegt { $date }
limits = Grenzen
devices-at-once = Geräte gleichzeitig
peer-group = Peer-Gruppe
devices-title = Geräte
devices-none = Noch keine Geräte
devices-none-text = Ein Gerät erscheint hier, sobald es mit einer Einladung aufgenommen oder exportiert wurde.
enrolled = Aufgenommen

## Tor
bootstrap = Start von Tor
exits-by-country = Exits nach Land
circuit = Circuit
circuits = Circuits
circuit-path = Guard, Middle, Exit
circuits-note = { $n } offen
circuits-none = Keine Circuits
circuits-none-text = Tor baut Circuits auf, sobald es verbunden ist.
purpose = Zweck
tor-log = Protokoll von Tor

## Logs
logs-query = Abfrage, zum Beispiel: level>=warn service:dns
logs-none = Keine Zeilen
logs-none-text = Keine Zeile der aufbewahrten Zeit passt zur Abfrage.

## Keys and audit
keys-tab = Schlüssel
key = Schlüssel
used-since = Benutzt seit
key-current = Aktuell
key-next = Nächster
actor = Akteur
action = Aktion
outcome = Ergebnis
outcome-done = Erledigt
outcome-refused = Abgelehnt
outcome-failed = Fehlgeschlagen
target = Ziel
audit-find = Anfang einer Aktion, etwa user.
audit-count = { $n ->
    [one] { $n } Eintrag
   *[other] { $n } Einträge
}
audit-none = Keine Einträge

## Settings
operators = Operatoren
operator = Operator
sign-ins = Ihre Anmeldungen
this-sign-in = diese
signed-in-at = Angemeldet
latest-use = Letzte Nutzung
effective-values = Wirksame Konfiguration
setting = Einstellung
value = Wert
origin = Herkunft
origin-default = eingebaut
origin-file = Datei
version = Version
licence = Lizenz

## Live data
as-of = Stand { $time } UTC
paused-at = Angehalten um { $time } UTC
server = Der Server
pause = Anhalten
resume = Fortsetzen
lost-text = Die Verbindung zum Server ist unterbrochen. Die Werte sind von vorher; die Seite läuft von selbst weiter.
kept-text = { $part } hat nicht geantwortet. Die Werte sind von vorher.

## Changes
cancel = Abbrechen
dismiss = Ausblenden
save = Speichern
change = Ändern
finish = Schließen
copy = Kopieren
copied = Kopiert
confirm-title = Bestätigen Sie Ihre Identität
confirm-text = Diese Änderung verlangt Ihr Passwort erneut. Die Bestätigung gilt fünf Minuten.
problem-not-allowed = Ihre Rolle erlaubt das nicht.
problem-signed-out = Ihre Anmeldung ist beendet. Melden Sie sich neu an.
problem-csrf = Die Seite gehört zu einer früheren Anmeldung. Laden Sie sie neu und versuchen Sie es noch einmal.
problem-last-owner = Der letzte Eigentümer kann weder entfernt werden noch seine Rolle verlieren.
problem-server = Der Server hat das abgelehnt: { $detail }.
problem-number = Eine ganze Zahl von { $n-min } bis { $n-max } eingeben.
problem-amount = Eine Zahl eingeben oder leer lassen.
sign-out = Abmelden
effect-device = Gerät verliert die Verbindung
effect-sessions = { $n ->
    [one] Sitzung endet sofort
   *[other] Sitzungen enden sofort
}
effect-devices = { $n ->
    [one] Gerät muss sich neu anmelden
   *[other] Geräte müssen sich neu anmelden
}
effect-removed = { $n ->
    [one] Gerät wird entfernt
   *[other] Geräte werden entfernt
}
effect-tor = { $n ->
    [one] Gerät hat auf der Lane tor kein Internet
   *[other] Geräte haben auf der Lane tor kein Internet
}

## Changes of sessions and users
disconnect = Trennen
disconnect-title = { $device } von { $user } trennen?
disconnect-text = Der Tunnel endet sofort. Das Gerät darf sich neu verbinden; sperren Sie den Benutzer, um das zu verhindern.
done-disconnected = { $device } wurde getrennt.
suspend = Sperren
suspend-title = { $user } sperren?
suspend-text = Anmeldungen und Sitzungen enden, neue sind bis zur Freigabe nicht möglich. Gelöscht wird nichts.
done-suspended = { $user } wurde gesperrt.
reactivate = Freigeben
reactivate-title = { $user } freigeben?
reactivate-text = Der Benutzer darf sich wieder anmelden und verbinden.
done-reactivated = { $user } darf sich wieder verbinden.
revoke = Alle Anmeldungen beenden
revoke-title = Alle Anmeldungen von { $user } beenden?
revoke-text = Sitzungen enden, und jedes Gerät muss sich neu anmelden. Der Benutzer wird nicht gesperrt.
done-revoked = Alle Anmeldungen von { $user } sind beendet.
delete = Löschen
delete-title = { $user } löschen?
delete-text = Das kann nicht rückgängig gemacht werden. Der Audit-Trail behält seine Einträge.
done-deleted = { $user } wurde gelöscht.
remove = Entfernen
remove-device-title = { $device } entfernen?
remove-device-text = Anmeldung und Sitzung des Geräts enden. Mit einer Einladung kann es neu aufgenommen werden.
done-device-removed = { $device } wurde entfernt.
invite-device = Gerät einladen
invite-title = Benutzer einladen
invite-title-device = Gerät von { $user } einladen
invite-text = Mit dem Link legt die Person den Benutzer und sein erstes Gerät an.
invite-text-device = Der Link nimmt ein weiteres Gerät auf. Das Passwort des Benutzers ist ebenfalls nötig.
field-days = Gültig für Tage
field-days-hint = 1 bis 30
field-devices-hint = 1 bis 10
invite-create = Einladung erstellen
invited-title = Einladung
invited-text = Scannen Sie den Code, oder senden Sie den Link auf einem vertrauenswürdigen Weg. Er gilt einmal und wird nur jetzt gezeigt.
invited-link = Link
invited-until = Gültig bis
invited-qr = Die Einladung als QR-Code
new-user = Neuer Benutzer
create-user = Benutzer anlegen
done-created = { $name } wurde angelegt.
limits-title = Grenzen von { $user }
field-quota = Kontingent im Monat in GB
field-rate-down = Zu jedem Gerät in Mbit/s
field-rate-up = Von jedem Gerät in Mbit/s
field-empty-hint = Leer: nicht begrenzt
peer-group-tick = Die Geräte dürfen einander auf der Lane direct erreichen
done-changed = { $user } wurde geändert.

## Changes of Tor, services and keys
tor-identity = Neue Identität
tor-identity-title = Neue Circuits für alle Geräte aufbauen?
tor-identity-text = Neue Verbindungen nutzen neue Circuits. Offene bleiben auf ihren.
done-identity = Tor baut neue Circuits für neue Verbindungen auf.
tor-probe = Jetzt prüfen
done-probed = Die Probe ging in { $n } ms durch { $country }.
done-probe-failed = Die Probe ist fehlgeschlagen: { $reason }.
tor-stop = Tor anhalten
tor-stop-title = Tor anhalten?
tor-stop-text = Die Lane tor ist zu, bis Sie Tor wieder starten. Die Lane direct ist nicht betroffen.
done-tor-stopped = Tor soll anhalten.
tor-start = Tor starten
tor-start-title = Tor starten?
tor-start-text = Die Lane öffnet sich, wenn Tor einen Circuit hat und eine Probe durchging.
done-tor-started = Tor soll laufen.
tor-down = Wartung
tor-down-title = Die Lane tor in Wartung nehmen?
tor-down-text = Geräte sehen eine Seite, die das sagt. Tor läuft weiter, und die Lane direct ist nicht betroffen.
done-tor-down = Die Lane tor ist in Wartung.
tor-up = Lane öffnen
tor-up-title = Die Lane tor öffnen?
tor-up-text = Pakete gehen durch, sobald Tor sie befördern kann.
done-tor-up = Die Lane tor öffnet sich.
restart = Neu starten
restart-title = { $service } neu starten?
stop = Anhalten
stop-title = { $service } anhalten?
stop-text = Der Dienst bleibt angehalten, bis Sie ihn starten.
start = Starten
start-title = { $service } starten?
start-text = Der Dienst soll ab jetzt laufen. Das beendet auch eine Absturzschleife.
done-restarted = { $service } startet neu.
done-stopped = { $service } hält an.
done-started = { $service } startet.
notice-auth = Anmeldungen sind für einen Moment nicht möglich. Sitzungen laufen weiter.
notice-session = Heartbeats warten einen Moment. Sitzungen laufen weiter.
notice-wg = Pakete stehen weniger als zwei Sekunden still.
notice-tor = Die Lane tor ist zu, bis eine Probe durch Tor ging.
notice-dns = Namen werden auf der Lane direct für einen Moment nicht aufgelöst.
notice-client-api = Geräte warten einen Moment auf ihre Antworten.
notice-admin = Diese Seite verbindet sich von selbst neu.
notice-telemetry = Diagramme und Logs haben eine Lücke.
notice-other = Die anderen Dienste laufen weiter.
rotate-keys = Jetzt wechseln
rotate-title = Signatur- und Anmeldeschlüssel wechseln?
rotate-text = Neue Schlüssel entstehen und gelten nach ihrer Vorlaufzeit. Die bisherigen bleiben zum Prüfen gültig; keine Anmeldung endet.
effect-logins = Anmeldungen enden
done-rotated = Neue Schlüssel wurden erzeugt.
check-keys = Alle Schlüssel prüfen
done-checked = { $n ->
    [one] { $n } Datei, kein Fehler
   *[other] { $n } Dateien, kein Fehler
}
verify-audit = Prüfen
done-verified = { $n ->
    [one] { $n } Eintrag, die Kette ist unversehrt
   *[other] { $n } Einträge, die Kette ist unversehrt
}
done-verified-broken = Die Kette ist bei Eintrag { $n } gebrochen.

## Changes of operators
new-operator = Neuer Operator
create-operator = Operator anlegen
change-role = Rolle ändern
reset-factor = Faktoren zurücksetzen
reset-factor-title = Faktoren von { $name } zurücksetzen?
reset-factor-text = Entfernt Authenticator, Wiederherstellungscodes, Passkeys und API-Token. Der Operator meldet sich dann nur mit dem Passwort an.
done-factor-reset = Authenticator, Passkeys und API-Token von { $name } wurden entfernt.
remove-operator-title = { $name } entfernen?
remove-operator-text = Alle Anmeldungen des Operators enden. Der Audit-Trail behält den Namen.
done-operator-removed = { $name } wurde entfernt.
revoke-sign-in-title = Diese Anmeldung beenden?
revoke-sign-in-text = Der Browser muss sich neu anmelden.
done-sign-in-revoked = Die Anmeldung ist beendet.
end-sign-in = Beenden
yes = ja
no = nein

## Parts of pages
pager-rows = { $n ->
    [one] { $n } Zeile
   *[other] { $n } Zeilen
}
none-match-text = Keine Zeile entspricht den Filtern.
sessions = { $n ->
    [one] { $n } Sitzung
   *[other] { $n } Sitzungen
}
users = { $n ->
    [one] { $n } Benutzer
   *[other] { $n } Benutzer
}
quota-month = Kontingent im Monat
history = Frühere Sitzungen
started = Begonnen
lasted = Dauer
ended-by = Ende durch
login = Anmeldung
logged-in = Angemeldet
logged-out = Abgemeldet
key-usage = Zweck
key-phase = Phase
key-id = Kennung
created-at = Erzeugt
key-gone = Entfernt
usage-access = Access-Tokens
usage-refresh = Refresh-Tokens
usage-login = Anmeldung, Version { $n }
key-verify-only = Prüft nur
rotating = Ein Wechsel läuft
next-rotation = Nächster Wechsel { $time }
rotation-by-hand = Wechsel nur von Hand
pinned = Was Geräte festhalten
pinned-text = SHA-256 des Schlüssels des TLS-Zertifikats
audit-none-text = Kein Eintrag hat diese Aktion.
range-quarter = 15 Min.
range-week = 7 T
logs-help = Wörter, "Wortfolgen", Anfang*, level>=warn, service:wg, field.lane:tor, mit AND, OR, NOT.
lines = { $n ->
    [one] { $n } Zeile
   *[other] { $n } Zeilen
}
lines-sentence = { $n-total } Zeilen, davon { $n-warn } der Stufe warn und { $n-error } der Stufe error.
tor-process = Tor
kernel = Kernel
health = Zustand
probe = Probe
passed = Durchgegangen
streams = Offene Verbindungen
read-and-written = { $read } gelesen, { $written } geschrieben
country = Land
exit-relays = Exit-Relays
part-of-all = Anteil
countries-in-use = Genutzte Exit-Länder
chosen = Gewählt
starting-at = Startet, { $n } %
as-desired = Wie gewünscht
not-as-desired = Nicht wie gewünscht
part-identity = Datenbank der Benutzer
part-sessions = Datenbank der Sitzungen
part-live = Live-Zustand
part-tor = Tor-Netz
part-canary = Leck-Wächter
part-firewall = Firewall
attention-firewall = Die Firewall im Kernel weicht von der Richtlinie ab.
attention-firewall-text = Die Lane tor bleibt zu, bis sie wiederhergestellt ist.
attention-canary = Der Leck-Wächter ist nicht in Ordnung.
attention-canary-text = Die Lane tor bleibt zu, bis ein Durchgang sauber ist.
addresses = Adressen
of-addresses = vergeben von { $n }
connects = Verbindungen
per-minute = pro Minute
devices-word = Geräte
received-and-sent = { $received } herein, { $sent } hinaus
interface-name = Netzwerk { $name }
origin-chosen = beim ersten Start gewählt
origin-operator = von einem Operator gesetzt
file-changed = Die Datei hat sich seit dem Start geändert. Ein Neustart wendet sie an.

## Ohne den Teil im Browser
no-program-text = Werte ändern sich nicht von selbst, und Dialoge öffnen sich nicht: Die Dateien der Konsole für den Browser sind noch nicht installiert.

## Einrichtung
step-operator = Erster Operator
step-operator-text = Name und Passwort der Person, die diesen Server verwaltet
step-host = Hostname
step-host-text = Was Geräte aufrufen
step-invite = Erste Einladung
step-invite-text = Ein Link und ein QR-Code für das erste Gerät
step-done = erledigt
host-title = Was rufen Geräte auf?
host-text = Ein Name oder eine Adresse, die von Ihren Geräten aus zu diesem Server führt. Jede Einladung enthält sie.
field-host = Hostname oder Adresse
keep-host = Diesen Namen behalten
skip-step = Überspringen
device-api = Geräte-API
reach-name = Er muss von Ihren Geräten aus zu diesem Server führen.
reach-public = Eine Adresse des öffentlichen Internets.
reach-private = Eine private Adresse: Geräte anderswo brauchen einen weitergeleiteten Port und die öffentliche Adresse des Routers.
reach-missing = Dieser Server hat keine Adresse. Verbinden Sie ihn mit einem Netz.
tor-opens = Die Lane tor öffnet sich bei 100 % von selbst, mit einem Circuit und einer Probe. Sie müssen nicht warten.
firewall-note = Ob eine Firewall vor diesem Server die Ports durchlässt, ist von hier aus nicht zu sehen. Das erste Gerät zeigt es.
problem-host = Schreiben Sie einen Hostnamen oder eine Adresse, ohne Port.
first-invite-title = Das erste Gerät einladen
first-invite-text = Die Person scannt den Code mit der App oder öffnet den Link auf dem Gerät und wählt einen Namen und ein Passwort.
another-invitation = Weitere Einladung
to-console = Konsole öffnen
factor-advice = Ein zweiter Faktor schützt diesen Operator, falls das Passwort bekannt wird.
waiting-device = Wartet auf das erste Gerät
first-device-came = Der erste Benutzer ist angemeldet
or-word = oder
use-passkey = Passkey verwenden
problem-passkey = Der Browser oder der Authenticator hat dies nicht abgeschlossen. Versuchen Sie es erneut.

## Zweiter Faktor und Passkeys
set-up-factor = Zweiten Faktor einrichten
factor-text = Eine Authenticator-App zeigt einen Code, den jede Anmeldung zusätzlich zum Passwort verlangt.
factor-begin-text = Bestätigen Sie Ihr Passwort. Der zweite Faktor wird erst verlangt, wenn sein erster Code angenommen wurde.
factor-remove-text = Anmeldungen verlangen dann nur noch das Passwort.
factor-scan = Scannen Sie den Code mit der Authenticator-App und geben Sie die sechs Ziffern ein, die sie zeigt.
factor-qr = Das Geheimnis als QR-Code
factor-secret = Geheimnis
factor-code-hint = Sechs Ziffern
done-factor-removed = Der zweite Faktor wurde entfernt.
codes-title = Wiederherstellungscodes
codes-text = Bewahren Sie diese Codes auf. Sie werden nur jetzt gezeigt, und jeder ersetzt einmal einen Code des Authenticators.
passkeys = Passkeys
passkey = Passkey
passkeys-none = Noch keine Passkeys
passkeys-none-text = Ein Passkey ersetzt Passwort und Code: Das Gerät beweist, dass es Ihres ist.
passkeys-need-tls = Browser unterstützen Passkeys nur über HTTPS oder auf dem Server selbst.
add-passkey = Passkey hinzufügen
add-passkey-text = Bestätigen Sie Ihr Passwort. Der Browser fragt dann, wo der Passkey gespeichert wird.
passkey-name-hint = Zum Beispiel der Name des Geräts
done-passkey-added = Der Passkey { $name } wurde hinzugefügt.
remove-passkey-title = { $name } entfernen?
remove-passkey-text = Er kann sich nicht mehr anmelden. Bestehende Anmeldungen bleiben.
done-passkey-removed = Der Passkey { $name } wurde entfernt.

## API-Token
tokens = API-Token
token = Token
token-may = Darf
tokens-none = Noch keine API-Token
tokens-none-text = Mit einem Token verwendet ein Programm die API mit gewählten Rechten, bis es abläuft.
expires = Läuft ab
new-token = Neues Token
new-token-text = Das Token handelt in Ihrem Namen, höchstens mit diesen Rechten. Sein Name steht im Audit-Trail.
create-token = Token erstellen
token-name-hint = Buchstaben, Ziffern, Bindestriche und Unterstriche
token-days-hint = 1 bis 365
problem-scopes = Wählen Sie mindestens ein Recht.
created-token-title = API-Token
created-token-text = Kopieren Sie das Token jetzt. Es wird nur einmal gezeigt, und der Server speichert nur seinen Hash.
revoke-token = Widerrufen
revoke-token-title = { $name } widerrufen?
revoke-token-text = Programme, die das Token verwenden, werden ab jetzt abgewiesen.
done-token-revoked = { $name } wurde widerrufen.

## Sicherung
backup = Sicherung
backup-text = Eine Datei mit Konten, Schlüsseln und Konfiguration, versiegelt mit einer Passphrase. Wiederherstellung: tornadod restore.
create-backup = Sicherung erstellen
create-backup-text = Die Datei enthält alle Schlüssel dieses Servers. Ohne die Passphrase lässt sie sich nicht öffnen, und die Passphrase wird nicht gespeichert.
passphrase = Passphrase
passphrase-hint = Mindestens 10 Zeichen
done-backup = Die Sicherung wurde heruntergeladen.

## Konfiguration
values-changed = { $n-changed } von { $n-all } Werten weichen vom Standard ab
configuration-hint = Ändern Sie die Datei auf dem Server und starten Sie den Dienst neu. Dies prüft sie vorher:

## Gespeicherte Abfragen und Export
level = Stufe
save-query = Abfrage speichern
saved-queries = Gespeicherte Abfragen
done-query-saved = Die Abfrage { $name } wurde gespeichert.
delete-query-title = Die Abfrage { $name } löschen?
delete-query-text = Keine Logzeile wird gelöscht.
done-query-deleted = Die Abfrage { $name } wurde gelöscht.
download = Herunterladen

## Bilder
life-of-keys = Lebensdauer der Schlüssel
processes = Prozesse

## Pages of the server alone

all-pages = Alle Seiten
export-csv = CSV
export-jsonl = JSONL
row = Zeile
details = Einzelheiten
audit-find-actor = Urheber, zum Beispiel operator:ann

## What is kept

kept-title = Was dieser Server über Personen speichert
data-kept-text = Jede Tabelle und Spalte der Datenbanken, aus dem Schema dieser Version. Sonst wird nichts über eine Person gespeichert; wohin Geräte sich verbinden, wird nirgends gespeichert.
kept-memory = Bis die Sitzung endet, im Arbeitsspeicher und in einer Datei von wg, damit Tunnel einen Neustart überstehen: die Adresse, von der ein Gerät sich verbindet. Mit Redis sehen auch andere Gateways den Zustand der Sitzung.
kept-table = Tabelle
kept-purpose = Zweck
kept-until = Gelöscht
kept-columns = Spalten
kept-store = Datenbank { $name }
until-never = nie; ein gelöschtes Konto oder Gerät wird markiert und bleibt
until-removed = wenn es entfernt oder ersetzt wird
until-expired = bis zu 30 Tage nach dem Ablauf
until-session = wenn die Sitzung endet
until-history = { $n } Tage nach dem Ende
until-logs = nach höchstens { $n } Tagen
until-history-set = Tage aus [session] history_days nach dem Ende
until-logs-set = nach höchstens den Tagen aus [telemetry] retention_days
until-metrics = nach einer Stunde, sieben Tagen und zwei Jahren, je nach Abstand
purpose-accounts = Konten der Personen, die das VPN nutzen
purpose-devices = Ihre Geräte
purpose-invitations = Einladungen
purpose-logins = Anmeldungen von Geräten
purpose-replays = Schutz vor wiederholten Anmeldungen
purpose-operators = Operatoren
purpose-sign-ins = Anmeldungen von Operatoren
purpose-factors = Zweite Faktoren und Wiederherstellungscodes
purpose-passkeys = Passkeys von Operatoren
purpose-tokens = API-Token
purpose-audit = Das Prüfprotokoll: wer was geändert hat
purpose-settings = Einstellungen, die Operatoren geändert haben
purpose-leases = Welches Gerät welche Adresse im VPN hat
purpose-sessions = Sitzungen, die es gerade gibt
purpose-history = Frühere Sitzungen
purpose-exits = Gewählte Ausgangsländer
purpose-usage = Summen von Bytes, für Kontingente und Diagramme
purpose-logs = Logzeilen der Dienste
purpose-metrics = Messwerte des Servers, ohne Personen
purpose-internal = Die eigene Ordnung des Servers, ohne Personen
content-identifier = Kennung
content-name = Name
content-email = E-Mail-Adresse
content-hash = Hash eines Geheimnisses
content-sealed = versiegeltes Geheimnis
content-public-key = öffentlicher Schlüssel
content-preshared-key = Preshared Key
content-time = Zeit
content-address = IP-Adresse
content-bytes = Bytes
content-setting = Einstellung
content-state = Zustand
content-text = Text eines Dienstes
content-number = interne Nummer
licence-text = Text der Lizenz

## Deletion of log lines

delete-logs = Logzeilen löschen
delete-logs-text = Die Zeilen werden aus dem Archiv und der Suche gelöscht. Das kann nicht rückgängig gemacht werden. Das Prüfprotokoll behält einen Eintrag darüber, und zuvor heruntergeladene Dateien bleiben, wie sie sind.
all-lines = alle Zeilen
time-until = Bis
time-from = Von
delete-lines = { $n ->
    [one] { $n } Zeile
   *[other] { $n } Zeilen
} löschen
done-logs-deleted = { $n ->
    [one] { $n } Zeile wurde gelöscht.
   *[other] { $n } Zeilen wurden gelöscht.
}

## Services of the operating system

units = Dienste des Betriebssystems
unit = Unit
units-hint = In [os_services] genannt; die in allow lassen sich hier starten, anhalten und neu starten. Nach drei Starts in zehn Minuten werden weitere abgelehnt.
notice-unit = systemd führt dies aus. Was von der Unit abhängt, kann unterbrochen werden.
read-only = nur lesen

## Clock, columns, and what happened to a session

utc = { $time } UTC
columns = Spalten
happenings = Was geschah
happened-began = Die Sitzung begann
happened-offline = Kein Heartbeat oder Handshake in letzter Zeit
happened-recovered = Wiederhergestellt
happened-quota = Das Kontingent des Benutzers ist aufgebraucht
happened-ended = Eine frühere Sitzung des Geräts endete
happened-detail = { $reason }, nach { $span }, { $bytes } übertragen

## Live tail

tail = Live-Anzeige
tail-start = Folgen
tail-stop = Anhalten
tail-waiting = Zeilen dieser Abfrage erscheinen hier, sobald sie geschrieben werden.
tail-missed = { $n ->
    [one] { $n } Zeile wurde ausgelassen, weil dieser Browser langsam war.
   *[other] { $n } Zeilen wurden ausgelassen, weil dieser Browser langsam war.
}
