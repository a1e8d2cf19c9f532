// Runs WebAuthn ceremonies for forms that say so:
//   data-ceremony="create" or "get", data-start and data-finish with the addresses to ask.
// A form with data-autofill also offers passkeys in the browser's own list while the page waits.
"use strict";

const decode = (text) => {
  const padded = text.replace(/-/g, "+").replace(/_/g, "/");
  return Uint8Array.from(atob(padded), (character) => character.charCodeAt(0));
};

const encode = (buffer) => {
  const text = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(text).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
};

const withBytes = (list) => list.map((entry) => ({ ...entry, id: decode(entry.id) }));

const readOptions = (kind, options) => {
  const read = { ...options, challenge: decode(options.challenge) };
  if (kind === "get") {
    read.allowCredentials = withBytes(options.allowCredentials || []);
  } else {
    read.user = { ...options.user, id: decode(options.user.id) };
    read.excludeCredentials = withBytes(options.excludeCredentials || []);
  }
  return read;
};

// By hand and not by toJSON(): some password managers return objects that have no such method.
const writeCredential = (credential) => {
  const { response } = credential;
  const written = { clientDataJSON: encode(response.clientDataJSON) };
  if (response.attestationObject) {
    written.attestationObject = encode(response.attestationObject);
    written.transports = response.getTransports ? response.getTransports() : [];
  } else {
    written.authenticatorData = encode(response.authenticatorData);
    written.signature = encode(response.signature);
    written.userHandle = response.userHandle ? encode(response.userHandle) : null;
  }
  return {
    id: credential.id,
    rawId: encode(credential.rawId),
    type: credential.type,
    response: written,
    authenticatorAttachment: credential.authenticatorAttachment || null,
    clientExtensionResults: credential.getClientExtensionResults ? credential.getClientExtensionResults() : {},
  };
};

class Refused extends Error {
  constructor(answer) {
    super(answer.message || "The server did not accept this.");
    this.code = answer.error;
    this.requestId = answer.request_id;
  }
}

const post = async (address, body) => {
  const response = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(body),
    credentials: "same-origin",
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(answer);
  return answer;
};

const explain = (error) => {
  if (error instanceof Refused) {
    return error.requestId ? `${error.message} (Request ${error.requestId})` : error.message;
  }
  switch (error.name) {
    case "NotAllowedError":
      return "Nothing was chosen, or it took too long. Press the button to try again.";
    case "InvalidStateError":
      return "This device already has a passkey for you here. You can sign in with it.";
    case "SecurityError":
      return "Your browser does not allow passkeys at this address. Open the address that you were given, over https.";
    case "NotSupportedError":
      return "This device or browser can't make such a passkey. Try another one, or a phone.";
    case "TypeError":
      return "The server could not be reached. Check your connection and try again.";
    default:
      return `Your browser reported: ${error.message || error.name}. Try again.`;
  }
};

let waiting = null;

const ask = (kind, options, more) => {
  if (waiting) waiting.abort();
  waiting = new AbortController();
  const request = { publicKey: readOptions(kind, options), signal: waiting.signal, ...more };
  return kind === "get" ? navigator.credentials.get(request) : navigator.credentials.create(request);
};

const fields = (form) => Object.fromEntries(new FormData(form).entries());

const ceremony = async (form, kind, addresses, more) => {
  const start = await post(addresses.start, fields(form));
  if (start.next) return start;
  const credential = await ask(kind, start.publicKey, more);
  try {
    return await post(addresses.finish, { ...fields(form), credential: writeCredential(credential) });
  } catch (error) {
    forget(error, start.publicKey, credential);
    throw error;
  }
};

// Tells the provider about a passkey that we do not know, so that it stops offering it.
const forget = (error, options, credential) => {
  const signal = window.PublicKeyCredential && PublicKeyCredential.signalUnknownCredential;
  if (error.code === "unknown_passkey" && signal && options.rpId) {
    PublicKeyCredential.signalUnknownCredential({ rpId: options.rpId, credentialId: credential.id }).catch(() => {});
  }
};

const LOGIN = { start: "/api/login/start", finish: "/api/login/finish" };

// A change that needs a fresh sign-in asks for one and then goes on.
const withStepUp = async (form, run) => {
  try {
    return await run();
  } catch (error) {
    if (error.code !== "step_up_required") throw error;
    const start = await post(LOGIN.start, { fresh: "1" });
    const credential = await ask("get", start.publicKey);
    await post(LOGIN.finish, { credential: writeCredential(credential) });
    return run();
  }
};

const prepare = (form) => {
  const status = form.querySelector("[role=status]");
  const button = form.querySelector("button");
  const kind = form.dataset.ceremony;
  const addresses = { start: form.dataset.start, finish: form.dataset.finish };
  const say = (text, trouble) => {
    status.textContent = text;
    status.classList.toggle("trouble", Boolean(trouble));
  };

  if (!window.PublicKeyCredential) {
    say("This browser has no passkeys. Open this page in a current browser, over https.", true);
    button.setAttribute("aria-disabled", "true");
    return;
  }

  const autofill = async () => {
    const available = PublicKeyCredential.isConditionalMediationAvailable;
    if (!form.hasAttribute("data-autofill") || !available || !(await available.call(PublicKeyCredential))) return;
    try {
      const done = await ceremony(form, kind, addresses, { mediation: "conditional" });
      location.assign(done.next);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (error instanceof Refused) say(explain(error), true);
    }
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    say("Waiting for your device…");
    try {
      const done = await withStepUp(form, () => ceremony(form, kind, addresses));
      say("Done. One moment…");
      location.assign(done.next);
    } catch (error) {
      say(explain(error), true);
      button.removeAttribute("aria-disabled");
      if (error.name !== "AbortError") autofill();
    }
  });

  if (form.hasAttribute("data-autofill")) {
    autofill();
    // Another tab may have begun a sign-in, or finished one, since this one was last looked at.
    document.addEventListener("visibilitychange", () => {
      const busy = button.getAttribute("aria-disabled") === "true";
      if (document.visibilityState === "visible" && !busy) autofill();
    });
  }
};

document.querySelectorAll("form[data-ceremony]").forEach(prepare);
