# Das Fenster auf Deutsch.

## Zahlen und Zeiten
none-yet = noch nie
today-at = heute { $time }
span-seconds = { $n } s
span-minutes = { $n-minutes } min { $n-seconds } s
span-hours = { $n-hours } h { $n-minutes } min
span-days = { $n-days } T { $n-hours } h
countries = { $n ->
    [one] { $n } Land
   *[other] { $n } Länder
}
ago = vor { $span }
not-known = nicht bekannt

## Rahmen
settings = Einstellungen
back = Zurück
retry = Erneut versuchen
cancel = Abbrechen
no-account = nicht eingerichtet
not-signed-in = nicht angemeldet

## Ohne den Dienst
waiting-title = Startet
waiting-text = Das Fenster wartet auf den Dienst.
absent-title = Der Dienst antwortet nicht
absent-text = Der Zustand des Tunnels ist nicht bekannt. Ein bestehender Tunnel und der Notausschalter wirken weiter. Das Fenster verbindet sich wieder, sobald der Dienst antwortet.
absent-do = Den Dienst starten:
forbidden-title = Dieser Benutzer darf Tornado VPN nicht verwenden
forbidden-text = Der Administrator dieses Rechners muss Ihren Benutzer in die Gruppe tornado aufnehmen. Melden Sie sich danach am System ab und wieder an.
forbidden-do = Als Administrator:

## Einrichtung
enrol-title = Einem Server beitreten
enrol-text = Mit der Einladung seines Betreibers.
enrol-link = Einladung
enrol-link-hint = Ein tornado://-Link oder ein eingefügtes Bild seines QR-Codes.
enrol-file = Datei oder Bild öffnen
enrol-type = Eintippen
enrol-paste = Link einfügen
enrol-server = Server
enrol-server-hint = Sein Name oder seine Adresse, wie vpn.example.net.
enrol-identity = Identität
enrol-identity-hint = Der Teil i des Links, 43 Zeichen.
enrol-code = Einladungscode
enrol-code-hint = Der Teil c des Links.
enrol-username = Kontoname
enrol-username-hint = Ein neuer Name legt Ihr Konto an. Leer lassen, wenn die Einladung für Ihr bestehendes Konto ist.
enrol-password = Passwort
enrol-password-hint = Mindestens 10 Zeichen, wenn es neu ist.
enrol-device = Name dieses Geräts
enrol-submit = Beitreten
enrol-busy = Tritt bei

## Anmeldung
sign-in-title = Anmelden
sign-in-text = Bei { $server } als { $user }.
sign-in-kept = Die Anmeldung ist beendet. Dieses Gerät bleibt eingerichtet, und Ihre Einstellungen bleiben erhalten.
password = Passwort
code = Code der Authenticator-App
code-hint = Oder einer Ihrer Wiederherstellungscodes.
sign-in-submit = Anmelden
sign-in-busy = Meldet an
sign-out = Abmelden

## Zustand
state-disconnected = Nicht verbunden
state-disconnected-text = Der Verkehr nimmt seinen gewöhnlichen Weg, nicht den über Ihren Server.
state-disconnected-locked = Der Notausschalter sperrt jeden Verkehr, bis Sie verbinden.
state-connecting = Verbindet
state-connecting-text = Der Verkehr ist ungeschützt, bis der Tunnel steht.
state-connecting-locked = Nichts verlässt dieses Gerät, bis der Tunnel steht.
state-connected = Verbunden
state-connected-direct = Der gesamte Verkehr geht über Ihren Server hinaus.
state-connected-tor = Der gesamte Verkehr geht über Tor hinaus; der Rest wird abgewiesen.
state-silent = Keine Antwort
state-silent-text = Der Tunnel steht, aber der Server antwortet nicht darüber. Verkehr kann verloren gehen.
state-lane-closed = Der Tunnel steht, aber die Lane { $lane } des Servers ist geschlossen: kein Verkehr kommt durch.
state-lane-maintenance = Der Tunnel steht, aber die Lane { $lane } des Servers wird gewartet: kein Verkehr kommt durch.
state-exit-waits = Der Tunnel steht. Der Pfad zum Ausgangsland wird aufgebaut.
state-switching = Wechselt
state-switching-text = Auf die Lane { $lane }. Bis dahin nutzt der Verkehr die alte Lane.
state-disconnecting = Trennt
state-disconnecting-text = Der Tunnel wird entfernt.
state-blocked = Gesperrt
state-blocked-text = Nichts verlässt dieses Gerät. Der Notausschalter hält es zurück.
state-blocked-always = Der Notausschalter steht auf immer: Nichts verlässt dieses Gerät, bis Sie verbinden.

