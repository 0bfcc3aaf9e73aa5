/** The demo business: its logins are published, so it may exist only where it was asked for. */

export const demo_password = "demo-countinghouse";

/** One user for each role, as the part before the @. */
export const demo_roles = [
  "owner",
  "admin",
  "manager",
  "agent",
  "sub_agent",
  "operator",
  "clerk",
  "compliance",
  "customer",
] as const;

/** `owner@demo.test`; RFC 2606 keeps `.test` out of the real world. */
export const demo_emails: readonly string[] = demo_roles.map((role) => `${role}@demo.test`);
