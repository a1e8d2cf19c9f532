// Submits the form that carries an answer to an application.
"use strict";

const form = document.querySelector("form[data-submit]");
if (form) form.submit();
