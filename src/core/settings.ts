import { Value } from "@sinclair/typebox/value";
import type { Deps } from "../http/deps.ts";
import { Problem } from "../http/problem.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import { act } from "./act.ts";
import {
  isSettingKey,
  settingEntry,
  type SettingKey,
  type SettingValue,
  settings,
} from "./settings-catalogue.ts";
import { getSetting as getStatement, putSetting as putStatement } from "./statements.ts";
import { settingsTag } from "./tags.ts";

/** The value of a setting as it holds for a business: its own, the installation's, or the default. */
export async function settingOf<K extends SettingKey>(
  deps: Deps,
  caller: Caller,
  key: K,
): Promise<SettingValue<K>> {
  const parameters = { business_id: caller.business_id, entry: JSON.stringify(settingEntry(key)) };
  const [row] = await deps.db.fast.query(getStatement, parameters, caller);
  if (row === undefined) throw new Error("a setting of the catalogue always has a value");
  const parsed: unknown = JSON.parse(row.value);
  // A row that an older release or a person at the database wrote does not break what relies on the setting.
  return Value.Check(settings[key].schema, parsed) ? parsed : settings[key].default;
}

/**
 * Sets a setting of the business. `any_version`: the request said `If-Match: *`.
 *
 * @throws {Problem} `not_found` for a key that does not exist, `validation` for a value that does not fit,
 *   `precondition_required` when the business has set it already and no `If-Match` says which version is replaced
 */
export async function putSetting(
  deps: Deps,
  caller: Caller,
  { key, value, any_version }: { key: string; value: unknown; any_version: boolean },
): Promise<Written> {
  if (!isSettingKey(key, deps.config.modules)) throw new Problem("not_found");
  requireFit(key, value);
  const version = caller.if_match;
  const parameters = {
    entry: JSON.stringify(settingEntry(key)),
    value: JSON.stringify(value),
    version,
    any_version,
  };
  const result = await act(deps, caller, putStatement, parameters, [settingsTag(caller.business_id)]);
  if (result !== null) return result;
  throw new Problem(version === null ? "precondition_required" : "precondition_failed");
}

function requireFit(key: SettingKey, value: unknown): void {
  const error = Value.Errors(settings[key].schema, value).First();
  if (error === undefined) return;
  throw new Problem("validation", {
    errors: [{ pointer: `/value${error.path}`, detail: error.message }],
  });
}
