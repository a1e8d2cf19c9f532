//! Vectors of RFC 7517, 7638 and 8037, and keys that are refused.

use serde_json::json;

use super::*;

const N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCi\
                 FV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb\
                 9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls\
                 1jF44-csFCur-kEgU8awapJzKnqDKgw";

fn bytes(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn p256() -> Value {
    json!({
        "kty": "EC", "crv": "P-256", "use": "sig", "kid": "1",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    })
}

#[test]
fn rfc_7638_section_3_1_thumbprint() {
    let key = PublicKey::from_rsa(Algorithm::Rs256, &bytes(N), &bytes("AQAB")).unwrap();
    assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    assert_eq!(key.to_jwk()["kty"], "RSA");
}

#[test]
fn rfc_8037_appendix_a_3_thumbprint() {
    let key = PublicKey::from_ed25519(&bytes("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")).unwrap();
    assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

/// RFC 7517 appendix A.1, with the purpose of its first key changed from encryption.
#[test]
fn rfc_7517_appendix_a_1_public_keys() {
    let rsa = json!({ "kty": "RSA", "n": N, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29" });
    let key = PublicKey::from_jwk(&rsa).unwrap();
    assert_eq!((key.algorithm(), key.kid()), (Algorithm::Rs256, "2011-04-29"));
    let ec = json!({
        "kty": "EC", "crv": "P-256", "kid": "1",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    });
    assert_eq!(PublicKey::from_jwk(&ec).unwrap().algorithm(), Algorithm::Es256);
    let for_encryption = json!({ "use": "enc" });
    assert!(PublicKey::from_jwk(&with(&ec, &for_encryption)).is_none());
}

fn with(jwk: &Value, more: &Value) -> Value {
    let mut jwk = jwk.clone();
    for (name, value) in more.as_object().unwrap() {
        jwk[name] = value.clone();
    }
    jwk
}

#[test]
fn a_key_comes_back_from_its_own_entry() {
    let point = |length: usize| [vec![4], vec![7; 2 * length]].concat();
    let mut keys = vec![PublicKey::from_ed25519(&[3; 32]).unwrap()];
    for algorithm in Algorithm::ALL {
        keys.extend(PublicKey::from_rsa(algorithm, &[0xab; 256], &[1, 0, 1]));
        keys.extend(
            algorithm.curve().and_then(|(_, length)| PublicKey::from_point(algorithm, &point(length))),
        );
    }
    assert_eq!(keys.len(), Algorithm::ALL.len());
    for key in keys {
        assert_eq!(PublicKey::from_jwk(&key.to_jwk()), Some(key.clone()));
        let foreign = key.clone().with_kid("Yz0BUVZ3cJc").unwrap();
        assert_eq!(foreign.to_jwk()["kid"], "Yz0BUVZ3cJc");
        assert_eq!((foreign.thumbprint(), foreign.kid()), (key.thumbprint(), "Yz0BUVZ3cJc"));
        assert_eq!(PublicKey::from_jwk(&foreign.to_jwk()), Some(foreign));
    }
}

#[test]
fn o_12_a_key_that_is_not_for_what_it_says_is_no_key() {
    assert!(PublicKey::from_jwk(&p256()).is_some());
    for wrong in [
        json!({ "alg": "ES384" }),
        json!({ "alg": "RS256" }),
        json!({ "alg": "HS256" }),
        json!({ "alg": "none" }),
        json!({ "alg": null }),
        json!({ "crv": "P-384" }),
        json!({ "crv": "secp256k1" }),
        json!({ "kty": "RSA" }),
        json!({ "kty": "oct", "k": "AAAA" }),
        json!({ "d": "AAAA" }),
        json!({ "use": "enc" }),
        json!({ "kid": "" }),
        json!({ "kid": 7 }),
        json!({ "kid": "k".repeat(257) }),
        json!({ "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU=" }),
        json!({ "x": "AAAA" }),
    ] {
        assert_eq!(PublicKey::from_jwk(&with(&p256(), &wrong)), None, "{wrong}");
    }
    // Coordinates whose lengths only fit together.
    let (x, y) = (URL_SAFE_NO_PAD.encode([1; 31]), URL_SAFE_NO_PAD.encode([1; 33]));
    assert_eq!(PublicKey::from_jwk(&with(&p256(), &json!({ "x": x, "y": y }))), None);
    let rsa = json!({ "kty": "RSA", "n": N, "e": "AQAB" });
    for wrong in
        [json!({ "n": "AQAB" }), json!({ "e": "AQ" }), json!({ "e": "BA" }), json!({ "alg": "ES256" })]
    {
        assert_eq!(PublicKey::from_jwk(&with(&rsa, &wrong)), None, "{wrong}");
    }
    for none in [json!(null), json!([]), json!("RSA"), json!({})] {
        assert_eq!(PublicKey::from_jwk(&none), None);
    }
}

#[test]
fn keys_are_read_whole_or_not_at_all() {
    let modulus = [&[0x02, 0x82, 0x01, 0x01, 0x00], [0xab; 256].as_slice()].concat();
    let content = [modulus.as_slice(), &[0x02, 0x03, 0x01, 0x00, 0x01]].concat();
    let der = [&[0x30, 0x82, 0x01, 0x0a], content.as_slice()].concat();
    let read = |der: &[u8]| PublicKey::from_rsa_der(Algorithm::Rs256, der);
    assert_eq!(read(&der), PublicKey::from_rsa(Algorithm::Rs256, &[0xab; 256], &[1, 0, 1]));
    for cut in 0..der.len() {
        assert_eq!(read(&der[..cut]), None, "{cut}");
    }
    assert_eq!(read(&[der.as_slice(), &[0]].concat()), None);
    assert_eq!(PublicKey::from_rsa_der(Algorithm::Es256, &der), None);
    assert_eq!(PublicKey::from_point(Algorithm::Es256, &[4; 64]), None);
    assert_eq!(PublicKey::from_point(Algorithm::Es256, &[3; 65]), None);
    assert_eq!(PublicKey::from_point(Algorithm::Es384, &[4; 65]), None);
    assert_eq!(PublicKey::from_point(Algorithm::Rs256, &[4; 65]), None);
    assert_eq!(PublicKey::from_ed25519(&[0; 31]), None);
}
