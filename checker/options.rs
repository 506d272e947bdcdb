//! The command line.

use std::ffi::OsString;
use std::net::{SocketAddr, ToSocketAddrs};

use crate::promise::PROMISES;
use crate::text::{Language, Text, text};

pub const HELP: [&str; 2] = [
    "\
websocket-check URL [flags]     checks any chat over WebSocket: text in, the same text to everybody

  --only NAMES       only these promises or groups (handshake, conversation, faults, close, load), by commas
  --send TEMPLATE    how your server wants a text: '{\"type\":\"message\",\"text\":\"%text%\"}'
  --answer FIELD     where the text is in the answer: text, or data.text; without it any field of a JSON counts
  --pid NUMBER       the server's process: its memory is watched, and it gets SIGTERM at the end
  --record FILE      what went over the wire, for the page's sequence diagram (docs/recording.md)
  --json             one JSON object instead of lines, for grading
  --explain          why it matters and how to see it by hand, also of what holds
  --lang en|es       the language; without it that of LANG
  --yes-this-host-is-mine   also a host other than this machine

Exit status: 0 all that was asked for holds; 1 something does not; 2 something could not be told, or a wrong flag.
It sends at most 160 MiB, over at most 200 TCP connections, and ends within a minute.",
    "\
websocket-check URL [opciones]  comprueba cualquier chat por WebSocket: entra un texto, y el mismo texto llega a todos

  --only NOMBRES     solo estas promesas o grupos (handshake, conversation, faults, close, load), separados por comas
  --send PLANTILLA   cómo quiere tu servidor los textos: '{\"type\":\"message\",\"text\":\"%text%\"}'
  --answer CAMPO     dónde está el texto en la respuesta: text, o data.text; sin esta opción vale cualquier campo del JSON
  --pid NÚMERO       el proceso del servidor: se vigila su memoria, y al final recibe SIGTERM
  --record ARCHIVO   lo que pasó por el cable, para el diagrama de secuencia de la página (docs/recording.md)
  --json             un objeto JSON en vez de líneas, para calificar
  --explain          por qué importa y cómo verlo a mano, también en lo que se cumple
  --lang en|es       el idioma; sin esta opción, el de LANG
  --yes-this-host-is-mine   permite también una máquina que no es esta

Estado de salida: 0 se cumple todo lo pedido; 1 algo no se cumple; 2 algo no se pudo saber, o una opción errónea.
Envía como mucho 160 MiB, por un máximo de 200 conexiones TCP, y acaba en menos de un minuto.",
];

pub struct Options {
    pub url: String,
    pub host: String,
    pub path: String,
    pub address: SocketAddr,
    pub only: Vec<String>,
    pub send: Option<String>,
    pub answer: Option<String>,
    pub pid: Option<u32>,
    pub record: Option<String>,
    pub json: bool,
    pub explain: bool,
    pub language: Language,
}

/// `Err` is a sentence for standard error; `Ok(None)` asks for the help.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> (Language, Result<Option<Options>, Text>) {
    let mut language = Language::of_environment();
    let parsed = read(arguments, &mut language);
    (language, parsed)
}

