//! ZIP archives of tests.

/// An archive of these entries, stored as they are.
///
/// # Panics
/// If they are larger than the format can say.
pub fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut archive, mut list) = (Vec::new(), Vec::new());
    for (name, content) in entries {
        let at = four(archive.len());
        let mut about = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        about.extend(crc(content).to_le_bytes());
        about.extend(four(content.len()));
        about.extend(four(content.len()));
        about.extend([four(name.len())[0], four(name.len())[1], 0, 0]);
        archive.extend(b"PK\x03\x04");
        archive.extend(&about);
        archive.extend(name.as_bytes());
        archive.extend(*content);
        list.extend(b"PK\x01\x02\x14\x00");
        list.extend(about);
        list.extend([0; 10]);
        list.extend(at);
        list.extend(name.as_bytes());
    }
    let start = four(archive.len());
    archive.extend(&list);
    let count = [four(entries.len())[0], four(entries.len())[1]];
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend(count);
    archive.extend(count);
    archive.extend(four(list.len()));
    archive.extend(start);
    archive.extend([0, 0]);
    archive
}

fn four(number: usize) -> [u8; 4] {
    u32::try_from(number).expect("archives of tests are small").to_le_bytes()
}

/// The checksum of ZIP (CRC-32 of ISO 3309).
fn crc(content: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in content {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}
