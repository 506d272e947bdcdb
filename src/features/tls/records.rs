//! What the network sees of TLS: records, each with a header in plain (type, version, length; RFC 8446, 5.1) and then ciphertext. Keeps the
//! beginning of the last one, for the inspector.
//!
//! Bytes in, bytes out; on the thread that reads or sends.

/// A header.
const HEADER: usize = 5;

/// What is kept of a record: its header, and the first bytes of its ciphertext.
const KEPT: usize = HEADER + 16;

/// Follows the records in what is read, however TCP cuts them.
#[derive(Default)]
pub struct RecordReader {
    /// The beginning of the present record.
    begun: Vec<u8>,
    /// Bytes of it that are still to come, once its header is here.
    remaining: usize,
    last: Vec<u8>,
}

impl RecordReader {
    pub fn read(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let is_header = self.begun.len() < HEADER;
            let wanted = if is_header { HEADER - self.begun.len() } else { self.remaining };
            let (part, rest) = bytes.split_at(wanted.min(bytes.len()));
            let kept = part.len().min(KEPT - self.begun.len());
            self.begun.extend_from_slice(&part[..kept]);
            bytes = rest;
            if !is_header {
                self.remaining -= part.len();
            } else if self.begun.len() == HEADER {
                self.remaining = length(&self.begun);
            } else {
                continue;
            }
            if self.remaining == 0 {
                // Two buffers in turn: a record costs no allocation.
                std::mem::swap(&mut self.last, &mut self.begun);
                self.begun.clear();
            }
        }
    }

    /// The last whole record's beginning.
    pub fn last(&self) -> &[u8] {
        &self.last
    }
}

/// The beginning of the last of these records.
pub fn last_record(records: &[u8], into: &mut Vec<u8>) {
    let mut rest = records;
    while rest.len() > HEADER {
        let end = (HEADER + length(rest)).min(rest.len());
        if end == rest.len() {
            into.clear();
            into.extend_from_slice(&rest[..end.min(KEPT)]);
        }
        rest = &rest[end..];
    }
}

fn length(header: &[u8]) -> usize {
    usize::from(u16::from_be_bytes([header[3], header[4]]))
}

#[cfg(test)]
mod tests;
