import { Elysia } from "elysia";
import type { Deps } from "../http/deps.ts";
import type { AuthServices } from "./auth.ts";
import { authRoutes, loginRoutes } from "./auth.routes.ts";
import { auditRoutes } from "./audit.routes.ts";
import { businessCache } from "./business.cache.ts";
import { businessRoutes } from "./business.routes.ts";
import { contactRoutes } from "./contact.routes.ts";
import { customerActionRoutes } from "./customers-actions.routes.ts";
import { customerLoginRoutes } from "./customers-login.routes.ts";
import { customerRoutes } from "./customers.routes.ts";
import { fileRoutes } from "./files.routes.ts";
import { meRoutes } from "./me.routes.ts";
import { memberRoutes } from "./members.routes.ts";
import { notificationRoutes } from "./notifications.routes.ts";
import { createCodeSeal } from "./otp-code.ts";
import type { OtpServices } from "./otp-request.ts";
import { otpRoutes } from "./otp.routes.ts";
import { createPasswords } from "./passwords.ts";
import { settingRoutes } from "./settings.routes.ts";
import { unitRoutes } from "./units.routes.ts";

/** What every module stands on: people, businesses, their customers, and what is kept about them. */
export const coreRoutes = (deps: Deps) => {
  const services: AuthServices & OtpServices = {
    passwords: createPasswords({ width: deps.config.auth.password_hashes_max || undefined }),
    seal: createCodeSeal(deps.config.auth.jwt_secret),
  };
  const businesses = businessCache(deps);
  return new Elysia({ name: "core" })
    .use(loginRoutes(deps, services))
    .use(authRoutes(deps, services))
    .use(otpRoutes(deps, services))
    .use(meRoutes(deps, businesses))
    .use(contactRoutes(deps, services))
    .use(businessRoutes(deps, businesses))
    .use(unitRoutes(deps))
    .use(memberRoutes(deps, services))
    .use(customerRoutes(deps))
    .use(customerActionRoutes(deps))
    .use(customerLoginRoutes(deps))
    .use(settingRoutes(deps))
    .use(notificationRoutes(deps))
    .use(fileRoutes(deps))
    .use(auditRoutes(deps));
};
