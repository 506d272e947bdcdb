//! The lessons in docs/lesson and docs/clase: what they show is run or computed again, and both languages say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use data_encoding::BASE64;
use sha1::{Digest, Sha1};

use crate::common::raw::{CLOSE, RawClient, ask, frame, handshake, handshake_with};
use crate::common::users::Users;
use crate::common::{Server, project_file};

/// The pages in English and in Spanish.
const PAGES: [[&str; 2]; 13] = [
    ["docs/lesson/README.md", "docs/clase/README.md"],
    ["docs/lesson/50-minutes.md", "docs/clase/50-minutos.md"],
    ["docs/lesson/two-hours.md", "docs/clase/dos-horas.md"],
    ["docs/lesson/in-practice.md", "docs/clase/en-la-practica.md"],
    ["docs/lesson/subjects.md", "docs/clase/temas.md"],
    ["docs/lesson/socket-io.md", "docs/clase/socket-io.md"],
    ["docs/lesson/sheet-1-accept.md", "docs/clase/hoja-1-accept.md"],
    ["docs/lesson/sheet-2-frame.md", "docs/clase/hoja-2-trama.md"],
    ["docs/lesson/sheet-3-mask.md", "docs/clase/hoja-3-mascara.md"],
    ["docs/lesson/sheet-4-client.md", "docs/clase/hoja-4-cliente.md"],
    ["docs/lesson/sheet-5-server.md", "docs/clase/hoja-5-servidor.md"],
    ["docs/lesson/sheet-6-close-codes.md", "docs/clase/hoja-6-codigos.md"],
    ["docs/lesson/solutions.md", "docs/clase/soluciones.md"],
];
const SOLUTIONS: [&str; 2] = PAGES[12];

/// The ladder's guide, and each step of it.
const LADDER: [[&str; 2]; 5] = [
    ["docs/ladder/1-echo.md", "docs/escalera/1-eco.md"],
    ["docs/ladder/2-everybody-writes.md", "docs/escalera/2-todos-escriben.md"],
    ["docs/ladder/3-locks.md", "docs/escalera/3-cerrojos.md"],
    ["docs/ladder/5-never-wait.md", "docs/escalera/5-no-esperar-nunca.md"],
    ["docs/ladder/6-rounds.md", "docs/escalera/6-rondas.md"],
];

const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A block between fences: its kind, and its lines without the indentation of the fence.
#[derive(Debug, PartialEq)]
struct Block {
    kind: String,
    lines: Vec<String>,
}

/// A page in its parts.
struct Page {
    name: &'static str,
    blocks: Vec<Block>,
    /// All that stands between no fences.
    prose: String,
}

impl Page {
    fn read(name: &'static str) -> Page {
        let (mut blocks, mut prose, mut open): (Vec<Block>, String, Option<usize>) = Default::default();
        for line in project_file(name).lines() {
            let fence = line.trim_start().strip_prefix("```");
            match (fence, open) {
                (Some(kind), None) => {
                    blocks.push(Block { kind: kind.to_owned(), lines: Vec::new() });
                    open = Some(line.len() - line.trim_start().len());
                }
                (Some(_), Some(_)) => open = None,
                (None, Some(indentation)) => {
                    let line = line.get(indentation..).unwrap_or_default().to_owned();
                    blocks.last_mut().expect("a block is open").lines.push(line);
                }
                (None, None) => prose.extend([line, "\n"]),
            }
        }
        assert_eq!(open, None, "{name}: a block without an end");
        Page { name, blocks, prose }
    }

    /// The prose in turns: what is no code, then code, and so on.
    fn turns(&self) -> Vec<&str> {
        self.prose.split('`').collect()
    }

    fn code(&self) -> impl Iterator<Item = &str> {
        self.turns().into_iter().skip(1).step_by(2)
    }

    /// The rows of tables that have this number of columns, without heads.
    fn rows(&self, columns: usize) -> Vec<Vec<String>> {
        let rows = self.prose.lines().filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'));
        let cells = |row: &str| row.split('|').map(|cell| cell.trim_matches(['`', ' ']).to_owned()).collect();
        rows.map(cells).filter(|cells: &Vec<String>| cells.len() == columns).collect()
    }