fn read(
    arguments: impl IntoIterator<Item = OsString>,
    language: &mut Language,
) -> Result<Option<Options>, Text> {
    use lexopt::Arg::{Long, Short, Value};
    let wrong = |error: lexopt::Error| text!("{error}", "opción errónea: {error}");
    let mut parser = lexopt::Parser::from_args(arguments);
    let (mut url, mut only, mut is_mine) = (None, Vec::new(), false);
    let (mut send, mut answer, mut record, mut pid) = (None, None, None, None);
    let (mut json, mut explain) = (false, false);
    while let Some(argument) = parser.next().map_err(wrong)? {
        match argument {
            Long("only") => only.extend(value(&mut parser)?.split(',').map(|name| name.trim().to_owned())),
            Long("send") => send = Some(value(&mut parser)?),
            Long("answer") => answer = Some(value(&mut parser)?),
            Long("record") => record = Some(value(&mut parser)?),
            Long("pid") => {
                let number = value(&mut parser)?;
                let parsed = number.parse().ok().filter(|pid: &u32| *pid > 1);
                pid = Some(parsed.ok_or_else(|| {
                    text!("no process id: {number}", "no es un número de proceso: {number}")
                })?);
            }
            Long("lang") => {
                *language = match value(&mut parser)?.as_str() {
                    "en" => Language::English,
                    "es" => Language::Spanish,
                    other => {
                        return Err(text!(
                            "--lang is en or es, not {other}",
                            "--lang admite en o es, pero no {other}"
                        ));
                    }
                }
            }
            Long("json") => json = true,
            Long("explain") => explain = true,
            Long("yes-this-host-is-mine") => is_mine = true,
            Long("help") | Short('h') => return Ok(None),
            Value(value) if url.is_none() => url = Some(value.to_string_lossy().into_owned()),
            other => return Err(wrong(other.unexpected())),
        }
    }
    for name in &only {
        if !PROMISES.iter().any(|promise| promise.id == name || promise.group == name) {
            let names: Vec<&str> = PROMISES.iter().map(|promise| promise.id).collect();
            let names = names.join(", ");
            return Err(text!(
                "no promise is called {name}; there are the groups handshake, conversation, faults, close, load, and {names}",
                "ninguna promesa se llama {name}; están los grupos handshake, conversation, faults, close, load, y {names}"
            ));
        }
    }
    if send.as_ref().is_some_and(|template: &String| !template.contains("%text%")) {
        return Err(text!(
            "--send needs %text% where the text goes",
            "--send necesita %text% donde va el texto"
        ));
    }
    let Some(url) = url else { return Err(text!("which URL? See --help", "falta la URL; mira --help")) };
    let (host, path) = split(&url)?;
    let address = resolve(&host, is_mine)?;
    Ok(Some(Options {
        url,
        host,
        path,
        address,
        only,
        send,
        answer,
        pid,
        record,
        json,
        explain,
        language: *language,
    }))
}

fn value(parser: &mut lexopt::Parser) -> Result<String, Text> {
    let value = parser.value().map_err(|error| text!("{error}", "opción errónea: {error}"))?;
    value.into_string().map_err(|_| text!("a value is not UTF-8", "un valor no es UTF-8"))
}

/// Host with port, and path.
fn split(url: &str) -> Result<(String, String), Text> {
    let rest =
        url.strip_prefix("ws://").or_else(|| url.strip_prefix("http://")).filter(|rest| !rest.contains('@'));
    let is_plain = url.bytes().all(|byte| byte.is_ascii_graphic());
    let Some(rest) = rest.filter(|rest| is_plain && !rest.is_empty() && !rest.starts_with('/')) else {
        return Err(text!(
            "the URL must be like ws://localhost:8080/",
            "la URL debe ser como ws://localhost:8080/"
        ));
    };
    let (host, path) = rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash));
    Ok((host.to_owned(), path.split('#').next().unwrap_or("/").to_owned()))
}

fn resolve(host: &str, is_mine: bool) -> Result<SocketAddr, Text> {
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let with_port = if has_port { host.to_owned() } else { format!("{host}:80") };
    let found = with_port.to_socket_addrs().map_err(|error| text!("{host}: {error}", "{host}: {error}"))?;
    let found: Vec<SocketAddr> = found.filter(|address| is_mine || address.ip().is_loopback()).collect();
    if found.is_empty() {
        return Err(text!(
            "{host} is not this machine. If it is yours, too: --yes-this-host-is-mine",
            "{host} no es esta máquina. Si también es tuya: --yes-this-host-is-mine"
        ));
    }
    // `localhost` has two addresses; a server often listens on one of them.
    let answers = |address: &&SocketAddr| {
        std::net::TcpStream::connect_timeout(address, std::time::Duration::from_secs(1)).is_ok()
    };
    Ok(*found.iter().find(answers).unwrap_or(&found[0]))
}
