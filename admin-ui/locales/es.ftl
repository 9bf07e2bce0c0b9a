# La consola en español.

## Frame
skip = Ir al contenido
nav = Menú principal
nav-overview = Resumen
nav-sessions = Sesiones
nav-users = Usuarios
nav-tor = Tor
nav-services = Servicios
nav-logs = Registros
nav-keys = Claves y auditoría
nav-audit = Auditoría
nav-settings = Ajustes
nav-about = Acerca de
nav-more = Más
jump = Buscar o ir a
nothing-found = Sin resultados
palette-acts = Acción
palette-pages = Página
server-line = { $version } · en marcha { $span }
role = Rol
role-owner = propietario
role-operator = operador
role-viewer = lector
language = Idioma
theme = Tema
theme-system = Como el sistema
theme-light = Claro
theme-dark = Oscuro
apply = Aplicar
look = Idioma y tema
loading = Cargando
retry = Reintentar
to-overview = Ir al resumen
live-at = En vivo, { $time } UTC

## Instead of content
signed-out-title = Ha cerrado la sesión
signed-out-text = El inicio de sesión ha caducado o fue revocado. Inicie sesión para volver a esta página.
forbidden-title = Su rol no lo permite
forbidden-text = Esta página exige otro rol. Un propietario puede cambiar el suyo.
not-found-title = No encontrado
not-found-text = Esta dirección no existe o ya no existe.
unreachable-title = Se perdió la conexión con el servidor
unreachable-text = El navegador no alcanza el servidor. Los túneles de los dispositivos no se ven afectados.
unavailable-title = { $part } no respondió
unavailable-text = Los túneles establecidos continúan. Reintente y, si persiste, revise el servicio.
too-many-title = Demasiadas solicitudes

## Numbers and times
none = ninguno
none-yet = aún ninguno
not-known = desconocido
not-limited = sin límite
set = configurado
not-set = sin configurar
now = Ahora
today-at = hoy { $time }
since = desde hace { $span }
percent = { $n } %
span-seconds = { $n } s
span-minutes = { $n-minutes } min { $n-seconds } s
span-hours = { $n-hours } h { $n-minutes } min
span-days = { $n-days } d { $n-hours } h
of-amount = { $used } de { $total }
of-max = {" "}de { $n }
time = Hora

## Lists
before = Anterior
next = Siguiente
pager-range = { $n-first } a { $n-last } de { $n-total }
remove-filter = Quitar filtro
remove-filters = Quitar filtros
search = Buscar
state = Estado
what = Qué
desired = Deseado
actual = Actual
reason = Motivo
desired-actual = Deseado y actual

## Sign-in and set-up
sign-in = Iniciar sesión
sign-in-for = Para los operadores de este servidor.
sign-in-ended = Su inicio de sesión caducó. Volverá a la página en la que estaba.
field-name = Nombre
field-name-hint = Letras, cifras, puntos y guiones. Aparece en la auditoría.
field-password = Contraseña
field-password-hint = Al menos 10 caracteres.
go-on = Continuar
lost-password = ¿Perdió la contraseña? Root en el servidor pone una nueva:
lost-factor = ¿Perdió el dispositivo? Root en el servidor restablece el segundo factor:
code-title = Segundo factor
code-text = Escriba el código que muestra su autenticador.
field-code = Código
field-code-hint = Seis cifras, o un código de recuperación.
set-up-title = Configurar este servidor
set-up-text = Cree el primer operador. Será el propietario.
set-up-create = Crear propietario
problem-credentials = El nombre o la contraseña no son correctos.
attempts-left =
    { $n ->
        [0] No quedan intentos; espere 15 minutos.
        [one] Queda { $n } intento.
       *[other] Quedan { $n } intentos.
    }