    /// The rows that begin with one capital letter.
    fn exercises(&self, columns: usize) -> Vec<Vec<String>> {
        let is_letter =
            |cell: &str| cell.len() == 1 && cell.starts_with(|letter: char| letter.is_ascii_uppercase());
        self.rows(columns).into_iter().filter(|row| is_letter(&row[0])).collect()
    }

    /// All commands: of blocks for a shell, and of the prose.
    fn commands(&self) -> Vec<String> {
        let of_blocks = self.blocks.iter().filter(|block| ["console", "sh"].contains(&block.kind.as_str()));
        let of_blocks = of_blocks
            .flat_map(|block| block.lines.iter())
            .map(|line| line.strip_prefix("$ ").unwrap_or(line).to_owned());
        of_blocks.chain(self.code().map(str::to_owned)).collect()
    }
}

fn pages() -> Vec<[Page; 2]> {
    PAGES.iter().map(|names| names.map(Page::read)).collect()
}

/// What must be the same in both languages, with the English pages' names.
fn in_common(text: &str) -> String {
    let mut text = text.replace(" CHECK='--lang es'", "");
    for [english, spanish] in PAGES.iter().chain(&LADDER) {
        text = text.replace(spanish, english);
    }
    text.replace("docs/escalera", "docs/ladder").replace("docs/clase", "docs/lesson")
}

/// Numbers, without what groups their digits.
fn numbers(text: &str) -> Vec<String> {
    let mut numbers = vec![String::new()];
    let letters: Vec<char> = text.chars().collect();
    for (place, letter) in letters.iter().enumerate() {
        let is_digit = |place: Option<usize>| {
            place.and_then(|place| letters.get(place)).is_some_and(char::is_ascii_digit)
        };
        match letter {
            '0'..='9' => numbers.last_mut().expect("there is one").push(*letter),
            '.' | ',' if is_digit(place.checked_sub(1)) && is_digit(Some(place + 1)) => {}
            _ => numbers.push(String::new()),
        }
    }
    numbers.retain(|number| !number.is_empty());
    numbers.sort();
    numbers
}

#[test]
fn both_languages_have_the_same_pages_commands_and_numbers() {
    for [english, spanish] in pages() {
        let names = format!("{}, {}", english.name, spanish.name);
        let common = |page: &Page| -> Vec<Block> {
            let blocks = page.blocks.iter().map(|block| {
                let in_its_language = block.lines.iter().any(|line| line.contains("make check"));
                let lines =
                    block.lines.iter().filter(|line| !in_its_language || line.starts_with(['$', '>']));
                Block { kind: block.kind.clone(), lines: lines.map(|line| in_common(line)).collect() }
            });
            blocks.collect()
        };
        assert_eq!(common(&english), common(&spanish), "{names}");
        let code = |page: &Page| {
            let mut code: Vec<String> = page.code().map(|code| in_common(&code.replace('\n', " "))).collect();
            code.sort();
            code
        };
        assert_eq!(code(&english), code(&spanish), "{names}");
        let said =
            |page: &Page| numbers(&page.turns().into_iter().step_by(2).collect::<Vec<_>>().join(" x "));
        assert_eq!(said(&english), said(&spanish), "{names}");
        let headings = |page: &Page| page.prose.lines().filter(|line| line.starts_with('#')).count();
        assert_eq!(headings(&english), headings(&spanish), "{names}");
        let lines = |page: &Page| page.prose.lines().filter(|line| line.starts_with(['|', '*'])).count();
        assert_eq!(lines(&english), lines(&spanish), "{names}: rows and points");
    }
}

#[test]
fn the_pages_are_short_and_a_sheet_fits_on_one_of_paper() {
    for name in PAGES.iter().flatten() {
        let bound = if name.contains("/sheet-") || name.contains("/hoja-") { 52 } else { 200 };
        let lines = project_file(name).lines().count();
        assert!(lines < bound, "{name}: {lines} lines");
    }
    assert!(project_file("examples/client.html").lines().count() <= 30);
}

