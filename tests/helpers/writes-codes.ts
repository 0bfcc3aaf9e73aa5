import type { Desk, Write } from "./every-write.ts";
import { codeFor, codeOf, enter, entryCode, requestCode, stepUp, verifyCode } from "./one-time-codes.ts";

/** What one-time codes are asked for, and what they do. */
export function ofCodes({ api, owner, byOwner }: Desk): Write[] {
  const { agent, clerk, customer } = api.alpha.people;
  const emailOf = ({ username }: { username: string }) => ({ email: `${username}@example.test` });
  const fresh = { phone: "+2348099999999" };
  const entering = async (purpose: string, to: { email: string }, more: object = {}) =>
    enter(api, { purpose, ...to, code: await entryCode(api, purpose, to), ...more });
  const change = { token: "" };
  const stepped = async () => {
    change.token = await api.token(customer);
    await stepUp(api, change.token);
  };
  const ask = () => api.send("POST", "/api/v1/me/contact", { token: change.token, body: fresh });
  return [
    {
      route: "POST /auth/otp",
      send: () => byOwner("POST", "/auth/otp", { body: { purpose: "step_up" } }),
      changes: [],
    },
    {
      route: "POST /auth/otp",
      what: "without a login",
      send: () => byOwner("POST", "/auth/otp", { body: { purpose: "login", ...emailOf(agent) } }),
      changes: [],
    },
    {
      route: "POST /auth/otp/verify",
      send: async () => {
        const { challenge_id } = await requestCode(api, owner);
        return verifyCode(api, owner, { challenge_id, code: await codeOf(api, challenge_id) });
      },
      changes: [],
    },
    {
      route: "POST /auth/otp/verify",
      what: "login",
      send: () => entering("login", emailOf(agent)),
      changes: [],
    },
    {
      route: "POST /auth/otp/verify",
      what: "signup",
      send: () => entering("signup", { email: "signing.up@example.test" }, { full_name: "New Person" }),
      changes: [],
    },
    {
      route: "POST /auth/otp/verify",
      what: "reset_password",
      send: () => entering("reset_password", emailOf(clerk), { new_password: "five walls, one roof" }),
      changes: ["core.me"],
    },
    {
      route: "POST /me/contact",
      prepare: stepped,
      send: () => ask(),
      changes: [],
    },
    {
      route: "POST /me/contact/verify",
      prepare: async () => {
        await stepped();
        await ask();
      },
      send: async () => {
        const body = { ...fresh, code: await codeFor(api, "change_contact", fresh) };
        return api.send("POST", "/api/v1/me/contact/verify", { token: change.token, body });
      },
      changes: ["core.me"],
    },
  ];
}