## Lanes
lane = Lane
lane-direct = Direkt
lane-direct-text = über Ihren Server
lane-tor = Tor
lane-tor-text = über drei Relays

## Pfad
path = Pfad Ihrer Pakete
path-device = Dieses Gerät
path-not-used = nicht benutzt
path-internet = Internet
path-sees-network = sieht die Adresse dieses Netzes
path-sees-server = Internet sieht den Server
path-sees-exit = Internet sieht den Ausgang
path-kill-switch = Notausschalter
path-kill-switch-text = lässt durch: nur den Pfad zum Server
path-no-circuit = noch kein Circuit
relay-guard = Guard
relay-middle = Mitte
relay-exit = Ausgang
exit-country = Ausgangsland
any-country = Beliebiges Land
new-identity = Neue Identität
new-identity-done = Neue Verbindungen nutzen neue Circuits. Offene behalten ihre, bis sie enden.

## Raten und Werte
rates = Raten
down = ab
up = auf
last-minute = letzte Minute
rates-summary = Raten der letzten Minute: ab { $down }, auf { $up }, höchste { $highest }
connected-for = Verbunden
handshake = Handshake
received = Empfangen
sent = Gesendet
resolver = DNS
resolver-own = die eigenen des Rechners
protection = Schlüssel
protection-post-quantum = Post-Quantum
protection-usual = WireGuard
month = Dieser Monat
month-of = { $used } von { $limit }
month-left = { $left } übrig
month-renews = neu in { $n ->
    [one] { $n } Tag
   *[other] { $n } Tagen
}
quota-used = Verbrauchtes Kontingent

## Bedienung
connect = Verbinden
disconnect = Trennen
connect-again = Jetzt versuchen
give-up = Trennen und ungeschützt weiter
give-up-title = Ungeschützt weiter?
give-up-text = Der Tunnel wird aufgegeben, und der Verkehr verlässt dieses Gerät auf seinem gewöhnlichen Weg, nicht über Ihren Server.
give-up-confirm = Ungeschützt weiter

