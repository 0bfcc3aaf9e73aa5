import { type TSchema, Type } from "@sinclair/typebox";

/** A setting that exists: what it may be, and what it is where nobody has said anything. */
type Definition<S extends TSchema = TSchema> = Readonly<{
  schema: S;
  default: S["static"];
  description: string;
}>;

const define = <S extends TSchema>(schema: S, fallback: S["static"], description: string): Definition<S> => ({
  schema,
  default: fallback,
  description,
});

/** Every setting, by key; the part before the first dot is the module it belongs to. */
export const settings = {
  "shop.job_number": define(
    Type.String({
      minLength: 3,
      maxLength: 40,
      pattern: "^[A-Za-z0-9/_.-]*(\\{year\\}[A-Za-z0-9/_.-]*)?\\{n(:[1-9])?\\}$",
    }),
    "JOB-{year}-{n:6}",
    "Form of job numbers: `{year}` is the year, `{n:6}` the running number with at least six digits. It ends with the number.",
  ),
  "shop.parallel_work": define(
    Type.Boolean(),
    false,
    "Whether an operator may have several steps running at the same time.",
  ),
  "shop.over_production_bps": define(
    Type.Integer({ minimum: 0, maximum: 10_000 }),
    0,
    "How much more than its target a new step may report, in basis points: 500 is 5 %.",
  ),
} as const satisfies Readonly<Record<string, Definition>>;

export type SettingKey = keyof typeof settings;

export type SettingValue<K extends SettingKey> = (typeof settings)[K]["schema"]["static"];

/** Whether a setting of this key exists while these modules are switched on. */
export function isSettingKey(key: string, modules: readonly string[]): key is SettingKey {
  if (!Object.hasOwn(settings, key)) return false;
  const module = key.slice(0, key.indexOf("."));
  return module === "core" || modules.includes(module);
}

/** Keys of the settings that exist while these modules are switched on, in order. */
export function settingKeys(modules: readonly string[]): SettingKey[] {
  return Object.keys(settings)
    .filter((key) => isSettingKey(key, modules))
    .sort();
}

/** A setting as statements and answers know it. */
export const settingEntry = (key: SettingKey) => ({ key, ...settings[key] });
