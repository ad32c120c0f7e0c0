// Starts Swagger UI: with a sign-in of our own, and an authorization that survives a reload. Tokens
// and keys are stored for the tab; passwords are not stored, not even in memory.
"use strict";

const STORED = "recto-authorization";

const container = document.getElementById("swagger-ui");
const accounts = JSON.parse(container.dataset.accounts);

// Stores the authorizations, by the names of their security schemes.
function store(authorized) {
  if (Object.keys(authorized).length === 0) {
    sessionStorage.removeItem(STORED);
  } else {
    sessionStorage.setItem(STORED, JSON.stringify(authorized));
  }
}

// Returns the stored authorizations that have not expired. API keys have no time here.
function stored() {
  const all = Object.entries(JSON.parse(sessionStorage.getItem(STORED) ?? "{}"));
  return Object.fromEntries(all.filter(([, { until }]) => until === undefined || until > Date.now()));
}

// Exchanges an e-mail address and a password for a token. Returns an error message, or nothing.
async function signIn({ name, schema, authActions }, email, password) {
  const body = new URLSearchParams({ grant_type: "password", username: email, password });
  let response;
  try {
    response = await fetch(schema.get("tokenUrl"), { method: "POST", body, credentials: "omit" });
  } catch {
    return "The server could not be reached. Try again.";
  }
  const content = await response.json();
  if (!response.ok) {
    return `${content.title}: ${content.detail}`;
  }
  authActions.authorizeOauth2WithPersistOption({
    auth: { name, schema: schema.toJS(), email, until: Date.now() + content.expires_in * 1000 },
    token: content,
  });
  return "";
}

function field(h, id, label, attributes) {
  return h(
    "div",
    { className: "wrapper" },
    h("label", { htmlFor: id }, label),
    h("input", { id, required: true, ...attributes }),
  );
}

// Replaces the part of the dialog for the OAuth 2.0 password grant, which has fields for a client
// and for scopes.
function signInForm(system) {
  const h = system.React.createElement;

  return function SignIn(props) {
    const [email, setEmail] = system.React.useState("");
    const [password, setPassword] = system.React.useState("");
    const [error, setError] = system.React.useState("");
    const close = () => props.authActions.showDefinitions(false);
    // Otherwise the field of the next scheme has the focus.
    system.React.useEffect(() => {
      document.getElementById("sign-in-email")?.focus({ preventScroll: true });
      document.querySelector(".modal-ux-content").scrollTop = 0;
    }, []);
    const closeButton = h("button", { type: "button", className: "btn modal-btn auth btn-done", onClick: close }, "Close");
    const authorized = props.authorized.get(props.name);

    if (authorized) {
      const signOut = () => props.authActions.logoutWithPersistOption([props.name]);
      return h(
        "div",
        { className: "sign-in" },
        h("h4", null, "Signed in"),
        h("p", null, "As ", h("strong", null, authorized.get("email")), ", for 15 minutes from the sign-in."),
        h(
          "div",
          { className: "auth-btn-wrapper" },
          h("button", { type: "button", className: "btn modal-btn auth", "aria-label": "Remove authorization", onClick: signOut }, "Logout"),
          closeButton,
        ),
      );
    }

    const submit = async (event) => {
      event.preventDefault();
      setError(await signIn(props, email, password));
    };
    const fill = (account) => () => {
      setEmail(account.email);
      setPassword(account.password);
    };
    const choices = accounts.map((account) =>
      h("button", { key: account.email, type: "button", className: "btn", onClick: fill(account) }, `${account.email} (${account.role})`),
    );
    return h(
      "form",
      { className: "sign-in", onSubmit: submit },
      h("h4", null, "Sign in with e-mail address and password"),
      choices.length > 0 && h("p", { className: "demo-accounts" }, h("span", null, "Fill in a demo account:"), choices),
      field(h, "sign-in-email", "E-mail address", {
        type: "email",
        autoComplete: "username",
        value: email,
        onChange: (event) => setEmail(event.target.value),
      }),
      field(h, "sign-in-password", "Password", {
        type: "password",
        autoComplete: "current-password",
        value: password,
        onChange: (event) => setPassword(event.target.value),
      }),
      h("p", { className: "errors", role: "alert" }, error),
      h(
        "div",
        { className: "auth-btn-wrapper" },
        h("button", { type: "submit", className: "btn modal-btn auth authorize" }, "Authorize"),
        closeButton,
      ),
    );
  };
}