#[test]
fn each_page_is_in_the_list_of_its_folder_and_every_link_leads_somewhere() {
    for (language, folder) in ["docs/lesson", "docs/clase"].into_iter().enumerate() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let there: BTreeSet<_> =
            fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
        let known: BTreeSet<_> = PAGES
            .iter()
            .map(|names| folder.parent().expect("docs").parent().expect("the project").join(names[language]))
            .collect();
        assert_eq!(there, known);
        let list = project_file(PAGES[0][language]);
        for name in &PAGES[1..] {
            let file = name[language].rsplit('/').next().expect("a name");
            assert!(list.contains(&format!("]({file})")), "{}: no link to {file}", PAGES[0][language]);
        }
        for names in &PAGES {
            let text = project_file(names[language]);
            for link in text.split("](").skip(1).map(|rest| rest.split(')').next().expect("a link ends")) {
                let (file, section) = link.split_once('#').unwrap_or((link, ""));
                let there = fs::read_to_string(folder.join(file));
                let there = there.unwrap_or_else(|error| panic!("{}: {link}: {error}", names[language]));
                let has_section =
                    there.lines().any(|line| line.trim_start_matches(['#', ' ']).to_lowercase() == section);
                assert!(section.is_empty() || has_section, "{}: {link}", names[language]);
            }
        }
    }
}

/// What the page says in a language, without the marks of code.
fn words(language: &str) -> Vec<String> {
    let lines = project_file(&format!("page/words.{language}.js"));
    let texts =
        lines.lines().filter_map(|line| line.strip_prefix("  ")?.split_once(": '")?.1.strip_suffix("',"));
    texts.map(|text| text.replace('`', "")).collect()
}

/// `shown` is a whole text of the page, or what stands in it around the values in braces; with `…` at its end the beginning of one.
fn is_on_the_page(shown: &str, words: &[String]) -> bool {
    let shown = shown.replace('`', "").replace('\n', " ");
    let beginning = shown.strip_suffix('…').map(str::trim_end);
    words.iter().any(|text| {
        let pieces: Vec<&str> = text.split(['{', '}']).step_by(2).collect();
        let has_words = pieces.iter().map(|piece| piece.len()).sum::<usize>() > 5;
        let is_piece = |piece: &&str| piece.trim_matches([' ', '·']) == shown;
        *text == shown
            || beginning.is_some_and(|beginning| text.starts_with(beginning))
            || pieces.len() > 1 && (pieces.iter().any(is_piece) || has_words && is_filled(&shown, &pieces))
    })
}

/// The pieces in their order, with something between every two.
fn is_filled(shown: &str, pieces: &[&str]) -> bool {
    let mut rest = Some(shown);
    for (place, piece) in pieces.iter().enumerate() {
        rest = rest.and_then(|rest| match place {
            0 => rest.strip_prefix(piece),
            _ if piece.is_empty() => Some(""),
            _ => rest.split_once(piece).map(|(_, rest)| rest),
        });
    }
    rest == Some("")
}

#[test]
fn what_is_in_bold_stands_on_the_page_in_that_language() {
    for (language, words) in [words("en"), words("es")].iter().enumerate() {
        let mut shown = 0;
        for names in &PAGES {
            let page = Page::read(names[language]);
            for text in page.prose.split("**").skip(1).step_by(2) {
                if !["bold", "negrita"].contains(&text) {
                    assert!(is_on_the_page(text, words), "{}: the page has no {text:?}", page.name);
                    shown += 1;
                }
            }
        }
        assert!(words.len() > 300 && shown > 80, "{} {shown}", words.len());
    }
}

#[test]
fn the_lessons_go_from_minute_to_minute() {
    for (names, whole) in [(PAGES[1], 50), (PAGES[2], 120)] {
        for name in names {
            let text = project_file(name);
            let mut reached = 0;
            for heading in text.lines().filter_map(|line| line.strip_prefix("## ")) {
                let minutes = heading.split(" · ").next().and_then(|minutes| minutes.split_once('–'));
                let (from, to) = minutes.unwrap_or_else(|| panic!("{name}: {heading}"));
                assert_eq!(from.parse(), Ok(reached), "{name}: {heading}");
                reached = to.parse().expect("a minute");
            }
            assert_eq!(reached, whole, "{name}");
        }
    }
}