problem-code = El código no es correcto o ya se usó.
problem-rate = Demasiados intentos. Espere 15 minutos.
problem-requests = Demasiadas solicitudes en poco tiempo. Espere un minuto y reinténtelo.
problem-name-taken = Este nombre ya existe. Elija otro.
problem-weak-password = La contraseña es demasiado corta o conocida. Elija una más larga.
problem-setup-link = El enlace de configuración caducó o ya se usó. Imprima uno nuevo en el servidor.
problem-other = El servidor lo rechazó. Reintente.

## Overview
range = Tiempo mostrado
range-live = En vivo
range-hour = 1 h
range-day = 24 h
range-month = 30 d
invite = Invitar
attention = Requiere atención
attention-none = Todo está como debe
attention-rest = Todo lo demás está como debe
attention-degraded = { $name } está degradado.
attention-down = { $name } no se ejecuta.
attention-open = Abrir { $name }
attention-disk = El disco del directorio de estado está lleno al { $n } %.
attention-disk-open = Abrir ajustes
attention-lane = La vía { $lane } no deja pasar paquetes.
attention-lane-devices = { $n ->
    [one] { $n } dispositivo no tiene Internet en ella.
   *[other] { $n } dispositivos no tienen Internet en ella.
}
state-online = En línea
state-offline = Fuera de línea
state-connecting = Conectando
of-sessions = de { $n ->
    [one] { $n } sesión
   *[other] { $n } sesiones
}
addresses-held = direcciones reservadas
devices = { $n ->
    [one] { $n } dispositivo
   *[other] { $n } dispositivos
}
lane-direct = Vía direct
lane-tor = Vía tor
from-devices = { $rate } de dispositivos
to-devices-short = a dispositivos
from-devices-short = de dispositivos
lanes = Vías
lanes-note = El tubo es tan grueso como las capas de cifrado que aún quedan
path-of = Camino de los paquetes, vía { $lane }
gateway = Pasarela
internet = Internet
guard = Guard
middle = Middle
exit = Exit
sees-gateway = ve la pasarela
sees-exit = ve el exit
never-forwards = nunca reenvía
countries = { $n ->
    [one] { $n } país
   *[other] { $n } países
}
gate-open = Abierta
gate-maintenance = Mantenimiento
gate-closed = Cerrada
throughput = Caudal a dispositivos
chart-sentence = mínimo { $low }, máximo { $high }, ahora { $now }.
chart-empty = aún sin valores.
machine = Esta máquina
processor = Procesador
memory-word = Memoria
state-disk = Disco de estado
level-high = nivel alto
level-very-high = nivel muy alto
dependencies = Dependencias
latest = Últimos eventos

## Services
service = Servicio
up = En marcha
cpu = CPU
cpu-course = CPU, últimos minutos
restarts = Reinicios
services-ready = { $n-ready } de { $n } listos
service-ready = Listo
service-starting = Arrancando
service-degraded = Degradado
service-failed = Fallido
service-stopped = Detenido
desired-running = en marcha
desired-stopped = detenido

## Sessions
session = Sesión
user = Usuario
device = Dispositivo
lane = Vía
to-device = Al dispositivo
from-device = Del dispositivo
transferred = Transferido
handshake = Handshake
heartbeat = Latido
connected-for = Conectado desde hace
endpoint = Extremo
address = Dirección
sessions-find = Usuario, dispositivo o dirección
sessions-count = { $n ->
    [one] { $n } sesión
   *[other] { $n } sesiones
}: { $n-online } en línea, { $n-offline } fuera de línea
sessions-none = Aún no hay sesiones
sessions-none-text = Los dispositivos aparecen aquí al conectarse. Invite a la primera persona.
sessions-none-match = Ninguna sesión coincide
rate-last-minute = Velocidad, último minuto
down-and-up = { $down } al dispositivo, { $up } de él