// Replaces the part of the dialog for a bearer token. The buttons below it are those of Swagger UI.
function tokenField(system) {
  const h = system.React.createElement;
  const id = "auth-bearer-value";

  return function Token({ name, schema, authorized, onChange }) {
    const heading = h("h4", null, "Or use a token or an API key");
    if (authorized?.get(name)) {
      return h("div", null, heading, h("p", { id }, "It is sent with every request."));
    }
    return h(
      "div",
      null,
      heading,
      h("p", null, "An access token from ", h("code", null, "/auth/login"), ", or an API key from ", h("code", null, "/auth/keys"), "."),
      field(h, id, "Token or key", {
        type: "text",
        autoComplete: "off",
        onChange: (event) => onChange({ name, schema, value: event.target.value }),
      }),
    );
  };
}

// Adds the examples of optional parameters without a default to their descriptions: as values of the
// fields, they would be sent with every request. Removes the licence's identifier, which would become a link to the page
// of a licence with that name.
function prepared(description) {
  for (const parameter of Object.values(description.components?.parameters ?? {})) {
    const [example] = parameter.schema.examples ?? [];
    if (example !== undefined && parameter.schema.default === undefined) {
      parameter.description += ` Example: \`${example}\``;
    }
  }
  delete description.info?.license?.identifier;
  return description;
}

// Returns the operations whose group, method, path or summary contains the text, by group.
function filterOperations(groups, text) {
  const wanted = text.toLowerCase();
  const describe = (one) => `${one.get("method")} ${one.get("path")} ${one.getIn(["operation", "summary"])}`;
  const isWanted = (one) => describe(one).toLowerCase().includes(wanted);
  return groups
    .map((group, name) =>
      name.toLowerCase().includes(wanted) ? group : group.update("operations", (all) => all.filter(isWanted)),
    )
    .filter((group) => group.get("operations").size > 0);
}

function plugin(system) {
  const isSignIn = (definition) => definition.first().get("type") === "oauth2";
  return {
    components: { oauth2: signInForm(system), HttpAuth: tokenField(system) },
    fn: { opsFilter: filterOperations },
    statePlugins: {
      spec: {
        wrapActions: {
          updateJsonSpec: (original) => (description) => original(prepared(description)),
        },
      },
      auth: {
        wrapSelectors: {
          // The sign-in comes first.
          definitionsToAuthorize: (original) => (state) => original(state)?.sortBy((one) => !isSignIn(one)),
        },
        wrapActions: {
          persistAuthorizationIfNeeded: () => () => store(system.authSelectors.authorized().toJS()),
        },
      },
    },
  };
}

function followScheme({ matches }) {
  document.documentElement.classList.toggle("dark-mode", matches);
}

const dark = window.matchMedia("(prefers-color-scheme: dark)");
dark.addEventListener("change", followScheme);
followScheme(dark);

const ui = SwaggerUIBundle({
  domNode: container,
  url: new URL(container.dataset.openapi, location.href).pathname,
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  docExpansion: "list",
  filter: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  layout: "BaseLayout",
  presets: [SwaggerUIBundle.presets.apis],
  plugins: [plugin],
  onComplete: () => {
    ui.authActions.restoreAuthorization({ authorized: stored() });
    document.querySelector(".operation-filter-input").placeholder = "Filter by group, path or summary";
  },
});
