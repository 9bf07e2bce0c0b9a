# La ventana en español.

## Números y tiempos
none-yet = aún ninguno
today-at = hoy { $time }
span-seconds = { $n } s
span-minutes = { $n-minutes } min { $n-seconds } s
span-hours = { $n-hours } h { $n-minutes } min
span-days = { $n-days } d { $n-hours } h
countries = { $n ->
    [one] { $n } país
   *[other] { $n } países
}
ago = hace { $span }
not-known = no se sabe

## Marco
settings = Ajustes
back = Atrás
retry = Reintentar
cancel = Cancelar
no-account = sin registrar
not-signed-in = sin sesión

## Sin el servicio
waiting-title = Iniciando
waiting-text = La ventana espera al servicio.
absent-title = El servicio no responde
absent-text = No se conoce el estado del túnel. Un túnel establecido y el corte de emergencia siguen funcionando. La ventana se conectará de nuevo en cuanto el servicio responda.
absent-do = Inicie el servicio:
forbidden-title = Este usuario no puede usar Tornado VPN
forbidden-text = El administrador de este equipo debe añadir su usuario al grupo tornado. Después cierre la sesión del sistema y vuelva a entrar.
forbidden-do = Como administrador:

## Registro
enrol-title = Unirse a un servidor
enrol-text = Con la invitación de su operador.
enrol-link = Invitación
enrol-link-hint = Un enlace tornado://, o una imagen pegada de su código QR.
enrol-file = Abrir un archivo o imagen
enrol-type = Escribirla
enrol-paste = Pegar un enlace
enrol-server = Servidor
enrol-server-hint = Su nombre o dirección, como vpn.example.net.
enrol-identity = Identidad
enrol-identity-hint = La parte i del enlace, 43 caracteres.
enrol-code = Código de invitación
enrol-code-hint = La parte c del enlace.
enrol-username = Nombre de la cuenta
enrol-username-hint = Un nombre nuevo crea su cuenta. Déjelo vacío si la invitación es para su cuenta existente.
enrol-password = Contraseña
enrol-password-hint = Al menos 10 caracteres si es nueva.
enrol-device = Nombre de este dispositivo
enrol-submit = Unirse
enrol-busy = Uniéndose

## Inicio de sesión
sign-in-title = Iniciar sesión
sign-in-text = En { $server } como { $user }.
sign-in-kept = La sesión ha terminado. Este dispositivo sigue registrado y sus ajustes se conservan.
password = Contraseña
code = Código del autenticador
code-hint = O uno de sus códigos de recuperación.
sign-in-submit = Iniciar sesión
sign-in-busy = Iniciando sesión
sign-out = Cerrar sesión

## Estado
state-disconnected = Sin conexión
state-disconnected-text = El tráfico sale como siempre, no a través de su servidor.
state-disconnected-locked = El corte de emergencia bloquea todo el tráfico hasta que se conecte.
state-connecting = Conectando
state-connecting-text = El tráfico no está protegido hasta que el túnel esté listo.
state-connecting-locked = Nada sale de este dispositivo hasta que el túnel esté listo.
state-connected = Conectado
state-connected-direct = Todo el tráfico sale a través de su servidor.
state-connected-tor = Todo el tráfico sale a través de Tor; el resto se rechaza.
state-silent = Sin respuesta
state-silent-text = El túnel está activo, pero el servidor no responde a través de él. Puede perderse tráfico.
state-lane-closed = El túnel está activo, pero la vía { $lane } del servidor está cerrada: no pasa tráfico.
state-lane-maintenance = El túnel está activo, pero la vía { $lane } del servidor está en mantenimiento: no pasa tráfico.
state-exit-waits = El túnel está activo. Se está creando la ruta al país de salida.
state-switching = Cambiando
state-switching-text = A la vía { $lane }. Hasta entonces, el tráfico usa la vía anterior.
state-disconnecting = Desconectando
state-disconnecting-text = Se está retirando el túnel.
state-blocked = Bloqueado
state-blocked-text = Nada sale de este dispositivo. El corte de emergencia lo retiene.
state-blocked-always = El corte de emergencia está en siempre: nada sale de este dispositivo hasta que se conecte.

## Vías
lane = Vía
lane-direct = Directo
lane-direct-text = por su servidor
lane-tor = Tor
lane-tor-text = por tres relés

## Ruta
path = Ruta de sus paquetes
path-device = Este dispositivo
path-not-used = sin usar
path-internet = Internet
path-sees-network = ve la dirección de esta red
path-sees-server = Internet ve el servidor
path-sees-exit = Internet ve la salida
path-kill-switch = Corte de emergencia
path-kill-switch-text = deja pasar: solo la ruta al servidor
path-no-circuit = aún sin circuito
relay-guard = guarda
relay-middle = medio
relay-exit = salida
exit-country = País de salida
any-country = Cualquier país
new-identity = Nueva identidad
new-identity-done = Las conexiones nuevas usan circuitos nuevos. Las abiertas conservan los suyos hasta cerrarse.

