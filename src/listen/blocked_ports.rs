//! Ports that browsers do not open, since a page could make them speak to a server of another protocol.
//!
//! Read by `listen` at the start. The list is that of the Fetch standard, "port blocking".

#[rustfmt::skip]
const BLOCKED: [u16; 82] = [
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110, 111, 113,
    115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556,
    563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667,
    6668, 6669, 6679, 6697, 10080,
];

/// Port 0 is not among them: the system chooses a free one above 1023, far from these.
pub fn is_blocked(port: u16) -> bool {
    BLOCKED.contains(&port)
}
