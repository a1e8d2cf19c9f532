//! Reading the secrets that a checked configuration names.

use std::{path::Path, sync::Arc};

use doorward_core::{
    oauth::client::{Client, ClientKind, ClientSecret},
    policy::{Posture, Quarantine},
    seal::trim_newline,
    token::HashedSecret,
};

use super::{
    LoadError, Loaded, Source,
    client::{DeclaredClient, SecretFile, is_client_id},
    generate,
    schema::Checked,
    service,
};

pub(super) fn resolve(checked: Checked, source: Source) -> Result<Loaded, LoadError> {
    let Checked { mut config, clients, files, mut warnings } = checked;
    let mut problems = Vec::new();
    for declared in clients {
        let client = match resolve_client(declared) {
            Ok(client) => client,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        if config.client(&client.client_id).is_some() {
            let name = &client.name;
            problems.push(format!("the clients have one identifier twice; the second is clients.{name}"));
        }
        config.clients.push(Arc::new(client));
    }
    if !problems.is_empty() {
        return Err(LoadError::Secret(problems.join("\n")));
    }
    warnings.extend(service::read_files(&mut config, files));
    warnings.sort_by_key(|warning| warning.span.start);
    for service in &config.services {
        if let Posture::Quarantined(Quarantine { id, key, cause }) = &service.guard.posture {
            tracing::error!(service = %service.name, reason = id, key, cause, "this service is closed; the others are served");
        }
    }
    Ok(Loaded { config, warnings, source })
}

fn resolve_client(declared: DeclaredClient) -> Result<Client, String> {
    let DeclaredClient { mut client, id_file, secret_files } = declared;
    if let Some(file) = id_file {
        let text = String::from_utf8(read_secret(&file)?).ok().filter(|text| is_client_id(text));
        client.client_id = text.ok_or_else(|| format!("{} holds no client identifier", file.display()))?;
    }
    if let ClientKind::Confidential(secrets) = &mut client.kind {
        *secrets = secret_files.into_iter().map(resolve_secret).collect::<Result<_, _>>()?;
    }
    Ok(client)
}

fn resolve_secret(SecretFile { file, expires_at, generate }: SecretFile) -> Result<ClientSecret, String> {
    if generate {
        generate::unless_present(&file)?;
    }
    let secret = read_secret(&file)?;
    if secret.len() < 16 {
        return Err(format!(
            "the secret {} is {} bytes long; at least 16 are needed (`openssl rand -base64 32`)",
            file.display(),
            secret.len()
        ));
    }
    Ok(ClientSecret { hash: HashedSecret::of(&secret), expires_at })
}

/// Reads a file that holds one secret and refuses what can't be one.
pub fn read_secret(file: &Path) -> Result<Vec<u8>, String> {
    let shown = file.display();
    let content =
        std::fs::read(file).map_err(|error| format!("the secret {shown} can't be read: {error}"))?;
    let secret = trim_newline(&content);
    let problem = match secret {
        blank if blank.trim_ascii().is_empty() => Some("is empty"),
        [b'E', b'N', b'C', b'[', ..] => {
            Some("still holds an encrypted SOPS value (`ENC[…`); point to the decrypted file")
        }
        _ if secret.to_ascii_uppercase().starts_with(b"CHANGEME") => {
            Some("holds a placeholder; write a random secret into it")
        }
        _ if secret.contains(&b'\n') => Some("holds more than one line; it must hold the secret alone"),
        _ => None,
    };
    problem.map_or_else(|| Ok(secret.to_vec()), |problem| Err(format!("the secret {shown} {problem}")))
}