## Users
email = Correo electrónico
connected = Conectados
second-factor = Segundo factor
latest-login = Último acceso
users-find = Nombre o correo electrónico
users-none = Aún no hay usuarios
users-none-text = Invite a la primera persona: la invitación crea el usuario y su dispositivo.
users-none-match = Ningún usuario coincide
user-active = Activo
user-suspended = Suspendido
created = creado el { $date }
limits = Límites
devices-at-once = Dispositivos a la vez
peer-group = Grupo de pares
devices-title = Dispositivos
devices-none = Aún no hay dispositivos
devices-none-text = Un dispositivo aparece aquí al inscribirse con una invitación o exportarse.
enrolled = Inscrito

## Tor
bootstrap = Arranque de Tor
exits-by-country = Exits por país
circuit = Circuito
circuits = Circuitos
circuit-path = Guard, middle, exit
circuits-note = { $n } abiertos
circuits-none = Sin circuitos
circuits-none-text = Tor crea circuitos cuando está conectado.
purpose = Propósito
tor-log = Registro de Tor

## Logs
logs-query = Consulta, por ejemplo: level>=warn service:dns
logs-none = Sin líneas
logs-none-text = Ninguna línea del tiempo conservado coincide con la consulta.

## Keys and audit
keys-tab = Claves
key = Clave
used-since = En uso desde
key-current = Actual
key-next = Siguiente
actor = Autor
action = Acción
outcome = Resultado
outcome-done = Hecho
outcome-refused = Rechazado
outcome-failed = Fallido
target = Objeto
audit-find = Inicio de una acción, como user.
audit-count = { $n ->
    [one] { $n } entrada
   *[other] { $n } entradas
}
audit-none = Sin entradas

## Settings
operators = Operadores
operator = Operador
sign-ins = Sus inicios de sesión
this-sign-in = este
signed-in-at = Inicio
latest-use = Último uso
effective-values = Configuración efectiva
setting = Ajuste
value = Valor
origin = Origen
origin-default = de fábrica
origin-file = archivo
version = Versión
licence = Licencia

## Live data
as-of = Datos de las { $time } UTC
paused-at = En pausa a las { $time } UTC
server = El servidor
pause = Pausar
resume = Reanudar
lost-text = Se perdió la conexión con el servidor. Los valores son anteriores; la página continúa por sí sola.
kept-text = { $part } no respondió. Los valores son anteriores.

## Changes
cancel = Cancelar
dismiss = Descartar
save = Guardar
change = Cambiar
finish = Cerrar
copy = Copiar
copied = Copiado
confirm-title = Confirme su identidad
confirm-text = Este cambio exige de nuevo su contraseña. La confirmación vale cinco minutos.
problem-not-allowed = Su rol no lo permite.
problem-signed-out = Su sesión de operador terminó. Inicie sesión de nuevo.
problem-csrf = La página es de un inicio de sesión anterior. Recárguela e inténtelo otra vez.
problem-last-owner = El último propietario no puede eliminarse ni perder su rol.
problem-server = El servidor lo rechazó: { $detail }.
problem-number = Escriba un número entero de { $n-min } a { $n-max }.
problem-amount = Escriba un número o déjelo vacío.
sign-out = Cerrar sesión
effect-device = dispositivo pierde su conexión
effect-sessions = { $n ->
    [one] sesión termina ahora
   *[other] sesiones terminan ahora
}
effect-devices = { $n ->
    [one] dispositivo debe volver a iniciar sesión
   *[other] dispositivos deben volver a iniciar sesión
}
effect-removed = { $n ->
    [one] dispositivo se elimina
   *[other] dispositivos se eliminan
}
effect-tor = { $n ->
    [one] dispositivo queda sin internet en la vía tor
   *[other] dispositivos quedan sin internet en la vía tor
}

