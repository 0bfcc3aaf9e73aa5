import { memberRoles } from "./enums.ts";

/** The password of every demo login. It is published, so demo data may exist only where it was asked for. */
export const demo_password = "demo-countinghouse";

/** One login for each role: `owner@demo.test`. RFC 2606 keeps `.test` out of the real world. */
export const demo_emails: readonly string[] = memberRoles.map((role) => `${role}@demo.test`);
