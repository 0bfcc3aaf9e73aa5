import { Elysia, t } from "elysia";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { list, written } from "../http/respond.ts";
import { IdParams, Instant, listParameters, ListOf, Nullable, strict, Uuid } from "../http/schema.ts";
import { listNotifications, readAllNotifications, readNotification } from "./notifications.ts";

const Notification = t.Object({
  id: Uuid,
  type: t.String({ examples: ["step.assigned"] }),
  title: t.String(),
  body: Nullable(t.String()),
  ref_type: Nullable(t.String({ description: "Kind of thing it is about" })),
  ref_id: Nullable(Uuid),
  read_at: Nullable(Instant),
  created_at: Instant,
});

const NotificationFilters = strict({
  ...listParameters,
  unread: t.Optional(t.Boolean({ description: "Only unread, or only read ones" })),
});

/** What the server tells the caller; nobody sees another person's. */
export const notificationRoutes = (deps: Deps) =>
  new Elysia({ name: "core.notifications", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/notifications",
      async ({ caller, scope, query }) => list(deps, { caller, scope, query }, listNotifications),
      {
        query: NotificationFilters,
        response: { 200: ListOf(Notification) },
        detail: operation({
          id: "listNotifications",
          cache: {
            uncached:
              "only the statement that writes a notice knows whom it reaches; an index has the unread ones",
          },
          permission: "self",
          tag: "Notifications",
          summary: "Your notifications",
          description: "Yours in the active business, newest first.",
          errors: ["invalid_cursor"],
        }),
      },
    )
    .post(
      "/notifications/:id/read",
      async ({ caller, params }) => written(await readNotification(deps, caller, params.id)),
      {
        params: IdParams,
        response: { 200: Notification },
        detail: operation({
          id: "readNotification",
          permission: "self",
          tag: "Notifications",
          summary: "Mark a notification as read",
          description: "Doing it again changes nothing: `read_at` keeps the first instant.",
          errors: ["not_found"],
        }),
      },
    )
    .post(
      "/notifications/read-all",
      async ({ caller }) => written(await readAllNotifications(deps, caller)),
      {
        response: { 200: t.Object({ read: t.Integer({ description: "How many were marked" }) }) },
        detail: operation({
          id: "readAllNotifications",
          permission: "self",
          tag: "Notifications",
          summary: "Mark all notifications as read",
          description: "Yours in the active business, ten thousand a call at most.",
        }),
      },
    );