## Changes of sessions and users
disconnect = Desconectar
disconnect-title = ¿Desconectar { $device } de { $user }?
disconnect-text = El túnel termina ahora. El dispositivo puede volver a conectarse; suspenda al usuario para impedirlo.
done-disconnected = { $device } se desconectó.
suspend = Suspender
suspend-title = ¿Suspender a { $user }?
suspend-text = Terminan sus sesiones y no habrá otras hasta que lo reactive. No se borra nada.
done-suspended = { $user } está suspendido.
reactivate = Reactivar
reactivate-title = ¿Reactivar a { $user }?
reactivate-text = El usuario puede volver a iniciar sesión y conectarse.
done-reactivated = { $user } puede conectarse de nuevo.
revoke = Terminar todos los accesos
revoke-title = ¿Terminar todos los accesos de { $user }?
revoke-text = Las sesiones terminan y cada dispositivo debe volver a iniciar sesión. El usuario no queda suspendido.
done-revoked = Terminaron todos los accesos de { $user }.
delete = Eliminar
delete-title = ¿Eliminar a { $user }?
delete-text = No se puede deshacer. La auditoría conserva sus entradas.
done-deleted = { $user } se eliminó.
remove = Quitar
remove-device-title = ¿Quitar { $device }?
remove-device-text = Terminan su acceso y su sesión. Puede inscribirse de nuevo con una invitación.
done-device-removed = { $device } se quitó.
invite-device = Invitar un dispositivo
invite-title = Invitar a un usuario
invite-title-device = Invitar un dispositivo de { $user }
invite-text = Con el enlace, la persona crea el usuario y su primer dispositivo.
invite-text-device = El enlace inscribe un dispositivo más. También se exige la contraseña del usuario.
field-days = Días de validez
field-days-hint = De 1 a 30
field-devices-hint = De 1 a 10
invite-create = Crear invitación
invited-title = Invitación
invited-text = Escanee el código o envíe el enlace por un medio de confianza. Sirve una vez y solo se muestra ahora.
invited-link = Enlace
invited-until = Válida hasta
invited-qr = La invitación como código QR
new-user = Usuario nuevo
create-user = Crear usuario
done-created = { $name } se creó.
limits-title = Límites de { $user }
field-quota = Cuota mensual en GB
field-rate-down = Hacia cada dispositivo en Mbit/s
field-rate-up = Desde cada dispositivo en Mbit/s
field-empty-hint = Vacío: sin límite
peer-group-tick = Los dispositivos pueden alcanzarse por la vía direct
done-changed = { $user } se cambió.

## Changes of Tor, services and keys
tor-identity = Identidad nueva
tor-identity-title = ¿Crear circuitos nuevos para todos los dispositivos?
tor-identity-text = Los flujos nuevos usan circuitos nuevos. Los abiertos siguen en los suyos.
done-identity = Tor crea circuitos nuevos para los flujos nuevos.
tor-probe = Probar ahora
done-probed = La prueba pasó por { $country } en { $n } ms.
done-probe-failed = La prueba falló: { $reason }.
tor-stop = Detener Tor
tor-stop-title = ¿Detener Tor?
tor-stop-text = La vía tor queda cerrada hasta que vuelva a iniciar Tor. La vía direct no se ve afectada.
done-tor-stopped = Tor debe detenerse.
tor-start = Iniciar Tor
tor-start-title = ¿Iniciar Tor?
tor-start-text = La vía se abre cuando Tor tiene un circuito y una prueba ha pasado.
done-tor-started = Tor debe funcionar.
tor-down = Mantenimiento
tor-down-title = ¿Poner la vía tor en mantenimiento?
tor-down-text = Los dispositivos ven una página que lo indica. Tor sigue funcionando y la vía direct no se ve afectada.
done-tor-down = La vía tor está en mantenimiento.
tor-up = Abrir la vía
tor-up-title = ¿Abrir la vía tor?
tor-up-text = Los paquetes pasan en cuanto Tor puede llevarlos.
done-tor-up = La vía tor se abre.
restart = Reiniciar
restart-title = ¿Reiniciar { $service }?
stop = Detener
stop-title = ¿Detener { $service }?
stop-text = Queda detenido hasta que usted lo inicie.
start = Iniciar
start-title = ¿Iniciar { $service }?
start-text = Debe funcionar desde ahora. También termina un bucle de fallos.
done-restarted = { $service } se reinicia.
done-stopped = { $service } se detiene.
done-started = { $service } se inicia.
notice-auth = Por un momento no se puede iniciar sesión. Las sesiones continúan.
notice-session = Los latidos esperan un momento. Las sesiones continúan.
notice-wg = Los paquetes se detienen menos de dos segundos.
notice-tor = La vía tor queda cerrada hasta que Tor pasa una prueba.
notice-dns = Por un momento no se resuelven nombres en la vía direct.
notice-client-api = Los dispositivos esperan un momento sus respuestas.
notice-admin = Esta página vuelve a conectarse por sí sola.
notice-telemetry = Los gráficos y registros tienen un hueco.
notice-other = Los demás servicios continúan.
rotate-keys = Rotar ahora
rotate-title = ¿Rotar las claves de firma y de inicio de sesión?
rotate-text = Se crean claves nuevas que se usan tras su plazo. Las anteriores siguen valiendo para comprobar; ningún acceso termina.
effect-logins = accesos terminan
done-rotated = Se crearon claves nuevas.
check-keys = Comprobar las claves
done-checked = { $n ->
    [one] { $n } archivo, sin problemas
   *[other] { $n } archivos, sin problemas
}
verify-audit = Verificar
done-verified = { $n ->
    [one] { $n } entrada, la cadena está intacta
   *[other] { $n } entradas, la cadena está intacta
}
done-verified-broken = La cadena está rota en la entrada { $n }.