## Velocidades y datos
rates = Velocidades
down = bajada
up = subida
last-minute = último minuto
rates-summary = Velocidades del último minuto: bajada { $down }, subida { $up }, máxima { $highest }
connected-for = Conectado
handshake = Handshake
received = Recibido
sent = Enviado
resolver = DNS
resolver-own = los del equipo
protection = Clave
protection-post-quantum = poscuántica
protection-usual = WireGuard
month = Este mes
month-of = { $used } de { $limit }
month-left = quedan { $left }
month-renews = se renueva en { $n ->
    [one] { $n } día
   *[other] { $n } días
}
quota-used = Cuota usada

## Controles
connect = Conectar
disconnect = Desconectar
connect-again = Probar ahora
give-up = Desconectar y seguir sin protección
give-up-title = ¿Seguir sin protección?
give-up-text = Se abandona el túnel y el tráfico sale de este dispositivo como siempre, no a través de su servidor.
give-up-confirm = Seguir sin protección

## Problemas
problem = Problema
control-unreachable = La API de dispositivos del servidor no responde. El túnel sigue activo hasta que venza su concesión; el servicio sigue intentándolo.
error-invalid-credentials = El nombre de la cuenta o la contraseña no es correcto.
error-totp-required = Esta cuenta tiene un segundo factor. Escriba el código de su autenticador.
error-totp-invalid = El código no es correcto o ya se usó. Espere al siguiente.
error-too-many-attempts = Demasiados intentos. Espere { $span } y vuelva a intentarlo.
error-too-many-attempts-soon = Demasiados intentos. Espere unos minutos y vuelva a intentarlo.
error-bad-invitation = No es un enlace de invitación válido. Cópielo de nuevo, entero.
error-invalid-invitation = La invitación ya se usó, venció o se retiró. Pida otra al operador.
error-name-taken = Este nombre de cuenta está ocupado. Elija otro, o déjelo vacío si la invitación es para su cuenta.
error-max-devices = La cuenta tiene todos los dispositivos permitidos. Quite uno en la consola del servidor o pregunte al operador.
error-user-inactive = La cuenta está suspendida. Pregunte al operador.
error-not-signed-in = La sesión ha terminado. Inicie sesión de nuevo.
error-unreachable = El servidor no responde. Revise la red de este equipo; al conectar se intenta de nuevo.
error-timeout = El servidor no respondió a tiempo. Inténtelo de nuevo.
error-no-handshake = El servidor no respondió por la vía. Una red que bloquea UDP tiene este efecto; pruebe otra red u otra vía.
error-untrusted = Otro servidor respondió en esta dirección, así que no se envió nada. Pregunte al operador antes de reintentarlo.
error-clock = El reloj de este equipo no es correcto. Ajústelo y vuelva a intentarlo.
error-no-network = Este equipo no tiene camino al servidor. El túnel continúa cuando vuelva la red.
error-quota-nearly = La cuota del mes está casi agotada.
error-quota-used = La cuota del mes está agotada. No pasa tráfico hasta que se renueve.
error-interference = Otro programa cambió los ajustes del túnel en este equipo. Se han restaurado.
error-device-name = Este nombre de dispositivo no es posible. Use letras, cifras, espacios y guiones.
error-account-name = Este nombre de cuenta no es posible. Use letras, cifras, guiones y guiones bajos.
error-password-weak = La contraseña es demasiado débil. Use al menos 10 caracteres que no sean una palabra común.
error-part = Esto no es parte de una invitación. Compare servidor, identidad y código con el enlace.
error-no-invitation = El archivo no contiene una invitación. Abra el texto con el enlace o una imagen nítida del código QR entero.
error-network = Esta red no se puede excluir. Escriba una dirección y una longitud de al menos 8, en IPv6 16.
error-address = Esto no es una dirección IP. Un nombre no sirve aquí.
error-profile = Este nombre no se puede usar. Use de 1 a 32 caracteres: a-z, 0-9 y guiones.
error-other = La petición ha fallado.
error-code = código { $code }

## Ajustes
settings-app = Esta aplicación
theme = Aspecto
theme-system = Como el sistema
theme-light = Claro
theme-dark = Oscuro
language = Idioma
settings-start = Inicio
start-connect = Conectar al iniciar la aplicación
start-connect-hint = en la última vía usada
start-login = Iniciar con la sesión del sistema
start-login-hint = en la bandeja, sin ventana
quit-disconnect = Desconectar al salir
quit-disconnect-hint = si no, el túnel sigue activo
quit = Salir
settings-account = Cuenta
version = Versión { $version }

