use super::*;

fn record(length: u8) -> Vec<u8> {
    let header = [23, 3, 3, 0, length];
    header.into_iter().chain((0..length).map(|byte| 100 + byte)).collect()
}

#[test]
fn records_are_found_however_they_are_cut() {
    let stream = [record(3), record(0), record(40), record(7)].concat();
    for cut in 0..=stream.len() {
        let mut reader = RecordReader::default();
        reader.read(&stream[..cut]);
        reader.read(&stream[cut..]);
        assert_eq!(reader.last(), record(7));
    }
    let mut reader = RecordReader::default();
    stream.iter().for_each(|byte| reader.read(&[*byte]));
    assert_eq!(reader.last(), record(7));
    reader.read(&record(40)[..44]);
    assert_eq!(reader.last(), record(7), "it is not whole");
    reader.read(&record(40)[44..]);
    assert_eq!(reader.last(), &record(40)[..KEPT]);
}

#[test]
fn of_several_records_that_are_sent_the_last_one_counts() {
    let mut last = Vec::new();
    last_record(&[record(40), record(7)].concat(), &mut last);
    assert_eq!(last, record(7));
    last_record(&record(40), &mut last);
    assert_eq!(last, &record(40)[..KEPT]);
}
