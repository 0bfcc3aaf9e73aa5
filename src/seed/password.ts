import { passwordParameters } from "../core/passwords.ts";
import { demo_password } from "../platform/demo.ts";

/** The hash of every seeded user, made as the server makes them. */
export const hashPassword = (): Promise<string> => Bun.password.hash(demo_password, passwordParameters);