## Changes of operators
new-operator = Operador nuevo
create-operator = Crear operador
change-role = Cambiar rol
reset-factor = Restablecer factores
reset-factor-title = ¿Restablecer los factores de { $name }?
reset-factor-text = Quita el autenticador, los códigos de recuperación, las llaves de acceso y los tokens de la API. El operador inicia sesión después solo con la contraseña.
done-factor-reset = Se quitaron el autenticador, las llaves de acceso y los tokens de la API de { $name }.
remove-operator-title = ¿Eliminar a { $name }?
remove-operator-text = Terminan todas sus sesiones de operador. La auditoría conserva el nombre.
done-operator-removed = { $name } se eliminó.
revoke-sign-in-title = ¿Terminar este inicio de sesión?
revoke-sign-in-text = El navegador debe iniciar sesión de nuevo.
done-sign-in-revoked = El inicio de sesión terminó.
end-sign-in = Terminar
yes = sí
no = no

## Parts of pages
pager-rows = { $n ->
    [one] { $n } fila
   *[other] { $n } filas
}
none-match-text = Ninguna fila coincide con los filtros.
sessions = { $n ->
    [one] { $n } sesión
   *[other] { $n } sesiones
}
users = { $n ->
    [one] { $n } usuario
   *[other] { $n } usuarios
}
quota-month = Cuota mensual
history = Sesiones anteriores
started = Inicio
lasted = Duración
ended-by = Fin por
login = Acceso
logged-in = Con acceso
logged-out = Sin acceso
key-usage = Para
key-phase = Fase
key-id = Identificador
created-at = Creada
key-gone = Eliminación
usage-access = Tokens de acceso
usage-refresh = Tokens de renovación
usage-login = Inicio de sesión, versión { $n }
key-verify-only = Solo verifica
rotating = Hay una rotación en curso
next-rotation = Próxima rotación { $time }
rotation-by-hand = Rotación solo manual
pinned = Lo que fijan los dispositivos
pinned-text = SHA-256 de la clave del certificado TLS
audit-none-text = Ninguna entrada tiene esta acción.
range-quarter = 15 min
range-week = 7 d
logs-help = Palabras, "frases", prefijo*, level>=warn, service:wg, field.lane:tor, con AND, OR, NOT.
lines = { $n ->
    [one] { $n } línea
   *[other] { $n } líneas
}
lines-sentence = { $n-total } líneas, { $n-warn } de nivel warn, { $n-error } de nivel error.
tor-process = Tor
kernel = Núcleo
health = Salud
probe = Prueba
passed = Pasó
streams = Flujos abiertos
read-and-written = { $read } leídos, { $written } escritos
country = País
exit-relays = Repetidores de salida
part-of-all = Parte del total
countries-in-use = Países de salida en uso
chosen = Elegido
starting-at = Iniciando, { $n } %
as-desired = Como se desea
not-as-desired = No como se desea
part-identity = Base de usuarios
part-sessions = Base de sesiones
part-live = Estado en vivo
part-tor = Red Tor
part-canary = Canario de fugas
part-firewall = Cortafuegos
attention-firewall = El cortafuegos del núcleo difiere de la política.
attention-firewall-text = La vía tor sigue cerrada hasta que se restaure.
attention-canary = El canario de fugas no está sano.
attention-canary-text = La vía tor sigue cerrada hasta una ronda limpia.
addresses = Direcciones
of-addresses = asignadas de { $n }
connects = Conexiones
per-minute = por minuto
devices-word = Dispositivos
received-and-sent = { $received } entrada, { $sent } salida
interface-name = Red { $name }
origin-chosen = elegido en el primer inicio
origin-operator = definido por un operador
file-changed = El archivo cambió desde el inicio. Un reinicio lo aplica.