## Tray
tray-pending = En curso
tray-show = Mostrar ventana

## Páginas de los ajustes
settings-protection = Protección
change = Cambiar
open = Abrir
apply = Aplicar

## Corte de emergencia
lockdown = Corte de emergencia
lockdown-off = Desactivado
lockdown-off-text = Sin túnel, el tráfico sale como siempre, también si el túnel se pierde.
lockdown-auto = Si se pierde el túnel
lockdown-auto-text = Si se pierde el túnel o falla el servicio, nada sale hasta que el túnel vuelva o usted se desconecte.
lockdown-always = Siempre
lockdown-always-text = Nada sale sin túnel: tampoco sin conexión, antes de iniciar sesión, al arrancar ni con el servicio detenido.
lockdown-local = Redes locales
lockdown-lan = Red local
lockdown-lan-hint = impresoras y recursos siguen accesibles; los nombres no
lockdown-bridges = Contenedores y máquinas virtuales
lockdown-bridges-hint = sus redes, incluso sin la red local
lockdown-way-out = Sin esta ventana:
consequence-off = Si se pierde el túnel, el tráfico sale sin protección.
consequence-off-now = El tráfico sale sin protección de inmediato.
consequence-auto = Mientras esté desconectado, el tráfico sale como siempre.
consequence-always = Nada cambia mientras el túnel esté activo. Tras desconectar, nada sale de este dispositivo.
consequence-always-now = Desde ahora nada sale de este dispositivo hasta que se conecte.

## Redes fuera del túnel
networks = Redes fuera del túnel
networks-text = A estas redes se llega directamente, en todo estado. Los nombres se resuelven dentro del túnel.
networks-none = ninguna
networks-count = { $n ->
    [one] { $n } red
   *[other] { $n } redes
}
networks-add-label = Red
networks-add-hint = Una dirección, también con longitud, como 203.0.113.0/24.
networks-add = Añadir
networks-remove = Quitar { $network }

## Portal cautivo
portal = Portal cautivo
portal-hint = abre una página de acceso durante 60 segundos
portal-is-open = { $address } está abierta
portal-text = Algunas redes muestran una página de acceso antes de dejar pasar el tráfico. Durante 60 segundos se llega a los puertos 80 y 443 de una dirección fuera del túnel.
portal-address = Dirección de la página de acceso
portal-address-hint = A menudo la dirección del router.
portal-open = Abrir durante 60 segundos
portal-open-text = Se llega a { $address } fuera del túnel durante { $span } más.

## Servidores
profiles = Servidores
profiles-text = Un servidor está en uso. Cada uno conserva su cuenta y su sesión.
profile-in-use = en uso
profile-use = Usar
profile-rename = Renombrar
profile-remove = Quitar
profile-remove-text = Su sesión termina y este dispositivo olvida el servidor. Para volver a unirse necesita otra invitación.
profile-name = Nombre en este dispositivo
profile-name-hint = De 1 a 32 caracteres: a-z, 0-9 y guiones.
add-profile = Añadir un servidor

## Segundo factor
factor = Segundo factor
factor-hint = códigos de una app de autenticación
factor-text = Con un segundo factor, iniciar sesión requiere un código de una app de autenticación además de la contraseña.
factor-password-hint = La contraseña de su cuenta.
factor-begin = Configurar
factor-end = Quitar
factor-scan = Escanee esto con una app de autenticación.
factor-qr = Secreto del segundo factor como código QR
factor-secret = O escriba:
factor-code-hint = El primer código que muestra la app.
factor-confirm = Confirmar
factor-enabled = Desde ahora se requieren códigos. Cada uno de estos sustituye a uno, una vez. No se vuelven a mostrar: guárdelos ahora.
factor-codes = Códigos de recuperación
factor-stored = Los he guardado
factor-disabled = El segundo factor se ha quitado. Iniciar sesión solo requiere la contraseña.

## Ayuda
report = Informe
report-text = Para quien le ayude. Contiene lo que saben la app y el servicio; no se envía nada.
report-level = Censura
report-all = Sin nombres ni direcciones
report-addresses = Sin direcciones
report-nothing = Con todo
report-save = Guardar
report-saved = Guardado como { $path }
log = Registro
log-text = Las últimas líneas del servicio, sin nombres ni direcciones.
log-read = Leer de nuevo
about = Acerca de
about-text = Tornado VPN es software libre bajo la GNU General Public License, versión 3 o posterior.
keys = Teclado
keys-main = El botón grande
keys-lanes = Directo, Tor
licences = Software incluido
