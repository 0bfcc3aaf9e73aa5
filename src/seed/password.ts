import { demo_password } from "../platform/demo.ts";

/** The hash of every seeded user, made as the server makes them: argon2id, 19 MiB, two passes. */
export const hashPassword = (): Promise<string> =>
  Bun.password.hash(demo_password, { algorithm: "argon2id", memoryCost: 19_456, timeCost: 2 });
