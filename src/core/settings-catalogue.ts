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

const minor = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const minorOrNone = Type.Union([Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }), Type.Null()]);
const outgoing = Type.Object({ daily: minor, monthly: minor }, { additionalProperties: false });

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
  "savings.agent_cash_ceiling": define(
    minorOrNone,
    null,
    "How much cash an agent may hold, in minor units of the business's currency; a visit that would pass it is refused until " +
      "some is handed over. null: as much as comes.",
  ),
  "savings.receipt_prefix": define(
    Type.String({ pattern: "^[A-Z0-9]{1,8}$" }),
    "R",
    "What receipt numbers begin with; the number of the agent and the agent's own count follow.",
  ),
  "savings.expense_categories": define(
    Type.Array(Type.String({ pattern: "^[a-z][a-z0-9_]{0,39}$" }), {
      minItems: 1,
      maxItems: 50,
      uniqueItems: true,
    }),
    ["transport", "airtime", "stationery", "rent", "other"],
    "What agents and staff may spend on; each has a ledger account `expense:<category>`.",
  ),
  "bank.wire_fee": define(
    Type.Object(
      {
        base: minor,
        bps: Type.Integer({ minimum: 0, maximum: 10_000 }),
        foreign: minor,
        cap: minor,
        refund_on_return: Type.Optional(Type.Boolean()),
      },
      { additionalProperties: false },
    ),
    { base: 0, bps: 0, foreign: 0, cap: 0, refund_on_return: false },
    "Fee of a wire: `base`, `bps` basis points of the amount, and `foreign` where its currency is not the business's, at most " +
      "`cap`; in minor units of the business's currency. `refund_on_return`: a wire that comes back brings its fee back.",
  ),
  "bank.verification_threshold": define(
    minorOrNone,
    null,
    "From this amount on, in minor units of the business's currency, who makes a wire needs a fresh one-time code, and " +
      "compliance reviews it. null: no amount.",
  ),
  "bank.wire_single_limit": define(
    minorOrNone,
    null,
    "The most that one wire may take, in minor units of the business's currency. null: no limit.",
  ),
  "bank.wire_daily_limit": define(
    minorOrNone,
    null,
    "The most that the wires of an account may take in a day, in minor units of the business's currency. null: no limit.",
  ),
  "bank.fx_rates": define(
    Type.Record(
      Type.String({ pattern: "^[A-Z]{3}$" }),
      Type.String({ pattern: "^(?=.*[1-9])(0|[1-9][0-9]{0,8})(\\.[0-9]{1,8})?$" }),
      { additionalProperties: false },
    ),
    {},
    'What one unit of a currency is worth in the business\'s, as decimal text: {"USD": "1550.25"}.',
  ),
  "bank.limits": define(
    Type.Object(
      { "0": outgoing, "1": outgoing, "2": outgoing, "3": outgoing },
      { additionalProperties: false },
    ),
    // As bank.default_limits() says.
    {
      "0": { daily: 5_000_000, monthly: 30_000_000 },
      "1": { daily: 20_000_000, monthly: 200_000_000 },
      "2": { daily: 500_000_000, monthly: 5_000_000_000 },
      "3": { daily: 5_000_000_000, monthly: 50_000_000_000 },
    },
    "What may leave an account in a day and in a month, by the KYC level of its customer, in minor units of the business's " +
      "currency. Holds for accounts that are opened, and customers whose level changes, from then on.",
  ),
  "bank.dormant_days": define(
    Type.Integer({ minimum: 30, maximum: 3_650 }),
    365,
    "After how many days without a movement by its customer an account is dormant.",
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