## Sin la parte del navegador
no-program-text = Los valores no cambian por sí solos y los diálogos no se abren: los archivos de la consola para el navegador aún no están instalados.

## Configuración inicial
step-operator = Primer operador
step-operator-text = Nombre y contraseña de la persona que administra este servidor
step-host = Nombre del servidor
step-host-text = A qué llaman los dispositivos
step-invite = Primera invitación
step-invite-text = Un enlace y un código QR para el primer dispositivo
step-done = hecho
host-title = ¿A qué llaman los dispositivos?
host-text = Un nombre o una dirección que lleva a este servidor desde donde están sus dispositivos. Cada invitación lo contiene.
field-host = Nombre o dirección
keep-host = Mantener este nombre
skip-step = Omitir
device-api = API de dispositivos
reach-name = Debe llevar a este servidor desde donde están sus dispositivos.
reach-public = Una dirección de la internet pública.
reach-private = Una dirección privada: los dispositivos en otros lugares necesitan un puerto reenviado y la dirección pública del router.
reach-missing = Este servidor no tiene dirección. Conéctelo a una red.
tor-opens = La vía tor se abre por sí sola al 100 %, con un circuito y una prueba. No tiene que esperar.
firewall-note = Desde aquí no se ve si un cortafuegos delante de este servidor deja pasar los puertos. El primer dispositivo lo muestra.
problem-host = Escriba un nombre o una dirección, sin puerto.
first-invite-title = Invitar al primer dispositivo
first-invite-text = La persona escanea el código con la aplicación, o abre el enlace en el dispositivo, y elige un nombre y una contraseña.
another-invitation = Otra invitación
to-console = Abrir la consola
factor-advice = Un segundo factor protege a este operador si la contraseña llega a conocerse.
waiting-device = Esperando al primer dispositivo
first-device-came = El primer usuario está inscrito
or-word = o
use-passkey = Usar una llave de acceso
problem-passkey = El navegador o el autenticador no completó esto. Inténtelo de nuevo.

