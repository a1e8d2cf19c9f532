//! Vectors of RFC 7515 appendix A and RFC 8037 appendix A, and algorithm confusion.

use aws_lc_rs::{hmac, signature::Ed25519KeyPair};

use super::*;
use crate::jose::{Algorithm, key_ring::tests::TestSigner};

const A_2_N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SF\
                     d2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTB\
                     EMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2\
                     PAcDTW9gb54h4FRWyuXpoQ";
const PAYLOAD: &str =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const A_2_SIGNATURE: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CU\
                             Ar7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_d\
                             O--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0ig\
                             cN_IoypGlUPQGe77Rw";
const A_3_SIGNATURE: &str =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
const RFC_8037_D: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
const RFC_8037_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const RFC_8037_JWS: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4\
                            iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

fn bytes(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn rsa() -> PublicKey {
    PublicKey::from_rsa(Algorithm::Rs256, &bytes(A_2_N), &bytes("AQAB")).unwrap()
}

fn p256() -> PublicKey {
    let x = bytes("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
    let y = bytes("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
    PublicKey::from_point(Algorithm::Es256, &[vec![4], x, y].concat()).unwrap()
}

fn ed25519() -> PublicKey {
    PublicKey::from_ed25519(&bytes(RFC_8037_X)).unwrap()
}

fn check(token: &str, key: &PublicKey) -> Result<Vec<u8>, VerifyError> {
    Compact::read(token)?.verify(key)
}

fn ed25519_signer() -> TestSigner {
    TestSigner::of(Ed25519KeyPair::from_seed_and_public_key(&bytes(RFC_8037_D), &bytes(RFC_8037_X)).unwrap())
}

#[test]
fn rfc_7515_appendix_a_2_rs256() {
    let token = format!("eyJhbGciOiJSUzI1NiJ9.{PAYLOAD}.{A_2_SIGNATURE}");
    assert_eq!(check(&token, &rsa()).unwrap(), bytes(PAYLOAD));
}

#[test]
fn rfc_7515_appendix_a_3_es256() {
    let token = format!("eyJhbGciOiJFUzI1NiJ9.{PAYLOAD}.{A_3_SIGNATURE}");
    assert_eq!(check(&token, &p256()).unwrap(), bytes(PAYLOAD));
}

#[test]
fn rfc_8037_appendix_a_4_and_a_5_eddsa() {
    assert_eq!(check(RFC_8037_JWS, &ed25519()).unwrap(), b"Example of Ed25519 signing");
    let input = signing_input(br#"{"alg":"EdDSA"}"#, b"Example of Ed25519 signing");
    let signature = ed25519_signer().sign(input.as_bytes()).unwrap();
    assert_eq!(assemble(input, &signature), RFC_8037_JWS);
}

/// RFC 7515 appendix A.4.
#[test]
fn rfc_7515_appendix_a_4_es512() {
    let x = bytes("AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk");
    let y = bytes("ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2");
    let key = PublicKey::from_point(Algorithm::Es512, &[vec![4], x, y].concat()).unwrap();
    let token = "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn";
    assert_eq!(check(token, &key).unwrap(), b"Payload");
}

#[test]
fn a_key_is_found_by_the_name_that_it_came_with() {
    let claims = json!({ "sub": "ada" }).as_object().unwrap().clone();
    let imported = ed25519_signer().with_kid("Yz0BUVZ3cJc");
    let token = sign(&imported, &claims).unwrap();
    assert!(verify(&token, [imported.public_key()]).is_ok());
    // By its thumbprint it is not known.
    assert_eq!(verify(&token, [&ed25519()]), Err(VerifyError::UnknownKey));
}

#[test]
fn what_is_signed_is_verified_by_its_own_key_alone() {
    let claims = json!({ "sub": "ada" }).as_object().unwrap().clone();
    let token = sign(&ed25519_signer(), &claims).unwrap();
    assert_eq!(verify(&token, [&rsa(), &ed25519()]).unwrap().text("sub"), Some("ada"));
    assert_eq!(verify(&token, [&rsa(), &p256()]), Err(VerifyError::UnknownKey));
    for at in 0..token.len() {
        assert!(verify(&token[..at], [&ed25519()]).is_err(), "{at}");
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert!(verify(&String::from_utf8(changed).unwrap(), [&ed25519()]).is_err(), "{at}");
    }
}

/// The public key as an HMAC secret, `none`, other algorithms, headers that bring a key, critical headers.
#[test]
fn o_12_the_key_decides_the_algorithm() {
    let claims = br#"{"sub":"mallory"}"#;
    let key = ed25519();
    let kid = key.kid().to_owned();
    let forge = |header: &str, mac: &[u8]| {
        let input = signing_input(header.as_bytes(), claims);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, mac), input.as_bytes());
        assemble(input, tag.as_ref())
    };
    let mac = bytes(RFC_8037_X);
    for (header, expected) in [
        (format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#), VerifyError::WrongAlgorithm),
        (format!(r#"{{"alg":"none","kid":"{kid}"}}"#), VerifyError::WrongAlgorithm),
        (format!(r#"{{"alg":"NONE","kid":"{kid}"}}"#), VerifyError::WrongAlgorithm),
        (format!(r#"{{"alg":"","kid":"{kid}"}}"#), VerifyError::WrongAlgorithm),
        (format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#), VerifyError::WrongAlgorithm),
        (format!(r#"{{"alg":"eddsa","kid":"{kid}"}}"#), VerifyError::WrongAlgorithm),
        (format!(r#"{{"alg":"EdDSA","kid":"{kid}"}}"#), VerifyError::BadSignature),
        (format!(r#"{{"alg":"EdDSA","alg":"none","kid":"{kid}"}}"#), VerifyError::Malformed),
        (format!(r#"{{"kid":"{kid}"}}"#), VerifyError::Malformed),
        (format!(r#"{{"alg":null,"kid":"{kid}"}}"#), VerifyError::Malformed),
        (format!(r#"{{"alg":"EdDSA","kid":"{kid}","crit":["exp"]}}"#), VerifyError::Malformed),
        (format!(r#"{{"alg":"EdDSA","kid":"{kid}","jku":"https://evil.test"}}"#), VerifyError::Malformed),
        (format!(r#"{{"alg":"EdDSA","kid":"{kid}","x5u":"https://evil.test"}}"#), VerifyError::Malformed),
        (format!(r#"{{"alg":"EdDSA","kid":"{kid}","jwk":{{"kty":"OKP"}}}}"#), VerifyError::Malformed),
        (r#"{"alg":"EdDSA"}"#.to_owned(), VerifyError::UnknownKey),
        (r#"{"alg":"EdDSA","kid":"../../etc/passwd"}"#.to_owned(), VerifyError::UnknownKey),
    ] {
        assert_eq!(verify(&forge(&header, &mac), [&key]), Err(expected), "{header}");
    }
    let unsigned =
        format!("{}.", signing_input(format!(r#"{{"alg":"none","kid":"{kid}"}}"#).as_bytes(), claims));
    assert_eq!(verify(&unsigned, [&key]), Err(VerifyError::WrongAlgorithm));
}

#[test]
fn o_12_an_rsa_token_is_not_read_with_a_curve_and_the_other_way_round() {
    let rs256 = format!("eyJhbGciOiJSUzI1NiJ9.{PAYLOAD}.{A_2_SIGNATURE}");
    let es256 = format!("eyJhbGciOiJFUzI1NiJ9.{PAYLOAD}.{A_3_SIGNATURE}");
    assert_eq!(check(&rs256, &p256()), Err(VerifyError::WrongAlgorithm));
    assert_eq!(check(&es256, &rsa()), Err(VerifyError::WrongAlgorithm));
    assert_eq!(
        check(&rs256, &PublicKey::from_rsa(Algorithm::Ps256, &bytes(A_2_N), &bytes("AQAB")).unwrap()),
        Err(VerifyError::WrongAlgorithm)
    );
    // PS256 over an RSA key is another algorithm, too.
    assert_eq!(
        check(&format!("eyJhbGciOiJQUzI1NiJ9.{PAYLOAD}.{A_2_SIGNATURE}"), &rsa()),
        Err(VerifyError::WrongAlgorithm)
    );
}
