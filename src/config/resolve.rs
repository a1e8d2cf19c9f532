//! Reading the secrets that a checked configuration names.

use std::{path::Path, sync::Arc};

use doorward_core::{
    config::Config,
    policy::Posture,
    route::RouteTable,
    seal::trim_newline,
    service::{Credential, CredentialValue},
    token::HashedSecret,
};
use doorward_proxy::tls;

use super::{
    LoadError, Loaded, Source,
    client::{DeclaredClient, is_client_id},
    schema::Checked,
};

pub(super) fn resolve(checked: Checked, source: Source) -> Result<Loaded, LoadError> {
    let Checked { mut config, clients, warnings } = checked;
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
    quarantine(&mut config);
    Ok(Loaded { config, warnings, source })
}

/// Closes each service whose upstream could not be checked as declared. The others are served: one service's file takes
/// nobody else down, and the service itself is closed rather than reached unchecked.
fn quarantine(config: &mut Config) {
    for service in &mut config.services {
        if !service.disclosure.credentials.is_empty()
            && let Err(problem) = read_credentials(&mut Arc::make_mut(service).disclosure.credentials)
        {
            tracing::error!(service = %service.name, "this service is closed until its credentials are in order: {problem}");
            Arc::make_mut(service).guard.posture = Posture::Quarantined(problem);
        }
        let Some(file) = service.upstream().and_then(|upstream| upstream.ca_file.as_ref()) else { continue };
        let Err(error) = tls::check_authorities(file) else { continue };
        tracing::error!(service = %service.name, %error, "this service is closed until its upstream_ca_file is in order");
        Arc::make_mut(service).guard.posture = Posture::Quarantined(format!("upstream_ca_file: {error}"));
    }
    config.routes = RouteTable::new(&config.portal.origin, &config.services);
}

/// Reads what a service is to be lent. A service without it would ask its application as nobody, or not at all.
fn read_credentials(credentials: &mut [Credential]) -> Result<(), String> {
    for (index, credential) in credentials.iter_mut().enumerate() {
        let at = |problem: String| format!("inject[{index}].value_file: {problem}");
        let secret = read_secret(&credential.file).map_err(at)?;
        let value = CredentialValue::new(&credential.prefix, &secret);
        let shown = credential.file.display();
        let unfit = || at(format!("the secret {shown} has characters that can't stand in a header"));
        credential.value = Some(value.ok_or_else(unfit)?);
    }
    Ok(())
}

fn resolve_client(declared: DeclaredClient) -> Result<doorward_core::oauth::client::Client, String> {
    let DeclaredClient { mut client, id_file, secret_file } = declared;
    if let Some(file) = id_file {
        let text = String::from_utf8(read_secret(&file)?).ok().filter(|text| is_client_id(text));
        client.client_id = text.ok_or_else(|| format!("{} holds no client identifier", file.display()))?;
    }
    if let Some(file) = secret_file {
        let secret = read_secret(&file)?;
        if secret.len() < 16 {
            return Err(format!(
                "the secret {} is {} bytes long; at least 16 are needed (`openssl rand -base64 32`)",
                file.display(),
                secret.len()
            ));
        }
        client.secret = Some(HashedSecret::of(&secret));
    }
    Ok(client)
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
