import { Elysia, t } from "elysia";
import { answered, cachedBytes } from "../http/cached.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { Problem } from "../http/problem.ts";
import { written } from "../http/respond.ts";
import { Instant, ListOf, Nullable, strict, Version, OneOf } from "../http/schema.ts";
import { isSettingKey } from "./settings-catalogue.ts";
import { settingCache } from "./settings.cache.ts";
import { putSetting } from "./settings.ts";

const Setting = t.Object({
  key: t.String({ examples: ["shop.job_number"] }),
  value: t.Any({ description: "The value that holds", examples: ["JOB-{year}-{n:6}"] }),
  source: OneOf(["business", "installation", "default"], { description: "Where the value comes from" }),
  default: t.Any({ examples: ["JOB-{year}-{n:6}"] }),
  description: t.String(),
  schema: t.Record(t.String(), t.Any(), { description: "JSON Schema of the value" }),
  version: Version,
  updated_at: Nullable(Instant),
});

const KeyParams = strict({
  key: t.String({ maxLength: 100, description: "Key of the setting", examples: ["shop.job_number"] }),
});

const putOperation = operation({
  id: "putSetting",
  permission: "settings.write",
  tag: "Settings",
  if_match: "optional",
  summary: "Set a setting",
  description:
    "The value must fit the setting's `schema`. The first time no `If-Match` is needed; once the business has set it, " +
    "it is required (428), and a stale one is refused (412).",
  errors: ["not_found", "precondition_required"],
  examples: { request: { value: "JOB-{year}-{n:6}" } },
});

/** Settings of a business: its own values over those of the installation over the defaults. */
export const settingRoutes = (deps: Deps) => {
  const { all, one, catalogue } = settingCache(deps);
  return new Elysia({ name: "core.settings", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/settings",
      async ({ caller: { business_id }, scope }) => all.answer(scope, undefined, { business_id, catalogue }),
      {
        query: strict({}),
        response: { 200: ListOf(Setting) },
        detail: operation({
          id: "listSettings",
          cache: "core.settings.all",
          permission: "settings.read",
          tag: "Settings",
          summary: "Every setting as it holds",
          description:
            "What the business set, over what the installation set, over the defaults. One page, by key.",
        }),
      },
    )
    .get(
      "/settings/:key",
      ({ caller: { business_id }, scope, params: { key } }) => {
        if (!isSettingKey(key, deps.config.modules)) throw new Problem("not_found");
        return answered(scope, one, { business_id, catalogue, key }, cachedBytes);
      },
      {
        params: KeyParams,
        response: { 200: Setting },
        detail: operation({
          id: "getSetting",
          cache: "core.setting",
          permission: "settings.read",
          tag: "Settings",
          summary: "One setting as it holds",
          description: "`version` is 0 until the business has set it.",
          errors: ["not_found"],
        }),
      },
    )
    .put(
      "/settings/:key",
      async ({ caller, scope, params, body }) => {
        const any_version = scope.request.headers.get("if-match")?.trim() === "*";
        return written(await putSetting(deps, caller, { key: params.key, value: body.value, any_version }));
      },
      {
        params: KeyParams,
        body: strict({ value: t.Any() }),
        response: { 200: Setting },
        detail: putOperation,
      },
    );
};