## Segundo factor y llaves de acceso
set-up-factor = Configurar un segundo factor
factor-text = Una aplicación de autenticación muestra un código que cada inicio de sesión exige además de la contraseña.
factor-begin-text = Confirme su contraseña. El segundo factor solo se exige después de aceptar su primer código.
factor-remove-text = Los inicios de sesión exigen entonces solo la contraseña.
factor-scan = Escanee el código con la aplicación de autenticación e introduzca las seis cifras que muestra.
factor-qr = El secreto como código QR
factor-secret = Secreto
factor-code-hint = Seis cifras
done-factor-removed = El segundo factor se ha eliminado.
codes-title = Códigos de recuperación
codes-text = Guarde estos códigos. Solo se muestran ahora, y cada uno sustituye una vez a un código del autenticador.
passkeys = Llaves de acceso
passkey = Llave de acceso
passkeys-none = Aún no hay llaves de acceso
passkeys-none-text = Una llave de acceso sustituye a la contraseña y al código: el dispositivo demuestra que es suyo.
passkeys-need-tls = Los navegadores admiten llaves de acceso solo con HTTPS, o en el propio servidor.
add-passkey = Añadir una llave de acceso
add-passkey-text = Confirme su contraseña. El navegador pregunta después dónde guardar la llave de acceso.
passkey-name-hint = Por ejemplo, el nombre del dispositivo
done-passkey-added = La llave de acceso { $name } se ha añadido.
remove-passkey-title = ¿Eliminar { $name }?
remove-passkey-text = Ya no puede iniciar sesión. Las sesiones de operador existentes continúan.
done-passkey-removed = La llave de acceso { $name } se ha eliminado.

## Tokens de la API
tokens = Tokens de la API
token = Token
token-may = Puede
tokens-none = Aún no hay tokens de la API
tokens-none-text = Con un token, un programa usa la API con los derechos elegidos hasta que caduca.
expires = Caduca
new-token = Nuevo token
new-token-text = El token actúa en su nombre, con estos derechos como máximo. Su nombre aparece en el registro de auditoría.
create-token = Crear token
token-name-hint = Letras, cifras, guiones y guiones bajos
token-days-hint = 1 a 365
problem-scopes = Elija al menos un derecho.
created-token-title = Token de la API
created-token-text = Copie el token ahora. Solo se muestra una vez, y el servidor guarda solo su hash.
revoke-token = Revocar
revoke-token-title = ¿Revocar { $name }?
revoke-token-text = Los programas que usan el token se rechazan desde ahora.
done-token-revoked = { $name } se ha revocado.

## Copia de seguridad
backup = Copia de seguridad
backup-text = Un archivo con cuentas, claves y configuración, sellado con una frase de contraseña. Se restaura con tornadod restore.
create-backup = Crear copia
create-backup-text = El archivo contiene todas las claves de este servidor. Sin la frase de contraseña no se puede abrir, y la frase no se guarda.
passphrase = Frase de contraseña
passphrase-hint = Al menos 10 caracteres
done-backup = La copia de seguridad se ha descargado.

## Configuración
values-changed = { $n-changed } de { $n-all } valores difieren del valor por defecto
configuration-hint = Cambie el archivo en el servidor y reinicie el servicio. Esto lo comprueba antes:

## Consultas guardadas y exportación
level = Nivel
save-query = Guardar consulta
saved-queries = Consultas guardadas
done-query-saved = La consulta { $name } se ha guardado.
delete-query-title = ¿Eliminar la consulta { $name }?
delete-query-text = No se elimina ninguna línea del registro.
done-query-deleted = La consulta { $name } se ha eliminado.
download = Descargar

## Imágenes
life-of-keys = Vida de las claves
processes = Procesos

## Pages of the server alone

all-pages = Todas las páginas
export-csv = CSV
export-jsonl = JSONL
row = Fila
details = Detalles
audit-find-actor = Autor, por ejemplo operator:ann

## What is kept

