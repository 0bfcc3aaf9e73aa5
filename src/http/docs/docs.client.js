// Runs in the browser: Swagger UI on this server's own document, and the demo login.
const nothing = () => () => null;

const dark = matchMedia("(prefers-color-scheme: dark)");
const followScheme = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", followScheme);
followScheme();

const ui = globalThis.SwaggerUIBundle({
  url: "/openapi.json",
  domNode: document.querySelector("#reference"),
  deepLinking: true,
  displayRequestDuration: true,
  // Groups first: from 150 rows on Swagger UI draws only those in view, where neither a search in the page nor a link finds
  // the others.
  docExpansion: "none",
  filter: true,
  // Nothing is sent to swagger.io for a badge.
  validatorUrl: null,
  defaultModelsExpandDepth: 0,
  // The page has its own heading and there is one server: this one.
  plugins: [{ wrapComponents: { InfoContainer: nothing, ServersContainer: nothing } }],
  onComplete: nameControls,
});

/** Swagger UI leaves its filter without a name for screen readers. */
function nameControls() {
  const filter = document.querySelector(".operation-filter-input");
  filter?.setAttribute("aria-label", "Filter by tag or path");
}

const form = document.querySelector("#demo");
const status = document.querySelector("#demo-status");
let session = null;
let renewal = 0;

async function post(path, body, token) {
  const headers = { "content-type": "application/json" };
  if (token !== undefined) headers.authorization = `Bearer ${token}`;
  const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  const answer = response.status === 204 ? null : await response.json();
  if (!response.ok) throw new Error(answer.detail);
  return answer;
}

/** Gives every call the token, and gets the next one shortly before it ends. */
function enter(tokens) {
  session = tokens;
  ui.preauthorizeApiKey("bearer", tokens.access_token);
  clearTimeout(renewal);
  renewal = setTimeout(renew, Math.max(10, tokens.expires_in - 60) * 1000);
}

async function renew() {
  try {
    enter(await post("/api/v1/auth/refresh", { refresh_token: session.refresh_token }));
  } catch {
    show(false, "The demo session has ended.");
  }
}

function show(isIn, message) {
  document.querySelector("#demo-out").hidden = isIn;
  document.querySelector("#demo-in").hidden = !isIn;
  status.textContent = message;
}

async function logIn(event) {
  event.preventDefault();
  const email = String(document.querySelector("#demo-email").value);
  status.textContent = "Logging in …";
  try {
    enter(await post("/api/v1/auth/login", { email, password: form.dataset.password }));
    show(true, `Logged in as ${email}. Every call below carries the token.`);
  } catch (error) {
    show(false, error.message);
  }
}

async function leave() {
  const { access_token } = session;
  clearTimeout(renewal);
  ui.authActions.logout(["bearer"]);
  show(false, "Logged out.");
  await post("/api/v1/auth/logout", {}, access_token).catch(() => {});
}

const frame = () => new Promise((drawn) => requestAnimationFrame(drawn));

async function showDashboard() {
  ui.layoutActions.show(["operations-tag", "Shop: dashboard"], true);
  await frame();
  await frame();
  const block = document.querySelector('[id$="-getDashboardStats"]');
  if (block === null) return;
  if (!block.classList.contains("is-open")) block.querySelector(".opblock-summary-control").click();
  block.scrollIntoView({ behavior: "smooth" });
}

if (form !== null) {
  form.addEventListener("submit", logIn);
  document.querySelector("#demo-leave").addEventListener("click", leave);
  document.querySelector("#demo-show").addEventListener("click", showDashboard);
}