#[test]
fn the_files_and_functions_that_are_named_exist() {
    let (mut files, mut functions) = (0, 0);
    for page in pages().iter().flatten() {
        let turns = page.turns();
        let mut file: Option<String> = None;
        for (place, code) in turns.iter().enumerate().skip(1).step_by(2) {
            let between = turns[place - 1].replace('\n', " ");
            let is_path = code.contains('/')
                && !code.contains(' ')
                && [".rs", ".js", ".html", ".sh", ".md"].iter().any(|end| code.ends_with(end));
            if is_path {
                file = Some(project_file(code));
                files += 1;
            } else if matches!(between.as_str(), ": " | ", ") && file.is_some() {
                let text = file.as_ref().expect("a file stands before it");
                let is_there = [format!("fn {code}("), format!("fn {code}<"), format!("function {code}(")];
                assert!(
                    is_there.iter().any(|begin| text.contains(begin)),
                    "{}: no function {code}",
                    page.name
                );
                functions += 1;
                continue;
            } else {
                file = None;
            }
        }
    }
    assert!(files > 100 && functions > 100, "{files} {functions}");
}

#[test]
fn the_commands_name_what_make_and_the_server_have() {
    let makefile = project_file("Makefile");
    let between = |begin: &str| makefile.split_once(begin).expect("a list of flags").1;
    let flags = between("SINGLE :=").split("variable =").next().expect("it ends there");
    let mut tried = 0;
    for page in pages().iter().flatten() {
        for command in page.commands() {
            for make in command
                .split("make ")
                .skip(1)
                .filter(|_| command.starts_with("make ") || command.contains("| make "))
            {
                let mut words = make.split_whitespace();
                let target = words.next().expect("a target");
                assert!(makefile.contains(&format!("\n{target}:")), "{}: make {target}", page.name);
                for name in words
                    .filter_map(|word| word.split_once('='))
                    .map(|(name, _)| name)
                    .filter(|_| target == "run")
                {
                    let flag = name.to_lowercase().replace('_', "-");
                    assert!(flags.split_whitespace().any(|known| known == flag), "{}: {name}", page.name);
                }
                tried += 1;
            }
            // As the server prints it, and as the tests of websocat run it.
            if command.starts_with("websocat ") {
                assert_eq!(command, "websocat -E ws://localhost:3000/ws", "{}", page.name);
            }
        }
    }
    assert!(tried > 60, "{tried} commands");
    let server = Server::start(&[]);
    assert!(server.banner.contains(&format!("websocat -E ws://localhost:{}/ws", server.port())));
}

#[test]
fn the_accept_values_are_those_of_their_keys() {
    for [name, sheet] in [[SOLUTIONS[0], PAGES[6][0]], [SOLUTIONS[1], PAGES[6][1]]] {
        let (solutions, sheet) = (Page::read(name), Page::read(sheet));
        let rows: Vec<_> = solutions.exercises(3).into_iter().filter(|row| row[1].ends_with("==")).collect();
        assert_eq!(rows.len(), 2, "{name}");
        for row in rows {
            assert_eq!(BASE64.decode(row[1].as_bytes()).expect("base64").len(), 16, "{name}: {row:?}");
            let accept = BASE64.encode(&Sha1::digest(format!("{}{GUID}", row[1])));
            assert_eq!(row[2], accept, "{name}: {row:?}");
            assert!(
                sheet.exercises(3).iter().any(|exercise| exercise[..2] == row[..2]),
                "{}: {row:?}",
                sheet.name
            );
        }
        // The key that is too short.
        let short = "aG9sYQ==";
        assert_eq!(BASE64.decode(short.as_bytes()), Ok(b"hola".to_vec()));
        assert!(sheet.code().any(|code| code == short));
        let server = Server::start(&[]);
        let answer =
            ask(&server, handshake_with("Sec-WebSocket-Key", &[&format!("Sec-WebSocket-Key: {short}")]));
        assert!(solutions.prose.contains(&format!("`{}`", answer.status)), "{answer:?}");
        assert!(solutions.prose.contains(&answer.sentence()), "{answer:?}");
    }
}

