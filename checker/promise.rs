//! The promises: one row each, in the order in which they are checked. Plain data.

use crate::checks::{close, conversation, faults, handshake, stalled, torn};
use crate::target::Target;
use crate::text::Language;
use crate::verdict::Outcome;

/// English, Spanish.
pub struct Both(pub &'static str, pub &'static str);

impl Both {
    pub fn of(&self, language: Language) -> &'static str {
        if language == Language::Spanish { self.1 } else { self.0 }
    }
}

pub struct Promise {
    pub id: &'static str,
    pub group: &'static str,
    pub title: Both,
    /// Why it matters.
    pub why: Both,
    /// The section of RFC 6455, or `—`.
    pub rfc: &'static str,
    /// How to see it by hand.
    pub by_hand: &'static str,
    /// What else to do for it, or what it shows.
    pub remark: Both,
    /// Does not count in the exit status.
    pub is_advice: bool,
    /// Only with `--pid`.
    pub needs_pid: bool,
    pub check: fn(&Target) -> Outcome,
}

#[rustfmt::skip]
pub const PROMISES: &[Promise] = &[
    Promise {
        id: "upgrade", group: "handshake", check: handshake::upgrade,
        title: Both("A right handshake is answered with 101", "Un apretón de manos correcto recibe la respuesta 101"),
        why: Both("Without the 101 no browser opens the WebSocket.", "Sin el 101 ningún navegador abre el WebSocket."),
        rfc: "4.2.2", is_advice: false, needs_pid: false,
        by_hand: "curl -i -N -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' HTTP_URL",
        remark: Both("", ""),
    },
    Promise {
        id: "accept", group: "handshake", check: handshake::accept,
        title: Both("Sec-WebSocket-Accept is computed from the key", "Sec-WebSocket-Accept se calcula a partir de la clave"),
        why: Both("It proves that a WebSocket server answers, not a cache.", "Demuestra que responde un servidor WebSocket y no una caché."),
        rfc: "4.2.2", is_advice: false, needs_pid: false,
        by_hand: "printf '%s' 'dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11' | openssl sha1 -binary | base64",
        remark: Both("", ""),
    },
    Promise {
        id: "headers", group: "handshake", check: handshake::headers,
        title: Both("Headers count in any case and order, also in pieces", "Las cabeceras valen en cualquier orden y caja, también a trozos"),
        why: Both("Each browser writes them in its own way.", "Cada navegador las escribe a su manera."),
        rfc: "4.2.1", is_advice: false, needs_pid: false,
        by_hand: "curl -i -N -H 'connection: keep-alive, UPGRADE' -H 'UPGRADE: WebSocket' -H 'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==' -H 'SEC-WEBSOCKET-VERSION: 13' HTTP_URL",
        remark: Both("", ""),
    },
    Promise {
        id: "version", group: "handshake", check: handshake::version,
        title: Both("A version other than 13 is refused", "Se rechaza toda versión que no sea la 13"),
        why: Both("Else both sides speak different protocols without knowing.", "Si no, cada lado habla un protocolo distinto sin saberlo."),
        rfc: "4.2.2", is_advice: false, needs_pid: false,
        by_hand: "curl -i -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 12' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' HTTP_URL",
        remark: Both("", ""),
    },
    Promise {
        id: "key", group: "handshake", check: handshake::key,
        title: Both("A handshake without a key is refused", "Se rechaza un apretón de manos sin clave"),
        why: Both("Without a key nothing can be proved by the answer.", "Sin clave la respuesta no puede demostrar nada."),
        rfc: "4.2.1", is_advice: false, needs_pid: false,
        by_hand: "curl -i -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' HTTP_URL",
        remark: Both("", ""),
    },
    Promise {
        id: "origin", group: "handshake", check: handshake::origin,
        title: Both("A page of another site is refused", "Se rechaza la página de otro sitio"),
        why: Both("Else any page that a user visits can write in the chat in the user's name.", "Si no, cualquier página que visite un usuario puede escribir en el chat en su nombre."),
        rfc: "10.2", is_advice: true, needs_pid: false,
        by_hand: "websocat -H='Origin: http://evil.example' URL",
        remark: Both("", ""),
    },
    Promise {
        id: "http", group: "handshake", check: handshake::http,
        title: Both("Plain HTTP is answered on the same port", "El mismo puerto responde también a HTTP"),
        why: Both("So the page and the WebSocket have one address.", "Así la página y el WebSocket tienen una sola dirección."),
        rfc: "1.7", is_advice: false, needs_pid: false,
        by_hand: "curl -i HTTP_URL",
        remark: Both("", ""),
    },
    Promise {
        id: "everybody-hears", group: "conversation", check: conversation::everybody_hears,
        title: Both("Everybody hears a message, its sender too", "Todos reciben el mensaje, también quien lo envía"),
        why: Both("That is what a chat is.", "En eso consiste un chat."),
        rfc: "—", is_advice: false, needs_pid: false,
        by_hand: "websocat URL",
        remark: Both("(in two terminals; write in one)", "(en dos terminales; escribe en una)"),
    },
    Promise {
        id: "one-order", group: "conversation", check: conversation::one_order,
        title: Both("All hear all messages in one order", "Todos reciben los mensajes en el mismo orden"),
        why: Both("Else the answer comes before the question for some.", "Si no, a algunos les llega antes la respuesta que la pregunta."),
        rfc: "—", is_advice: false, needs_pid: false,
        by_hand: "seq 1000 | websocat URL",
        remark: Both("(in two terminals at once, and two that only listen: compare with diff)", "(en dos terminales a la vez, y otras dos que solo escuchan: compara con diff lo que reciben)"),
    },
    Promise {
        id: "utf8", group: "conversation", check: conversation::utf8,
        title: Both("Characters of one to four bytes arrive as they were sent", "Los caracteres de uno a cuatro bytes llegan tal cual"),
        why: Both("A length counts bytes, not characters.", "La longitud cuenta bytes, no caracteres."),
        rfc: "5.6", is_advice: false, needs_pid: false,
        by_hand: "echo 'aé€😀' | websocat URL",
        remark: Both("", ""),
    },
    Promise {
        id: "fragments", group: "conversation", check: conversation::fragments,
        title: Both("A message in fragments arrives as one", "Un mensaje fragmentado llega entero"),
        why: Both("Browsers may send fragments whenever they like.", "Un navegador puede fragmentar un mensaje cuando quiera."),
        rfc: "5.4", is_advice: false, needs_pid: false,
        by_hand: "(HEAD; sleep 1; printf '\\001\\201\\0\\0\\0\\0a\\200\\201\\0\\0\\0\\0b'; sleep 1) | nc HOST PORT | xxd",
        remark: Both("(81 02 61 62 comes back)", "(vuelve 81 02 61 62)"),
    },
    Promise {
        id: "ping", group: "conversation", check: conversation::ping,
        title: Both("A ping is answered with a pong of the same bytes", "Un ping recibe un pong con los mismos bytes"),
        why: Both("So each side learns that the other is still there.", "Así cada lado sabe que el otro sigue ahí."),
        rfc: "5.5.2", is_advice: false, needs_pid: false,
        by_hand: "websocat --ping-interval 1 --ping-timeout 3 URL",
        remark: Both("", ""),
    },
    Promise {
        id: "ping-between", group: "conversation", check: conversation::ping_between,
        title: Both("A ping between two fragments is answered at once", "Un ping entre dos fragmentos recibe su pong enseguida"),
        why: Both("A long message must not delay control frames.", "Un mensaje largo no debe retrasar las tramas de control."),
        rfc: "5.4", is_advice: false, needs_pid: false,
        by_hand: "(HEAD; sleep 1; printf '\\001\\201\\0\\0\\0\\0a\\211\\200\\0\\0\\0\\0\\200\\201\\0\\0\\0\\0b'; sleep 1) | nc HOST PORT | xxd",
        remark: Both("(8a 00 is the pong)", "(8a 00 es el pong)"),
    },
    Promise {
        id: "empty", group: "conversation", check: conversation::empty,
        title: Both("An empty message breaks nothing", "Un mensaje vacío no rompe nada"),
        why: Both("A length of 0 is a length.", "Una longitud de 0 también es una longitud."),
        rfc: "5.2", is_advice: false, needs_pid: false,
        by_hand: "echo | websocat URL",
        remark: Both("(and then a text)", "(y después un texto)"),
    },
    Promise {
        id: "long", group: "conversation", check: conversation::long,
        title: Both("A message of 65,536 bytes arrives whole", "Un mensaje de 65.536 bytes llega entero"),
        why: Both("From this length on the frame has an 8-byte length, and TCP brings it in pieces.", "A partir de este tamaño la longitud ocupa 8 bytes, y TCP entrega la trama a trozos."),
        rfc: "5.2", is_advice: false, needs_pid: false,
        by_hand: "head -c 65536 /dev/zero | tr '\\0' a | websocat -B 70000 URL | wc -c",
        remark: Both("(65537, with the line's end)", "(65537, con el final de línea)"),
    },
    Promise {
        id: "fault-unmasked", group: "faults", check: faults::unmasked,
        title: Both("A frame without a mask is closed with 1002", "Una trama sin máscara provoca un cierre con 1002"),
        why: Both("The mask keeps proxies from mistaking a chat for HTTP.", "La máscara evita que un proxy confunda el chat con HTTP."),
        rfc: "5.1", is_advice: false, needs_pid: false,
        by_hand: "(HEAD; sleep 1; printf '\\201\\002hi'; sleep 1) | nc HOST PORT | xxd",
        remark: Both("(88, a length and 03 ea: a close with 1002)", "(88, una longitud y 03 ea: un cierre con 1002)"),
    },
    Promise {
        id: "fault-reserved", group: "faults", check: faults::reserved,
        title: Both("Reserved bits are closed with 1002", "Un bit reservado activado provoca un cierre con 1002"),
        why: Both("They belong to extensions; none was agreed on.", "Esos bits son para las extensiones, y no se ha acordado ninguna."),
        rfc: "5.2", is_advice: false, needs_pid: false,
        by_hand: "(HEAD; sleep 1; printf '\\301\\202\\0\\0\\0\\0hi'; sleep 1) | nc HOST PORT | xxd",
        remark: Both("(88, a length and 03 ea: a close with 1002)", "(88, una longitud y 03 ea: un cierre con 1002)"),
    },
    Promise {
        id: "fault-opcode", group: "faults", check: faults::opcode,
        title: Both("An unknown opcode is closed with 1002", "Un opcode desconocido provoca un cierre con 1002"),
        why: Both("What is not understood must not be skipped.", "Lo que no se entiende no se debe pasar por alto."),
        rfc: "5.2", is_advice: false, needs_pid: false,
        by_hand: "(HEAD; sleep 1; printf '\\203\\202\\0\\0\\0\\0hi'; sleep 1) | nc HOST PORT | xxd",
        remark: Both("(88, a length and 03 ea: a close with 1002)", "(88, una longitud y 03 ea: un cierre con 1002)"),
    },
    Promise {
        id: "fault-utf8", group: "faults", check: faults::utf8,
        title: Both("Text that is not UTF-8 is closed with 1007", "Un texto que no es UTF-8 provoca un cierre con 1007"),
        why: Both("Else it breaks every client that it is passed on to.", "Si no, hace fallar a todos los clientes a los que se reenvía."),
        rfc: "8.1", is_advice: false, needs_pid: false,
        by_hand: "(HEAD; sleep 1; printf '\\201\\202\\0\\0\\0\\0\\303('; sleep 1) | nc HOST PORT | xxd",
        remark: Both("(88, a length and 03 ef: a close with 1007)", "(88, una longitud y 03 ef: un cierre con 1007)"),
    },
    Promise {
        id: "fault-long", group: "faults", check: faults::long,
        title: Both("A message that is too long is closed with 1009", "Un mensaje demasiado largo provoca un cierre con 1009"),
        why: Both("Else one client can fill the server's memory.", "Si no, un solo cliente puede llenar la memoria del servidor."),
        rfc: "7.4.1", is_advice: false, needs_pid: false,
        by_hand: "(HEAD; sleep 1; printf '\\201\\377\\100\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0'; sleep 1) | nc HOST PORT | xxd",
        remark: Both("(88, a length and 03 f1: a close with 1009)", "(88, una longitud y 03 f1: un cierre con 1009)"),
    },
    Promise {
        id: "fault-others", group: "faults", check: faults::others,
        title: Both("A fault of one client goes unnoticed by the others", "Los demás no notan el fallo de un cliente"),
        why: Both("One wrong client must not end the chat.", "Un cliente que falla no debe acabar con el chat."),
        rfc: "—", is_advice: false, needs_pid: false,
        by_hand: "printf 'GET / HTTP/1.1\\r\\nfoo' | nc HOST PORT",
        remark: Both("(while two others chat)", "(mientras otros dos hablan)"),
    },
    Promise {
        id: "close-code", group: "close", check: close::code,
        title: Both("A close frame is answered with its code", "Una trama de cierre recibe otra con el mismo código"),
        why: Both("So both know that nothing was lost on the way.", "Así ambos saben que no se perdió nada por el camino."),
        rfc: "5.5.1", is_advice: false, needs_pid: false,
        by_hand: "(HEAD; sleep 1; printf '\\210\\202\\0\\0\\0\\0\\003\\350'; sleep 1) | nc HOST PORT | xxd",
        remark: Both("(88 02 03 e8 comes back)", "(vuelve 88 02 03 e8)"),
    },
    Promise {
        id: "close-tcp", group: "close", check: close::tcp,
        title: Both("The server then ends TCP", "Después el servidor cierra la conexión TCP"),
        why: Both("The side that ends TCP first keeps the port busy; it should be the server.", "El puerto queda ocupado en el lado que cierra primero la conexión TCP; debe ser el servidor."),
        rfc: "7.1.1", is_advice: false, needs_pid: false,
        by_hand: "ss -tan | grep PORT",
        remark: Both("(after a client has left)", "(cuando se haya ido un cliente)"),
    },
    // First of the load: what a process has once taken, it often keeps, and its growth would not show.
    Promise {
        id: "memory", group: "load", check: stalled::memory,
        title: Both("One that stops reading does not fill the memory", "Un cliente que deja de leer no llena la memoria"),
        why: Both("What waits for it must be bounded.", "Lo que se guarda para él debe tener un límite."),
        rfc: "—", is_advice: false, needs_pid: true,
        by_hand: "grep VmRSS /proc/PID/status",
        remark: Both("(while one client is stopped by Ctrl-Z, and others send some ten thousand lines)", "(mientras un cliente está parado con Ctrl-Z y otros envían unas diez mil líneas)"),
    },
    Promise {
        id: "torn-frames", group: "load", check: torn::frames,
        title: Both("No frame is torn for a slow reader", "A un lector lento no le llega ninguna trama rota"),
        why: Both("Two threads that write to one full socket mix their bytes.", "Dos hilos que escriben en un mismo socket lleno mezclan sus bytes."),
        rfc: "5.4", is_advice: false, needs_pid: false,
        by_hand: "websocat -B 70000 URL | (sleep 5; tr -s ab | sort | uniq -c)",
        remark: Both("(while two others send long lines, one of a, one of b; docs/ladder, step 2)", "(mientras otros dos envían líneas largas, uno de a y otro de b; docs/escalera, paso 2)"),
    },
    Promise {
        id: "torn-pongs", group: "load", check: torn::pongs,
        title: Both("No pong is torn, or tears a frame, under load", "Con carga, ningún pong llega roto ni rompe una trama"),
        why: Both("Libraries answer pings by themselves, on the thread that reads.", "Las bibliotecas responden solas a los pings, en el hilo que lee."),
        rfc: "5.5.2", is_advice: false, needs_pid: false,
        by_hand: "websocat -B 70000 --ping-interval 1 URL | (sleep 5; tr -s ab | sort | uniq -c)",
        remark: Both("(while two others send long lines, one of a, one of b; docs/ladder, step 2)", "(mientras otros dos envían líneas largas, uno de a y otro de b; docs/escalera, paso 2)"),
    },
    Promise {
        id: "stalled-reader", group: "load", check: stalled::others_go_on,
        title: Both("One that stops reading does not stop the others", "Un cliente que deja de leer no detiene a los demás"),
        why: Both("Clients that stop reading are common: a suspended laptop, a lost network.", "Es frecuente que un cliente deje de leer: un portátil suspendido, una red caída."),
        rfc: "—", is_advice: false, needs_pid: false,
        by_hand: "websocat URL",
        remark: Both("(then Ctrl-Z, and long lines from another terminal)", "(después Ctrl-Z, y líneas largas desde otra terminal)"),
    },
    Promise {
        id: "comings", group: "load", check: stalled::comings,
        title: Both("Fifty that come and go leave the chat as it was", "Cincuenta clientes que entran y salen dejan el chat como estaba"),
        why: Both("Each leaves a thread, a socket or a list entry behind, if it is forgotten.", "Si el servidor se olvida de uno, queda un hilo, un socket o una entrada en la lista."),
        rfc: "—", is_advice: false, needs_pid: false,
        by_hand: "for i in $(seq 50); do echo $i | websocat URL & done",
        remark: Both("", ""),
    },
    Promise {
        id: "close-sigterm", group: "close", check: close::sigterm,
        title: Both("At SIGTERM everybody gets 1001", "Con SIGTERM todos reciben el código 1001"),
        why: Both("So pages know that the server went, and come back later.", "Así las páginas saben que el servidor se ha ido y vuelven más tarde."),
        rfc: "7.4.1", is_advice: false, needs_pid: true,
        by_hand: "websocat -v -E URL",
        remark: Both("(then kill -TERM with your server's number: it says \"Received WebSocket close message\")", "(después, kill -TERM con el número de tu servidor: dice «Received WebSocket close message»)"),
    },
];
