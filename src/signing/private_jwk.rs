//! Private keys as JSON (RFC 7517 appendix A.2, RFC 8037 appendix A.1): the form in which other providers keep theirs.

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    signature::{EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_core::jose::{Family, jwk::PublicKey};
use doorward_store::NewSigningKey;
use serde_json::Value;

use super::{SigningKey, curve};

/// Reads a private JWK; it keeps its identifier. `None` when it is none, when its halves do not belong together, or when
/// it is for an algorithm that we don't sign by.
pub fn read(jwk: &Value) -> Option<NewSigningKey> {
    let number = |name: &str| URL_SAFE_NO_PAD.decode(jwk.get(name)?.as_str()?).ok();
    let public = public_half(jwk)?;
    let algorithm = public.algorithm();
    let private = match algorithm.family() {
        Family::RsaPkcs1 | Family::RsaPss => rsa(&number)?,
        Family::Ecdsa => {
            let point = [&[4], number("x")?.as_slice(), number("y")?.as_slice()].concat();
            let pair = EcdsaKeyPair::from_private_key_and_public_key(curve(algorithm), &number("d")?, &point)
                .ok()?;
            pair.to_pkcs8v1().ok()?.as_ref().to_vec()
        }
        Family::Ed25519 => {
            let pair = Ed25519KeyPair::from_seed_and_public_key(&number("d")?, &number("x")?).ok()?;
            pair.to_pkcs8().ok()?.as_ref().to_vec()
        }
    };
    let whole = SigningKey::from_pkcs8(algorithm, &private)?.public.with_kid(public.kid())? == public;
    whole.then(|| NewSigningKey { kid: public.kid().to_owned(), algorithm, private })
}

fn public_half(jwk: &Value) -> Option<PublicKey> {
    let mut jwk = jwk.clone();
    for private in ["d", "p", "q", "dp", "dq", "qi"] {
        jwk.as_object_mut()?.remove(private);
    }
    PublicKey::from_jwk(&jwk)
}

/// PKCS #8 around a DER `RSAPrivateKey` (RFC 8017 appendix A.1.2) with two primes.
fn rsa(number: &impl Fn(&str) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let mut content = element(0x02, &[0]);
    for name in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] {
        content.extend(integer(&number(name)?));
    }
    let pair = RsaKeyPair::from_der(&element(0x30, &content)).ok()?;
    let der: Pkcs8V1Der<'_> = pair.as_der().ok()?;
    Some(der.as_ref().to_vec())
}

/// A positive DER `INTEGER`.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let bytes = bytes.get(zeros..).unwrap_or_default();
    let sign = if bytes.first().is_none_or(|first| *first >= 0x80) { [0].as_slice() } else { &[] };
    element(0x02, &[sign, bytes].concat())
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let zeros = length.iter().take_while(|byte| **byte == 0).count();
    let length = length.get(zeros..).unwrap_or_default();
    let head = match content.len() {
        0..=0x7f => vec![tag, length.first().copied().unwrap_or(0)],
        _ => [&[tag, 0x80 | u8::try_from(length.len()).unwrap_or(0)], length].concat(),
    };
    [head.as_slice(), content].concat()
}

#[cfg(test)]
mod tests {
    use doorward_core::jose::{Signer as _, jws};
    use serde_json::{Map, json};

    use super::*;

    /// RFC 7515 appendix A.2.1.
    fn rsa_key() -> Value {
        json!({
            "kty": "RSA",
            "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
            "e": "AQAB",
            "d": "Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ",
            "p": "4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc",
            "q": "uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc",
            "dp": "BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9YkxvuxdBfpT_PI7Yz-FOKnu1R6HsJeDCjn12Sk3vmAktV2zb34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1XsmvkxHQAdYo0",
            "dq": "h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB719rrmI2oKr6N3Do9U0ajaHF-NKJnwgjMd2w9cjz3_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTdlqvd0tIiTHU",
            "qi": "IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd_QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSHuLFkuQ3U",
        })
    }

    /// RFC 7515 appendix A.3.1.
    fn ec_key() -> Value {
        json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "Yz0BUVZ3cJc",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
        })
    }

    /// RFC 8037 appendix A.1.
    fn ed25519_key() -> Value {
        json!({
            "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        })
    }

    fn signs(jwk: &Value) -> String {
        let NewSigningKey { kid, algorithm, private } = read(jwk).unwrap();
        let key = SigningKey::named(&kid, algorithm, &private).unwrap();
        let token = jws::sign(&key, &Map::new()).unwrap();
        // Whoever knew the public half by its name still does.
        assert!(jws::verify(&token, [&public_half(jwk).unwrap()]).is_ok());
        key.public_key().kid().to_owned()
    }

    #[test]
    fn a_key_of_elsewhere_signs_on_under_its_name() {
        assert_eq!(signs(&ec_key()), "Yz0BUVZ3cJc");
        assert_eq!(signs(&ed25519_key()), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        for alg in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
            let mut key = rsa_key();
            (key["alg"], key["kid"]) = (json!(alg), json!("of elsewhere"));
            assert_eq!(signs(&key), "of elsewhere", "{alg}");
            assert_eq!(read(&key).unwrap().algorithm.name(), alg);
        }
    }

    #[test]
    fn halves_that_do_not_belong_together_are_no_key() {
        for (key, name) in [
            (rsa_key(), "n"),
            (rsa_key(), "d"),
            (rsa_key(), "q"),
            (rsa_key(), "qi"),
            (ec_key(), "x"),
            (ed25519_key(), "x"),
        ] {
            let mut changed = key.clone();
            let text = key[name].as_str().unwrap();
            let first = if text.starts_with('A') { 'B' } else { 'A' };
            changed[name] = json!(format!("{first}{}", &text[1..]));
            assert!(read(&changed).is_none(), "{name} {}", key["kty"]);
            changed.as_object_mut().unwrap().remove(name);
            assert!(read(&changed).is_none(), "{name} {}", key["kty"]);
        }
        for (name, value) in
            [("use", json!("enc")), ("alg", json!("RS256")), ("alg", json!("HS256")), ("kid", json!(""))]
        {
            let mut changed = ec_key();
            changed[name] = value;
            assert!(read(&changed).is_none(), "{name}");
        }
        assert!(read(&json!({ "kty": "oct", "k": "AAAA" })).is_none());
    }
}
