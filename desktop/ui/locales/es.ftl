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
enrol-link-hint = Un enlace que empieza por tornado://
enrol-file = Abrir un archivo
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
sign-out-text = El túnel se desconecta. Este dispositivo sigue registrado.

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
