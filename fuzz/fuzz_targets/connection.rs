#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| websocket_classroom::fuzzing::connection(input));
