//! Passkeys with every algorithm that another provider may have registered.

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _, RsaEncoding, RsaKeyPair},
};

use super::authenticator::{Authenticator, Said, bytes, registered, signed_in};
use crate::webauthn::{Refused, cose::PublicKey, imported};

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
}

struct Passkey {
    name: &'static str,
    cose: Vec<u8>,
    pair: Pair,
}

impl Passkey {
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ecdsa(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }
}

fn ecdsa(name: &'static str, alg: &'static EcdsaSigningAlgorithm, id: &[u8], curve: u8) -> Passkey {
    let pair = EcdsaKeyPair::generate(alg).unwrap();
    let (x, y) = pair.public_key().as_ref()[1..].split_at((pair.public_key().as_ref().len() - 1) / 2);
    let parts = [&[0x20, curve, 0x21], bytes(x).as_slice(), &[0x22], &bytes(y)].concat();
    let cose = [&[0xa5, 1, 2, 3], id, &parts].concat();
    Passkey { name, cose, pair: Pair::Ecdsa(pair) }
}

fn rsa(name: &'static str, encoding: &'static dyn RsaEncoding, id: &[u8]) -> Passkey {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    // Sequence, integer, the zero before the modulus.
    let modulus = pair.public_key().as_ref()[9..9 + 256].to_vec();
    let parts = [&[0x20], bytes(&modulus).as_slice(), &[0x21, 0x43, 1, 0, 1]].concat();
    let cose = [&[0xa4, 1, 3, 3], id, &parts].concat();
    Passkey { name, cose, pair: Pair::Rsa(pair, encoding) }
}

fn passkeys() -> Vec<Passkey> {
    vec![
        ecdsa("ES256", &signature::ECDSA_P256_SHA256_ASN1_SIGNING, &[0x26], 1),
        ecdsa("ES384", &signature::ECDSA_P384_SHA384_ASN1_SIGNING, &[0x38, 0x22], 2),
        ecdsa("ES512", &signature::ECDSA_P521_SHA512_ASN1_SIGNING, &[0x38, 0x23], 3),
        rsa("PS256", &signature::RSA_PSS_SHA256, &[0x38, 0x24]),
        rsa("PS384", &signature::RSA_PSS_SHA384, &[0x38, 0x25]),
        rsa("PS512", &signature::RSA_PSS_SHA512, &[0x38, 0x26]),
        rsa("RS256", &signature::RSA_PKCS1_SHA256, &[0x39, 1, 0]),
        rsa("RS384", &signature::RSA_PKCS1_SHA384, &[0x39, 1, 1]),
        rsa("RS512", &signature::RSA_PKCS1_SHA512, &[0x39, 1, 2]),
    ]
}

#[test]
fn a_passkey_of_each_algorithm_signs_in_and_no_other_does() {
    let passkeys = passkeys();
    let authenticator = Authenticator::es256();
    let said = Said::getting();
    for passkey in &passkeys {
        assert!(imported::key_is_known(&passkey.cose), "{}", passkey.name);
        let mut credential = authenticator.credential();
        credential.public_key.clone_from(&passkey.cose);
        for other in &passkeys {
            let answer = authenticator.sign_in_by(&said, |message| other.sign(message));
            let verdict = signed_in(&credential, answer).map(drop);
            let expected = if other.name == passkey.name { Ok(()) } else { Err(Refused::Signature) };
            assert_eq!(verdict, expected, "{} {}", passkey.name, other.name);
        }
    }
}

#[test]
fn w_1_what_was_made_elsewhere_signs_in_but_is_not_offered_here() {
    for passkey in passkeys() {
        let said = Said { key: Some(passkey.cose.clone()), ..Said::creating() };
        let made = registered(Authenticator::es256().register(&said)).map(drop);
        let offered = ["ES256", "RS256"].contains(&passkey.name);
        assert_eq!(made, if offered { Ok(()) } else { Err(Refused::Algorithm) }, "{}", passkey.name);
    }
}

/// A point on one curve, a hash of another: the members have to fit together.
#[test]
fn o_12_a_curve_belongs_to_its_algorithm() {
    for passkey in passkeys() {
        let Pair::Ecdsa(_) = passkey.pair else { continue };
        let at = passkey.cose.iter().position(|byte| *byte == 0x20).unwrap() + 1;
        for curve in 0..8_u8 {
            let mut cose = passkey.cose.clone();
            let right = cose[at] == curve;
            cose[at] = curve;
            assert_eq!(PublicKey::read(&cose).is_some(), right, "{} {curve}", passkey.name);
        }
    }
}

/// As another library writes it: algorithm, curve, coordinates, type.
#[test]
fn members_may_come_in_any_order() {
    let authenticator = Authenticator::es256();
    let cose = authenticator.cose_key();
    let (x, y) = (&cose[8..42], &cose[43..77]);
    let shuffled = [&[0xa5, 0x03, 0x26, 0x20, 0x01, 0x21], x, &[0x22], y, &[0x01, 0x02]].concat();
    assert_eq!((shuffled.len(), &shuffled[6..8]), (77, [0x58, 0x20].as_slice()));
    assert!(imported::key_is_known(&shuffled));
    let mut credential = authenticator.credential();
    credential.public_key = shuffled;
    assert!(signed_in(&credential, authenticator.sign_in(&Said::getting())).is_ok());
}
