//! How DNS writes a name beyond ASCII: `españa` becomes `xn--espaa-rta` (punycode, RFC 3492). Browsers send nothing else.
//!
//! Called by `host_name` while the command line is read. No crate of the default build does it.

/// RFC 3492, section 5.
const BASE: u32 = 36;
const LEAST: u32 = 1;
const MOST: u32 = 26;
const SKEW: u32 = 38;
const DAMP: u32 = 700;
const FIRST_BIAS: u32 = 72;
const FIRST_CODE: u32 = 128;

/// What begins a label that is encoded.
const PREFIX: &str = "xn--";

/// The label (a name's part between two dots) as ASCII, or `None` if it is far too long.
pub fn to_ascii(label: &str) -> Option<String> {
    if label.is_ascii() {
        return Some(label.to_owned());
    }
    let mut encoded: String = label.chars().filter(char::is_ascii).collect();
    let ascii = encoded.len() as u32;
    if ascii > 0 {
        encoded.push('-');
    }
    let (mut code, mut delta, mut bias, mut done) = (FIRST_CODE, 0u32, FIRST_BIAS, ascii);
    let all = u32::try_from(label.chars().count()).ok()?;
    while done < all {
        // The smallest character that is not yet written.
        let next = label.chars().map(u32::from).filter(|character| *character >= code).min()?;
        delta = delta.checked_add((next - code).checked_mul(done + 1)?)?;
        code = next;
        for character in label.chars().map(u32::from) {
            if character < code {
                delta = delta.checked_add(1)?;
            }
            if character == code {
                write_number(&mut encoded, delta, bias);
                bias = adapt(delta, done + 1, done == ascii);
                delta = 0;
                done += 1;
            }
        }
        delta = delta.checked_add(1)?;
        code += 1;
    }
    Some(PREFIX.to_owned() + &encoded)
}

/// A number in digits whose weight changes from place to place (section 3.3).
fn write_number(text: &mut String, mut number: u32, bias: u32) {
    for place in (BASE..).step_by(BASE as usize) {
        let threshold = place.saturating_sub(bias).clamp(LEAST, MOST);
        if number < threshold {
            break;
        }
        text.push(digit(threshold + (number - threshold) % (BASE - threshold)));
        number = (number - threshold) / (BASE - threshold);
    }
    text.push(digit(number));
}

/// 0 to 25 are letters, 26 to 35 are digits.
fn digit(value: u32) -> char {
    char::from_digit((value + 10) % BASE, BASE).expect("invariant: a remainder by 36 is a digit of base 36")
}

/// Section 6.1.
fn adapt(delta: u32, written: u32, is_first: bool) -> u32 {
    let mut delta = if is_first { delta / DAMP } else { delta / 2 };
    delta += delta / written;
    let mut place = 0;
    while delta > (BASE - LEAST) * MOST / 2 {
        delta /= BASE - LEAST;
        place += BASE;
    }
    place + (BASE - LEAST + 1) * delta / (delta + SKEW)
}