## Probleme
problem = Problem
control-unreachable = Die Geräte-API des Servers antwortet nicht. Der Tunnel bleibt bestehen, bis seine Zuteilung abläuft; der Dienst versucht es weiter.
error-invalid-credentials = Kontoname oder Passwort ist falsch.
error-totp-required = Dieses Konto hat einen zweiten Faktor. Geben Sie den Code Ihrer Authenticator-App ein.
error-totp-invalid = Der Code ist falsch oder schon benutzt. Warten Sie auf den nächsten.
error-too-many-attempts = Zu viele Versuche. Warten Sie { $span } und versuchen Sie es dann erneut.
error-too-many-attempts-soon = Zu viele Versuche. Warten Sie einige Minuten und versuchen Sie es dann erneut.
error-bad-invitation = Das ist kein gültiger Einladungslink. Kopieren Sie ihn noch einmal vollständig.
error-invalid-invitation = Die Einladung wurde schon benutzt, ist abgelaufen oder zurückgezogen. Bitten Sie den Betreiber um eine andere.
error-name-taken = Dieser Kontoname ist vergeben. Wählen Sie einen anderen, oder lassen Sie ihn leer, wenn die Einladung für Ihr Konto ist.
error-max-devices = Das Konto hat so viele Geräte, wie es haben darf. Entfernen Sie eines in der Konsole des Servers, oder fragen Sie den Betreiber.
error-user-inactive = Das Konto ist gesperrt. Fragen Sie den Betreiber.
error-not-signed-in = Die Anmeldung ist beendet. Melden Sie sich erneut an.
error-unreachable = Der Server antwortet nicht. Prüfen Sie das Netz dieses Rechners; beim Verbinden wird es erneut versucht.
error-timeout = Der Server antwortete nicht rechtzeitig. Versuchen Sie es erneut.
error-no-handshake = Der Server antwortete nicht über die Lane. Ein Netz, das UDP sperrt, wirkt so; versuchen Sie ein anderes Netz oder die andere Lane.
error-untrusted = Unter dieser Adresse antwortete ein anderer Server, daher wurde nichts gesendet. Fragen Sie den Betreiber, bevor Sie es erneut versuchen.
error-clock = Die Uhr dieses Rechners geht falsch. Stellen Sie sie, und versuchen Sie es dann erneut.
error-no-network = Dieser Rechner hat keinen Weg zum Server. Der Tunnel geht weiter, sobald das Netz wieder da ist.
error-quota-nearly = Das Kontingent des Monats ist fast verbraucht.
error-quota-used = Das Kontingent des Monats ist verbraucht. Bis es neu beginnt, kommt kein Verkehr durch.
error-interference = Ein anderes Programm hat die Einstellungen des Tunnels auf diesem Rechner geändert. Sie wurden wiederhergestellt.
error-device-name = Dieser Gerätename ist nicht möglich. Verwenden Sie Buchstaben, Ziffern, Leerzeichen und Bindestriche.
error-account-name = Dieser Kontoname ist nicht möglich. Verwenden Sie Buchstaben, Ziffern, Bindestriche und Unterstriche.
error-password-weak = Das Passwort ist zu schwach. Verwenden Sie mindestens 10 Zeichen, die kein gängiges Wort sind.
error-part = Das ist kein Teil einer Einladung. Vergleichen Sie Server, Identität und Code mit dem Link.
error-no-invitation = Die Datei enthält keine Einladung. Öffnen Sie den Text mit dem Link oder ein scharfes Bild des ganzen QR-Codes.
error-network = Dieses Netz kann nicht ausgenommen werden. Schreiben Sie eine Adresse und eine Länge von mindestens 8, bei IPv6 16.
error-address = Das ist keine IP-Adresse. Ein Name geht hier nicht.
error-profile = Dieser Name ist nicht möglich. Verwenden Sie 1 bis 32 Zeichen: a-z, 0-9 und Bindestriche.
error-other = Die Anfrage ist fehlgeschlagen.
error-code = Code { $code }

## Einstellungen
settings-app = Diese App
theme = Aussehen
theme-system = Wie das System
theme-light = Hell
theme-dark = Dunkel
language = Sprache
settings-start = Start
start-connect = Beim Start der App verbinden
start-connect-hint = auf der zuletzt benutzten Lane
start-login = Bei der Anmeldung am System starten
start-login-hint = im Infobereich, ohne Fenster
quit-disconnect = Beim Beenden trennen
quit-disconnect-hint = sonst bleibt der Tunnel bestehen
quit = Beenden
settings-account = Konto
version = Version { $version }

## Tray
tray-pending = In Arbeit
tray-show = Fenster zeigen

## Seiten der Einstellungen
settings-protection = Schutz
change = Ändern
open = Öffnen
apply = Anwenden

## Notausschalter
lockdown = Notausschalter
lockdown-off = Aus
lockdown-off-text = Ohne Tunnel nimmt der Verkehr seinen gewöhnlichen Weg, auch wenn der Tunnel abbricht.
lockdown-auto = Wenn der Tunnel abbricht
lockdown-auto-text = Bricht der Tunnel ab oder stürzt der Dienst ab, verlässt nichts das Gerät, bis der Tunnel wieder steht oder Sie trennen.
lockdown-always = Immer
lockdown-always-text = Nichts verlässt das Gerät ohne Tunnel: auch nicht getrennt, vor der Anmeldung, beim Start und bei angehaltenem Dienst.
lockdown-local = Lokale Netze
lockdown-lan = Lokales Netz
lockdown-lan-hint = Drucker und Freigaben bleiben erreichbar, Namen nicht
lockdown-bridges = Container und virtuelle Maschinen
lockdown-bridges-hint = ihre Netze, auch ohne das lokale Netz
lockdown-way-out = Ohne dieses Fenster:
consequence-off = Bricht der Tunnel ab, verlässt der Verkehr das Gerät ungeschützt.
consequence-off-now = Der Verkehr verlässt das Gerät sofort ungeschützt.
consequence-auto = Solange Sie getrennt sind, nimmt der Verkehr seinen gewöhnlichen Weg.
consequence-always = Solange der Tunnel steht, ändert sich nichts. Nach dem Trennen verlässt nichts dieses Gerät.
consequence-always-now = Ab jetzt verlässt nichts dieses Gerät, bis Sie verbinden.