kept-title = Qué guarda este servidor sobre las personas
data-kept-text = Cada tabla y columna de las bases de datos, según el esquema de esta versión. No se guarda nada más sobre una persona; en ningún lugar se guarda adónde se conectan los dispositivos.
kept-memory = Hasta que termina la sesión, en memoria y en un archivo de wg para que los túneles sobrevivan a un reinicio: la dirección desde la que se conecta un dispositivo. Con Redis, otras pasarelas también ven el estado de la sesión.
kept-table = Tabla
kept-purpose = Finalidad
kept-until = Se elimina
kept-columns = Columnas
kept-store = Base de datos { $name }
until-never = nunca; una cuenta o un dispositivo eliminado queda marcado y permanece
until-removed = cuando se elimina o se sustituye
until-expired = hasta 30 días después de caducar
until-session = cuando termina la sesión
until-history = { $n } días después del final
until-logs = después de { $n } días como máximo
until-history-set = los días de [session] history_days después del final
until-logs-set = después de los días de [telemetry] retention_days como máximo
until-metrics = después de una hora, siete días y dos años, según su distancia
purpose-accounts = Cuentas de las personas que usan la VPN
purpose-devices = Sus dispositivos
purpose-invitations = Invitaciones
purpose-logins = Inicios de sesión de dispositivos
purpose-replays = Protección contra inicios de sesión repetidos
purpose-operators = Operadores
purpose-sign-ins = Sesiones de operadores
purpose-factors = Segundos factores y códigos de recuperación
purpose-passkeys = Claves de acceso de operadores
purpose-tokens = Tokens de API
purpose-audit = El registro de auditoría: quién cambió qué
purpose-settings = Ajustes que cambiaron los operadores
purpose-leases = Qué dispositivo tiene qué dirección dentro de la VPN
purpose-sessions = Sesiones que existen ahora
purpose-history = Sesiones pasadas
purpose-exits = Países de salida elegidos
purpose-usage = Sumas de bytes, para cuotas y gráficos
purpose-logs = Líneas de registro de los servicios
purpose-metrics = Métricas del servidor, sin personas
purpose-internal = El orden propio del servidor, sin personas
content-identifier = identificador
content-name = nombre
content-email = dirección de correo
content-hash = hash de un secreto
content-sealed = secreto sellado
content-public-key = clave pública
content-preshared-key = clave precompartida
content-time = hora
content-address = dirección IP
content-bytes = bytes
content-setting = ajuste
content-state = estado
content-text = texto de un servicio
content-number = número interno
licence-text = Texto de la licencia

## Deletion of log lines

delete-logs = Eliminar líneas de registro
delete-logs-text = Las líneas se eliminan del archivo y de la búsqueda. No se puede deshacer. El registro de auditoría conserva una entrada sobre ello, y los archivos descargados antes quedan como están.
all-lines = todas las líneas
time-until = Hasta
time-from = Desde
delete-lines = Eliminar { $n ->
    [one] { $n } línea
   *[other] { $n } líneas
}
done-logs-deleted = { $n ->
    [one] Se eliminó { $n } línea.
   *[other] Se eliminaron { $n } líneas.
}

## Services of the operating system

units = Servicios del sistema operativo
unit = Unidad
units-hint = Nombrados en [os_services]; los de allow se pueden iniciar, detener y reiniciar aquí. Tras tres inicios en diez minutos se rechazan los siguientes.
notice-unit = systemd lo lleva a cabo. Lo que depende de la unidad puede interrumpirse.
read-only = solo lectura

## Clock, columns, and what happened to a session

utc = { $time } UTC
columns = Columnas
happenings = Qué ocurrió
happened-began = Comenzó la sesión
happened-offline = Sin heartbeat ni handshake recientes
happened-recovered = Recuperada
happened-quota = La cuota del usuario se ha agotado
happened-ended = Terminó una sesión anterior del dispositivo
happened-detail = { $reason }, tras { $span }, { $bytes } transferidos

## Live tail

tail = Seguimiento en vivo
tail-start = Seguir
tail-stop = Detener
tail-waiting = Las líneas de esta consulta aparecen aquí a medida que se escriben.
tail-missed = { $n ->
    [one] Se omitió { $n } línea porque este navegador iba lento.
   *[other] Se omitieron { $n } líneas porque este navegador iba lento.
}
