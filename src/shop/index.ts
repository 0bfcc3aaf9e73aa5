import { Elysia } from "elysia";
import type { Deps } from "../http/deps.ts";
import { dashboardRoutes } from "./dashboards.routes.ts";
import { jobActionRoutes } from "./job-actions.routes.ts";
import { jobHistoryRoutes } from "./job-history.routes.ts";
import { jobImportRoutes } from "./jobs-import.routes.ts";
import { jobStepRoutes } from "./job-steps.routes.ts";
import { jobRoutes } from "./jobs.routes.ts";
import { machineFigureRoutes } from "./machine-figures.routes.ts";
import { machineRoutes } from "./machines.routes.ts";
import { operatorRoutes } from "./operators.routes.ts";
import { processPermissionRoutes } from "./process-permissions.routes.ts";
import { processRoutes } from "./processes.routes.ts";
import { routingRoutes } from "./routings.routes.ts";
import { stepActionRoutes } from "./step-actions.routes.ts";
import { stepNoteRoutes } from "./step-notes.routes.ts";

/** Everything the shop answers. */
export const shopRoutes = (deps: Deps) =>
  new Elysia({ name: "shop" })
    .use(jobRoutes(deps))
    .use(jobImportRoutes(deps))
    .use(jobActionRoutes(deps))
    .use(jobHistoryRoutes(deps))
    .use(jobStepRoutes(deps))
    .use(stepNoteRoutes(deps))
    .use(machineRoutes(deps))
    .use(machineFigureRoutes(deps))
    .use(processRoutes(deps))
    .use(routingRoutes(deps))
    .use(processPermissionRoutes(deps))
    .use(dashboardRoutes(deps))
    .use(stepActionRoutes(deps))
    .use(operatorRoutes(deps));