## Netze außerhalb des Tunnels
networks = Netze außerhalb des Tunnels
networks-text = Diese Netze werden in jedem Zustand direkt erreicht. Namen werden weiter im Tunnel aufgelöst.
networks-none = keine
networks-count = { $n ->
    [one] { $n } Netz
   *[other] { $n } Netze
}
networks-add-label = Netz
networks-add-hint = Eine Adresse, auch mit Länge, wie 203.0.113.0/24.
networks-add = Hinzufügen
networks-remove = { $network } entfernen

## Anmeldeseite eines Netzes
portal = Anmeldeseite eines Netzes
portal-hint = öffnet eine Anmeldeseite für 60 Sekunden
portal-is-open = { $address } ist offen
portal-text = Manche Netze zeigen eine Anmeldeseite, bevor sie Verkehr durchlassen. Für 60 Sekunden sind die Ports 80 und 443 einer Adresse außerhalb des Tunnels erreichbar.
portal-address = Adresse der Anmeldeseite
portal-address-hint = Oft die Adresse des Routers.
portal-open = Für 60 Sekunden öffnen
portal-open-text = { $address } ist noch { $span } außerhalb des Tunnels erreichbar.

## Server
profiles = Server
profiles-text = Ein Server ist in Gebrauch. Jeder behält sein Konto und seine Anmeldung.
profile-in-use = in Gebrauch
profile-use = Verwenden
profile-rename = Umbenennen
profile-remove = Entfernen
profile-remove-text = Seine Anmeldung endet, und dieses Gerät vergisst den Server. Zum erneuten Beitritt brauchen Sie eine weitere Einladung.
profile-name = Name auf diesem Gerät
profile-name-hint = 1 bis 32 Zeichen: a-z, 0-9 und Bindestriche.
add-profile = Server hinzufügen

## Zweiter Faktor
factor = Zweiter Faktor
factor-hint = Codes einer Authenticator-App
factor-text = Mit einem zweiten Faktor verlangt eine Anmeldung neben dem Passwort einen Code einer Authenticator-App.
factor-password-hint = Das Passwort Ihres Kontos.
factor-begin = Einrichten
factor-end = Entfernen
factor-scan = Lesen Sie dies mit einer Authenticator-App ein.
factor-qr = Geheimnis des zweiten Faktors als QR-Code
factor-secret = Oder eintippen:
factor-code-hint = Der erste Code, den die App zeigt.
factor-confirm = Bestätigen
factor-enabled = Ab jetzt sind Codes nötig. Jeder von diesen ersetzt einmal einen. Sie werden nicht wieder gezeigt: bewahren Sie sie jetzt auf.
factor-codes = Wiederherstellungscodes
factor-stored = Ich habe sie aufbewahrt
factor-disabled = Der zweite Faktor ist entfernt. Eine Anmeldung verlangt nur das Passwort.

## Hilfe
report = Bericht
report-text = Für jemanden, der Ihnen hilft. Er enthält, was App und Dienst wissen; nichts wird gesendet.
report-level = Schwärzung
report-all = Ohne Namen und Adressen
report-addresses = Ohne Adressen
report-nothing = Mit allem
report-save = Speichern
report-saved = Gespeichert als { $path }
log = Protokoll
log-text = Die letzten Zeilen des Dienstes, ohne Namen und Adressen.
log-read = Erneut lesen
about = Über
about-text = Tornado VPN ist freie Software unter der GNU General Public License, Version 3 oder später.
keys = Tastatur
keys-main = Die große Taste
keys-lanes = Direkt, Tor
licences = Enthaltene Software
