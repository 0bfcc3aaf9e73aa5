import { Value } from "@sinclair/typebox/value";
import type { Deps } from "../http/deps.ts";
import { emptyPage, type Page } from "../http/pagination.ts";
import { Problem } from "../http/problem.ts";
import type { Resource, Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import { act } from "./act.ts";
import {
  isSettingKey,
  type SettingKey,
  settingKeys,
  type SettingValue,
  settings,
} from "./settings-catalogue.ts";
import {
  getSetting as getStatement,
  listSettings as listStatement,
  putSetting as putStatement,
} from "./statements.ts";

/** Every setting as it holds for the caller's business. They are few: one page, by key. */
export async function listSettings(deps: Deps, caller: Caller): Promise<Page> {
  const catalogue = JSON.stringify(settingKeys(deps.config.modules).map(entryOf));
  const parameters = { business_id: caller.business_id, catalogue };
  const [row] = await deps.db.fast.query(listStatement, parameters, caller);
  return { ...emptyPage, ...row };
}

/** One setting as it holds, null for a key that does not exist. Its version is 0 until the business has set it. */
export async function getSetting(deps: Deps, caller: Caller, key: string): Promise<Resource | null> {
  return isSettingKey(key, deps.config.modules) ? readSetting(deps, caller, key) : null;
}

/** The value of a setting as it holds for a business: its own, the installation's, or the default. */
export async function settingOf<K extends SettingKey>(
  deps: Deps,
  caller: Caller,
  key: K,
): Promise<SettingValue<K>> {
  const { value } = await readSetting(deps, caller, key);
  const parsed: unknown = JSON.parse(value);
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
    entry: JSON.stringify(entryOf(key)),
    value: JSON.stringify(value),
    version,
    any_version,
  };
  const result = await act(deps, caller, putStatement, parameters);
  if (result !== null) return result;
  throw new Problem(version === null ? "precondition_required" : "precondition_failed");
}

async function readSetting(deps: Deps, caller: Caller, key: SettingKey) {
  const parameters = { business_id: caller.business_id, entry: JSON.stringify(entryOf(key)) };
  const [row] = await deps.db.fast.query(getStatement, parameters, caller);
  if (row === undefined) throw new Error("a setting of the catalogue always has a value");
  return row;
}

function requireFit(key: SettingKey, value: unknown): void {
  const error = Value.Errors(settings[key].schema, value).First();
  if (error === undefined) return;
  throw new Problem("validation", {
    errors: [{ pointer: `/value${error.path}`, detail: error.message }],
  });
}

const entryOf = (key: SettingKey) => ({ key, ...settings[key] });