/// `81 04` as bytes.
fn from_hex(text: &str) -> Vec<u8> {
    text.split(' ').map(|byte| u8::from_str_radix(byte, 16).expect("a byte in hexadecimal")).collect()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

fn unmasked(key: &[u8], payload: &[u8]) -> Vec<u8> {
    payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect()
}

#[test]
fn the_frames_say_what_the_solutions_say() {
    let names = [
        ["continuation", "text", "binary", "close", "ping", "pong", "server", "client"],
        ["continuación", "texto", "binaria", "cierre", "ping", "pong", "servidor", "cliente"],
    ];
    for (language, names) in names.iter().enumerate() {
        let (sheet, solutions) = (Page::read(PAGES[7][language]), Page::read(SOLUTIONS[language]));
        let frames = sheet.blocks.iter().find(|block| block.kind == "text").expect("the frames");
        let mut rows = Vec::new();
        let mut payloads = BTreeMap::new();
        for line in &frames.lines {
            let (letter, bytes) = line.split_once("  ").expect("a letter, then bytes");
            let bytes = from_hex(bytes);
            let (is_masked, length) = (bytes[1] >> 7, bytes[1] & 0x7f);
            let (length, header) = match length {
                126 => (u64::from(u16::from_be_bytes([bytes[2], bytes[3]])), 4),
                length => (u64::from(length), 2),
            };
            let opcodes = [0, 1, 2, 8, 9, 10];
            let kind = opcodes.iter().position(|opcode| *opcode == bytes[0] & 0xf).expect("a known opcode");
            let from = names[6 + usize::from(is_masked)];
            let row = [
                letter,
                &(bytes[0] >> 7).to_string(),
                names[kind],
                &is_masked.to_string(),
                &length.to_string(),
                from,
            ];
            rows.push(row.map(str::to_owned).to_vec());
            let rest = bytes[header..].to_vec();
            let payload = if is_masked == 1 { unmasked(&rest[..4], &rest[4..]) } else { rest };
            assert!(payload.len() as u64 == length || letter == "F", "{line}");
            payloads.insert(letter.to_owned(), payload);
        }
        assert_eq!(solutions.exercises(6), rows, "{}", solutions.name);
        let says = |text: &str| {
            assert!(solutions.prose.contains(&format!("`{text}`")), "{}: {text}", solutions.name)
        };
        says(&to_hex(&payloads["C"]));
        assert_eq!(u16::from_be_bytes([payloads["C"][0], payloads["C"][1]]), 1001);
        assert_eq!([&payloads["D"][..], &payloads["E"]].concat(), b"hola");
        assert_eq!(payloads["G"], b"hola\n");
        // The server's frames of question 2.
        says(&to_hex(&[&[0x81, 2], &b"si"[..]].concat()));
        says(&to_hex(&[&[0x81, 126], &300_u16.to_be_bytes()[..]].concat()));
    }
}

#[test]
fn the_words_are_what_their_keys_unmask() {
    for (language, name) in SOLUTIONS.into_iter().enumerate() {
        let (sheet, solutions) = (Page::read(PAGES[8][language]), Page::read(name));
        let rows = solutions.exercises(4);
        assert_eq!(rows.len(), 3, "{name}");
        for row in &rows {
            let word = unmasked(&from_hex(&row[1]), &from_hex(&row[2]));
            assert_eq!(String::from_utf8(word).expect("UTF-8"), row[3], "{name}: {row:?}");
        }
        let asked: Vec<_> = sheet.exercises(4).into_iter().map(|row| row[..3].to_vec()).collect();
        assert_eq!(asked, rows.iter().map(|row| row[..3].to_vec()).collect::<Vec<_>>(), "{}", sheet.name);
        assert!(solutions.prose.contains(&format!("`{}`", to_hex("ñ".as_bytes()))));
        // The example, whose steps the terminal shows, too.
        let example = frame_of(&sheet.prose);
        assert_eq!(example, frame(0x81, b"hola"), "{}", sheet.name);
    }
}

/// The frame that a sentence of sheet 3 begins with.
fn frame_of(prose: &str) -> Vec<u8> {
    let hex = prose.split('`').find(|code| code.starts_with("81 84 ")).expect("a frame");
    from_hex(hex)
}

/// What bash's printf makes of `\x81\0hola`.
fn from_escapes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some(hex) = rest.strip_prefix("\\x") {
            bytes.push(u8::from_str_radix(&hex[..2], 16).expect("two digits"));
            rest = &hex[2..];
        } else if let Some(after) = rest.strip_prefix("\\0") {
            bytes.push(0);
            rest = after;
        } else {
            bytes.push(u8::try_from(first).expect("ASCII"));
            rest = &rest[1..];
        }
    }
    bytes
}

#[test]
fn what_breaks_the_protocol_gets_the_code_that_the_solutions_say() {
    let server = Server::start(&[]);
    for (language, name) in SOLUTIONS.into_iter().enumerate() {
        let (sheet, solutions) = (Page::read(PAGES[11][language]), Page::read(name));
        let rows = solutions.exercises(5);
        assert_eq!(rows.len(), 10, "{name}");
        for row in &rows {
            let mut client = RawClient::open_with(&server, handshake(&row[2]).as_bytes());
            client.send(&from_escapes(&row[1]));
            let payload = client.wait_for(CLOSE);
            assert_eq!(u16::from_be_bytes([payload[0], payload[1]]).to_string(), row[4], "{name}: {row:?}");
        }
        let asked = sheet.exercises(6);
        let tried = |rows: &[Vec<String>]| rows.iter().map(|row| row[..3].to_vec()).collect::<Vec<_>>();
        assert_eq!(tried(&asked), tried(&rows), "{}", sheet.name);
    }
}

#[test]
fn the_texts_of_socket_io_are_as_long_as_the_page_says() {
    for name in PAGES[5] {
        let page = Page::read(name);
        let rows: Vec<_> = page.rows(4).into_iter().filter(|row| row[3].starts_with("81 ")).collect();
        assert_eq!(rows.len(), 3, "{name}");
        for row in rows {
            assert_eq!(row[2], row[1].len().to_string(), "{name}: {row:?}");
            assert_eq!(row[3], to_hex(&frame(0x81, row[1].as_bytes())[..2]), "{name}: {row:?}");
        }
    }
}

#[test]
fn the_checker_has_so_many_promises() {
    let promises = project_file("checker/promise.rs");
    for name in PAGES[10] {
        let page = Page::read(name);
        let rows: Vec<_> = page.rows(5).into_iter().filter(|row| row[2].contains("ONLY=")).collect();
        assert_eq!(rows.len(), 5, "{name}");
        for row in rows {
            let group = row[2].split("ONLY=").nth(1).expect("a group");
            let count = promises.matches(&format!("group: \"{group}\"")).count();
            assert_eq!(row[3], count.to_string(), "{name}: {row:?}");
        }
        assert_eq!(promises.matches("needs_pid: true").count(), 2, "{name}: two promises need the process");
    }
}

/// The blocks that show a terminal. Those of the checker are run by the ladder's tests, which have its programs.
fn terminals() -> Vec<(&'static str, Vec<String>)> {
    let of_page = |page: Page| {
        let consoles =
            page.blocks.into_iter().filter(|block| block.kind == "console").map(|block| block.lines);
        let ours = consoles.filter(|lines| !lines[0].starts_with("$ cargo run --example"));
        ours.map(|lines| (page.name, lines)).collect::<Vec<_>>()
    };
    pages().into_iter().flatten().flat_map(of_page).collect()
}

#[test]
#[ignore = "needs openssl: run by make test"]
fn what_the_terminal_shows_is_what_it_prints() {
    let users = Users::new(&["ana"]);
    let runs = terminals();
    for (name, lines) in &runs {
        let is_command = |line: &&String| line.starts_with(['$', '>']);
        let shown: Vec<_> =
            lines.iter().filter(|line| !is_command(line)).map(|line| line.trim_end()).collect();
        let mut commands: Vec<_> =
            lines.iter().filter(is_command).map(|line| line[1..].trim_start().to_owned()).collect();
        let started = commands[0].strip_prefix("make run").map(|flags| match flags {
            "" => Server::start(&[]),
            " USERS=class.txt" => users.serve(&[]),
            other => panic!("{name}: make run{other}"),
        });
        let port = started.as_ref().map_or(3000, Server::port).to_string();
        if started.is_some() {
            commands.remove(0);
        }
        let script = commands.join("\n").replace("localhost:3000", &format!("localhost:{port}"));
        let output = Command::new("bash")
            .args(["-c", &script])
            .env("PORT", port)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::null())
            .output()
            .expect("bash runs");
        let printed = String::from_utf8(output.stdout).expect("UTF-8");
        let printed: Vec<_> = printed.trim_end().lines().map(str::trim_end).collect();
        assert_eq!(shown, printed, "{name}: {script}");
    }
    assert_eq!(runs.len(), 18);
}
